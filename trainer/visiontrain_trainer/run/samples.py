"""The samples of a run, as files and events. An error here never ends the training."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from visiontrain_trainer.compute.device import give_back_memory
from visiontrain_trainer.contract.plan import Shot, encodes_in_steps
from visiontrain_trainer.contract.shots import all_shots
from visiontrain_trainer.data.text import TextEmbeddings

from .aside import room_for_the_vae
from .sample import Conditioning, SampleContext, decode, parameters, sample_latents, save_png

if TYPE_CHECKING:
    from .session import Session


class SampleMaker:
    """Makes RUN/samples/step-NNNNNN-I.png, and base-I.png without the LoRA. The VAE is loaded for the first sample."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._vae: nn.Module | None = None
        #: Events of this process's samples: the place among the prompts, the kind, the rest.
        self._made: list[tuple[int, str, dict[str, Any]]] = []

    def make(self, step: int, *, adapter: bool) -> None:
        """Make a sample for each prompt; a base-I.png that is there already is kept. A stop request ends this early."""
        session = self._session
        plan = session.plan
        if not plan.samples.prompts:
            return
        self._made = []
        session.train_step.release()
        training = session.unet.training
        session.unet.eval()
        try:
            with session.used_weights():
                for index, shot in session.processes.share(list(enumerate(all_shots(plan.samples)))):
                    name = f"step-{step:06d}-{index}.png" if adapter else f"base-{index}.png"
                    if not adapter and (session.run / "samples" / name).exists():
                        continue
                    self._one(step, index, shot, name if adapter else None)
        except InterruptedError:
            pass
        except Exception as error:
            traceback.print_exc()
            reason = str(error).split("\n")[0] or type(error).__name__
            self._tell(len(plan.samples.prompts), "sample_failed", {"step": step, "reason": reason})
            give_back_memory()
        finally:
            session.adapter.enable(True)
            session.adapter.strengthen(1)
            session.unet.train(training)
            if self._vae is not None and session.device.is_cuda:
                # After a failure it may still be there.
                self._vae.to("cpu")
        self._tell_all()

    def _tell(self, index: int, kind: str, payload: dict[str, Any]) -> None:
        """Emit an event, or keep it until all processes have made their share: the first alone writes events."""
        if self._session.processes.count == 1:
            self._session.events.emit(kind, **payload)
        else:
            self._made.append((index, kind, payload))

    def _tell_all(self) -> None:
        shares = self._session.processes.gather(self._made)
        if self._session.processes.count > 1:
            for _, kind, payload in sorted((event for share in shares for event in share), key=lambda each: each[0]):
                self._session.events.emit(kind, **payload)

    def _one(self, step: int, index: int, shot: Shot, name: str | None) -> None:
        """Make one sample, with the LoRA under `name`, or for None without it."""
        session = self._session
        plan, device, adapter = session.plan, session.device, session.adapter
        adapter.enable(name is not None and shot.strength != 0)
        adapter.strengthen(shot.strength)
        context = SampleContext(
            plan=plan,
            unet=session.unet,
            schedule=session.base.scheduler_config(),
            device=device.torch,
            dtype=device.dtype,
            stop=lambda: "stop" in session.control.poll(),
        )
        latents = sample_latents(context, shot, conditions(session, shot))
        if self._vae is None:
            self._vae = session.base.vae(device.vae_dtype)
        file = name or f"base-{index}.png"
        with room_for_the_vae(session.unet, device):
            self._vae.to(device.torch)
            image = decode(self._vae, latents, session.latents.scaling)
            if device.is_cuda:
                self._vae.to("cpu")
        save_png(image, session.run / "samples" / file, parameters(plan, shot, adapter=name is not None))
        made = {"path": f"samples/{file}", "prompt": shot.prompt, "seed": shot.seed, "adapter": name is not None}
        self._tell(index, "sample", {"step": step, "index": index, **made})


def conditions(session: Session, shot: Shot) -> tuple[Conditioning, Conditioning]:
    """The text conditions of a shot's prompt and negative, with the text encoders as they are now."""
    return shot_conditions(session.texts, shot, changed=encodes_in_steps(session.plan.training))


def shot_conditions(texts: TextEmbeddings, shot: Shot, *, changed: bool) -> tuple[Conditioning, Conditioning]:
    """The text conditions of a shot's prompt and negative.

    `changed` tells whether the encoders differ from the base's: they are then loaded, and nothing is cached.
    """
    both = [shot.prompt, shot.negative]
    with texts.reading(shot.clip_skip):
        if changed:
            with torch.no_grad():
                states, pooled = texts.trained(both, whole=True)
            pair = [{"states": states[i]} | ({} if pooled is None else {"pooled": pooled[i]}) for i in (0, 1)]
            return pair[0], pair[1]
        longer = max(len(texts.entry(text)["states"]) for text in both)
        return texts.get(shot.prompt, longer), texts.get(shot.negative, longer)
