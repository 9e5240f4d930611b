"""``make exhaustive``: every state within some bounds; ``--large`` for wider ones."""

from __future__ import annotations

import argparse
import sys

from exhaustive.explore import BrokenPathError, Explorer
from exhaustive.programs import replayed
from exhaustive.state import Bounds
from simulation.wire import Wire, redis_socket
from simulation.world import virtual_texts

BOUNDS = {
    "one job, crashes and lost replies": Bounds(crashes=2, lost=1),
    "one job, its report sent twice": Bounds(workers=1, reporters=2, crashes=1, lost=2, attempts=3),
    "one job, a wipe and a poll": Bounds(calls=1, polls=1, flushes=1, crashes=1, lost=0),
    "one job, people": Bounds(workers=1, reporters=2, moves=2, crashes=1, lost=1),
    "two jobs, the guard": Bounds(
        jobs=2, row=1, workers=1, calls=0, reporters=2, crashes=0, lost=1, failed_checks=1
    ),
}
LARGE = {
    "one job, everything": Bounds(
        attempts=3, reporters=2, crashes=2, lost=2, doubled=1, moves=1, flushes=1, polls=1
    ),
    "two jobs": Bounds(jobs=2, row=1, reporters=2, crashes=2, lost=1, doubled=1, failed_checks=1),
}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--large", action="store_true", help="wider bounds: takes as long as it may"
    )
    parser.add_argument("--states", type=int, default=60_000, help="the most states of each")
    options = parser.parse_args()
    with redis_socket() as path, replayed():
        for name, bounds in (LARGE if options.large else BOUNDS).items():
            explorer = Explorer(Wire(path), virtual_texts(), bounds)
            try:
                found = explorer.explore(options.states)
            except BrokenPathError as broken:
                print(f"{name}: BROKEN. The shortest way there:\n{broken}")
                return 1
            whole = "all" if found.is_whole else "not all"
            print(
                f"{name}: {found.states} states ({whole}), {found.transitions} transitions, "
                f"{found.recoveries} recoveries, {found.seconds:.1f} s",
                flush=True,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
