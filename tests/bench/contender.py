"""Who takes part: the fleet and its peers, each as the processes that it is made of.

A peer is a poller (``contenders/poller.py``) and workers of its library, from an environment of its own
under ``build/``; see ``requirements/bench.txt``. The fleet is the very programs that ``aicity-fleet up``
starts. All get a Redis of their own with the fleet's settings.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable
from pathlib import Path

from celery import Celery

from aicity_fleet.embedded.fleet import fleet_programs, flower_program
from aicity_fleet.embedded.ports import free_port
from aicity_fleet.embedded.supervisor import Program
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.messaging.routes import CONTROL_QUEUE, POLL
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import fleet_environment

TESTS = Path(__file__).parents[1]
BUILD = TESTS.parent / "build"

AGENT = "bench"
"""The name of the fleet in its Redis."""

WORKERS = 2
"""Worker processes of every contender that has any."""

DEFAULT_SLOTS = 100
"""Jobs at once in each worker of a peer that takes a number, if the scenario names none."""


@dataclasses.dataclass(frozen=True, slots=True)
class Setup:
    """What a scenario asks of a contender."""

    url: str
    """AI City and the model."""
    redis_url: str
    slots: int = 0
    """Jobs at once in each worker; 0 for the default of the contender."""
    workers: int = WORKERS
    poll_seconds: float = 30.0


@dataclasses.dataclass(frozen=True, slots=True)
class Contender:
    """One way to run the job."""

    name: str
    says: str
    """What it is, for people."""
    programs: Callable[[Setup], list[Program]]
    poller: str
    """The process that SIGUSR1 makes poll; empty for the fleet, which takes a message."""
    capacity: Callable[[Setup], int]
    """How many jobs it runs at once."""
    environment: str = ""
    """The folder under ``build/`` that it runs from; empty for the fleet's own environment."""
    ahead: int = 1
    """How many messages per slot a worker takes, so that the other worker may get none of a few."""
    is_prefork: bool = False
    """Whether it runs each job in a process of its own, whose first job is its most expensive."""
    is_routine: bool = True
    """Whether every scenario runs it, and not the one of its own alone."""

    def is_installed(self) -> bool:
        """Return whether its environment exists."""
        return not self.environment or (BUILD / self.environment / "bin" / "python").exists()


class FleetPoll:
    """Asks the fleet to poll, from a process that is warm: what ``celery call fleet.poll`` sends."""

    def __init__(self, redis_url: str) -> None:
        self._app = Celery(broker=redis_url)
        self._app.conf.broker_transport_options = {"global_keyprefix": Keys(AGENT).prefix}

    def __call__(self) -> None:
        """Send the message."""
        self._app.send_task(POLL, queue=CONTROL_QUEUE)

    def close(self) -> None:
        """Close its connections."""
        self._app.close()


# --- the fleet -------------------------------------------------------------------------------------------


def most_threads() -> int:
    """Return how many jobs the fleet lets one worker run at once."""
    limits = [
        getattr(rule, "le", None) for rule in Settings.model_fields["worker_threads"].metadata
    ]
    return next(int(limit) for limit in limits if limit is not None)


def _fleet(engine: str) -> Callable[[Setup], list[Program]]:
    def programs(setup: Setup) -> list[Program]:
        env = {
            **_base(),
            "REDIS_URL": setup.redis_url,
            "FLEET_AGENT": AGENT,
            **fleet_environment(setup.url),
            "FLEET_POLL_SECONDS": str(setup.poll_seconds),
            "FLEET_WORKER_THREADS": str(_threads(setup)),
            "FLEET_ENGINE": engine,
        }
        fleet = fleet_programs(env, workers=setup.workers, threads=_threads(setup))
        return [*fleet, flower_program(env, port=free_port(), password="bench")]

    return programs


def _threads(setup: Setup) -> int:
    return setup.slots or int(Settings.model_fields["worker_threads"].default)


# --- the peers -------------------------------------------------------------------------------------------


def _base() -> dict[str, str]:
    """Return the environment without settings of the fleet or of the tools in it."""
    unwanted = (
        "FLEET_",
        "AGENT_CITY_",
        "OPENAI_",
        "REDIS_",
        "CELERY",
        "FLOWER",
        "PYTHON",
        "BENCH_",
    )
    return {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}


def _peer(
    environment: str, module: str, *workers: str, **extra: str
) -> Callable[[Setup], list[Program]]:
    """Return the programs of a peer.

    Args:
        environment: Its folder under ``build/``.
        module: Its module in ``contenders/``.
        workers: The arguments of Python for each worker program; ``{slots}`` and the like are filled in.
        extra: Further variables.
    """

    def programs(setup: Setup) -> list[Program]:
        slots = setup.slots or DEFAULT_SLOTS
        env = {
            **_base(),
            "PYTHONPATH": str(TESTS),
            "BENCH_URL": setup.url,
            "BENCH_REDIS_URL": setup.redis_url,
            "BENCH_SLOTS": str(slots),
            "BENCH_POLL_SECONDS": str(setup.poll_seconds),
            **extra,
        }
        python = str(BUILD / environment / "bin" / "python")
        poller = [python, "-m", "bench.contenders.poller", module]
        made = [Program("poller" if workers else "loop", poller, env)]
        for number, line in enumerate(workers, 1):
            filled = line.format(slots=slots, redis=setup.redis_url, number=number)
            name = f"worker{number}" if len(workers) > 1 else "workers"
            made.append(Program(name, [python, *filled.split()], env))
        return made

    return programs


CELERY = "-m celery -A bench.contenders.celery_fleet worker -c"
ARQ = "-m arq bench.contenders.arq_fleet.WorkerSettings"
DRAMATIQ = "-m dramatiq bench.contenders.dramatiq_fleet --processes 2 --threads {slots}"
TASKIQ = (
    "-m taskiq worker bench.contenders.taskiq_fleet:broker --workers 2 --max-async-tasks {slots}"
)
DOCKET = (
    "-m docket worker --docket bench --url {redis}?max_connections=2000 --name worker{number} "
    "--concurrency {slots} --tasks bench.contenders.docket_fleet:tasks"
)
"""The Redis client's default is 100 connections. With 200 jobs at once docket needs more, or loses jobs."""


def _slots(setup: Setup) -> int:
    return setup.workers * (setup.slots or DEFAULT_SLOTS)


def _fixed(number: int) -> Callable[[Setup], int]:
    return lambda _: number


def _all_threads(setup: Setup) -> int:
    return setup.workers * _threads(setup)


def _celery(name: str, says: str, processes: int, **extra: str) -> Contender:
    """Return Celery's prefork pool with this many processes."""
    programs = _peer("bench", "celery_fleet", f"{CELERY} {processes}", **extra)
    capacity = _fixed(processes)
    return Contender(name, says, programs, "poller", capacity, "bench", is_prefork=True)


_ALL = (
    Contender(
        "guide",
        "the loop of AI City's guide, made headless: one process, one job after the other",
        _peer("bench", "guide"),
        "loop",
        _fixed(1),
        "bench",
    ),
    _celery("celery", "Celery's defaults, prefork 2", 2),
    _celery("celery-late", "the same with acks_late", 2, BENCH_ACKS_LATE="1"),
    dataclasses.replace(
        _celery("celery-50", "Celery's defaults, prefork 50", 50), is_routine=False
    ),
    Contender(
        "dramatiq",
        "2 processes, async actors",
        _peer("bench", "dramatiq_fleet", DRAMATIQ),
        "poller",
        _slots,
        "bench",
        ahead=4,
    ),
    Contender(
        "arq",
        "2 processes",
        _peer("bench-arq", "arq_fleet", ARQ, ARQ),
        "poller",
        _slots,
        "bench-arq",
    ),
    Contender(
        "taskiq",
        "2 processes, Redis streams",
        _peer("bench", "taskiq_fleet", TASKIQ),
        "poller",
        _slots,
        "bench",
        ahead=4,
    ),
    Contender(
        "docket",
        "2 processes",
        _peer("bench", "docket_fleet", DOCKET, DOCKET),
        "poller",
        _slots,
        "bench",
    ),
    Contender(
        "ours",
        "dispatcher with beat, 2 workers and Flower, with everything on",
        _fleet("autogen"),
        "",
        _all_threads,
    ),
    Contender(
        "ours-plain",
        "the same with FLEET_ENGINE=plain",
        _fleet("plain"),
        "",
        _all_threads,
    ),
)

CONTENDERS = {contender.name: contender for contender in _ALL}
"""Every contender by name, in the order of the tables."""
