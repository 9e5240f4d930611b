"""Writes the names of all loaded modules into a file, again and again: for tests of real processes.

A process that has this folder on its path lists its modules as ``$MODULE_LISTING/PID``.
"""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path


def write_again_and_again(folder: Path) -> None:
    """Write the list, each time as a whole."""
    path = folder / str(os.getpid())
    while True:
        draft = path.with_suffix(".draft")
        draft.write_text("\n".join(sorted(sys.modules.copy())))
        draft.rename(path)
        time.sleep(0.2)


if "MODULE_LISTING" in os.environ:
    place = Path(os.environ["MODULE_LISTING"])
    threading.Thread(target=write_again_and_again, args=(place,), daemon=True).start()
