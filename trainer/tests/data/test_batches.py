"""The batch plan and captions are pure functions, and every use of an image is in some batch."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tiny_models import batches_per_epoch
from visiontrain_trainer.base import rng
from visiontrain_trainer.base.errors import TrainingError
from visiontrain_trainer.contract.plan import Data, largest_batch, parse_plan, whole_batch
from visiontrain_trainer.data.batches import BatchSampler
from visiontrain_trainer.data.captions import caption_for

SIZES = [(64, 64), (64, 96), (128, 64)]


def plan_of(template: dict[str, Any], shapes: list[tuple[int, int]], **training: Any) -> Any:
    samples = [
        {
            **template["data"]["images"][0],
            "id": f"{i:016x}",
            "bucket": list(SIZES[shape]),
            "repeats": repeats,
            "validation": False,
        }
        for i, (shape, repeats) in enumerate(shapes)
    ]
    plan = {**template, "data": {**template["data"], "images": samples}, "training": template["training"] | training}
    plan["training"]["batches_per_epoch"] = batches_per_epoch(plan)
    return parse_plan(plan)


@pytest.fixture(scope="module")
def template() -> dict[str, Any]:
    from pathlib import Path

    from tests.tiny_models import make_plan

    sample = {"id": "0", "path": "a.png", "sha256": "0" * 64, "size": [64, 64], "caption": "x"}
    shown = [{**sample, "bucket": [64, 64], "repeats": 1, "validation": False}]
    return make_plan(Path("/model"), Path("/pictures"), shown, Path("/cache"))


@settings(deadline=None)
@given(
    shapes=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 4)), min_size=1, max_size=20),
    size=st.integers(1, 5),
    accumulation=st.integers(1, 4),
)
def test_every_use_once_per_epoch_in_batches_of_one_bucket(
    template: dict[str, Any], shapes: Any, size: int, accumulation: int
) -> None:
    plan = plan_of(template, shapes, batch_size=size, gradient_accumulation=accumulation)
    batches = BatchSampler(plan)
    steps = -(-2 * batches.per_epoch // accumulation)
    passes = [batch for step in range(steps) for batch in batches.step(step)]
    for epoch in (0, 1):
        own = passes[epoch * batches.per_epoch : (epoch + 1) * batches.per_epoch]
        uses = Counter(use.key for batch in own for use in batch)
        assert set(uses.values()) == {1}
        assert Counter(k.split("/")[0] for k in uses) == {s.id: s.repeats for s in plan.data.images}
        for batch in own:
            assert 1 <= len(batch) <= size and len({use.image.bucket for use in batch}) == 1
            assert all(use.epoch == epoch for use in batch)
    # A step's batches do not depend on which steps were asked for before.
    fresh = BatchSampler(plan)
    for step in random.Random(0).sample(range(steps), min(steps, 5)):
        assert fresh.step(step) == passes[step * accumulation : (step + 1) * accumulation]


def test_order_of_samples_in_the_plan_does_not_matter(template: dict[str, Any]) -> None:
    plan = plan_of(template, [(0, 1), (1, 2), (0, 3), (2, 1)])
    turned = parse_plan(
        _as_data(plan) | {"data": _as_data(plan)["data"] | {"images": _as_data(plan)["data"]["images"][::-1]}}
    )
    assert [BatchSampler(plan).step(i) for i in range(6)] == [BatchSampler(turned).step(i) for i in range(6)]


@settings(deadline=None)
@given(
    shapes=st.lists(st.tuples(st.sampled_from([(0,), (0, 1), (2, 1, 0)]), st.integers(1, 3)), min_size=1, max_size=12),
    size=st.integers(1, 4),
    other=st.integers(0, 2),
)
def test_a_drawn_size_for_every_use_and_as_many_batches_in_every_epoch(
    template: dict[str, Any], shapes: Any, size: int, other: int
) -> None:
    """Each use of an image is at one of its sizes, these are shared out evenly, and the regularisation stays whole."""
    first = template["data"]["images"][0]
    samples = [
        {**first, "id": f"{i:016x}{'' if at == 0 else f'@{at}'}", "bucket": list(SIZES[shape]), "repeats": repeats}
        for i, (sizes, repeats) in enumerate(shapes)
        for at, shape in enumerate(sizes)
    ] + [{**first, "id": f"{99 + i:016x}", "regularisation": True} for i in range(other)]
    raw = {**template, "data": {**template["data"], "images": samples, "resolution_use": "draw"}}
    raw["training"] = {**raw["training"], "batch_size": size}
    raw["training"]["batches_per_epoch"] = batches_per_epoch(raw)
    batches = BatchSampler(parse_plan(raw))
    steps = [range(epoch * batches.per_epoch, (epoch + 1) * batches.per_epoch) for epoch in range(3)]
    per_epoch = [[use for step in of_epoch for use in batches.step(step)[0]] for of_epoch in steps]
    wanted = Counter(f"{i:016x}" for i, (_, repeats) in enumerate(shapes) for _ in range(repeats))
    for uses in per_epoch:
        own = [use for use in uses if not use.image.regularisation]
        assert Counter(use.image.id.split("@")[0] for use in own) == wanted
        for alike in {sizes for sizes, _ in shapes}:
            inside = {f"{i:016x}" for i, (sizes, _) in enumerate(shapes) if sizes == alike}
            counts = Counter(use.image.bucket for use in own if use.image.id.split("@")[0] in inside)
            even = [counts[SIZES[shape]] for shape in alike]
            assert even == sorted(even, reverse=True) and even[0] - even[-1] <= 1
    others = [sum(use.image.regularisation for use in uses) for uses in per_epoch]
    assert others == [others[0]] * 3 and (other == 0) == (others[0] == 0)


def test_every_size_has_its_own_batches(template: dict[str, Any]) -> None:
    first = template["data"]["images"][0]
    buckets = ((128, 128), (128, 64), (64, 96), (64, 64))
    samples = [{**first, "id": f"{i:015x}{at}", "bucket": list(b)} for i in range(12) for at, b in enumerate(buckets)]
    raw = {**template, "data": {**template["data"], "images": samples}}
    at = [{"resolution": 96, "batch_size": 3}, {"resolution": 64, "batch_size": 6}]
    raw["training"] = {**raw["training"], "batch_size": 2, "batch_size_at": at}
    raw["training"]["batches_per_epoch"] = batches_per_epoch(raw)
    batches = BatchSampler(parse_plan(raw))
    assert batches.per_epoch == 6 + 4 + 4 + 2
    found = Counter((uses[0].image.bucket, len(uses)) for step in range(16) for uses in batches.step(step))
    assert found == {((128, 128), 2): 6, ((128, 64), 3): 4, ((64, 96), 3): 4, ((64, 64), 6): 2}
    assert {len(uses) for uses in batches.largest()} == {2}
    split = parse_plan({**raw, "resources": {**raw["resources"], "processes": 2}})
    assert [whole_batch(split, bucket) for bucket in buckets] == [4, 6, 6, 12]
    assert largest_batch(split) == 6


def test_a_drawn_size_changes_from_epoch_to_epoch_and_is_the_same_again(template: dict[str, Any]) -> None:
    first = template["data"]["images"][0]
    samples = [
        {**first, "id": f"{i:016x}{suffix}", "bucket": bucket}
        for i in range(6)
        for suffix, bucket in (("", [128, 64]), ("@64", [64, 64]))
    ]
    raw = {**template, "data": {**template["data"], "images": samples, "resolution_use": "draw"}}
    raw["training"] = {**raw["training"], "batch_size": 1, "batches_per_epoch": 6, "steps": 600}
    seen = [use.key for use in BatchSampler(parse_plan(raw)).all_uses()]
    assert seen == [use.key for use in BatchSampler(parse_plan(raw)).all_uses()]
    large = Counter(key for key in seen if "@" not in key)
    # Each image has 100 uses, and half of them are at each size, within five standard errors of a fair draw.
    assert set(large) == {f"{i:016x}/0" for i in range(6)}
    assert all(25 <= count <= 75 for count in large.values())
    raw["seed"] += 1
    assert seen != [use.key for use in BatchSampler(parse_plan(raw)).all_uses()]


def _as_data(plan: Any) -> dict[str, Any]:
    import dataclasses
    import json

    return json.loads(json.dumps(dataclasses.asdict(plan)))


def test_refusals(template: dict[str, Any]) -> None:
    plan = _as_data(plan_of(template, [(0, 1)]))
    with pytest.raises(TrainingError, match="batches per epoch"):
        BatchSampler(parse_plan(plan | {"training": plan["training"] | {"batches_per_epoch": 7}}))
    kept_out = [{**plan["data"]["images"][0], "validation": True}]
    with pytest.raises(TrainingError, match="nothing to train on"):
        BatchSampler(parse_plan(plan | {"data": plan["data"] | {"images": kept_out}}))
    for change, message in [
        ({"surprise": 1}, "unknown key surprise"),
        ({"seed": "7"}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"version": 1}, "version must be one of 2"),
        ({"data": plan["data"] | {"crop": "left"}}, "data.crop must be one of center, random"),
        ({"training": {k: v for k, v in plan["training"].items() if k != "rank"}}, "missing key training.rank"),
    ]:
        with pytest.raises(TrainingError, match=message):
            parse_plan(plan | change)


def data(**changes: Any) -> Data:
    values = {"root": "/", "images": [], "crop": "center", "flip": False, "augment": None}
    values["resolution_use"] = "each"
    values |= {
        "alpha_color": "#ffffff",
        "masks": None,
        "shuffle_tags": False,
        "keep_tags": 1,
        "caption_dropout": 0.0,
        "tag_dropout": 0.0,
        "caption_options": None,
        "max_tokens": 75,
    }
    return Data(**{**values, **changes})  # type: ignore[arg-type]


@given(
    tags=st.lists(st.text("abc d", min_size=1).map(str.strip).filter(bool), max_size=12),
    keep=st.integers(0, 4),
    epoch=st.integers(0, 9),
)
def test_shuffling_keeps_the_front_and_loses_nothing(tags: list[str], keep: int, epoch: int) -> None:
    shuffled = caption_for(data(shuffle_tags=True, keep_tags=keep), ", ".join(tags), (1, epoch, "a/0"))
    got = [t for t in shuffled.split(", ") if t]
    assert got[:keep] == tags[:keep] and Counter(got) == Counter(tags)


def test_dropouts_have_their_rates_and_keep_the_trigger() -> None:
    caption = "zwx, a, b, c"
    dropped = [caption_for(data(caption_dropout=0.25), caption, (3, e, "a/0")) == "" for e in range(2000)]
    assert 0.2 < sum(dropped) / 2000 < 0.3
    tags = [caption_for(data(tag_dropout=0.25), caption, (3, e, "a/0")) for e in range(2000)]
    assert all(t.startswith("zwx") for t in tags)
    assert 0.2 < sum("b" not in t for t in tags) / 2000 < 0.3
    assert caption_for(data(), "as, it ,is", (3, 0, "a/0")) == "as, it ,is"


def test_a_trigger_of_two_tags_stays_whole_and_in_front() -> None:
    caption = "zwx, blue dress, smile, red hair, hat, outdoors"
    planned = data(shuffle_tags=True, tag_dropout=0.5, keep_tags=2)
    made = [caption_for(planned, caption, (3, epoch, "a/0")) for epoch in range(200)]
    assert all(text.split(", ")[:2] == ["zwx", "blue dress"] for text in made)
    assert len({*made}) > 50


def test_draws_are_uniform_and_independent() -> None:
    values = [rng.below(10, 5, "x", i) for i in range(20000)]
    assert all(1850 < n < 2150 for n in Counter(values).values())
    assert rng.key(1, "a", 2, "3") != rng.key(1, "a", "2", 4) != rng.key(1, "a", 24)
    orders = Counter(tuple(rng.shuffled("abc", 1, "o", i)) for i in range(6000))
    assert len(orders) == 6 and all(850 < n < 1150 for n in orders.values())
    noise = rng.normal((4, 64, 64), 1, "noise", 0, "a/0")
    assert abs(float(noise.mean())) < 0.03 and abs(float(noise.std()) - 1) < 0.02
    assert float((noise * rng.normal((4, 64, 64), 1, "noise", 1, "a/0")).mean().abs()) < 0.03


def test_regularisation_images_are_walked_through_all_epochs(plan_for: Any, images: Any) -> None:
    own = images[1][:3]
    others = [
        {**images[1][i % 2], "id": f"reg{i:02}", "regularisation": True, "loss_weight": 0.5, "repeats": 1}
        for i in range(11)
    ]
    training = {"steps": 60, "batch_size": 2, "gradient_accumulation": 1}
    plan = plan_for(data={"images": [*own, *others]}, training=training)
    # An epoch has 4 uses of 3 images: 6 images of one shape are used twice, and 5 of the other shape as often.
    assert plan["training"]["batches_per_epoch"] == 5
    batches = BatchSampler(parse_plan(plan))
    seen: dict[str, int] = {}
    for epoch in range(3):
        uses = [u for step in range(epoch * 5, epoch * 5 + 5) for batch in batches.step(step) for u in batch]
        shown = [use.image.id for use in uses if use.image.regularisation]
        assert len(shown) == len(set(shown)) == 4 and len(uses) == 8
        assert len({use.key for use in uses}) == 8
        for name in shown:
            seen[name] = seen.get(name, 0) + 1
    # After ⌈6 ÷ 2⌉ epochs every image was seen, and none much more often than another.
    assert set(seen) == {other["id"] for other in others} and max(seen.values()) <= 2
    assert len({use.image.id for use in batches.one_epoch()}) == 3 + 11
    assert not any(sample.regularisation for sample in batches.training)


def test_few_regularisation_images_are_used_several_times(plan_for: Any, images: Any) -> None:
    other = {**images[1][1], "id": "reg", "regularisation": True, "repeats": 1}
    plan = plan_for(data={"images": [*images[1], other]}, training={"batch_size": 64})
    batches = BatchSampler(parse_plan(plan))
    uses = [use for step in range(batches.per_epoch) for batch in batches.step(step) for use in batch]
    own = sum(not use.image.regularisation for use in uses)
    assert sum(use.image.regularisation for use in uses) == own
    assert len({use.key for use in uses}) == 2 * own
