"""Ends a program of the trainer when the process that started it is gone."""

from __future__ import annotations

import os
import signal
import threading

#: Set by a process that holds the other end of this program's stdin open for as long as it lives.
_OWNED = "VISIONTRAIN_OWNED"
#: What a killed process would have ended with.
_KILLED = 137


def end_with_owner() -> None:
    """End this process and its group soon after its owner has ended in any way, even by a kill.

    The kernel closes the owner's end of the pipe, which a thread notices. Nothing happens in a program that was started
    without an owner. The caller's files must be whole at any moment.
    """
    if os.environ.pop(_OWNED, None) is not None:
        threading.Thread(target=_wait, name="owner", daemon=True).start()


def _wait() -> None:
    try:
        while os.read(0, 1 << 12):
            pass
    except OSError:
        # A pipe that cannot be read has no owner either.
        pass
    if os.name != "nt" and os.getpgrp() == os.getpid():
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(_KILLED)
