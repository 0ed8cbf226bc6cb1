"""Lets a training stop at any moment and go on: atomic checkpoints, a seeded order, a moving average, a log."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

SAVE_EVERY = 100  # seconds


def save(path: Path, state: dict) -> None:
    """Write `state` so that the file is at every moment either the old one or the new one."""
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def batch(size: int, total: int, seed: int, step: int) -> np.ndarray:
    """The indices of step `step`: a pure function, without repeats inside one pass over `total` items."""
    per_pass = total // size
    order = np.random.default_rng([seed, step // per_pass]).permutation(total)
    at = step % per_pass * size
    return order[at : at + size]


class Muon(torch.optim.Optimizer):
    """Muon (Keller Jordan, 2024), momentum with orthogonalised updates, for matrices; AdamW for all other weights.

    A convolution's weight counts as a matrix (out, in * k * k). AdamW has the learning rate `lr`. The learning rate of
    a matrix is `lr * ratio * sqrt(max(1, rows / columns))`.
    """

    def __init__(self, parameters: list[torch.nn.Parameter], lr: float, ratio: float = 10.0, decay: float = 0.01):
        parameters = [p for p in parameters if p.requires_grad]
        super().__init__(parameters, {"lr": lr, "ratio": ratio, "decay": decay})

    @torch.no_grad()
    def step(self) -> None:  # type: ignore[override]
        """Update every parameter that has a gradient."""
        for group in self.param_groups:
            alike: dict[tuple[int, int], list[torch.nn.Parameter]] = {}
            rest = []
            for p in group["params"]:
                if p.grad is None:
                    continue
                if p.ndim >= 2 and min(p.shape[0], p[0].numel()) >= 8:
                    alike.setdefault((p.shape[0], p[0].numel()), []).append(p)
                else:
                    rest.append(p)
            if rest:
                self._adam(rest, group["lr"])
            for shape, members in alike.items():
                self._matrices(shape, members, group)

    def _adam(self, members: list[torch.nn.Parameter], lr: float) -> None:
        for p in members:
            if not self.state[p]:
                self.state[p].update(n=0, m=torch.zeros_like(p), v=torch.zeros_like(p))
            self.state[p]["n"] += 1
        n = self.state[members[0]]["n"]
        grads = [p.grad for p in members]
        m, v = ([self.state[p][key] for p in members] for key in "mv")
        torch._foreach_lerp_(m, grads, 0.1)
        torch._foreach_lerp_(v, torch._foreach_mul(grads, grads), 0.01)
        scale = torch._foreach_sqrt(torch._foreach_div(v, 1 - 0.99**n))
        torch._foreach_add_(scale, 1e-8)
        torch._foreach_addcdiv_(members, m, scale, value=-lr / (1 - 0.9**n))

    def _matrices(self, shape: tuple[int, int], members: list[torch.nn.Parameter], group: dict) -> None:
        moves = []
        for p in members:
            state = self.state[p]
            if not state:
                state["m"] = torch.zeros_like(p)
            state["m"].lerp_(p.grad, 0.05)
            moves.append(torch.lerp(p.grad, state["m"], 0.95).reshape(shape))
        step = group["lr"] * group["ratio"] * max(1, shape[0] / shape[1]) ** 0.5
        for p, move in zip(members, orthogonal(torch.stack(moves)), strict=True):
            p.mul_(1 - step * group["decay"]).sub_(step * move.reshape(p.shape))


def orthogonal(x: torch.Tensor) -> torch.Tensor:
    """Each matrix of a stack (n, rows, columns) with singular values near 1, by five rounds of Newton-Schulz iteration.

    Every round multiplies from the short side by a polynomial of the Gram matrix. So the rounds compute with Gram
    matrices alone, and the long side is used only before and after them.
    """
    tall = x.shape[1] > x.shape[2]
    x = x.mT if tall else x
    x = x / (x.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    one = torch.eye(x.shape[1])
    gram, whole = x @ x.mT, one.expand(len(x), -1, -1)
    for _ in range(5):
        turn = 3.4445 * one + (-4.7750 * one + 2.0315 * gram) @ gram
        whole = turn @ whole
        gram = turn @ gram @ turn
    x = whole @ x
    return x.mT if tall else x


class Run:
    """A training of `steps` steps on `module`, with its checkpoint at `path` and its log beside it.

    `for step in run.steps(): ...; run.update(loss)` goes on where the last process stopped. `run.average` holds the
    moving average of the weights; this average is the result of the training.
    """

    def __init__(
        self, path: Path, module: torch.nn.Module, optimiser: torch.optim.Optimizer, steps: int, rate: float,
        warmup: int = 100, decay: float = 0.999,
    ):  # fmt: skip
        self.path, self.module, self.optimiser = path, module, optimiser
        self.total, self.rate, self.warmup, self.decay = steps, rate, warmup, decay
        self.step, self.spent, self.losses = 0, 0.0, []
        self.average = {k: v.detach().clone() for k, v in module.state_dict().items()}
        if path.exists():
            state = torch.load(path, weights_only=True)
            module.load_state_dict(state["weights"])
            optimiser.load_state_dict(state["optimiser"])
            self.average, self.step, self.spent = state["average"], state["step"], state["spent"]

    def learning_rate(self) -> float:
        """The rate of the present step: linear warm-up, then a cosine down to a hundredth of the full rate."""
        if self.step < self.warmup:
            return self.rate * (self.step + 1) / self.warmup
        share = (self.step - self.warmup) / max(1, self.total - self.warmup)
        return self.rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * min(1, share))))

    def steps(self, score: Callable[[], dict] | None = None, score_every: int = 500) -> Iterator[int]:
        """Yield the numbers of the steps until the end. It saves, logs and scores on the way."""
        began = saved = time.monotonic()
        before = self.spent
        while self.step < self.total:
            for group in self.optimiser.param_groups:
                group["lr"] = self.learning_rate()
            yield self.step
            self.step += 1
            self.spent = before + time.monotonic() - began
            if score and self.step % score_every == 0:
                self.log(score())
            if time.monotonic() - saved > SAVE_EVERY or self.step == self.total:
                self.checkpoint()
                saved = time.monotonic()

    def update(self, loss: torch.Tensor, clip: float = 1.0) -> None:
        """One optimiser step on `loss`."""
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.module.parameters(), clip)
        self.optimiser.step()
        decay = min(self.decay, (self.step + 1) / (self.step + 10))
        with torch.no_grad():
            now = self.module.state_dict()
            keys = [key for key, value in now.items() if value.is_floating_point()]
            torch._foreach_lerp_([self.average[k] for k in keys], [now[k] for k in keys], 1 - decay)
        self.losses.append(loss.item())
        if len(self.losses) == 100:
            self.log({})

    def log(self, extra: dict) -> None:
        """Append one line of JSON: step, seconds so far, mean loss since the last line, scores."""
        line = {"step": self.step, "seconds": round(self.spent, 1), **extra}
        if self.losses:
            line["loss"] = round(float(np.mean(self.losses)), 5)
            self.losses = []
        with self.path.with_suffix(".log.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def checkpoint(self) -> None:
        """Save everything that a new process needs to go on."""
        save(self.path, {
            "weights": self.module.state_dict(), "average": self.average, "optimiser": self.optimiser.state_dict(),
            "step": self.step, "spent": self.spent,
        })  # fmt: skip
