"""``make simulate``: many seeds on two processes, or one seed with its trace."""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import Counter

from simulation.run import Result, run_seed, run_seeds
from simulation.wire import Wire, redis_socket

SHOWN_EVENTS = 40
FAULTS = (
    *("redis_lost", "redis_reply_lost", "redis_doubled", "message_lost", "message_refused"),
    *("message_doubled", "message_late", "city_lost", "city_reply_lost", "city_down", "city_busy"),
    *(
        "city_refuses",
        "key_refused",
        "listing_stale",
        "listing_doubled",
        "trouble",
        "own trouble",
        "fatal",
        "broken",
    ),
)


def tell_broken(result: Result) -> None:
    """Say what a seed broke, what led there, and how to see it again."""
    print(f"\nSEED {result.seed} ({result.kind}) BROKE A PROMISE: {result.broken}")
    print("\n".join(result.trace[-SHOWN_EVENTS:]))
    print(f"Again, with the whole trace: make simulate SEED={result.seed}")


def run_one(seed: int) -> bool:
    """Run one seed and print its trace; whether all held."""
    with redis_socket() as path:
        wire = Wire(path)
        result = run_seed(seed, wire)
        wire.close()
    print("\n".join(result.trace))
    print(
        f"seed {seed} ({result.kind}), trace {result.digest}: {result.broken or 'all promises held'}"
    )
    print(dict(sorted(result.counts.items())))
    return result.broken is None


def run_many(first: int, many: int, processes: int) -> bool:
    """Run seeds side by side and print what came of them; whether all held."""
    began = time.monotonic()
    size = max(1, min(25, many // (2 * processes)))
    chunks = [range(at, min(at + size, first + many)) for at in range(first, first + many, size)]
    totals: Counter[str] = Counter()
    broken, done = [], 0
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        for results in pool.imap(run_seeds, chunks):
            done += len(results)
            for result in results:
                totals += result.counts
                if result.broken is not None:
                    broken.append(result)
            seconds = time.monotonic() - began
            print(f"{done:6} of {many} seeds, {totals['jobs']} jobs, {seconds:.0f} s", flush=True)
    seconds = time.monotonic() - began
    for result in broken[:3]:
        tell_broken(result)
    faults = sum(totals[name] for name in FAULTS)
    print(
        f"\n{many} seeds from {first}: {totals['jobs']} jobs, {totals['endings']} endings, "
        f"{totals['kills']} kills, {totals['stops']} stops, {totals['flushes']} wipes, {faults} faults, "
        f"{totals['moves']} moves by people, {totals['bought']} model calls; "
        f"{totals['virtual_seconds'] / 3600:.1f} virtual hours in {seconds:.1f} s, "
        f"{totals['jobs'] * 60 / seconds:.0f} jobs a minute; {len(broken)} seeds broke a promise"
    )
    return not broken


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=500, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--seed", type=int, help="one seed, with its trace")
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    if options.seed is not None:
        return 0 if run_one(options.seed) else 1
    return 0 if run_many(options.first, options.seeds, options.processes) else 1


if __name__ == "__main__":
    sys.exit(main())
