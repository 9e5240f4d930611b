"""The fleet beside its peers: the same jobs on the same loopback AI City and model, and what they cost.

Each measurement starts one contender with a Redis of its own, lets it warm up, measures, and ends it.
Rounds are interleaved: every contender runs its first round before any runs its second. Nothing else should
run on the machine meanwhile. The peers need environments of their own: 'make bench' makes them.

examples:
  make bench                                              everything; hours
  make bench ARGS="--jobs 20 --rounds 1 --small"          everything once, small: does it work?
  make bench ARGS="--scenario throughput --only ours,celery,arq"
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import redis
from bench.backlog import DEPTHS, backlog
from bench.contender import CONTENDERS, Contender
from bench.scenarios import SCENARIOS, Round, Sizes
from bench.tables import to_json, to_markdown

NAMES = ("throughput", "density", "density-most", "latency", "idle", "start-up", "backlog")
"""Every scenario, in the order in which they run."""

DEFAULT_ROUNDS = {"throughput": 5}
"""Rounds of a scenario; 3 of any other."""

BROKEN = (OSError, AssertionError, httpx.HTTPError, redis.RedisError)
"""What a contender that does not work raises here: a finding, and no reason to lose the others."""

MOST_IN_FLIGHT = 2000
"""Jobs at once in the scenario ``density-most``, which the fleet runs alone."""

SMALL = Sizes(jobs=20, in_flight=10, latency_seconds=0.5, probes=5, idle_seconds=3)
SMALL_MOST, SMALL_DEPTHS = 40, (10, 100)


def main(argv: Sequence[str] | None = None) -> int:
    """Measure what the arguments ask for; print Markdown."""
    args = _arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what it started ends with it
    sizes = SMALL if args.small else Sizes()
    sizes = dataclasses.replace(sizes, jobs=args.jobs) if args.jobs else sizes
    most = SMALL_MOST if args.small else MOST_IN_FLIGHT
    chosen = [name for name in CONTENDERS if not args.only or name in args.only]
    missing = [name for name in chosen if not CONTENDERS[name].is_installed()]
    if missing:
        print(f"left out, not installed ('make bench' does): {', '.join(missing)}", file=sys.stderr)
    contenders = [CONTENDERS[name] for name in chosen if name not in missing]
    found: dict[str, dict[str, list[Round]]] = {}
    failed = 0
    for name in args.scenario or NAMES:
        depths = SMALL_DEPTHS if args.small else DEPTHS
        plan = _plan(name, contenders, sizes, most, depths)
        found[name] = {contender: [] for contender in plan}
        for number in range(args.rounds or DEFAULT_ROUNDS.get(name, 3)):
            for contender, measure in plan.items():
                one = _measured(f"{name}, round {number + 1}: {contender}", measure)
                failed += one is None
                found[name][contender] += [one] if one is not None else []
    report = to_json(found, {**dataclasses.asdict(sizes), "most": most})
    if args.json:
        args.json.write_text(json.dumps(report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    text = to_markdown(report)
    if args.markdown:
        args.markdown.write_text(text, "utf-8")
    print(text, end="")
    return 1 if failed else 0


def _plan(
    name: str,
    contenders: Sequence[Contender],
    sizes: Sizes,
    most: int,
    depths: Sequence[int],
) -> dict[str, Callable[[], Round]]:
    """Return what one round of a scenario measures, by contender."""
    if name == "backlog":
        is_in = any(contender.name == "ours" for contender in contenders)
        return {f"{depth:,}": partial(backlog, depth) for depth in depths if is_in}
    measure = SCENARIOS["density" if name == "density-most" else name]
    if name == "density-most":
        contenders = [one for one in contenders if not one.environment]
        sizes = dataclasses.replace(sizes, in_flight=most)
    elif name != "density":
        contenders = [one for one in contenders if one.is_routine]
    return {contender.name: partial(measure, contender, sizes) for contender in contenders}


def _measured(what: str, measure: Callable[[], Round]) -> Round | None:
    """Run one measurement and say so; None when it failed, so that the others still run."""
    print(f"{what} ...", file=sys.stderr, flush=True)
    began = time.monotonic()
    try:
        one = measure()
    except BROKEN as error:
        notes = "\n".join(getattr(error, "__notes__", ()))
        print(f"  FAILED: {type(error).__name__}: {error}\n{notes}", file=sys.stderr, flush=True)
        return None
    shown = ", ".join(f"{key} {value:.4g}" for key, value in one.items() if "." not in key)
    print(f"  {shown} [{time.monotonic() - began:.0f} s]", file=sys.stderr, flush=True)
    return one


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tests/bench",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--scenario",
        type=partial(_names, NAMES),
        help=f"some of: {', '.join(NAMES)} (default: all)",
    )
    parser.add_argument(
        "--only",
        type=partial(_names, tuple(CONTENDERS)),
        help=f"some of: {', '.join(CONTENDERS)} (default: all)",
    )
    parser.add_argument(
        "--rounds", type=int, help="rounds of each scenario (default: 5 for throughput, else 3)"
    )
    parser.add_argument("--jobs", type=int, help="jobs of a throughput round (default: 2000)")
    parser.add_argument(
        "--small", action="store_true", help="make every other size small, for a trial"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables there too")
    return parser.parse_args(argv)


def _names(known: Sequence[str], text: str) -> list[str]:
    """Return the names of a list with commas, in the order in which they are known."""
    named = {name.strip() for name in text.split(",") if name.strip()}
    if unknown := named - set(known):
        raise argparse.ArgumentTypeError(
            f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}"
        )
    return [name for name in known if name in named]


if __name__ == "__main__":
    raise SystemExit(main())
