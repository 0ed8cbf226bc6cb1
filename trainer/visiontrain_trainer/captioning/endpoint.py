"""Captions by any server that speaks OpenAI's chat protocol: Ollama, vLLM, llama.cpp, or a hosted one."""

from __future__ import annotations

import base64
import http.client
import io
import json
import os
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image

from visiontrain_trainer.base.errors import TrainingError

from .text import clean_reply, is_refusal, one_line

#: Longest side in pixels of the image that is sent: models look at no more, and a photo would take megabytes.
_MOST_SIDE = 1024
#: Most bytes of a reply. A caption takes a few kilobytes.
_MOST_BYTES = 1 << 20
#: Tries of one image, and seconds before the second one; each further wait is twice as long.
_TRIES = 3
_PAUSE = 1.0
#: Images that may fail one after the other, before the server has answered once, until it is held to be the cause.
_PATIENCE = 3


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        # A redirect would carry image and key to a server that nobody named.
        return None


class _Retry(Exception):
    """The server could not answer now, but another try may help, after `wait` seconds if the server named a time."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.wait = reason, wait


class Endpoint:
    """A server that captions one image with each request."""

    batch = 1

    def __init__(self, settings: dict[str, Any]) -> None:
        self._url = str(settings["url"]).rstrip("/") + "/chat/completions"
        self._model, self._prompt = str(settings["model"]), str(settings["prompt"])
        self._seconds = float(settings["timeout_s"])
        self._max_tokens = int(settings["max_tokens"])
        variable = settings.get("key_env")
        self._key = os.environ.get(variable, "").strip() if variable else ""
        if variable and not self._key:
            raise TrainingError(
                f"The environment variable {variable}, which is to hold the endpoint's key, is empty.",
                id="captions/server",
            )
        self._opener = urllib.request.build_opener(_NoRedirect)
        self._answered, self._failed = False, 0

    def tags(self, images: Sequence[Image.Image]) -> Iterator[dict[str, Any]]:
        """For each image its result: what the model replied."""
        for image in images:
            try:
                reply = self._caption(image)
            except ValueError as error:
                self._failed += 1
                if not self._answered and self._failed >= _PATIENCE:
                    raise TrainingError(
                        f"The endpoint has not captioned one of {self._failed} images.",
                        [self._url, str(error)],
                        ["Look at its log, and whether the model can see images."],
                        id="captions/server",
                    ) from error
                raise
            self._answered = True
            yield {"text": reply}

    def _caption(self, image: Image.Image) -> str:
        """The caption that the model gives an image. Raises ValueError with the reason when the reply is no caption."""
        body = self._request(image)
        for left in reversed(range(_TRIES)):
            try:
                return _reply_of(self._ask(body))
            except _Retry as error:
                if left == 0:
                    raise ValueError(error.reason) from error
                time.sleep(min(30.0, error.wait or _PAUSE * 2 ** (_TRIES - 1 - left)))
        raise AssertionError("the last try returns or raises")

    def _request(self, image: Image.Image) -> bytes:
        small = image.copy()
        small.thumbnail((_MOST_SIDE, _MOST_SIDE), Image.Resampling.LANCZOS)
        buffer = io.BytesIO()
        small.save(buffer, "JPEG", quality=90)
        address = "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode()
        content = [
            {"type": "text", "text": self._prompt},
            {"type": "image_url", "image_url": {"url": address}},
        ]
        request = {
            "model": self._model,
            "messages": [{"role": "user", "content": content}],
            # A fixed seed gives the same image the same caption each time; servers without seeds ignore it.
            "temperature": 0,
            "seed": 0,
            "max_tokens": self._max_tokens,
        }
        return json.dumps(request).encode()

    def _ask(self, body: bytes) -> bytes:
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "visiontrain"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        request = urllib.request.Request(self._url, body, headers, method="POST")
        deadline = time.monotonic() + self._seconds
        try:
            with self._opener.open(request, timeout=self._seconds) as response:
                return _read(response, deadline)
        except urllib.error.HTTPError as error:
            with error:
                raise self._refused(error.code, _start_of(error), error.headers) from error
        except (OSError, http.client.HTTPException) as error:
            raise _Retry(_why(error, self._seconds)) from error

    def _refused(self, status: int, answer: str, headers: Any) -> Exception:
        if status in (401, 403):
            cure = (
                "Name the variable that holds the key: --key-env NAME" if not self._key else "Is the key the right one?"
            )
            return TrainingError(
                f"The endpoint refuses the key (HTTP {status}).", [self._url, answer], [cure], id="captions/server"
            )
        if status in (404, 405):
            return TrainingError(
                f"The endpoint knows no such address or model (HTTP {status}).",
                [self._url, f"model {self._model}", answer],
                ["The address ends in /v1 with most servers; see which models there are: curl ADDRESS/models"],
                id="captions/server",
            )
        if 300 <= status < 400:
            return TrainingError(
                "The endpoint leads elsewhere, which is not followed.",
                [self._url, f"HTTP {status}"],
                id="captions/server",
            )
        if status == 429 or status >= 500:
            after = headers.get("Retry-After", "") if headers is not None else ""
            return _Retry(f"the endpoint answers HTTP {status}: {answer}", float(after) if after.isdecimal() else None)
        return ValueError(f"the endpoint answers HTTP {status}: {answer}")


def _why(error: BaseException, seconds: float) -> str:
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError) or isinstance(error, TimeoutError):
        return f"the endpoint does not answer within {seconds:g} s"
    if isinstance(error, http.client.HTTPException):
        return f"the endpoint stops half-way through its answer ({type(error).__name__})"
    return f"the endpoint cannot be reached: {one_line(str(cause))[:200]}"


def _read(response: Any, deadline: float) -> bytes:
    """The body of a reply. Raises _Retry when it is too slow, and ValueError when it is too long to be a caption."""
    parts: list[bytes] = []
    size = 0
    while part := response.read1(1 << 16):
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise ValueError(f"the endpoint's answer is longer than {_MOST_BYTES >> 20} MB")
        if time.monotonic() > deadline:
            raise TimeoutError
    wanted = response.headers.get("Content-Length")
    if wanted is not None and wanted.isdecimal() and size < int(wanted):
        raise _Retry("the endpoint stops half-way through its answer")
    return b"".join(parts)


def _start_of(error: urllib.error.HTTPError) -> str:
    """The start of an error's body in one line: servers say there what is wrong."""
    try:
        return one_line(error.read(2000).decode("utf-8", "replace"))[:300]
    except (OSError, http.client.HTTPException):
        return ""


def _reply_of(body: bytes) -> str:
    """The words in a reply. Raises ValueError when there are none that could be a caption."""
    text = body.decode("utf-8", "replace")
    if text.lstrip().startswith("<"):
        raise ValueError("the endpoint answers with a web page: does its address end in /v1?")
    try:
        content = json.loads(text)["choices"][0]["message"]["content"]
        if isinstance(content, list):
            content = " ".join(part["text"] for part in content if part.get("type") == "text")
        if not isinstance(content, str):
            raise TypeError
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"the endpoint's answer holds no caption: {one_line(text)[:120]}") from error
    reply = clean_reply(content)
    if reply == "":
        raise ValueError("the model replies nothing")
    if is_refusal(reply):
        raise ValueError(f"the model refuses: {reply[:120]}")
    return reply
