"""How often are marks found at the same place of images, and how often where there is none?

    python bench/marks.py FOLDER          FOLDER holds photographs of 256 pixels and more, each of another thing

Sets are drawn of random parts of the photographs, mirrored or not, with or without a line of text in a corner; and of
drawings whose subject stands about the middle. The results are in docs/dataset.md.
"""

from __future__ import annotations

import contextlib
import io
import sys
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

sys.path.insert(0, str(Path(__file__).parents[1] / "trainer"))

from visiontrain_trainer.inspection.marks import find_marks

Rng = np.random.Generator


def part_of(photos: list[Image.Image], rng: Rng) -> Image.Image:
    photo = photos[rng.integers(len(photos))]
    shape = float(rng.choice([1, 0.75, 1.33, 0.67]))
    width = int(min(photo.width, photo.height * shape) * rng.uniform(0.35, 1))
    height = min(photo.height, int(width / shape))
    left, top = rng.integers(0, photo.width - width + 1), rng.integers(0, photo.height - height + 1)
    part = photo.crop((int(left), int(top), int(left) + width, int(top) + height))
    if rng.random() < 0.5:
        part = part.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    scale = 1024 / max(part.size)
    return part.resize((round(part.width * scale), round(part.height * scale)), Image.Resampling.BICUBIC)


def drawing(rng: Rng) -> Image.Image:
    """A face of random size and colour, about the middle, before a ground."""
    width, height = ((768, 1024), (1024, 1024), (1024, 768))[rng.integers(3)]
    image = Image.new("RGB", (width, height), _colour(rng, 120, 256))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, int(height * rng.uniform(0.6, 0.85)), width, height), fill=_colour(rng, 40, 200))
    x, y = (half + int(rng.integers(-14, 15)) * 4 for half in (width // 2, height // 2))
    r = int(height * rng.uniform(0.2, 0.3))
    draw.ellipse((x - r, y - r, x + r, y + r), fill=_colour(rng, 0, 256), outline="black", width=8)
    for eye in (x - r // 2, x + r // 2):
        draw.ellipse((eye - 30, y - 50, eye + 30, y + 30), fill="navy", outline="black", width=6)
    draw.arc((x - 60, y + 20, x + 60, y + 110), 20, 160, fill="black", width=8)
    return image


def _colour(rng: Rng, low: int, high: int) -> tuple[int, ...]:
    return tuple(int(v) for v in rng.integers(low, high, 3))


def stamped(image: Image.Image, alpha: float) -> Image.Image:
    """The image with a line of text at the bottom right."""
    over = Image.new("RGBA", image.size)
    draw, font = ImageDraw.Draw(over), ImageFont.load_default(28)
    _, _, width, height = draw.textbbox((0, 0), "artist.example", font=font)
    at = (image.width - width - 20, image.height - height - 20)
    draw.text(at, "artist.example", font=font, fill=(255, 255, 255, round(255 * alpha)))
    return Image.alpha_composite(image.convert("RGBA"), over).convert("RGB")


def thumbnail(image: Image.Image) -> np.ndarray:
    """Grey, as `dataset check` keeps it."""
    small, written = image.copy(), io.BytesIO()
    small.thumbnail((256, 256), Image.Resampling.LANCZOS)
    small.save(written, "WEBP", quality=75, method=2)
    return np.asarray(Image.open(written).convert("L"))


def main(folder: Path) -> None:
    photos = []
    for path in sorted(folder.rglob("*")):
        with contextlib.suppress(OSError):
            photo = Image.open(path).convert("RGB")
            photos.extend([photo] if min(photo.size) >= 256 else [])
    kinds = {"photographs": lambda rng: part_of(photos, rng), "drawings": drawing}
    for kind, make in kinds.items():
        for count in (8, 10, 20, 40):
            for share, alpha in ((0, 0), (1, 0.9), (1, 0.5), (0.6, 0.9), (0.6, 0.5)):
                sets = [np.random.default_rng([count, seed]) for seed in range(6)]
                hits = [hit(make, rng, count, share, alpha) for rng in sets]
                print(f"{kind}, {count}, {share:.0%} with a mark of {alpha}: found in {sum(hits)} of 6", flush=True)


def hit(make: object, rng: Rng, count: int, share: float, alpha: float) -> bool:
    images = [make(rng) for _ in range(count)]  # type: ignore[operator]
    shown = [stamped(each, alpha) if i < share * count else each for i, each in enumerate(images)]
    return bool(find_marks([thumbnail(each) for each in shown]))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
