"""What a job that kills its workers costs the others: their throughput with it, over that without.

Runs the whole fleet on a simulated AI City, alternately without and with one poison job among the
others. Tasks come as they are worked off, so that the queue is short: the poison comes back soon after
each death, and all three lie within the run. The throughput is that of the first 95 in 100 of the
others: as long as there is work for all; how much later the very last of them is done is printed as
well. A death costs a fixed time, until its worker is up again; so the shorter the whole run, the lower
the figure. ``make bench-trouble`` runs it; the machine should have nothing else to do.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis
from support.poisoned_fleet import poisoned_fleet
from support.redis_process import start_redis
from support.simulated_city import SimulatedCity

from aicity_fleet.embedded.redis_server import RedisServer, new_redis_server
from aicity_fleet.failpoints import Failpoint
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.models import Failed, JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

PROMISED = 0.9
"""The least share of their throughput that the others keep."""

MOST = 0.95
"""The share of the others whose throughput is measured."""


MOST_OPEN = 60
"""How many tasks are open at once: what two workers run, and half as many that wait."""


class Took(NamedTuple):
    """How long one run took, in seconds."""

    most: float
    """Until most of the others were reported."""
    all: float
    """Until the last of them was."""


def main() -> int:
    """Measure, print, and say with the exit status whether the promise holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=600, help="jobs beside the poison")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=20, help="jobs at once per worker, of two")
    parser.add_argument("--latency", type=float, default=10.0, help="seconds of one model call")
    args = parser.parse_args()
    ratios, ends = [], []
    with tempfile.TemporaryDirectory() as name:
        server = new_redis_server(Path(name))
        with start_redis(server) as process:
            for repeat in range(args.repeats):
                took = {}
                # Whoever comes second may find a warmer machine: it alternates.
                for poisoned in (False, True) if repeat % 2 == 0 else (True, False):
                    took[poisoned] = run(server, Path(name), args, poisoned=poisoned)
                ratios.append(took[False].most / took[True].most)
                ends.append(took[False].all / took[True].all)
                print(f"repeat {repeat + 1}: the others keep {ratios[-1]:.3f}", flush=True)
            process.terminate()
    print("with a poison job over without it: median, least, most")
    for what, values in (("throughput of the others", ratios), ("until the very last", ends)):
        figures = (statistics.median(values), min(values), max(values))
        print(f"  {what:25}" + "".join(f"{figure:7.3f}" for figure in figures))
    median = statistics.median(ratios)
    print(f"promised is a throughput of {PROMISED}")
    return 0 if median >= PROMISED else 1


def run(server: RedisServer, folder: Path, args: argparse.Namespace, *, poisoned: bool) -> Took:
    """Run a fleet on a city of its own until all others are reported; gives how long it took."""
    agent = f"b-{uuid.uuid4().hex[:12]}"
    config = SimulatorConfig(
        model_latency_seconds=(args.latency, args.latency), flawed_share=0.0, quality_gate=False
    )
    deadly = f"clx{uuid.uuid4().hex}"  # sorts anywhere among the others, which are named so as well
    poison = {deadly: Failpoint.CALL_ANSWERED} if poisoned else {}
    with (
        running(create_app(config)) as url,
        redis.Redis.from_url(server.url, decode_responses=True) as client,
    ):
        ledger, city = Ledger(client, Keys(agent), retention_seconds=3600), SimulatedCity(url)
        settings = {
            "REDIS_URL": server.url,
            "FLEET_AGENT": agent,
            **fleet_environment(url),
            "FLEET_POLL_SECONDS": "2",
        }
        with poisoned_fleet(settings, poison, folder / agent, threads=args.threads) as fleet:
            # The clock runs when both workers are ready: starting them is no part of it.
            fleet.wait_until(
                lambda: all(" ready." in fleet.supervisor.tail(f"worker{n}") for n in (1, 2)),
                description="both workers are ready",
                seconds=120,
            )
            (warm,) = city.submit({})
            fleet.wait_until(
                lambda: reported(ledger) == 1, description=f"{warm} is reported", seconds=120
            )
            began = time.monotonic()
            others: list[str] = []
            done_at: list[float] = []

            def all_others_are_reported() -> bool:
                done = reported(ledger) - 1  # the warming job
                done -= poisoned and is_reported(ledger, deadly)
                done_at.extend([time.monotonic() - began] * (done - len(done_at)))
                more = min(args.jobs - len(others), MOST_OPEN - (len(others) - done))
                if more > 0:
                    if poisoned and len(others) < args.jobs // 10 <= len(others) + more:
                        city.submit({"id": deadly})
                    others.extend(city.submit(*[{} for _ in range(more)]))
                return done == args.jobs

            fleet.wait_until(
                all_others_are_reported, description="all others are reported", seconds=900
            )
            took = Took(done_at[int(MOST * len(others)) - 1], done_at[-1])
            if poisoned:
                fleet.wait_until(
                    lambda: is_reported(ledger, deadly),
                    description="the poison is reported",
                    seconds=300,
                )
        jobs = [job for i in others if (job := ledger.get(i))]
        failed = sum(isinstance(job.outcome, Failed) for job in jobs)
        deaths = ", ".join(f"{at - began:.0f} s" for at in fleet.died_at)
        print(
            f"  {'with' if poisoned else 'without':7} poison: {took.most:6.1f} s, the last at "
            f"{took.all:6.1f} s, {MOST * len(others) / took.most:5.1f} jobs/s; of the others "
            f"{sum(bool(job.lapses) for job in jobs)} lapsed, "
            f"{sum(job.is_isolated for job in jobs)} were isolated, {failed} failed; "
            f"deaths of workers: {deaths or 'none'}",
            flush=True,
        )
        assert not failed
        return took


def reported(ledger: Ledger) -> int:
    return ledger.counts()[JobState.REPORTED]


def is_reported(ledger: Ledger, job_id: str) -> bool:
    job = ledger.get(job_id)
    return job is not None and job.state is JobState.REPORTED


if __name__ == "__main__":
    raise SystemExit(main())
