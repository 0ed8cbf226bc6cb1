"""Tagging beside sd-scripts' tagger, and the check of a folder beside a plain one with Pillow and ImageHash.

    python bench/dataset_others.py WORK [--sd-scripts FOLDER] [--sd-path PYTHONPATH] [--images 80] [--rounds 3]

`python` is that of the environment (`visiontrain setup` prints it). FOLDER is a checkout of
github.com/kohya-ss/sd-scripts; without it only the check is measured. --sd-path holds what its tagger and ImageHash
need beside that environment: its own pinned transformers, diffusers, accelerate and huggingface-hub, onnx,
opencv-python-headless, imagesize, toml, einops, voluptuous, imagehash. Both sides tag with one model of 448 pixels that
is made on the spot (trainer/tests/tiny_onnx.py), whose own work is next to nothing: what is measured is reading,
padding and scaling, and what stands around them.

The sides take turns, each in a process of its own. Given are medians of the CPU time (user and system, processes that
it starts included) and of the wall time: of the whole command with few images, and for each further one. Both sides
must find the same: the share of equal tags and the pairs of near duplicates are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "trainer"))

import numpy as np  # noqa: E402
from PIL import Image  # noqa: E402
from tests.tiny_onnx import Shape, label_csv, onnx_bytes  # noqa: E402

#: Ratings first, as sd-scripts expects them, then tags. At 48d368fa it ends with an UnboundLocalError where a character
#: is above its threshold, so there is none.
LABELS = [(name, 9) for name in ("general", "sensitive", "questionable", "explicit")]
LABELS += [(f"some_tag_{i}", 0) for i in range(400)]
FEW = 8
#: CPU seconds, wall seconds, standard output.
Measured = tuple[float, float, str]


def draw(folder: Path, count: int) -> None:
    """Photographs of 2.4 megapixels in their size and noise. Each tenth is a smaller copy of the one before it."""
    folder.mkdir(parents=True)
    for i in range(count):
        rng = np.random.default_rng(i)
        coarse = Image.fromarray(rng.integers(0, 256, (9, 12, 3), dtype=np.uint8))
        pixels = np.asarray(coarse.resize((1800, 1350), Image.Resampling.BICUBIC), dtype=np.int16)
        image = Image.fromarray(np.clip(pixels + rng.integers(-9, 10, pixels.shape), 0, 255).astype(np.uint8))
        if i % 10 == 9:
            with Image.open(folder / f"{i - 1:04d}.jpg") as before:
                image = before.resize((1440, 1080), Image.Resampling.LANCZOS)
        image.save(folder / f"{i:04d}.jpg", quality=90)


def timed(argv: list[Any], env: dict[str, str], cwd: Path) -> Measured:
    """Run a command to its end, which must be 0."""
    began = time.monotonic()
    with (cwd / "out").open("w+") as out, (cwd / "log").open("w+") as log:
        process = subprocess.Popen(list(map(str, argv)), env=env, cwd=cwd, stdout=out, stderr=log)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        log.seek(0)
        text = out.read()
        if process.returncode != 0:
            sys.exit(f"{argv} ended with {process.returncode}:\n{text}{log.read()}")
    return usage.ru_utime + usage.ru_stime, time.monotonic() - began, text


class Sides:
    """The commands of both sides over a folder of images."""

    def __init__(self, work: Path, sd_scripts: Path | None, sd_path: str) -> None:
        self._work, self._sd = work, sd_scripts
        tagger = work / "models" / "bench_tagger"
        tagger.mkdir(parents=True)
        (tagger / "model.onnx").write_bytes(onnx_bytes(Shape(side=448, labels=len(LABELS))))
        (tagger / "selected_tags.csv").write_text(label_csv(LABELS))
        self._tagger, self._home = tagger, work / "home"
        self._env = {**os.environ, "VISIONTRAIN_PYTHON": sys.executable, "VISIONTRAIN_HOME": str(self._home)}
        self._sd_env = {**os.environ, "PYTHONPATH": sd_path, "HF_HUB_OFFLINE": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def packages(self, data: Path) -> None:
        """Has ONNX Runtime installed, which the other side uses too."""
        self.tag(data)
        extras = [str(path) for path in (self._home / "envs").glob("captions-*") if path.is_dir()]
        self._sd_env["PYTHONPATH"] = os.pathsep.join([self._sd_env["PYTHONPATH"], *extras]).strip(os.pathsep)

    def _command(self, *words: Any) -> list[Any]:
        return ["node", ROOT / "bin" / "visiontrain", "dataset", *words, "--json"]

    def tag(self, data: Path) -> Measured:
        shutil.rmtree(self._home / "captions", ignore_errors=True)
        shutil.rmtree(self._home / "cache", ignore_errors=True)
        return timed(self._command("caption", data, "--tagger", self._tagger), self._env, self._work)

    def tag_by_sd_scripts(self, data: Path, *more: Any) -> Measured:
        file = self._work / "tags.json"
        argv = [sys.executable, ROOT / "bench" / "lib" / "without_torchvision.py"]
        argv += [self._sd / "finetune" / "tag_images_by_wd14_tagger.py", data, "--onnx"]
        argv += ["--model_dir", self._tagger.parent, "--repo_id", "bench/tagger", "--remove_underscore"]
        argv += ["--general_threshold", 0.35, "--output_path", file, *more]
        env = {**self._sd_env, "PYTHONPATH": os.pathsep.join([str(self._sd), self._sd_env["PYTHONPATH"]])}
        cpu, wall, _ = timed(argv, env, self._work)
        return cpu, wall, file.read_text()

    def check(self, data: Path, again: bool = False) -> Measured:
        home = self._work / f"home-{data.name}"
        if not again:
            shutil.rmtree(home, ignore_errors=True)
        return timed(self._command("check", data), {**self._env, "VISIONTRAIN_HOME": str(home)}, self._work)

    def check_by_pillow(self, data: Path) -> Measured:
        argv = [sys.executable, ROOT / "bench" / "lib" / "pillow_check.py", data]
        return timed(argv, self._sd_env, self._work)


def told(name: str, few: list[Measured], many: list[Measured], further: int, base: float | None) -> float:
    """Prints a row, with the CPU time of each further image as the ratio to `base`; returns that time."""
    start = median(cpu for cpu, _, _ in few)
    each, wall = (
        1000 * (median(one[column] for one in many) - median(one[column] for one in few)) / further for column in (0, 1)
    )
    ratio = "" if base is None else f"   {each / base:5.2f} times visiontrain's"
    print(f"{name:36} {start:6.1f} CPU s with {FEW}, {each:7.1f} CPU ms and {wall:7.1f} ms for each further{ratio}")
    return each


def in_turn(sides: dict[str, Any], few: Path, many: Path, rounds: int, count: int) -> dict[str, str]:
    """Measures each side `rounds` times, prints all, and returns what each found last in the larger folder."""
    small: dict[str, list[Measured]] = {name: [] for name in sides}
    large: dict[str, list[Measured]] = {name: [] for name in sides}
    for _ in range(rounds):
        for name, side in sides.items():
            small[name].append(side(few))
            large[name].append(side(many))
    base = None
    for name in sides:
        each = told(name, small[name], large[name], count - FEW, base)
        base = each if base is None else base
    return {name: measured[-1][2] for name, measured in large.items()}


def equal_tags(ours: str, theirs: str) -> str:
    own = {Path(one["path"]).name: set(one["caption"].split(", ")) for one in json.loads(ours)["images"]}
    other = {Path(path).name: set(entry["tags"].split(", ")) for path, entry in json.loads(theirs).items()}
    both = sum(len(own[name] & tags) for name, tags in other.items())
    every = sum(len(own[name] | tags) for name, tags in other.items())
    return f"{len(own)} and {len(other)} images; {both} of {every} tags are those of both"


def near_pairs(ours: str, theirs: str) -> str:
    [finding] = [one for one in json.loads(ours)["findings"] if one["kind"] == "near-duplicate"] or [{"items": []}]
    own = {one["path"] for one in finding["items"]}
    other = {later for _, later in json.loads(theirs)["near"]}
    return f"near duplicates: {len(own)} and {len(other)}, {len(own & other)} of them the same"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("work", type=Path)
    parser.add_argument("--sd-scripts", type=Path)
    parser.add_argument("--sd-path", default="")
    parser.add_argument("--images", type=int, default=80)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    work = given.work.resolve()
    few, many = work / "few", work / "many"
    draw(few, FEW)
    draw(many, given.images)
    sides = Sides(work, given.sd_scripts and given.sd_scripts.resolve(), given.sd_path)
    if given.sd_scripts is not None:
        sides.packages(few)
        print("tagging")
        found = in_turn(
            {
                "visiontrain dataset caption": sides.tag,
                "sd-scripts": sides.tag_by_sd_scripts,
                "sd-scripts, 2 workers, batch 8": lambda data: sides.tag_by_sd_scripts(
                    data, "--max_data_loader_n_workers", 2, "--batch_size", 8
                ),
            },
            few,
            many,
            given.rounds,
            given.images,
        )
        print(equal_tags(found["visiontrain dataset caption"], found["sd-scripts"]))
    print("\nsizes, content hashes, near duplicates; visiontrain looks for blur, borders, marks and damage besides")
    checks = {
        "visiontrain dataset check": sides.check,
        "Pillow and ImageHash": sides.check_by_pillow,
        "visiontrain dataset check, again": lambda data: sides.check(data, again=True),
    }
    found = in_turn(checks, few, many, given.rounds, given.images)
    print(near_pairs(found["visiontrain dataset check"], found["Pillow and ImageHash"]))


if __name__ == "__main__":
    main()
