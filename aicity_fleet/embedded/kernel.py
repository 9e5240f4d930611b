"""What Linux does for a process of the fleet; elsewhere these functions do nothing."""

import ctypes
import os
import signal
import sys

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""What tells a process of the fleet to stop: Ctrl-C, a service manager, a terminal that closes."""

_PR_SET_PDEATHSIG, _PR_SET_NAME = 1, 15
_PRCTL = ctypes.CDLL(None).prctl if sys.platform == "linux" else None


def die_with_parent(parent: int, number: signal.Signals = signal.SIGTERM) -> None:
    """Have the kernel stop this process when its parent is killed.

    The signal is for a death from now on, so a process whose parent is gone already ends itself. Safe
    between fork and exec: the C function was looked up before.

    Args:
        parent: The process id of the parent, from before the fork.
        number: The signal that this process gets then.
    """
    if _PRCTL is not None:
        _PRCTL(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:
            os._exit(1)


def name_process(name: str) -> None:
    """Give this process a name, at most 15 characters of it, for ``top`` and ``ps -o comm``."""
    if _PRCTL is not None:
        _PRCTL(_PR_SET_NAME, name.encode())
