"""Milliseconds from start until a text stands on a pseudo-terminal of 80×24: until_shown.py TEXT COMMAND ARGS…"""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

text, *command = sys.argv[1:]
start = time.perf_counter()
pid, terminal = pty.fork()
if pid == 0:
    os.environ.update(TERM="xterm-256color", CI="")
    os.execvp(command[0], command)
fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
seen = ""
deadline = start + 60
while text not in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen):
    if time.perf_counter() > deadline or not select.select([terminal], [], [], 60)[0]:
        sys.exit(f"{text!r} was never shown; the screen held: {seen[-500:]!r}")
    try:
        seen += os.read(terminal, 65536).decode(errors="replace")
    except OSError:
        sys.exit(f"the command ended before {text!r} was shown: {seen[-500:]!r}")
print((time.perf_counter() - start) * 1000)
os.kill(pid, signal.SIGKILL)
os.waitpid(pid, 0)
