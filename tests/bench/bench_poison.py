"""What a job that kills its workers costs the others: their throughput with it, over that without.

Runs the whole fleet on a simulated AI City, alternately without and with one poison job among the
others, and compares the times in which all others are reported. ``make bench`` runs it.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import time
import uuid
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import redis
from conftest import start_redis
from poisoned_fleet import poisoned_fleet
from simulated_city import SimulatedCity

from aicity_fleet.embedded.redis_server import RedisServer, new_redis_server
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.models import JobState
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running
from aicity_fleet.steps import Step

PROMISED = 0.9
"""The least share of their throughput that the others keep."""


def main() -> int:
    """Measure, print, and say with the exit status whether the promise holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=400, help="jobs beside the poison")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=20, help="jobs at once per worker, of two")
    parser.add_argument("--latency", type=float, default=2.0, help="seconds of one model call")
    args = parser.parse_args()
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        server = new_redis_server(Path(name))
        with start_redis(server) as process:
            for repeat in range(args.repeats):
                took = {}
                # Whoever comes second may find a warmer machine: it alternates.
                for poisoned in (False, True) if repeat % 2 == 0 else (True, False):
                    took[poisoned] = run(server, Path(name), args, poisoned=poisoned)
                ratios.append(took[False] / took[True])
                print(f"repeat {repeat + 1}: the others keep {ratios[-1]:.3f}", flush=True)
            process.terminate()
    median = statistics.median(ratios)
    print(
        f"throughput of the others with a poison job, over that without: median {median:.3f}, "
        f"least {min(ratios):.3f}, most {max(ratios):.3f} of {len(ratios)}; promised {PROMISED}"
    )
    return 0 if median >= PROMISED else 1


def run(server: RedisServer, folder: Path, args: argparse.Namespace, *, poisoned: bool) -> float:
    """Run a fleet on a city of its own until all others are reported; gives the seconds."""
    agent = f"b-{uuid.uuid4().hex[:12]}"
    config = SimulatorConfig(
        model_latency_seconds=(args.latency, args.latency), flawed_share=0.0, quality_gate=False
    )
    poison = {"poison": Step.CALL_ANSWERED} if poisoned else {}
    with (
        running(create_app(config)) as url,
        redis.Redis.from_url(server.url, decode_responses=True) as client,
    ):
        ledger, city = Ledger(client, Keys(agent), retention_seconds=3600), SimulatedCity(url)
        settings = {
            "REDIS_URL": server.url,
            "FLEET_AGENT": agent,
            "FLEET_SIMULATOR_URL": url,
            "FLEET_POLL_SECONDS": "2",
        }
        with poisoned_fleet(settings, poison, folder / agent, threads=args.threads) as fleet:
            # The clock runs from the first end of a warming job: starting is no part of it.
            (warm,) = city.submit({})
            fleet.wait_until(
                lambda: reported(ledger) == 1, description=f"{warm} is reported", seconds=120
            )
            tasks = [{} for _ in range(args.jobs)]
            if poisoned:
                tasks.insert(args.jobs // 10, {"id": "poison"})
            began = time.monotonic()
            ids = city.submit(*tasks)
            others = [task_id for task_id in ids if task_id != "poison"]

            def all_others_are_reported() -> bool:
                has_failed = "poison" in ids and is_reported(ledger, "poison")
                return reported(ledger) - has_failed == len(others) + 1

            fleet.wait_until(
                all_others_are_reported, description="all others are reported", seconds=900
            )
            took = time.monotonic() - began
            if poisoned:
                fleet.wait_until(
                    lambda: is_reported(ledger, "poison"),
                    description="the poison is reported",
                    seconds=300,
                )
        failed = [i for i in others if (job := ledger.get(i)) and job.outcome.kind != "complete"]  # type: ignore[union-attr]
        isolated = sum(bool((job := ledger.get(i)) and job.is_isolated) for i in others)
        lapsed = sum(bool((job := ledger.get(i)) and job.lapses) for i in others)
        print(
            f"  {'with' if poisoned else 'without':7} poison: {took:6.1f} s, "
            f"{len(others) / took:5.1f} jobs/s, {len(fleet.deaths)} deaths of workers, of the others "
            f"{lapsed} lapsed, {isolated} were isolated, {len(failed)} failed",
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
