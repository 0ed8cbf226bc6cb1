"""Whole files or none: write beside, flush to disk, rename. Read plain files alone: a folder may be a stranger's."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from pathlib import Path


def open_regular(path: Path, flags: int, mode: int = 0o600) -> int:
    """Descriptor of a plain file; no link is followed, no FIFO waited for. Raises OSError for whatever else it is."""
    handle = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK, mode)
    if stat.S_ISREG(os.fstat(handle).st_mode):
        return handle
    os.close(handle)
    raise OSError(errno.EINVAL, "it is no plain file", str(path))


def read_regular(path: Path, limit: int) -> bytes:
    """Content of a plain file of at most `limit` bytes. Raises OSError for whatever else it is."""
    with os.fdopen(open_regular(path, os.O_RDONLY), "rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size > limit:
            raise OSError(errno.EFBIG, f"it has {size} bytes, more than it can rightly have", str(path))
        return file.read(size)


def is_request(path: Path) -> bool:
    """Whether a plain file is there; what else has the name asks for nothing."""
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def hold(folder: Path) -> Path:
    """`folder` under a name that stays good when it is moved, where the system has one. Raises OSError without one."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    held = Path(f"/proc/self/fd/{handle}")
    return held if held.exists() else folder.resolve()


def sha256_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)


def _digest(file: object) -> str:
    # Python 3.10 has no hashlib.file_digest.
    digest = hashlib.sha256()
    while block := file.read(1 << 20):  # type: ignore[attr-defined]
        digest.update(block)
    return digest.hexdigest()


def write_atomic(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Replace `path` with `content`; `durable=False` skips the flush for files that are checked when read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        # Made anew: whatever waits at that name is neither followed nor written to.
        beside.unlink(missing_ok=True)
        with beside.open("xb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if durable:
        sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def replace_folder(built: Path, final: Path) -> None:
    """Put a finished folder in its place at once; an older one with the name goes away."""
    if final.exists():
        old = final.with_name(f".{final.name}.old")
        shutil.rmtree(old, ignore_errors=True)
        final.rename(old)
        built.rename(final)
        shutil.rmtree(old, ignore_errors=True)
    else:
        built.rename(final)
    sync_folder(final.parent)
