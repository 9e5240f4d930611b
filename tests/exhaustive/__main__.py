"""``make exhaustive``: every state within some bounds; ``--large`` for wider ones."""

from __future__ import annotations

import argparse
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context

from exhaustive.explore import BROKEN, explore_within
from exhaustive.state import Bounds

BOUNDS = {
    "one job, reported by two": Bounds(reporters=2, crashes=2, lost=2, doubled=1),
    "one job, three attempts": Bounds(attempts=3, crashes=2, lost=1),
    "one job, a wipe within a poll": Bounds(
        workers=1, calls=0, polls=1, flushes=1, crashes=0, lost=0
    ),
    "two jobs, the guard": Bounds(
        **{"jobs": 2, "row": 1, "workers": 1, "calls": 0, "reporters": 2, "attempts": 1},
        **{"crashes": 0, "lost": 1, "failed_checks": 1},
    ),
    "one job, two calls": Bounds(calls=2, crashes=2, lost=1, doubled=1),
    "one job, two workers, a wipe": Bounds(
        calls=0, polls=1, flushes=1, crashes=0, lost=0, attempts=1
    ),
    "two jobs, judged later": Bounds(
        **{"jobs": 2, "row": 1, "workers": 1, "calls": 0, "reporters": 1, "attempts": 1},
        **{"crashes": 1, "lost": 0, "later_checks": 1, "taken_back": 1},
    ),
    "one job, people": Bounds(calls=0, moves=2, crashes=1, lost=1),
}
LARGE = {
    "two jobs, the guard": Bounds(
        **{"jobs": 2, "row": 1, "workers": 1, "calls": 0, "reporters": 2, "crashes": 0},
        **{"lost": 0, "failed_checks": 1},
    ),
    "one job, a wipe within a poll": Bounds(calls=0, polls=1, flushes=1, crashes=0, lost=0),
    "one job, everything": Bounds(
        **{"attempts": 3, "reporters": 2, "crashes": 2, "lost": 2, "doubled": 1},
        **{"moves": 1, "flushes": 1, "polls": 1, "failed_checks": 1},
    ),
    "two jobs": Bounds(
        **{"jobs": 2, "row": 1, "reporters": 2, "crashes": 2, "lost": 1, "doubled": 1},
        **{"failed_checks": 1},
    ),
}
MOST_STATES = {False: 150_000, True: 2_000_000}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--large", action="store_true", help="wider bounds: hours and gigabytes")
    parser.add_argument("--states", type=int, help="the most states of each")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    began, is_broken = time.monotonic(), False
    chosen = LARGE if options.large else BOUNDS
    most = options.states or MOST_STATES[options.large]
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        tasks = [pool.submit(explore_within, name, bounds, most) for name, bounds in chosen.items()]
        for task in as_completed(tasks):
            print(task.result(), flush=True)
            is_broken = is_broken or BROKEN in task.result()
    print(f"{time.monotonic() - began:.1f} s in all")
    return int(is_broken)


if __name__ == "__main__":
    sys.exit(main())
