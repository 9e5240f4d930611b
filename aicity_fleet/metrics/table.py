"""The table of all metrics: names, labels, help, and where each value is from. docs/metrics.md repeats it.

The page puts ``aicity_fleet_`` before each name, and ``_total`` behind that of a counter.
"""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aicity_fleet.ledger.controls import PAUSABLES
from aicity_fleet.ledger.rules import bucket_bounds_ms
from aicity_fleet.metrics.reading import Reading
from aicity_fleet.money.cost import PICODOLLARS

Values = Iterable[tuple[tuple[str, ...], float]]
"""The values of a gauge, each with its labels."""


@dataclasses.dataclass(frozen=True, slots=True)
class Counter:
    """What only grows, as the ledger counts it."""

    name: str
    field: str
    """How the fields of the ledger begin that count it, see ``shared/metrics.lua``."""
    help: str
    labels: tuple[str, ...] = ()
    per: int = 1
    """How many of what the ledger counts make one of what the page shows."""


@dataclasses.dataclass(frozen=True, slots=True)
class Histogram:
    """Times or scores, counted in buckets."""

    name: str
    field: str
    help: str
    bounds: tuple[int, ...]
    """The upper bounds of the buckets, as the ledger names them. Beyond the last there is one more."""
    per: int = 1
    is_exact: bool = False
    """Whether the ledger counts each value by itself, and so needs no sum."""


@dataclasses.dataclass(frozen=True, slots=True)
class Gauge:
    """What goes up and down, read when somebody looks."""

    name: str
    help: str
    read: Callable[[Reading], Values]
    """Returns its values; none where there is nothing to tell."""
    labels: tuple[str, ...] = ()


def _one(value: float | None) -> Values:
    return [] if value is None else [((), float(value))]


def _each(values: Mapping[Any, float]) -> Values:
    return [((str(name),), float(value)) for name, value in values.items()]


_MODEL, _TEAM = ("model", "team"), ("team",)
_MS, _PICODOLLARS, _CENT_HUNDREDTHS = 1000, int(PICODOLLARS), 10_000

COUNTERS = (
    Counter("jobs_accepted", "accepted", "Tasks of AI City that became jobs."),
    Counter(
        "claims_refused", "claims_refused", "Starts that were put off, by reason.", ("reason",)
    ),
    Counter("restarts", "restarts", "Starts of a job that had been started before."),
    Counter("releases", "releases", "Runs that handed their job back, by cause.", ("cause",)),
    Counter(
        "lapses",
        "lapses",
        "Leases that lapsed: with their process, or during an outage of Redis or of every dispatcher.",
        ("cause",),
    ),
    Counter("rescues", "rescues", "Jobs that were queued again after their lease had lapsed."),
    Counter("deaths", "deaths", "Processes that ended under the only job that they ran."),
    Counter("jobs_isolated", "isolated", "Jobs that run alone since, because two leases lapsed."),
    Counter(
        "jobs_quarantined", "quarantined", "Jobs that went into quarantine, by cause.", ("cause",)
    ),
    Counter(
        "endings",
        "endings",
        "Outcomes that were written down: complete, or the code of the failure.",
        ("ending", "team"),
    ),
    Counter(
        "rework",
        "rework",
        "Hand-ins after the first, of jobs that have ended: the one before was rejected.",
        _TEAM,
    ),
    Counter(
        "reports", "reports", "Reports that AI City answered for good, by verdict.", ("answer",)
    ),
    Counter(
        "reports_postponed",
        "reports_postponed",
        "Tries at a report that have to be repeated, by HTTP status; none: no answer.",
        ("answer",),
    ),
    Counter("failures_held", "held", "Failures that the guard held back."),
    Counter("failures_let_go", "let_go", "Held failures that the guard let go later."),
    Counter("model_calls", "model_calls", "Model calls that were answered.", _MODEL),
    Counter("prompt_tokens", "prompt_tokens", "Tokens of their prompts.", _MODEL),
    Counter("completion_tokens", "completion_tokens", "Tokens of their answers.", _MODEL),
    Counter(
        "cost_dollars", "cost", "What they cost, where the price is known.", _MODEL, _PICODOLLARS
    ),
    Counter("unpriced_calls", "unpriced_calls", "Answered calls whose cost is unknown.", _MODEL),
    Counter(
        "unanswered_calls",
        "unanswered_calls",
        "Model calls without an answer that the provider may charge for.",
    ),
    Counter("tool_calls", "tool_calls", "Tool calls.", _TEAM),
    Counter(
        "breaker_opens",
        "breaker_opens",
        "How often the breaker of a model endpoint opened: for a while, or until a person acts.",
        ("cause",),
    ),
    Counter("polls", "polls", "Polls of AI City, by how they ended.", ("outcome",)),
    Counter(
        "unpriced_deliveries",
        "unpriced_deliveries",
        "Deliveries that AI City showed as completed, and whose pay is unknown.",
    ),
    Counter(
        "earned_dollars",
        "earned",
        "What completed deliveries earned. A buyer can take it back for ten minutes.",
        per=_CENT_HUNDREDTHS,
    ),
    Counter(
        "taken_back_dollars",
        "taken_back",
        "Earnings that AI City took back later, by why.",
        ("why",),
        _CENT_HUNDREDTHS,
    ),
    Counter(
        "read_back_changes", "read_backs", "What read-backs found, by what it is.", ("change",)
    ),
)

HISTOGRAMS = (
    Histogram(
        "wait_seconds", "wait", "From acceptance to the first start.", bucket_bounds_ms(), _MS
    ),
    Histogram("run_seconds", "run", "From the last start to the outcome.", bucket_bounds_ms(), _MS),
    Histogram(
        "report_seconds", "report", "From the outcome to AI City's answer.", bucket_bounds_ms(), _MS
    ),
    Histogram(
        "gate_score",
        "score",
        "Scores of what the gate passed.",
        tuple(range(10, 101, 10)),
        is_exact=True,
    ),
)

GAUGES = (
    Gauge("jobs", "Jobs in each state.", lambda r: _each(r.jobs), ("state",)),
    Gauge(
        "jobs_undecided", "Jobs in quarantine that wait for a person.", lambda r: _one(r.undecided)
    ),
    Gauge(
        "oldest_job_seconds",
        "For how long the oldest job has waited, run, or waited to be reported.",
        lambda r: _each(r.oldest_seconds),
        ("state",),
    ),
    Gauge(
        "overdue_seconds",
        "For how long the most overdue queued job could have run.",
        lambda r: _one(r.overdue_seconds),
    ),
    Gauge(
        "queue_messages", "Messages in each Celery queue.", lambda r: _each(r.queues), ("queue",)
    ),
    Gauge(
        "read_backs_due",
        "Reported tasks that are due to be read back.",
        lambda r: _one(r.read_backs_due),
    ),
    Gauge(
        "paused",
        "Whether a person paused it.",
        lambda r: _each({what: what in r.controls.paused for what in PAUSABLES}),
        ("what",),
    ),
    Gauge(
        "key_refused",
        "Whether AI City refused the agent's key.",
        lambda r: _one(r.controls.stopped is not None),
    ),
    Gauge(
        "quiet_seconds",
        "For how long AI City wants to be left alone.",
        lambda r: _one(r.controls.quiet_seconds),
    ),
    Gauge(
        "failures_in_a_row",
        "Failures in a row that the guard counts.",
        lambda r: _one(r.controls.failures_in_a_row),
    ),
    Gauge(
        "failures_assumed",
        "Failures that the guard assumes besides, because the ledger is new.",
        lambda r: _one(r.controls.failures_assumed),
    ),
    Gauge(
        "braked",
        "Whether jobs start one at a time, because many failed.",
        lambda r: _one(r.controls.is_braked),
    ),
    Gauge(
        "breaker_open",
        "Whether the breaker of a model endpoint that had trouble is open.",
        lambda r: _each({b.endpoint: b.open_until is not None for b in r.controls.breakers}),
        ("endpoint",),
    ),
    Gauge(
        "reputation",
        "The agent's score, as AI City's latest answer to a report showed it.",
        lambda r: _one(r.controls.reputation),
    ),
    Gauge(
        "day_spent_dollars",
        "What model calls cost today (UTC).",
        lambda r: _one(float(r.day.cost.usd)),
    ),
    Gauge(
        "day_estimated_dollars",
        "Our guess at today's calls whose cost is unknown.",
        lambda r: _one(float(r.day.estimated_usd)),
    ),
    Gauge(
        "day_reserved_dollars",
        "What calls in flight may cost.",
        lambda r: _one(float(r.day.reserved_usd)),
    ),
    Gauge(
        "day_cap_dollars",
        "What the fleet may spend today; absent without a cap.",
        lambda r: _one(None if r.day.cap_usd is None else float(r.day.cap_usd)),
    ),
    Gauge(
        "day_is_full",
        "Whether the cap keeps jobs back today.",
        lambda r: _one(r.controls.day_is_over),
    ),
    Gauge(
        "last_poll_timestamp_seconds",
        "When the latest poll ended, by Redis's clock; absent after a day without one.",
        lambda r: _one(r.last_poll["at"].timestamp() if r.last_poll else None),
    ),
    Gauge(
        "polls_failed_in_a_row",
        "How many of the latest polls failed.",
        lambda r: _one(((r.last_poll or {}).get("failing") or {}).get("polls", 0)),
    ),
    Gauge(
        "last_sweep_timestamp_seconds",
        "When a dispatcher swept last, by Redis's clock; absent after a day without one.",
        lambda r: _one(r.swept_at.timestamp() if r.swept_at else None),
    ),
    Gauge(
        "redis_memory_used_bytes",
        "The memory that Redis uses.",
        lambda r: _one(r.server.used_bytes if r.server else None),
    ),
    Gauge(
        "redis_memory_max_bytes",
        "The memory that Redis may use; 0 for no bound.",
        lambda r: _one(r.server.max_bytes if r.server else None),
    ),
)
