"""How good is the advice of `judge`? Runs on the embedded model that are made good, too short, too long, bleeding and
copying on purpose are judged, and each checkpoint is compared with the truth: programs that know what was asked for.

    python bench/judge_truth.py FOLDER train|judge|truth|show [NAME…]

Each stage goes on where it was stopped. `show` prints the table; what came out is in
bench/results/judge-truth.txt.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from judge.kinds import ROOT, RUNS, TRIGGER, Made, judged, spec_of, write_data

PROGRAM = ("node", str(ROOT / "bin" / "visiontrain"))


def train(made: Made, folder: Path) -> None:
    if (folder / "runs" / made.name / "exit.json").exists():
        return
    spec = folder / "data" / made.name / "run.yaml"
    trained, held = write_data(made, spec.parent)
    # JSON is YAML.
    spec.write_text(json.dumps(spec_of(made, trained, held), indent=1))
    _run(["run", str(spec), "--foreground", "--plain", "--yes", "--no-notify"], folder)


def judge(made: Made, folder: Path) -> None:
    steps = ",".join(map(str, judged(made)))
    _run(["judge", made.name, "--trigger", TRIGGER[made.subject], "--steps", steps, "--seeds", "1", "--plain"], folder)


def truth(made: Made, folder: Path) -> None:
    from judge.truth import measure

    target = folder / "truth" / f"{made.name}.json"
    if not target.exists():
        target.parent.mkdir(exist_ok=True)
        target.write_text(json.dumps(measure(made, folder / "runs" / made.name, folder / "data" / made.name), indent=1))


def _run(arguments: list[str], folder: Path) -> None:
    done = subprocess.run(
        [*PROGRAM, *arguments, "--workspace", str(folder / "runs")], capture_output=True, text=True, check=False
    )
    # A run whose LoRA does nothing ends with 5, and is one of those that are wanted here.
    if done.returncode not in (0, 5):
        raise SystemExit(f"{' '.join(arguments)}: code {done.returncode}\n{done.stdout}\n{done.stderr}")


STAGES: dict[str, Callable[[Made, Path], None]] = {"train": train, "judge": judge, "truth": truth}


def main(arguments: list[str]) -> int:
    folder, stage, *names = arguments
    wanted = [made for made in RUNS if not names or made.name in names]
    if stage == "show":
        from judge.show import show

        return show(wanted, Path(folder))
    for made in wanted:
        STAGES[stage](made, Path(folder))
        print(stage, made.name, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
