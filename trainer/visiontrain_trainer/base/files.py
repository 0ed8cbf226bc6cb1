"""Files are written whole or not at all: write beside, flush to disk, rename. Only plain files are read, because a run
folder may come from a stranger.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path


def open_regular(path: Path, flags: int, mode: int = 0o600) -> int:
    """Open a plain file and return its descriptor. No link is followed, and a FIFO does not block.

    Raises OSError when `path` is not a plain file, or cannot be opened.
    """
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, mode)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "it is no plain file", str(path))


def read_regular(path: Path, limit: int) -> bytes:
    """Content of a plain file. Raises OSError when the file has more than `limit` bytes, or is not a plain file."""
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise OSError(errno.EFBIG, f"it has {size} bytes, more than it can rightly have", str(path))
        return file.read(size)


def is_plain(path: Path) -> bool:
    """Whether `path` is a plain file. A link, folder or FIFO of that name is none."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def hold(folder: Path) -> Path:
    """A path to `folder` that stays valid when the folder is moved: one in /proc, or without /proc the resolved path.

    Raises OSError when `folder` is not a folder that can be opened.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    held = Path(f"/proc/self/fd/{handle}")
    return held if held.exists() else folder.resolve()


def sha256_file(path: Path) -> str:
    """SHA-256 of a file's content as 64 hex digits. Raises OSError when the file cannot be read."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)


def _digest(file: object) -> str:
    # Python 3.10 has no hashlib.file_digest.
    digest = hashlib.sha256()
    while block := file.read(1 << 20):  # type: ignore[attr-defined]
        digest.update(block)
    return digest.hexdigest()


def write_atomic(path: Path, content: bytes | Iterable[bytes | memoryview], *, durable: bool = True) -> None:
    """Replace `path` with `content`, whole or in pieces. Raises OSError when the disk does not take it; `path` is then
    as it was.

    `durable=False` skips the flush to disk: it is for files whose checksum is verified when they are read.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # The file is created anew, so that a link or file that lies at this name is neither followed nor written to.
        beside.unlink(missing_ok=True)
        with beside.open("xb") as file:
            for piece in [content] if isinstance(content, bytes) else content:
                file.write(piece)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


class Hashed:
    """Passes pieces on and keeps their SHA-256 and their number of bytes, so that a file is hashed as it is written."""

    def __init__(self, source: Iterable[bytes | memoryview]) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.bytes = 0

    def __iter__(self) -> Iterator[bytes | memoryview]:
        for piece in self._source:
            self._hash.update(piece)
            self.bytes += len(piece)
            yield piece

    @property
    def sha256(self) -> str:
        """The SHA-256 of the pieces that were passed on so far, as 64 hex digits."""
        return self._hash.hexdigest()


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a crash."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_folder(built: Path, final: Path) -> None:
    """Rename the finished folder `built` to `final`. An older folder of that name is removed."""
    if final.exists():
        old = final.with_name(f".{final.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
        built.rename(final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        built.rename(final)
    sync_folder(final.parent)
