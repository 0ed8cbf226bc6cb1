"""Lines, wildcards, separators: sd-scripts' documented examples, rates of draws, and what validations see."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from visiontrain_trainer.contract.plan import CaptionOptions, Data
from visiontrain_trainer.data.caption_options import longest_forms, plain_caption
from visiontrain_trainer.data.captions import caption_for
from visiontrain_trainer.model.tokens import ClipTokenizer

from .test_batches import data

FORMS = json.loads((Path(__file__).parents[3] / "test/fixtures/caption-forms.json").read_text())


def options(**changes: Any) -> CaptionOptions:
    standard: dict[str, Any] = {"keep_separator": "", "group_separator": "", "protected": [], "wildcards": False}
    return CaptionOptions(**(standard | {"lines": "join", "dropout_every_epochs": 0} | changes))


def with_options(changes: dict[str, Any], **more: Any) -> Data:
    return data(caption_options=options(**changes), **more)


def drawn(planned: Data, caption: str, count: int = 2000) -> list[str]:
    return [caption_for(planned, caption, (7, epoch, "a/0")) for epoch in range(count)]


@pytest.mark.parametrize("form", FORMS, ids=[form["caption"] for form in FORMS])
def test_the_plain_form_is_that_of_the_plan(form: dict[str, Any]) -> None:
    assert plain_caption(with_options(form["options"]), form["caption"]) == form["plain"]
    assert plain_caption(data(), form["caption"]) == form["caption"]


def test_options_at_their_defaults_draw_as_a_plan_without_them() -> None:
    for more in ({"shuffle_tags": True}, {"tag_dropout": 0.4}, {"shuffle_tags": True, "tag_dropout": 0.3}, {}):
        plain, same = data(**more), with_options({}, **more)
        caption = "zwx, a, b, c, d, e"
        assert drawn(plain, caption, 200) == drawn(same, caption, 200)


def test_tags_before_and_behind_the_separators_stay() -> None:
    # The example of sd-scripts' documentation of keep_tokens_separator.
    caption = "1girl, hatsune miku, vocaloid ||| stage, mic ||| best quality, rating: general"
    planned = with_options({"keep_separator": "|||"}, shuffle_tags=True, tag_dropout=0.3, keep_tags=0)
    made = drawn(planned, caption)
    assert all(one.startswith("1girl, hatsune miku, vocaloid") for one in made)
    assert all(one.endswith("best quality, rating: general") for one in made)
    middles = Counter(one.count("stage") + one.count("mic") for one in made)
    assert middles[2] / 2000 == pytest.approx(0.49, abs=0.05)
    assert {*drawn(with_options({"keep_separator": "|||"}, shuffle_tags=True), caption)} == {
        "1girl, hatsune miku, vocaloid, stage, mic, best quality, rating: general",
        "1girl, hatsune miku, vocaloid, mic, stage, best quality, rating: general",
    }


def test_a_group_moves_and_goes_as_one() -> None:
    # sd-scripts: "sky;;;cloud;;;day" is one tag when tags are shuffled or dropped.
    planned = with_options({"group_separator": ";;;"}, shuffle_tags=True, tag_dropout=0.5, keep_tags=0)
    made = drawn(planned, "sky;;;cloud;;;day, sea")
    assert {*made} == {"", "sea", "sky, cloud, day", "sky, cloud, day, sea", "sea, sky, cloud, day"}


def test_protected_tags_are_shuffled_but_never_dropped() -> None:
    planned = with_options({"protected": ["Red_hair"]}, shuffle_tags=True, tag_dropout=1.0, keep_tags=1)
    assert {*drawn(planned, "zwx, a, red hair, b", 50)} == {"zwx, red hair"}
    planned = with_options({"protected": ["b"]}, shuffle_tags=True, keep_tags=0)
    assert {*drawn(planned, "a, b", 50)} == {"a, b", "b, a"}


def test_lines_and_wildcards_are_drawn_evenly_and_apart() -> None:
    planned = with_options({"lines": "random", "wildcards": True})
    made = Counter(drawn(planned, "{a|b} {a|b}\n{{x}}", 8000))
    assert set(made) == {"a a", "a b", "b a", "b b", "{x}"}
    assert made["{x}"] / 8000 == pytest.approx(0.5, abs=0.03)
    assert all(made[one] / 8000 == pytest.approx(0.125, abs=0.02) for one in ("a a", "a b", "b a", "b b"))


def test_whole_epochs_are_left_without_captions() -> None:
    planned = with_options({"dropout_every_epochs": 3})
    assert [caption_for(planned, "a", (1, epoch, "x/0")) for epoch in range(6)] == ["a", "a", "", "a", "a", ""]
    assert caption_for(planned, "a", (1, -1, "x/0")) == "a"


def test_the_longest_forms_are_the_longest_that_are_drawn() -> None:
    tokenizer = ClipTokenizer(Path(__file__).parents[3] / "presets/tiny/sd15/tokenizer")
    caption = "zwx ||| {a|a very long word of many letters}, b\nshort"
    planned = with_options({"keep_separator": "|||", "wildcards": True, "lines": "random"}, shuffle_tags=True)
    sample: Any = type("S", (), {"caption": caption})()
    longest = longest_forms(with_options({"keep_separator": "|||", "wildcards": True}, images=[sample]))
    most = max(len(tokenizer.ids(one)) for one in drawn(planned, caption, 100))
    assert max(len(tokenizer.ids(one)) for one in longest) == most
    assert longest_forms(data(images=[sample])) == set()
