"""The arithmetic of docs/capacity.md: what so many jobs a day need, and where each resource saturates.

No I/O. Figures of a day are means; all others are those of the busiest hour.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from decimal import Decimal

from bench.costs import MEASURED_WORKERS, Costs, Plan

from aicity_fleet.aicity.client import MAX_PAGES
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.ledger.read_backs import DAY_SECONDS, READ_AT_SECONDS, READS_PER_MINUTE
from scheduler.poll import MAX_WALKS
from scheduler.read_back import MOST_READS

PAGE_SIZE = load_contract("api").page_size

MEGABYTE = 1 << 20

CORES, MACHINE_MB = 2, 4096
"""The machine that is counted."""

BUSY = 0.7
"""How far a core, a machine's memory and a worker's slots are planned to be in use."""

REDIS_ROOM = 2
"""Memory to buy for Redis over its data: rewriting its file may copy all of it."""

REPORT_THREADS = 3
"""How many reports one dispatcher sends at once: its four threads, less the one that polls."""

MOST_JOBS = 10**12
"""Where the search for a saturation ends, in jobs a day."""


@dataclasses.dataclass(frozen=True, slots=True)
class Limit:
    """Something of which there is only so much; all demands grow with the jobs."""

    name: str
    most: float
    demand: Callable[[float], float]
    """How much a number of jobs a day takes, in the unit of ``most``."""
    stops_jobs: bool = True
    """Whether jobs wait once it is used up."""

    def saturates_at(self) -> int | None:
        """Return the most jobs a day that it carries; None if it carries any number."""
        return greatest(lambda jobs: self.demand(jobs) <= self.most)


def greatest(is_enough: Callable[[int], bool]) -> int | None:
    """Return the most jobs a day for which this holds; None if it holds for any number."""
    if is_enough(MOST_JOBS):
        return None
    low, high = 0, MOST_JOBS
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_enough(middle) else (low, middle)
    return low


@dataclasses.dataclass(frozen=True, slots=True)
class Sizing:
    """What jobs take, by jobs a day."""

    costs: Costs
    plan: Plan

    def per_second(self, jobs: float) -> float:
        """Jobs a second in the busiest hour."""
        return jobs * self.plan.peak / DAY_SECONDS

    def in_flight(self, jobs: float) -> int:
        """Jobs that run at once."""
        return math.ceil(self.per_second(jobs) * self.plan.seconds)

    # --- AI City ------------------------------------------------------------------------------------

    def listed(self, jobs: float) -> float:
        """Tasks that AI City lists: they run, or wait for the next poll."""
        return self.per_second(jobs) * (self.plan.seconds + self.plan.poll_seconds / 2)

    def requests_of_a_poll(self, jobs: float) -> float:
        """Requests for the list of assigned tasks, one after the other.

        A list of several pages is walked again until a walk brings nothing new. The first brings
        something; how many tasks come during each later one is taken as random (Poisson).
        """
        pages = max(1, math.ceil(self.listed(jobs) / PAGE_SIZE))
        if pages == 1:
            return 1
        come = self.per_second(jobs) * pages * self.plan.city_seconds
        return pages * min(MAX_WALKS, 1 + math.exp(min(come, math.log(MAX_WALKS))))

    def poll_seconds(self, jobs: float) -> float:
        """How long a poll takes."""
        return self.requests_of_a_poll(jobs) * self.plan.city_seconds

    def poll_requests(self, jobs: float) -> float:
        """Requests a minute for the list; a poll that takes longer than its interval holds off the next."""
        wanted = self.requests_of_a_poll(jobs) * 60 / self.plan.poll_seconds
        return min(wanted, 60 / self.plan.city_seconds)

    def reports(self, jobs: float) -> float:
        """Reports a minute: one a job."""
        return self.per_second(jobs) * 60

    @property
    def reads_of_a_job(self) -> int:
        """How often a delivery is read back while AI City can still change it."""
        window = self.plan.read_back_days * DAY_SECONDS
        soon = sum(at < window for at in READ_AT_SECONDS)
        daily = math.ceil((window - READ_AT_SECONDS[-1]) / DAY_SECONDS) - 1
        return soon + max(0, daily)

    @property
    def most_reads(self) -> float:
        """The most tasks that the fleet reads back in a minute."""
        return min(READS_PER_MINUTE, MOST_READS * 60 / self.plan.poll_seconds)

    def city_requests(self, jobs: float) -> float:
        """All requests a minute to AI City."""
        reads = min(self.most_reads, self.reports(jobs) * self.reads_of_a_job)
        return self.poll_requests(jobs) + self.reports(jobs) + reads

    # --- Redis --------------------------------------------------------------------------------------

    @property
    def settled_bytes(self) -> float:
        """Of one job until it expires. A token out is four characters, kept in journal and outcome."""
        return self.costs.settled_bytes + self.plan.order_chars + 8 * self.plan.tokens_out

    def redis_mb(self, jobs: float) -> float:
        """The data: settled jobs, running ones, and what an outage of the model piles up."""
        settled = jobs * self.plan.retention_days + self.in_flight(jobs)
        queued = self.per_second(jobs) * 3600 * self.plan.outage_hours
        queued_bytes = self.costs.queued_bytes + self.costs.message_bytes + self.plan.order_chars
        return (settled * self.settled_bytes + queued * queued_bytes) / MEGABYTE

    def round_trips(self, jobs: float) -> float:
        """Round trips a second: each further call of a job is one more."""
        return self.per_second(jobs) * (self.costs.round_trips + self.plan.calls - 1)

    def redis_cpu(self, jobs: float) -> float:
        """Cores; round trips are taken to cost the same."""
        return self.round_trips(jobs) * self.costs.redis_cpu_ms / self.costs.round_trips / 1000

    # --- processes ----------------------------------------------------------------------------------

    def worker_cpu(self, jobs: float) -> float:
        """Cores of the worker processes; each call is taken to cost as much as a job of one call."""
        return self.per_second(jobs) * self.plan.calls * self.costs.worker_cpu_ms / 1000

    def tool_cpu(self, jobs: float) -> float:
        """Cores of the programs that tools start."""
        return self.per_second(jobs) * self.plan.tool_calls * self.costs.tool_cpu_ms / 1000

    def dispatcher_cpu(self, jobs: float) -> float:
        """Cores of the dispatchers."""
        return self.per_second(jobs) * self.costs.dispatcher_cpu_ms / 1000

    def flower_cpu(self, jobs: float) -> float:
        """Cores of Flower."""
        return self.per_second(jobs) * self.costs.flower_cpu_ms / 1000

    def reports_under_way(self, jobs: float) -> float:
        """Reports that wait for AI City's answer."""
        return self.per_second(jobs) * self.plan.city_seconds

    def workers(self, jobs: float) -> int:
        """Worker processes: by their slots, or by the one core that each can use."""
        slots = self.in_flight(jobs) / self.plan.threads
        return max(1, math.ceil(max(slots, self.worker_cpu(jobs)) / BUSY))

    def dispatchers(self, jobs: float) -> int:
        """Dispatchers: by the reports that one sends at once, or by the one core that it can use."""
        reports = self.reports_under_way(jobs) / REPORT_THREADS
        return max(1, math.ceil(max(reports, self.dispatcher_cpu(jobs)) / BUSY))

    def memory_mb(self, jobs: float, job_mb: float) -> float:
        """All processes, without the data of Redis."""
        costs, plan = self.costs, self.plan
        others = costs.fleet_mb - MEASURED_WORKERS * costs.worker_mb
        others += (self.dispatchers(jobs) - 1) * costs.dispatcher_mb
        worker = costs.worker_mb + (plan.tools_mb if plan.tool_calls else 0)
        return others + self.workers(jobs) * worker + self.in_flight(jobs) * job_mb

    def cores(self, jobs: float) -> float:
        """All processes but Redis."""
        parts = (self.worker_cpu, self.tool_cpu, self.dispatcher_cpu, self.flower_cpu)
        return self.costs.idle_cpu_percent / 100 + sum(part(jobs) for part in parts)

    def machines(self, jobs: float, job_mb: float) -> int:
        """Machines for all processes but Redis."""
        memory = self.memory_mb(jobs, job_mb) / MACHINE_MB
        return math.ceil(max(self.cores(jobs) / CORES, memory) / BUSY)

    @property
    def one_machine(self) -> int:
        """The most jobs a day for which one machine holds everything, Redis included."""

        def fits(jobs: float) -> bool:
            memory = self.memory_mb(jobs, self.plan.job_mb) + REDIS_ROOM * self.redis_mb(jobs)
            cores = self.cores(jobs) + self.redis_cpu(jobs)
            return memory <= BUSY * MACHINE_MB and cores <= BUSY * CORES

        return greatest(fits) or 0

    # --- together -----------------------------------------------------------------------------------

    def usd_a_day(self, jobs: float) -> Decimal:
        """What the model costs a day, in US dollars."""
        tokens = (Decimal(str(self.plan.tokens_in)), Decimal(str(self.plan.tokens_out)))
        of_a_job = (tokens[0] * self.plan.usd_in + tokens[1] * self.plan.usd_out) / 1_000_000
        return Decimal(str(jobs)) * of_a_job

    def limits(self) -> Sequence[Limit]:
        """Return everything of which this plan has only one."""
        plan, calls_a_minute = self.plan, lambda jobs: self.per_second(jobs) * 60 * self.plan.calls
        tokens = plan.tokens_in + plan.tokens_out
        return (
            Limit("redis_memory", plan.redis_mb, self.redis_mb),
            Limit("redis_cpu", 1, self.redis_cpu),
            Limit("city_requests", plan.city_requests, self.city_requests),
            Limit("model_requests", plan.model_requests, calls_a_minute),
            Limit("model_tokens", plan.model_tokens, lambda jobs: self.reports(jobs) * tokens),
            Limit("listed_tasks", MAX_PAGES * PAGE_SIZE, self.listed),
            Limit("report_threads", REPORT_THREADS, self.reports_under_way),
            Limit("dispatcher_cpu", 1, self.dispatcher_cpu),
            Limit("poll_time", plan.poll_seconds, self.poll_seconds, stops_jobs=False),
            # The mean of the day: a read that is due at the peak waits for its turn.
            Limit(
                "read_backs",
                self.most_reads,
                lambda jobs: jobs * self.reads_of_a_job / 1440,
                stops_jobs=False,
            ),
            Limit("flower_cpu", 1, self.flower_cpu, stops_jobs=False),
        )

    def first_limit(self, jobs: float) -> tuple[Limit, float]:
        """Return the limit that jobs would wait for first, and its share that is in use."""
        used = [(one, one.demand(jobs) / one.most) for one in self.limits() if one.stops_jobs]
        return max(used, key=lambda pair: pair[1])
