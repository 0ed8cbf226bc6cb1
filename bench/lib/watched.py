"""What a full-screen program costs: watched.py COLUMNS ROWS WARM_S SECONDS COMMAND ARGS…

It runs on a pseudo-terminal of that size. After WARM_S seconds the bytes it sends and the time it computes are counted
for SECONDS seconds; then it is sent `d`, and must leave the alternate screen. Prints JSON."""

import fcntl
import json
import os
import pty
import select
import struct
import sys
import termios
import time
from pathlib import Path

columns, rows, warm, seconds = map(int, sys.argv[1:5])
command = sys.argv[5:]
pid, terminal = pty.fork()
if pid == 0:
    time.sleep(0.2)
    os.environ.update(TERM="xterm-256color", COLORTERM="truecolor", CI="")
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


def computed() -> float:
    with Path(f"/proc/{pid}/stat").open() as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_until(deadline: float) -> bytes:
    sent = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([terminal], [], [], left)[0]:
            break
        try:
            part = os.read(terminal, 65536)
        except OSError:
            break
        if part == b"":
            break
        sent += part
    return sent


first = read_until(time.monotonic() + warm)
before = computed()
counted = read_until(time.monotonic() + seconds)
used = computed() - before
os.write(terminal, b"d")
rest = read_until(time.monotonic() + 20)
_, status = os.waitpid(pid, 0)
print(
    json.dumps(
        {
            "first_bytes": len(first),
            "bytes_per_second": len(counted) / seconds,
            "share_of_core": used / seconds,
            "left": (first + counted + rest).rfind(b"\x1b[?1049l") > (first + counted + rest).rfind(b"\x1b[?1049h"),
            "status": os.waitstatus_to_exitcode(status),
        }
    )
)
