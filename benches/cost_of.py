"""Runs a command and prints what it cost: seconds, peak MiB of its largest process, MiB read by it and by what it starts.

Usage: cost_of.py COMMAND ...; the command's own output goes to standard error. Linux only.
"""

import os
import subprocess
import sys
import time


def read_bytes():
    """Bytes that this process, and those of its children that have ended, asked for in reads."""
    with open("/proc/self/io") as lines:
        return dict(line.split(": ") for line in lines.read().splitlines())["rchar"]


before, began = int(read_bytes()), time.monotonic()
child = subprocess.Popen(sys.argv[1:], stdout=sys.stderr)
_, status, usage = os.wait4(child.pid, 0)
seconds = time.monotonic() - began
cpu = usage.ru_utime + usage.ru_stime
print(f"{seconds:.2f} s ({cpu:.2f} s of CPU), {usage.ru_maxrss / 1024:.0f} MiB, {(int(read_bytes()) - before) / 2**20:.0f} MiB read")
sys.exit(0 if os.waitstatus_to_exitcode(status) in (0, 75) else 1)
