"""What a full-screen program costs: watched.py COLUMNS ROWS WARM_S SECONDS COMMAND ARGS…

It runs on a pseudo-terminal of that size. After WARM_S seconds the bytes it sends and the time it computes are counted
for SECONDS seconds; then it is sent `d`, and must leave the alternate screen. Prints JSON.

With WATCHED_SHOWS=kitty the terminal answers that it shows images by kitty's protocol, and images are counted apart."""

import fcntl
import json
import os
import pty
import re
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


#: The answers of a terminal that shows images: that it does, the size of a cell, and its name.
ANSWER = b"\x1b_Gi=31;OK\x1b\\\x1b[6;20;10t\x1b[?62c"
shows = os.environ.get("WATCHED_SHOWS") == "kitty"
IMAGE = re.compile(rb"\x1b_G(a=T,[^;]*|m=[01]);[^\x1b]*\x1b\\")


def images_in(sent: bytes) -> tuple[int, int]:
    """The number of images that were sent, and their bytes."""
    found = list(IMAGE.finditer(sent))
    return sum(part[1].startswith(b"a=T") for part in found), sum(len(part[0]) for part in found)


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
        if shows and b"\x1b[c" in part:
            os.write(terminal, ANSWER)
    return sent


first = read_until(time.monotonic() + warm)
before = computed()
counted = read_until(time.monotonic() + seconds)
used = computed() - before
os.write(terminal, b"d")
rest = read_until(time.monotonic() + 20)
_, status = os.waitpid(pid, 0)
images, image_bytes = images_in(first + counted)
print(
    json.dumps(
        {
            "first_bytes": len(first),
            "bytes_per_second": (len(counted) - images_in(counted)[1]) / seconds,
            "images": images,
            "image_bytes": image_bytes,
            # The last image command before the screen is left removes the images.
            "images_left": rest.rfind(b"\x1b_Ga=T") > rest.rfind(b"\x1b_Ga=d"),
            "share_of_core": used / seconds,
            "left": (first + counted + rest).rfind(b"\x1b[?1049l") > (first + counted + rest).rfind(b"\x1b[?1049h"),
            "status": os.waitstatus_to_exitcode(status),
        }
    )
)
