"""Programs that write captions or make masks are killed at work: nothing is lost, and nothing is done twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.captioning.helpers import make_images

TRAINER = Path(__file__).parents[2]
#: Number of images of a job, and number of those that are done when the program is ended.
ALL, ENOUGH = 12, 4


#: Runs a program that can never write its last image, so that a signal always finds it at work.
HELD = """
import runpy, sys, time
from pathlib import Path
from PIL import Image
store, images, save, module = Path(sys.argv[1]), int(sys.argv[2]), Image.Image.save, sys.argv[3]
def held(image, file, *args, **settings):
    time.sleep(0.05)
    while len([path for path in store.rglob("*.png") if path.name[0] != "."]) >= images - 1:
        time.sleep(1)
    return save(image, file, *args, **settings)
Image.Image.save = held
sys.argv = [module, *sys.argv[4:]]
runpy.run_module(module, run_name="__main__", alter_sys=True)
"""


def started(module: str, job: Path, held: Path | None = None) -> subprocess.Popen[bytes]:
    """Start the program. `held` is the folder of its results, in which it cannot write the last one."""
    path = os.pathsep.join([str(TRAINER), *(entry for entry in sys.path if entry)])
    name = f"visiontrain_trainer.{module}"
    program = ["-m", name] if held is None else ["-c", HELD, str(held), str(ALL), name]
    return subprocess.Popen(
        [sys.executable, *program, str(job)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": path},
    )


def told(program: subprocess.Popen[bytes]) -> Iterator[dict[str, Any]]:
    assert program.stdout is not None
    for line in program.stdout:
        yield json.loads(line)


def kill_at_work(module: str, job: Path, store: Path) -> None:
    """Start the program, and kill it when enough images are done."""
    program = started(module, job, store)
    for line in told(program):
        if line["type"] == "progress" and line["done"] >= ENOUGH:
            break
    program.send_signal(signal.SIGKILL)
    program.communicate()
    assert program.returncode == -signal.SIGKILL


def finished(module: str, job: Path) -> list[int]:
    """Let the program finish; returns the number of done images of each report."""
    program = started(module, job)
    done = [line["done"] for line in told(program) if line["type"] == "progress"]
    program.communicate()
    assert program.returncode == 0
    return done


def results(store: Path, ending: str) -> dict[str, tuple[int, bytes]]:
    """Modification time and bytes of each complete result; a half-written one has another name."""
    found = [path for path in store.rglob(f"*{ending}") if not path.name.startswith(".")]
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in found}


def resumes(module: str, job: Path, store: Path, ending: str, ended: threading.Event) -> None:
    kill_at_work(module, job, store)
    ended.set()
    kept = results(store, ending)
    assert ENOUGH <= len(kept) < ALL
    done = finished(module, job)
    assert (done[0], done[-1]) == (len(kept), ALL)
    after = results(store, ending)
    assert len(after) == ALL
    assert {name: after[name] for name in kept} == kept, "what was there is not made again"
    assert finished(module, job) == [ALL]
    assert results(store, ending) == after


@pytest.fixture
def slow_server() -> Iterator[tuple[str, list[str], threading.Event]]:
    """An endpoint that takes a moment for each image, and records the images it was asked about."""
    asked: list[str] = []
    killed = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
            # The last image is not answered before a kill, so that the signal always finds the program at work.
            if len(asked) >= ALL:
                killed.wait(60)
            time.sleep(0.05)
            body = json.dumps({"choices": [{"message": {"content": "a fox"}}]}).encode()
            try:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
            except OSError:
                pass  # Who asked was killed.

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", asked, killed
    server.shutdown()


def test_captioning_goes_on_where_it_was_killed(tmp_path: Path, slow_server: Any) -> None:
    url, asked, ended = slow_server
    root, store, job = tmp_path / "set", tmp_path / "store", tmp_path / "job.json"
    settings = {"url": url, "model": "m", "prompt": "p", "timeout_s": 20, "max_tokens": 9, "key_env": None}
    method = {"kind": "endpoint", "key": "text-m", "name": "m", "settings": settings}
    raw = {"version": 1, "root": str(root), "store": str(store), "device": "cpu", "threads": 1}
    job.write_text(json.dumps({**raw, "images": make_images(root, ALL), "methods": [method]}))
    resumes("captioning", job, store, ".json", ended)
    # Only an image that was in progress at the kill may have been requested twice.
    assert len(set(asked)) == ALL
    assert len(asked) - ALL <= 8


def test_masking_goes_on_where_it_was_killed(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="`npm test` installs it beside the environment")
    from tests.tiny_onnx import mapper_bytes

    root, store, job = tmp_path / "set", tmp_path / "masks", tmp_path / "job.json"
    root.mkdir()
    images = [{"path": f"{index:02}.png", "sha256": f"{index:064x}"} for index in range(ALL)]
    for index, image in enumerate(images):
        Image.new("RGB", (300, 300), (20 * index, 40, 60)).save(root / image["path"])
    model = tmp_path / "m.onnx"
    model.write_bytes(mapper_bytes())
    finder = {"kind": "subject", "model": str(model), "range": [0, 1]}
    raw = {"version": 1, "root": str(root), "store": str(store), "device": "cpu", "threads": 1}
    job.write_text(json.dumps({**raw, "images": images, "finders": [finder]}))
    resumes("masking", job, store, ".png", threading.Event())
    # An empty file, as a power cut leaves it, is no mask.
    first = next(store.rglob("*.png"))
    first.write_bytes(first.read_bytes()[:-20])
    assert finished("masking", job) == [ALL - 1, ALL]
