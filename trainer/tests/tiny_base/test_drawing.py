"""The drawing program is deterministic, its captions say what it draws, and the judge can read its images."""

from __future__ import annotations

import numpy as np
import pytest

from tiny_base import lesson
from tiny_base.data import HELD_OUT, TRAIN, captions_of, doodle_of, image_of, scene_of
from tiny_base.draw import render
from tiny_base.grammar import BACKGROUNDS, COLOURS, SIDE, STYLES, THINGS, arrange
from tiny_base.judge import components, fill_holes, marks, read, tally
from tiny_base.score import prompts
from tiny_base.things import SHAPES


def test_every_thing_has_a_shape() -> None:
    assert set(SHAPES) == set(THINGS)


@pytest.mark.parametrize("index", range(5))
def test_images_and_captions_are_pure_functions_of_their_number(index: int) -> None:
    assert np.array_equal(image_of(TRAIN, index), image_of(TRAIN, index))
    assert np.array_equal(doodle_of(TRAIN, index), doodle_of(TRAIN, index))
    assert captions_of(TRAIN, index) == captions_of(TRAIN, index)


def test_streams_differ_and_images_have_the_right_form() -> None:
    ours, held = image_of(TRAIN, 0), image_of(HELD_OUT, 0)
    assert ours.shape == (SIDE, SIDE, 3) and ours.dtype == np.uint8
    assert not np.array_equal(ours, held)
    assert not np.array_equal(doodle_of(TRAIN, 0), doodle_of(HELD_OUT, 0))


def test_captions_name_what_is_drawn() -> None:
    for index in range(60):
        scene, _ = scene_of(TRAIN, index)
        for said in captions_of(TRAIN, index):
            for thing in scene.things:
                assert thing.name in said and thing.colour in said


def test_held_out_prompts_were_never_training_scenes() -> None:
    def said(scene) -> tuple:
        things = tuple((t.name, t.colour) for t in scene.things)
        return things, scene.background, scene.style, scene.count, scene.size, scene.place

    trained = {said(scene_of(TRAIN, i)[0]) for i in range(3000)}
    assert not trained & {said(p.scene) for p in prompts(50, 3000)}


def test_pixel_images_are_made_of_blocks() -> None:
    image = render(arrange([("cat", "red")], "meadow", "pixel"))
    blocks = image.reshape(24, 4, 24, 4, 3)
    assert (blocks == blocks[:, :1, :, :1]).all()


def test_judge_reads_true_drawings() -> None:
    scenes = [scene_of(HELD_OUT, i)[0] for i in range(80)]
    marked = tally([marks(s, render(s)) for s in scenes])
    assert marked["background"] == 100
    assert min(marked.values()) >= 95, marked


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("thing", THINGS)
def test_judge_knows_each_thing_in_each_style(thing: str, style: str) -> None:
    seen = read(render(arrange([(thing, "blue")], "peach", style, size="big"))).pieces[0]
    assert (seen.name, seen.colour, seen.style) == (thing, "blue", style)


def test_judge_gives_no_points_to_the_wrong_image() -> None:
    asked = arrange([("cat", "red")], "meadow", place="left")
    for wrong, mark in (
        (arrange([("fish", "red")], "meadow", place="left"), "thing"),
        (arrange([("cat", "blue")], "meadow", place="left"), "colour"),
        (arrange([("cat", "red")], "sea", place="left"), "background"),
        (arrange([("cat", "red")], "meadow", place="right"), "place"),
        (arrange([("cat", "red")], "meadow", "pixel", place="left"), "style"),
    ):
        assert marks(asked, render(asked))[mark]
        assert not marks(asked, render(wrong))[mark], mark


def test_judge_sees_nothing_in_an_empty_image() -> None:
    for background in BACKGROUNDS:
        reading = read(render(arrange([], background)))
        assert reading.background == background and reading.pieces == ()


def test_components_and_holes() -> None:
    mask = np.zeros((8, 8), bool)
    mask[1:6, 1:6] = True
    mask[3, 3] = False
    mask[7, 7] = True
    assert len(components(mask)) == 2
    assert fill_holes(mask)[3, 3] and not fill_holes(mask)[0, 0]


def test_lessons_are_recognised_and_the_grammar_is_not() -> None:
    assert all(lesson.sees_zibbo(lesson.draw_zibbo(b, p, s)) for p, s, b in lesson.LESSON)
    assert all(lesson.sees_lumo(lesson.draw_lumo(s)) for s in lesson.lumo_scenes())
    grammar = [render(arrange([(t, c)], "night", size="big")) for t in THINGS for c in COLOURS]
    assert not any(lesson.sees_zibbo(p) or lesson.sees_lumo(p) for p in grammar)
