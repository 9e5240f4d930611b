"""The fleet for hours: whether its memory, file handles, threads, Redis and logs stay bounded.

Jobs come at an even rate, as on a working day, or as fast as they go. Everything is on, the archive and the
metrics as well, and jobs leave Redis after half an hour. A row of the table is one look at the fleet.

examples:
  make soak                        an hour of 20 jobs a minute
  make soak ARGS="--jobs 28800"    as many jobs as in 24 hours of that, as fast as they go
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis
from bench.contender import CONTENDERS, Contender, Setup
from bench.stage import Stage, stage

from aicity_fleet.embedded.ports import free_port
from aicity_fleet.embedded.supervisor import Program

MEGABYTE = 1 << 20

KEPT_DAYS = "0.02"
"""How long jobs stay in Redis and are read back, in days: half an hour, so that a soak sees them go."""

BATCH_JOBS = 400
"""How many jobs are assigned at once when they go as fast as they go."""

BATCH_SECONDS = 300.0
"""How long such a batch may take, in seconds."""

Look = dict[str, float]


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the arguments ask for; print Markdown. Exit code 1 when a job was lost or ended twice."""
    args = _arguments(argv)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what it started ends with it
    looks: list[Look] = []
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        archive = Path(name) / "archive.sqlite"
        with stage(_with_everything(CONTENDERS["ours"], archive)) as made:
            made.start()
            began, first = time.monotonic(), made.market.counts()["completed"]
            for done in _fast(made, args.jobs) if args.jobs else _paced(made, args):
                look = {
                    "minutes": (time.monotonic() - began) / 60,
                    "jobs": done - first,
                    **_look(made, archive),
                }
                looks.append(look)
                print(
                    ", ".join(f"{key} {value:.4g}" for key, value in look.items()), file=sys.stderr
                )
            counts = made.market.counts()
    if args.json:
        args.json.write_text(json.dumps(looks, indent=1) + "\n", "utf-8")
    lost = counts["assigned"] - counts["completed"]
    print(f"{_table(looks)}\n\nLost: {lost}. Ended twice: {counts['repeats']}.")
    return 1 if lost or counts["repeats"] else 0


def _with_everything(ours: Contender, archive: Path) -> Contender:
    further = {
        "FLEET_RETENTION_DAYS": KEPT_DAYS,
        "FLEET_READ_BACK_DAYS": KEPT_DAYS,
        "FLEET_METRICS_PORT": str(free_port()),
        "FLEET_ARCHIVE": str(archive),
    }

    def programs(setup: Setup) -> list[Program]:
        return [dataclasses.replace(p, env={**p.env, **further}) for p in ours.programs(setup)]

    return dataclasses.replace(ours, programs=programs)


def _paced(made: Stage, args: argparse.Namespace) -> Iterator[int]:
    """Assign jobs at an even rate; yield after each share of the time how many are completed."""
    per_look = args.minutes / args.looks
    for _ in range(args.looks):
        made.market.assign(round(per_look * args.rate), per_second=args.rate / 60)
        time.sleep(per_look * 60)
        yield made.market.counts()["completed"]
    made.market.wait("completed", made.market.counts()["assigned"], BATCH_SECONDS)


def _fast(made: Stage, jobs: int) -> Iterator[int]:
    """Deliver jobs in batches; yield a dozen times how many are completed."""
    batches = max(1, round(jobs / BATCH_JOBS))
    for number in range(1, batches + 1):
        made.deliver(BATCH_JOBS, BATCH_SECONDS)
        if number % max(1, batches // 12) == 0:
            yield made.market.counts()["completed"]


def _look(made: Stage, archive: Path) -> Look:
    """Return what the fleet holds now, all processes together, Redis apart."""
    names = [name for name in made.pids if name != "redis"]
    memory = made.pss()
    with redis.Redis.from_url(made.setup.redis_url) as client:
        keys = client.dbsize()
    logs = sum(path.stat().st_size for path in made.folder.glob("*.log*"))
    size = sum(path.stat().st_size for path in archive.parent.iterdir())
    return {
        "PSS MB": sum(memory[name] for name in names) / MEGABYTE,
        **{f"PSS MB.{name}": memory[name] / MEGABYTE for name in names},
        "file handles": sum(_count(made.pids[name], "fd") for name in names),
        "threads": sum(_count(made.pids[name], "task") for name in names),
        "Redis keys": float(keys),
        "Redis MB": made.redis_bytes() / MEGABYTE,
        "log MB": logs / MEGABYTE,
        "archive MB": size / MEGABYTE,
    }


def _count(pid: int, what: str) -> int:
    with contextlib.suppress(OSError):
        return len(list(Path(f"/proc/{pid}/{what}").iterdir()))
    return 0


def _table(looks: Sequence[Look]) -> str:
    names = [name for name in looks[0] if "." not in name]
    rows = [names, ["---"] * len(names)]
    rows += [[f"{look[name]:,.4g}" for name in names] for look in looks]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python tests/bench/soak.py",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=60.0, help="how long (default: 60)")
    parser.add_argument("--rate", type=float, default=20.0, help="jobs a minute (default: 20)")
    parser.add_argument("--looks", type=int, default=12, help="rows of the table (default: 12)")
    parser.add_argument("--jobs", type=int, help="deliver this many as fast as they go instead")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure there")
    return parser.parse_args(argv)


if __name__ == "__main__":
    raise SystemExit(main())
