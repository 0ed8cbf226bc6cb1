"""Files that may lie in place of a sample, in a run folder from somebody else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from visiontrain_trainer.run.sample_file import is_sample, open_sample

SIZE = (16, 8)


def _link_to_a_sample(place: Path) -> None:
    Image.new("RGB", SIZE).save(place.with_name("other.png"))
    place.symlink_to("other.png")


@pytest.mark.parametrize(
    "put",
    [
        lambda place: None,
        lambda place: place.mkdir(),
        lambda place: os.mkfifo(place),
        lambda place: place.symlink_to("/dev/zero"),
        lambda place: place.symlink_to("not-there.png"),
        _link_to_a_sample,
        lambda place: place.write_bytes(b""),
        lambda place: place.write_bytes(b"\x89PNG\r\n\x1a\nhalf of a file"),
        lambda place: Image.new("1", (20_000, 20_000)).save(place, "PNG"),
        lambda place: Image.new("RGB", (5000, 5000)).save(place, "PNG"),
        lambda place: Image.new("RGB", SIZE).save(place, "JPEG"),
    ],
    ids=[
        "nothing",
        "a folder",
        "a FIFO",
        "a device",
        "a link to nothing",
        "a link to a sample",
        "an empty file",
        "half a file",
        "a bomb",
        "one too large",
        "a JPEG",
    ],
)
def test_only_a_plain_png_of_a_size_that_is_drawn_is_a_sample(put: object, tmp_path: Path) -> None:
    place = tmp_path / "sample.png"
    put(place)  # type: ignore[operator]
    assert open_sample(place) is None
    assert not is_sample(place, SIZE)


def test_a_sample_is_complete_and_of_the_requested_size(tmp_path: Path) -> None:
    place = tmp_path / "sample.png"
    Image.effect_noise(SIZE, 50).save(place)
    assert is_sample(place, SIZE)
    assert not is_sample(place, (8, 16))
    content = bytearray(place.read_bytes())
    content[content.index(b"IDAT") + 9] ^= 0x55
    place.write_bytes(content)
    assert not is_sample(place, SIZE)
