"""Prints the milliseconds of CPU, user and system, that a command took: `cpu_time.py node empty.mjs`."""

import os
import sys

OUTPUT = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_WRONLY, 0) for stream in (1, 2)]

process = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=OUTPUT)
_, status, usage = os.wait4(process, 0)
if status != 0:
    sys.exit(f"{' '.join(sys.argv[1:])} ended with {os.waitstatus_to_exitcode(status)}")
print((usage.ru_utime + usage.ru_stime) * 1000)
