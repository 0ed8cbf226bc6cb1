"""How good is the advice of `judge`? Runs on the embedded model that are made good, too short, too long, bleeding and
copying on purpose are judged, and each checkpoint is compared with the truth: programs that know what was asked for.

    python bench/judge_truth.py FOLDER make|show [NAME…]

`make` resumes where it was stopped; `show` prints the table by the present measures. How often the alarm of copies is
false is measured by `python -m judge.synthetic`, run in bench/. The results are in bench/results/judge-truth.txt.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from judge import make, show
from judge.kinds import RUNS


def main(arguments: list[str]) -> int:
    folder, stage, *names = arguments
    if stage == "make":
        make.main([folder, *names])
        return 0
    return show.show([made for made in RUNS if not names or made.name in names], Path(folder))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
