"""Fits a layer of a LoRA file to a run's layer of a higher rank or another alpha, so that it computes the same.

The weights of added ranks start so that they change no output and can learn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping

import torch

from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.lora_tools.changes import rank_of

Tensors = Mapping[str, torch.Tensor]
Fitted = tuple[dict[str, torch.Tensor], bool]

#: The kind of a run's adapter, by the first of these weights that it has.
_KINDS = {"magnitude": "a DoRA", "down": "a LoRA", "hada_w1_a": "a LoHa", "lokr_w1": "a LoKr", "lokr_w1_a": "a LoKr"}


def kind_of_run(own: Tensors) -> str:
    """The kind of a layer with these weights, for sentences: `a LoRA`, `a DoRA`, `a LoHa` or `a LoKr`."""
    return next(kind for name, kind in _KINDS.items() if name in own)


def is_whole(kind: str, given: Iterable[str]) -> bool:
    """Whether a file's tensors of a layer, by role, are those that a layer of this kind is made of."""
    roles = set(given)
    if kind == "a LoHa":
        return {"hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b"} <= roles
    if kind == "a LoKr":
        halves = ((f"lokr_w{i}", {f"lokr_w{i}_a", f"lokr_w{i}_b"}) for i in "12")
        return all(whole in roles or pair <= roles for whole, pair in halves)
    return {"down", "up", *(["magnitude"] if kind == "a DoRA" else [])} <= roles


def fit(given: Tensors, own: Tensors, alphas: tuple[float, float], where: str) -> Fitted:
    """The weights of a layer, fp32, and whether its rank was lower. `own` is what the run's layer starts with.

    `given` are the file's tensors by role, fp32, and `alphas` the file's alpha and the run's. Raises TrainingError for
    shapes that do not fit, a rank that is higher than the run's, and forms that the run's layer cannot have.
    """
    return _FITS[kind_of_run(own)](given, own, alphas, where)


def _lora(given: Tensors, own: Tensors, alphas: tuple[float, float], where: str) -> Fitted:
    down = _sized(_without_core(given, where), own["down"], 0, f"{where}: its down")
    up = _sized(given["up"], own["up"], 1, f"{where}: its up")
    rank, room = len(down), len(own["down"])
    if up.shape[1] != rank:
        raise _damaged(where, f"has the ranks {rank} and {up.shape[1]}")
    if rank < room:
        down = torch.cat([down, own["down"][rank:]])
        up = torch.cat([up, torch.zeros_like(own["up"][:, rank:])], dim=1)
    return {"down": down, "up": up * _ratio(alphas, rank, room)}, rank < room


def _dora(given: Tensors, own: Tensors, alphas: tuple[float, float], where: str) -> Fitted:
    lengths, ours = given["magnitude"], own["magnitude"]
    if lengths.shape[:1] != (1,) or lengths.numel() != ours.numel():
        raise TrainingError(
            f"{where} has the lengths of {lengths.numel()} outputs, and this run trains those of {ours.numel()} "
            "inputs.",
            next_steps=[
                "Choose a DoRA with a length for each input (LyCORIS' own), or leave training.init_lora empty."
            ],
            id="lora/unusable",
        )
    weights, is_padded = _lora(given, own, alphas, where)
    return {**weights, "magnitude": lengths.reshape(ours.shape)}, is_padded


def _loha(given: Tensors, own: Tensors, alphas: tuple[float, float], where: str) -> Fitted:
    sized = {
        name: _sized(given[name], mine, 1 if name.endswith("a") else 0, f"{where}.{name}") for name, mine in own.items()
    }
    ranks = {tensor.shape[1 if name.endswith("a") else 0] for name, tensor in sized.items()}
    if len(ranks) > 1:
        raise _damaged(where, f"has the ranks {', '.join(map(str, sorted(ranks)))}")
    rank, room = ranks.pop(), len(own["hada_w1_b"])
    for name, mine in own.items():
        # Zeros in both of the first factors: the new ranks change nothing, and each learns from the other's product.
        new = torch.zeros_like(mine[:, rank:]) if name.endswith("a") else mine[rank:]
        sized[name] = torch.cat([sized[name], new], dim=1 if name.endswith("a") else 0)
    sized["hada_w2_a"] = sized["hada_w2_a"] * _ratio(alphas, rank, room)
    return sized, rank < room


def _lokr(given: Tensors, own: Tensors, alphas: tuple[float, float], where: str) -> Fitted:
    weights: dict[str, torch.Tensor] = {}
    is_padded = False
    for part, setting in (("lokr_w1", "decompose_both to false"), ("lokr_w2", "full to true")):
        a, b = f"{part}_a", f"{part}_b"
        if part in own:
            weights[part] = _split(given[part] if part in given else _whole(given, part), own[part], where)
            continue
        if part in given or "lokr_t2" in given and part == "lokr_w2":
            raise TrainingError(
                f"{where}.{part} is whole, and this run has it as a product of two.",
                next_steps=[f"Set training.lokr.{setting}."],
                id="lora/unusable",
            )
        _split(given[a] @ given[b].flatten(1), own[a] @ own[b], where)
        first, second = (_sized(given[n], own[n], axis, f"{where}.{n}") for n, axis in ((a, 1), (b, 0)))
        rank = len(second)
        if first.shape[1] != rank:
            raise _damaged(where, f"has the ranks {first.shape[1]} and {rank}")
        is_padded |= rank < len(own[b])
        weights[a] = torch.cat([first, own[a][:, rank:]], dim=1)
        weights[b] = torch.cat([second, torch.zeros_like(own[b][rank:])])
    its, ours = (
        alpha / rank if (rank := rank_of(pieces)) > 0 else 1.0
        for alpha, pieces in zip(alphas, (given, own), strict=True)
    )
    last = "lokr_w2" if "lokr_w2" in weights else "lokr_w2_b"
    weights[last] = weights[last] * (its / ours)
    return {name: weights[name] for name in own}, is_padded


_FITS: Mapping[str, Callable[[Tensors, Tensors, tuple[float, float], str], Fitted]] = {
    "a LoRA": _lora,
    "a DoRA": _dora,
    "a LoHa": _loha,
    "a LoKr": _lokr,
}


def _ratio(alphas: tuple[float, float], rank: int, room: int) -> float:
    """The factor that makes up for another alpha and rank."""
    its, ours = alphas
    # For equal ranks the rank cancels out, and leaving it out avoids its rounding.
    return its / ours if rank == room else its / rank * room / ours


def _without_core(given: Tensors, where: str) -> torch.Tensor:
    """`down`; a Tucker core (LyCORIS) multiplied into it makes a plain LoCon, which computes the same."""
    core, down = given.get("mid"), given["down"]
    if core is None:
        return down
    rank = len(down) if down.dim() else 0
    if core.dim() != 4 or core.shape[:2] != (rank, rank):
        raise _damaged(where, f"has a core of {list(core.shape)} for the rank {rank}")
    return torch.einsum("mnkl,ni->mikl", core, down.reshape(rank, -1))


def _whole(given: Tensors, part: str) -> torch.Tensor:
    """A part of a LoKr whose factors are multiplied."""
    a, b = given[f"{part}_a"], given[f"{part}_b"]
    core = given.get("lokr_t2") if part == "lokr_w2" else None
    if core is None:
        return a @ b.flatten(1)
    return torch.einsum("ijkl,io,jn->onkl", core, a, b.flatten(1))


def _split(value: torch.Tensor, own: torch.Tensor, where: str) -> torch.Tensor:
    """A part of a LoKr in the shape of the run's. Raises TrainingError where the layer is split at another factor."""
    if value.dim() > 1 and len(value) == len(own) and value.numel() == own.numel():
        return value.reshape(own.shape)
    raise TrainingError(
        f"{where} is split into parts of {list(value.shape)}, and in this run of {list(own.shape)}.",
        next_steps=["Set training.lokr.factor to that of the file, or choose a LoRA of the same base model."],
        id="lora/unusable",
    )


def _damaged(where: str, what: str) -> TrainingError:
    return TrainingError(f"{where} {what}: the file is damaged.", id="lora/unusable")


def _sized(given: torch.Tensor, own: torch.Tensor, axis: int, where: str) -> torch.Tensor:
    """A stored weight with the number of axes that the run's weight has; `axis` is that of the rank.

    Raises TrainingError when the shape does not fit the layer, or the rank is higher than the run's.
    """
    shape = own.shape
    rank = given.shape[axis] if given.dim() > axis else 0
    ours = [*shape[:axis], rank, *shape[axis + 1 :]]
    if rank == 0 or given.numel() != math.prod(ours):
        raise TrainingError(
            f"{where} has the shape {list(given.shape)}, the layer of this run {list(shape)}.",
            next_steps=["Choose a LoRA of the same base model."],
            id="lora/unusable",
        )
    if rank > shape[axis]:
        raise TrainingError(
            f"{where} has the rank {rank}, the layer of this run {shape[axis]}.",
            next_steps=[f"Set training.rank to {rank} or more; for 3×3 convolutions it is training.conv_rank."],
            id="lora/unusable",
        )
    return given.reshape(ours)
