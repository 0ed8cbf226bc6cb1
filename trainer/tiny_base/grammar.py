"""The words, scenes and captions that the tiny model knows.

A caption describes a scene completely, because everything it leaves out has one fixed meaning (one thing, middle size,
in the middle, flat, on white). So a prompt has one right answer, which the judge can measure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SIDE = 96  # pixels; the model's native width and height

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (215, 40, 45),
    "orange": (240, 130, 25),
    "yellow": (245, 205, 40),
    "green": (45, 150, 65),
    "blue": (40, 85, 205),
    "purple": (125, 55, 170),
    "pink": (240, 110, 170),
}
THINGS = (
    "cat", "fish", "bird", "house", "tree", "boat", "mushroom", "ghost", "flower", "star", "heart", "crown",
)  # fmt: skip
STYLES = ("flat", "outline", "pixel")
SIZES = {"small": 0.35, "middle": 0.46, "big": 0.56}  # share of the side that a thing spans
PLACES = {"middle": (0.0, 0.0), "left": (-0.2, 0.0), "right": (0.2, 0.0), "top": (0.0, -0.2), "bottom": (0.0, 0.2)}
PLAIN = ("white", "grey", "mint", "lilac", "peach", "navy")
PATTERNS = ("dots", "stripes", "checks")
PATTERNED = ("mint", "lilac", "peach")
SCENES = ("meadow", "sea", "night", "snow", "desert")
BACKGROUNDS = PLAIN + tuple(f"{c} {p}" for c in PATTERNED for p in PATTERNS) + SCENES
PAIR_SIZE = 0.4  # span of each of two things; the gap between them is wide enough for this autoencoder to keep it open
COUNTS = ("one", "two same", "beside", "above")


@dataclass(frozen=True)
class Thing:
    """One drawn thing: centre (x, y) and span as shares of the image's side."""

    name: str
    colour: str
    x: float
    y: float
    span: float


@dataclass(frozen=True)
class Scene:
    """A whole image. `count` is one of COUNTS; `size` and `place` matter only when it is "one"."""

    things: tuple[Thing, ...]
    background: str
    style: str
    count: str = "one"
    size: str = "middle"
    place: str = "middle"


def sample_scene(rng: np.random.Generator) -> Scene:
    """Draw a scene at random: two in three show one thing, the rest two."""
    style = str(rng.choice(STYLES, p=(0.5, 0.25, 0.25)))
    background = str(rng.choice(BACKGROUNDS))
    count = str(rng.choice(COUNTS, p=(0.64, 0.08, 0.18, 0.10)))
    size = str(rng.choice(list(SIZES), p=(0.2, 0.5, 0.3)))
    place = str(rng.choice(list(PLACES), p=(0.28, 0.18, 0.18, 0.18, 0.18)))
    names, colours = rng.choice(THINGS, 2, replace=False), rng.choice(list(COLOURS), 2, replace=False)
    pairs = [(str(names[0]), str(colours[0])), (str(names[1]), str(colours[1]))]
    if count == "two same":
        pairs[1] = pairs[0]
    return arrange(pairs, background, style, count, size, place, rng)


def arrange(
    pairs: list[tuple[str, str]],
    background: str,
    style: str = "flat",
    count: str = "one",
    size: str = "middle",
    place: str = "middle",
    rng: np.random.Generator | None = None,
) -> Scene:
    """Put (thing, colour) pairs on a background; `rng` adds the small jitter that training images have."""

    reach = 0.03 if count == "one" else 0.015

    def jitter() -> tuple[float, float, float]:
        return (0.0, 0.0, 1.0) if rng is None else (*rng.uniform(-reach, reach, 2), rng.uniform(0.95, 1.05))

    if count == "one":
        centres, span = [PLACES[place]], SIZES[size]
    elif count == "above":
        centres, span = [(0.0, -0.25), (0.0, 0.25)], PAIR_SIZE
    else:
        centres, span = [(-0.25, 0.0), (0.25, 0.0)], PAIR_SIZE
    things = []
    for (name, colour), (dx, dy) in zip(pairs, centres, strict=False):
        jx, jy, js = jitter()
        x, y = 0.5 + dx + jx, 0.5 + dy + jy
        if style == "pixel":  # The jitter is in whole blocks, so that a thing always has the same few forms.
            x, y, js = round(x * 24) / 24, round(y * 24) / 24, 1.0
        things.append(Thing(name, colour, x, y, span * js))
    return Scene(tuple(things), background, style, count, size if count == "one" else "middle",
                 place if count == "one" else "middle")  # fmt: skip


STYLE_WORDS = {
    "flat": ("a flat drawing of ", "a drawing of ", "a picture of ", "", ""),
    "outline": ("an outline drawing of ", "an outline of "),
    "pixel": ("pixel art of ", "a pixel art picture of "),
}
PLACE_WORDS = {
    "left": ("on the left",),
    "right": ("on the right",),
    "top": ("at the top",),
    "bottom": ("at the bottom",),
    "middle": ("in the middle", "", ""),
}
SCENE_WORDS = {
    "meadow": ("in a meadow", "on a meadow"),
    "sea": ("at sea", "by the sea"),
    "night": ("at night", "in the night"),
    "snow": ("in the snow", "in snow"),
    "desert": ("in the desert", "in a desert"),
}


def background_words(background: str) -> tuple[str, ...]:
    """The natural-language ways to say a background; the empty string is one for white, which is the default."""
    if background in SCENE_WORDS:
        return SCENE_WORDS[background]
    colour, _, pattern = background.partition(" ")
    if pattern:
        return (f"on a {colour} background with {pattern}", f"on {colour} {pattern}")
    return (f"on a {colour} background", f"on {colour}") + (("",) if colour == "white" else ())


def plural(name: str) -> str:
    """The plural of a thing's name."""
    return {"fish": "fish"}.get(name, name + "s")


def article(words: str) -> str:
    """`words` with "a" or "an" in front."""
    return ("an " if words[0] in "aeiou" else "a ") + words


def caption(scene: Scene, rng: np.random.Generator, invented: float = 0.15) -> str:
    """One of the ways to say `scene`; a share `invented` of them gains a word that means nothing."""
    pick = lambda options: str(options[int(rng.integers(len(options)))])  # noqa: E731
    first = scene.things[0]
    if scene.count in ("one", "two same") and rng.random() < 0.35:
        text = _tags(scene, rng)
    else:
        place = pick(PLACE_WORDS[scene.place])
        if scene.count == "one":
            size = {"middle": "", "small": "small ", "big": "big "}[scene.size]
            body = article(f"{size}{first.colour} {first.name}".strip())
        elif scene.count == "two same":
            body, place = f"two {first.colour} {plural(first.name)}", ""
        else:
            one, two = (article(f"{t.colour} {t.name}") for t in scene.things)
            if scene.count == "above":
                body, place = f"{one} above {two}", ""
            else:
                body = pick((f"{one} and {two}", f"{one} on the left and {two} on the right", f"{one} beside {two}"))
        text = pick(STYLE_WORDS[scene.style]) + " ".join(
            w for w in (body, place, pick(background_words(scene.background))) if w
        )
    if rng.random() < invented:
        word = invented_word(rng)
        text = pick((f"{word} {text}", f"{word}, {text}", f"{text} {word}", f"{text}, {word}"))
    return " ".join(text.split())  # A thing without a colour leaves a double space.


def _tags(scene: Scene, rng: np.random.Generator) -> str:
    thing = scene.things[0]
    name = thing.name if scene.count == "one" else plural(thing.name)
    tags = [f"{'two ' if scene.count != 'one' else ''}{thing.colour} {name}"]
    if scene.count == "one":
        tags += [scene.size] if scene.size != "middle" else []
        tags += [scene.place] if scene.place != "middle" else []
    colour, _, pattern = scene.background.partition(" ")
    if scene.background in SCENES:
        tags.append(colour)
    elif scene.background != "white" or rng.random() < 0.5:
        tags += [f"{colour} background"] + ([pattern] if pattern else [])
    tags += {"flat": [], "outline": ["outline"], "pixel": ["pixel art"]}[scene.style]
    head, rest = tags[0], tags[1:]
    rng.shuffle(rest)
    return ", ".join([head, *rest])


def invented_word(rng: np.random.Generator) -> str:
    """A pronounceable word of no meaning, now and then with a digit, as people choose for trigger words."""
    syllables = int(rng.integers(1, 4))
    word = "".join(
        "bcdfghjklmnpqrstvwxz"[int(rng.integers(20))] + "aeiouy"[int(rng.integers(6))] for _ in range(syllables)
    )
    word += str(rng.choice(["", "n", "x", "k", "rl", "st"]))
    return word + (str(int(rng.integers(10))) if rng.random() < 0.1 else "")


def words() -> list[str]:
    """Every word the grammar can say, sorted: the tokenizer knows each as one token."""
    rng, seen = np.random.default_rng(0), set()
    for _ in range(6000):
        seen.update(caption(sample_scene(rng), rng, invented=0).replace(",", " ").split())
    return sorted(seen | set(COLOURS) | set(THINGS) | {"style", "with", "of", "in", "on", "the"})
