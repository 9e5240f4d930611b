"""A program of its own: limits itself, then becomes the program that it is told to run.

``confined`` starts it, because limits that are set between fork and exec are not safe in a process
with threads. Imports the standard library alone, and nothing of the fleet.

    limits.py CPU_SECONDS MEMORY_BYTES FILE_BYTES ALARM_SECONDS PROGRAM [ARGUMENT ...]
"""

import contextlib
import os
import resource
import signal
import sys

OPEN_FILES = 256
"""Most files that the program may hold open at once."""


def limit(kind: int, value: int) -> None:
    """Lower one limit for good; never raises it above the one in force."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    with contextlib.suppress(ValueError, OSError):  # macOS has no limit on memory
        resource.setrlimit(kind, (value, value))


def main(arguments: list[str]) -> None:
    """Limit, and become the program."""
    cpu, memory, file_size, alarm = map(int, arguments[:4])
    limit(resource.RLIMIT_CPU, cpu)
    limit(resource.RLIMIT_AS, memory)
    limit(resource.RLIMIT_FSIZE, file_size)
    limit(resource.RLIMIT_NOFILE, OPEN_FILES)
    limit(resource.RLIMIT_CORE, 0)
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")  # where memory runs out, this goes and not its worker
    # Below the worker, whose leases are renewed in time whatever its tools do.
    os.nice(10)
    # Kept across exec: the program ends by itself also when its worker was killed.
    signal.alarm(alarm)
    os.execv(arguments[4], arguments[4:])  # noqa: S606 -- the program is named by ``confined``


if __name__ == "__main__":
    main(sys.argv[1:])
