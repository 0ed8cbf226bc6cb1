"""Made-up things and styles ("curios") are repeatable, differ from the lessons, and have captions in the grammar's
words.
"""

from __future__ import annotations

import numpy as np

from tiny_base import lesson
from tiny_base.data import curio_of
from tiny_base.grammar import COLOURS, SIDE, THINGS


def test_a_curio_is_a_function_of_its_number() -> None:
    (one, said), (again, said_again) = curio_of(5), curio_of(5)
    assert np.array_equal(one, again) and said == said_again
    assert one.shape == (SIDE, SIDE, 3) and not np.array_equal(one, curio_of(6)[0])


def test_a_made_up_thing_is_named_alone_or_beside_a_thing_with_a_name_and_a_colour() -> None:
    said = [curio_of(i)[1].replace(",", " ").split() for i in range(300) if i % 3 != 2]
    # A background may be named by a colour, but a made-up thing may not.
    known = [[word for word in words if word in set(THINGS) | set(COLOURS)] for words in said]
    beside = [words for words in known if words]
    assert 0 < len(beside) < len(known) / 2
    assert all(len(words) == 2 and words[0] in COLOURS and words[1] in THINGS for words in beside)


def test_no_curio_is_a_lesson() -> None:
    made = [curio_of(i) for i in range(300)]
    assert not any(lesson.CREATURE in said or lesson.STYLE in said for _, said in made)
    assert not any(lesson.sees_zibbo(p) or lesson.sees_lumo(p) for p, _ in made)
