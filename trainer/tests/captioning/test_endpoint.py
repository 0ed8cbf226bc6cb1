"""Endpoints that speak OpenAI's protocol, played by a real server on this machine with prepared answers."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.captioning.helpers import do, make_images
from visiontrain_trainer.captioning import endpoint

Answer = Callable[[BaseHTTPRequestHandler], None]


def says(text: Any, **more: Any) -> Answer:
    return sends(json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}], **more}).encode())


def sends(body: bytes, status: int = 200, **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


class Server:
    """Gives the answers one after the other, repeats the last one, and keeps the requests."""

    def __init__(self) -> None:
        self.answers: list[Answer] = []
        self.asked: list[tuple[str, dict[str, str], dict[str, Any]]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.asked.append((self.path, dict(self.headers), body))
                answer = outer.answers.pop(0) if len(outer.answers) > 1 else outer.answers[0]
                answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr(endpoint, "_PAUSE", 0.01)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Server()
    yield made
    made.http.shutdown()
    made.http.server_close()


def method(url: str, **settings: Any) -> dict[str, Any]:
    default = {"url": url, "model": "tiny-vl", "prompt": "Describe it.", "timeout_s": 5, "max_tokens": 300}
    return {"kind": "endpoint", "key": "text-1", "name": "tiny-vl", "settings": {**default, **settings}}


def caption(tmp_path: Path, server: Server, count: int = 1, **settings: Any) -> tuple[list[str | None], Any]:
    """The captions of `count` images (or None), the lines that the job printed, and its results."""
    images = make_images(tmp_path / "set", count)
    did = do(tmp_path / "set", images, method(server.url, **settings))
    texts = []
    for image in images:
        try:
            texts.append(did.result("text-1", image["sha256"])["text"])
        except FileNotFoundError:
            texts.append(None)
    return texts, did


def test_it_sends_the_image_the_prompt_and_the_key(
    tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sesame")
    server.answers = [says("A fox, red.")]
    texts, did = caption(tmp_path, server, key_env="MY_KEY")
    assert texts == ["A fox, red."] and did.error is None
    path, headers, body = server.asked[0]
    assert path == "/v1/chat/completions" and headers["Authorization"] == "Bearer sesame"
    assert (body["model"], body["temperature"]) == ("tiny-vl", 0)
    text, image = body["messages"][0]["content"]
    assert text["text"] == "Describe it."
    sent = Image.open(io.BytesIO(base64.b64decode(image["image_url"]["url"].partition("base64,")[2])))
    assert sent.size == (40, 30)
    assert "sesame" not in json.dumps(did.lines)


@pytest.mark.parametrize(
    ("reply", "text"),
    [
        ('<think>a fox?\nyes</think>\n\nCaption: "A fox\n on a hill"', "A fox on a hill"),
        ("a \x1b[31mred\x1b[0m fox\u202e\x00", "a [31mred [0m fox"),
        ([{"type": "text", "text": "a fox"}], "a fox"),
        ("fox, " * 3000, None),
    ],
)
def test_replies_become_one_clean_line(tmp_path: Path, server: Server, reply: Any, text: str | None) -> None:
    server.answers = [says(reply)]
    [found], _ = caption(tmp_path, server)
    assert found is not None
    if text is None:
        assert len(found) <= 2000 and found.endswith("fox")
    else:
        assert found == text


def hang(request: BaseHTTPRequestHandler) -> None:
    time.sleep(1)


def drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(12):
        request.wfile.write(b" ")
        request.wfile.flush()
        time.sleep(0.1)


def cut(request: BaseHTTPRequestHandler) -> None:
    sends(b'{"choices": [', Content_Length="500")(request)
    request.close_connection = True


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (sends(b"<html>sign in</html>"), "web page"),
        (sends(b"[" * 100_000), "holds no caption"),
        (sends(b'{"choices": []}'), "holds no caption"),
        (sends(b"x" * (10 << 20)), "longer than 1 MB"),
        (says(""), "replies nothing"),
        (says("I'm sorry, I can't help with that."), "refuses"),
        (hang, "does not answer within 0.3 s"),
        (drip, "does not answer within 0.3 s"),
        (cut, "stops half-way"),
        (sends(b"busy", status=503), "HTTP 503: busy"),
        (sends(b"image too odd", status=400), "HTTP 400: image too odd"),
    ],
    ids=["html", "deep", "none", "10MB", "empty", "refusal", "slow", "drip", "cut", "503", "400"],
)
def test_a_bad_answer_loses_one_image_with_its_reason(
    tmp_path: Path, server: Server, answer: Answer, said: str
) -> None:
    server.answers = [
        says("first"),
        *[answer] * (3 if said[:4] in ("does", "stop", "HTTP") and "400" not in said else 1),
    ]
    server.answers.append(says("third"))
    texts, did = caption(tmp_path, server, 3, timeout_s=0.3)
    assert texts == ["first", None, "third"] and did.error is None
    [failed] = did.of("failed")
    assert failed["path"] == "01.png" and said in failed["reason"]


def test_another_try_helps_where_it_can(tmp_path: Path, server: Server) -> None:
    server.answers = [sends(b"", status=429, Retry_After="0"), cut, says("a fox")]
    texts, did = caption(tmp_path, server)
    assert texts == ["a fox"] and did.of("failed") == [] and len(server.asked) == 3


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (sends(b"no", status=401), "refuses the key"),
        (sends(b"no model", status=404), "no such address or model"),
        (sends(b"", status=302, Location="http://127.0.0.1:9/"), "leads elsewhere"),
    ],
)
def test_a_fault_of_every_image_ends_the_job(tmp_path: Path, server: Server, answer: Answer, said: str) -> None:
    server.answers = [answer]
    _, did = caption(tmp_path, server, 2)
    assert did.error is not None and said in did.error.reason and len(server.asked) == 1


def test_a_server_that_never_answers_ends_the_job_and_not_after_a_thousand_images(
    tmp_path: Path, server: Server
) -> None:
    server.answers = [sends(b"<html>")]
    _, did = caption(tmp_path, server, 12)
    assert did.error is not None and "has not captioned one of 3 images" in did.error.reason
    server.http.shutdown()
    server.http.server_close()
    _, gone = caption(tmp_path, server, 3)
    assert gone.error is not None and "cannot be reached" in " ".join(gone.error.details)


def test_a_missing_key_is_reported_before_anything_is_sent(tmp_path: Path, server: Server) -> None:
    _, did = caption(tmp_path, server, 1, key_env="NOT_THERE")
    assert did.error is not None and "NOT_THERE" in did.error.reason and server.asked == []
