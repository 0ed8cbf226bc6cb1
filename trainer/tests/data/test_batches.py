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
from visiontrain_trainer.contract.plan import Data, parse_plan
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
