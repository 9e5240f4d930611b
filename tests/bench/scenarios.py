"""What is measured of each contender: one function per scenario, one call per round.

Each returns quantities by name; the name ends in its unit. ``name.process`` is the share of one process.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from bench.contender import WORKERS, Contender, most_threads
from bench.measure import PeakPss, between, cpu_seconds, machine_seconds, percentile
from bench.stage import Stage, stage

MEGABYTE = 1 << 20

WARM_JOBS = 40
"""How many jobs a contender delivers before it is measured."""

POLL_EVERY_SECONDS = 0.2
"""How often a contender under load is told to look at AI City, in seconds."""

LOAD = 0.7
"""The share of its own throughput that a contender is under load with."""

HELD_SECONDS = 3.0
"""How long the model still takes when all wait, in seconds: while the memory is read."""

JOB_SECONDS = 0.5
"""How long a job may take on average before a measurement is given up, in seconds."""

HOLD_SECONDS = (30.0, 0.1)
"""How long a contender may take to bring its jobs to wait for the model, in seconds: at all, and for each.
After that, those that wait are what it can do."""


@dataclasses.dataclass(frozen=True, slots=True)
class Sizes:
    """How much each scenario does; the defaults are those of the published figures."""

    jobs: int = 2000
    """Jobs of a throughput round."""
    in_flight: int = 400
    """Jobs at once in the density scenario."""
    latency_seconds: float = 2.0
    """How long the model takes in the density scenario."""
    probes: int = 200
    """Jobs one by one in the latency scenario; under load three times as many."""
    idle_seconds: float = 60.0

    def patience(self, count: int) -> float:
        """Return how long this many jobs may take, in seconds."""
        return 60 + count * JOB_SECONDS


Round = dict[str, float]


def throughput(contender: Contender, sizes: Sizes) -> Round:
    """Measure how many jobs a second are delivered that are assigned at once, and their CPU time."""
    with stage(contender, poll_seconds=5) as made:
        made.start()
        made.deliver(min(WARM_JOBS, sizes.jobs), sizes.patience(WARM_JOBS))
        return _deliver(made, sizes.jobs, sizes)


def _deliver(made: Stage, count: int, sizes: Sizes) -> Round:
    """Deliver jobs, and return their rate, their CPU time, and what was done too often."""
    market, before = made.market, made.market.counts()
    cpu, servers, stored = made.cpu(), cpu_seconds(market.pid), made.redis_bytes()
    machine, measuring, began = machine_seconds(), time.process_time(), time.monotonic()
    with PeakPss(made.pids) as peak:
        made.deliver(count, sizes.patience(count))
    spent, counts = between(cpu, made.cpu()), market.counts()
    served = cpu_seconds(market.pid) - servers
    own = sum(spent.values()) + served + time.process_time() - measuring
    others = machine_seconds() - machine - own
    records = market.records()[-count:]
    seconds = max(one["ended"] for one in records) - min(one["assigned"] for one in records)
    return {
        "jobs/s": count / seconds,
        **_shares("CPU ms/job", {name: value / count * 1000 for name, value in spent.items()}),
        "Redis bytes/job": (made.redis_bytes() - stored) / count,
        "peak PSS MB": peak.total / MEGABYTE,
        "others' CPU %": others / (time.monotonic() - began) * 100,
        "servers' CPU ms/job": served / count * 1000,
        "model calls/job": (counts["calls"] - before["calls"]) / count,
        "second reports": counts["repeats"] - before["repeats"],
    }


def _shares(name: str, by_process: Mapping[str, float]) -> Round:
    """Return a quantity of all processes, and of each."""
    each = {f"{name}.{process}": value for process, value in by_process.items()}
    return {name: sum(by_process.values()), **each}


def density(contender: Contender, sizes: Sizes) -> Round:
    """Measure the memory of jobs that wait for their model, all slots taken.

    The model answers nobody until all wait, so the figure does not depend on how fast they come. Then the
    same number is delivered once more with the latency alone.
    """
    workers = WORKERS
    while sizes.in_flight > workers * most_threads():
        workers += 1
    slots = -(-sizes.in_flight // workers)
    with stage(contender, slots=slots, workers=workers, poll_seconds=5) as made:
        made.start()
        made.deliver(WARM_JOBS, sizes.patience(WARM_JOBS))
        count = min(sizes.in_flight, made.capacity)
        if contender.is_prefork:
            _all_waiting(made, count, sizes)
        idle = made.pss()
        count, waiting = _all_waiting(made, count, sizes)
        made.market.set_latency(sizes.latency_seconds)
        loaded = _deliver(made, count, sizes)
        grown = sum(waiting.values()) - sum(idle.values())
        return {
            "in flight": count,
            **_shares("PSS MB", {name: value / MEGABYTE for name, value in waiting.items()}),
            "idle PSS MB": sum(idle.values()) / MEGABYTE,
            "PSS KB/waiting job": grown / count / 1024,
            "whole PSS KB/waiting job": sum(waiting.values()) / count / 1024,
            **{name: value for name, value in loaded.items() if name.startswith(("jobs", "CPU"))},
        }


def _all_waiting(made: Stage, count: int, sizes: Sizes) -> tuple[int, dict[str, int]]:
    """Bring jobs to wait for their model all at once; returns how many did, and the memory meanwhile."""
    market, assigned = made.market, count * made.contender.ahead
    market.hold(count)
    market.set_latency(HELD_SECONDS)
    before = market.counts()["completed"]
    market.assign(assigned)
    made.poll()
    with contextlib.suppress(TimeoutError):
        at_all, for_each = HOLD_SECONDS
        market.wait("waiting", count, at_all + count * for_each)
    waiting, memory = min(count, market.counts()["waiting"]), made.pss()
    assert waiting, "no job waits for its model"
    market.release()
    market.set_latency(0)
    market.wait("completed", before + assigned, sizes.patience(assigned))
    return waiting, memory


def latency(contender: Contender, sizes: Sizes) -> Round:
    """Measure how long a job waits for its team, and its report for AI City: one by one, and under load."""
    with stage(contender) as made:
        made.start()
        made.deliver(WARM_JOBS, sizes.patience(WARM_JOBS))
        for _ in range(sizes.probes):
            made.deliver(1, sizes.patience(1))
        alone = _waits("alone", made, sizes.probes)
        count = 3 * sizes.probes
        rate = LOAD * _deliver(made, count, sizes)["jobs/s"]
        before = made.market.counts()["completed"]
        made.market.assign(count, per_second=rate)
        deadline = time.monotonic() + sizes.patience(count)
        while not _is_done(made, before + count):
            made.poll()
            if time.monotonic() > deadline:
                raise TimeoutError(f"not delivered: {made.market.counts()}")
        return {**alone, **_waits("load", made, count), "load jobs/s": rate}


def _is_done(made: Stage, completed: int) -> bool:
    """Wait a moment for so many completions, and return whether they are there."""
    try:
        made.market.wait("completed", completed, POLL_EVERY_SECONDS)
    except TimeoutError:
        return False
    return True


def _waits(when: str, made: Stage, count: int) -> Round:
    records = made.market.records()[-count:]
    waits: dict[str, Sequence[float]] = {
        "pick-up": [(one["asked"] - one["assigned"]) * 1000 for one in records],
        "report": [(one["ended"] - one["answered"]) * 1000 for one in records],
    }
    return {
        f"{when} {name} p{rank} ms": percentile(values, rank / 100)
        for name, values in waits.items()
        for rank in (50, 95, 99)
    }


def idle(contender: Contender, sizes: Sizes) -> Round:
    """Measure what a contender costs that has nothing to do, polling every 30 s."""
    with stage(contender) as made:
        made.start()
        made.deliver(WARM_JOBS, sizes.patience(WARM_JOBS))
        time.sleep(sizes.idle_seconds)  # a delivery is read back within a minute, which is work
        cpu, began = made.cpu(), time.monotonic()
        time.sleep(sizes.idle_seconds)  # doing nothing is what is measured
        share = {
            name: value / (time.monotonic() - began) * 100
            for name, value in between(cpu, made.cpu()).items()
        }
        memory = {name: value / MEGABYTE for name, value in made.pss().items()}
        return {**_shares("CPU %", share), **_shares("PSS MB", memory)}


def start_up(contender: Contender, sizes: Sizes) -> Round:
    """Measure a start, until the model gets the request of a task that was assigned before."""
    with stage(contender) as made:
        seconds = made.start()
        spent = made.cpu()
        return {"ready s": seconds, **_shares("CPU s", spent), **_help(contender)}


def _help(contender: Contender) -> Round:
    """Return what ``aicity-fleet --help`` takes; nothing for a peer."""
    if contender.environment:
        return {}
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "aicity_fleet.cli", "--help"],
        check=True,
        stdout=subprocess.DEVNULL,
        env={**os.environ, "COLUMNS": "80"},
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"--help s": time.monotonic() - began, "--help CPU s": spent}


SCENARIOS: Mapping[str, Callable[[Contender, Sizes], Round]] = {
    "throughput": throughput,
    "density": density,
    "latency": latency,
    "idle": idle,
    "start-up": start_up,
}
"""Every scenario that contenders take part in, by name."""
