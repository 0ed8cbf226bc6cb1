"""The samples of a run, as files and events. An error here never ends the training."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import torch
from torch import nn

from visiontrain_trainer.compute.device import give_back_memory

from .sample import Conditioning, decode, make_scheduler, sample_latents, save_png

if TYPE_CHECKING:
    from .session import Session


class Pictures:
    """Makes RUN/samples/step-NNNNNN-I.png, and base-I.png without the LoRA. The VAE is loaded for the first sample."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._vae: nn.Module | None = None
        self._made: set[str] = set()

    def make(self, step: int, *, adapter: bool) -> None:
        """Make a sample for each prompt; a base-I.png that is there already is kept. A stop request ends this early."""
        session = self._session
        plan = session.plan
        if not session.processes.first or not plan.samples.prompts:
            return
        session.train_step.release()
        training = session.unet.training
        session.unet.eval()
        session.adapter.enable(adapter)
        try:
            for index, prompt in enumerate(plan.samples.prompts):
                name = f"step-{step:06d}-{index}.png" if adapter else f"base-{index}.png"
                if not adapter and (session.run / "samples" / name).exists():
                    continue
                self._one(step, index, prompt, name, adapter)
        except InterruptedError:
            pass
        except Exception as error:
            traceback.print_exc()
            reason = str(error).split("\n")[0] or type(error).__name__
            session.events.emit("sample_failed", step=step, reason=reason)
            give_back_memory()
        finally:
            session.adapter.enable(True)
            session.unet.train(training)
            if self._vae is not None and session.device.is_cuda:
                self._vae.to("cpu")

    def _one(self, step: int, index: int, prompt: str, name: str, adapter: bool) -> None:
        session = self._session
        plan, device = session.plan, session.device
        seed = plan.samples.seed + index
        latents = sample_latents(
            plan,
            session.unet,
            make_scheduler(plan, session.base.scheduler_config()),
            self._conditions(prompt),
            seed,
            device.torch,
            device.dtype,
            lambda: "stop" in session.control.poll(),
        )
        if self._vae is None:
            self._vae = session.base.vae(device.vae_dtype)
        self._vae.to(device.torch)
        path = session.run / "samples" / name
        save_png(decode(self._vae, latents, session.latents.scaling), path)
        session.events.emit(
            "sample",
            step=step,
            index=index,
            path=f"samples/{name}",
            prompt=prompt,
            seed=seed,
            adapter=adapter,
        )

    def _conditions(self, prompt: str) -> tuple[Conditioning, Conditioning]:
        texts, negative = self._session.texts, self._session.plan.samples.negative
        if any(self._session.plan.training.text_encoder_learning_rates):
            with torch.no_grad():
                states, pooled = texts.trained([prompt, negative], whole=True)
            pair = [{"states": states[i]} | ({} if pooled is None else {"pooled": pooled[i]}) for i in (0, 1)]
            return pair[0], pair[1]
        longer = max(len(texts.entry(text)["states"]) for text in (prompt, negative))
        return texts.get(prompt, longer), texts.get(negative, longer)
