"""Judges the processes of a fleet: whether a dispatcher sweeps, the polls work, and workers take jobs.

It turns plain values into plain sentences and does no I/O. A part of ``health``.
"""

from collections.abc import Iterator

from aicity_fleet.health.finding import Finding
from aicity_fleet.ledger.overview import Overview
from aicity_fleet.models import JobState, JsonObject
from aicity_fleet.words import count, duration

NO_SWEEP_SECONDS = 30.0
"""Without a sweep for this long, no dispatcher counts as alive, in seconds."""

NO_START_SECONDS = 30.0
"""If a job could have started this long ago and none is running, no worker counts as alive, in seconds."""

FAILED_POLLS = 3
"""After how many failed polls in a row a person is needed, unless the trouble can pass by itself."""

FAILING_SECONDS = 3600.0
"""For how long polls may fail because of trouble that can pass before a person is needed, in seconds."""

MANY_OWNERS = 5
"""If more processes than this let leases lapse within an hour, a person is needed."""

NAMED_OWNERS = 3
"""How many of these processes are named."""

PING = "celery -A aicity_fleet.celery_app inspect ping"


def process_findings(overview: Overview, poll_seconds: float) -> Iterator[Finding]:
    """Yield which processes are missing, and how the polls go.

    Args:
        poll_seconds: How often AI City should be polled.
    """
    swept = overview.age_seconds(overview.swept_at)
    if not _is_recent(swept, NO_SWEEP_SECONDS):
        yield Finding(
            "no_sweep",
            f"No dispatcher has swept {_within(swept)}, so nothing is polled, rescued or reported.",
            "Start one: 'aicity-fleet up' or 'docker compose up -d'. Check that FLEET_AGENT names this "
            f"fleet. To see which processes answer: '{PING}'.",
            needs_person=True,
        )
        return
    yield from _polls(overview, poll_seconds)
    yield from _lapsed(overview)
    if _could_start(overview):
        yield Finding(
            "no_worker",
            f"A job has been ready to start for {duration(overview.overdue_seconds)}, and none is running: "
            "no worker takes jobs.",
            f"Start or restart the workers. To see which processes answer: '{PING}'.",
            needs_person=True,
        )


def _polls(overview: Overview, poll_seconds: float) -> Iterator[Finding]:
    latest = overview.last_poll
    polled = overview.age_seconds(latest["at"]) if latest else None
    if not _is_recent(polled, max(120.0, 4 * poll_seconds)):
        if overview.queues["control"]:
            remedy = "Polls wait in the queue 'control' and the dispatcher takes none: restart it."
        else:
            remedy = "Start or restart beat. Meanwhile, 'aicity-fleet poll' polls once."
        yield Finding(
            "no_poll", f"No poll has finished {_within(polled)}.", remedy, needs_person=True
        )
    elif latest and latest["failing"] and not overview.controls.stopped:
        yield _failing_polls(latest["failing"], overview)


def _failing_polls(failing: JsonObject, overview: Overview) -> Finding:
    number, lasted = failing["polls"], max(0.0, overview.age_seconds(failing["since"]) or 0)
    what = (
        f"The last poll failed: {failing['message']}"
        if number == 1
        else f"The last {number} polls failed, for {duration(lasted)}: {failing['message']}"
    )
    if not failing["may_pass"] and number >= FAILED_POLLS:
        return Finding(
            "polls_fail",
            what,
            "AI City answers, but not as the contract says, so no task is seen: a wrong base URL or route, "
            "or another form of the list. Check AGENT_CITY_BASE_URL, and the path 'assigned' of the "
            "contract (FLEET_CONTRACT_FILE; docs/settings.md). Then restart the dispatcher.",
            needs_person=True,
        )
    if lasted > FAILING_SECONDS:
        return Finding(
            "polls_fail",
            what,
            "Check whether AI City is up, and whether the dispatcher's machine reaches it at "
            "AGENT_CITY_BASE_URL. The next poll tries again by itself.",
            needs_person=True,
        )
    return Finding(
        "polls_fail",
        what,
        "No action needed yet: the next poll tries again by itself.",
        needs_person=False,
    )


def _lapsed(overview: Overview) -> Iterator[Finding]:
    """Yield which processes let leases lapse: they ended, or could not renew them."""
    if not overview.lapsed:
        return
    number, owners = sum(overview.lapsed.values()), list(overview.lapsed.items())
    named = [f"{leases} of process {_process(owner)}" for owner, leases in owners[:NAMED_OWNERS]]
    if len(owners) > NAMED_OWNERS:
        named.append(f"the rest of {count(len(owners) - NAMED_OWNERS, 'other')}")
    goes_on = len(owners) > MANY_OWNERS
    yield Finding(
        "leases_lapsed",
        f"{count(number, 'lease')} lapsed in the last hour: {', '.join(named)}. A process lets its leases "
        "lapse when it is killed under its jobs, or cannot reach Redis.",
        "Look at the logs and the memory of these machines: workers keep ending. Fewer jobs at once "
        "(FLEET_WORKER_THREADS) need less memory."
        if goes_on
        else "No action needed: the jobs run again. If it goes on, look at the logs of these processes and "
        "the memory of their machines.",
        needs_person=goes_on,
    )


def _process(owner: str) -> str:
    """Return the process that an owner names, ``host:pid``, for people."""
    host, _, pid = owner.rpartition(":")
    return f"{pid} at {host}" if host else owner


def _is_recent(age_seconds: float | None, limit_seconds: float) -> bool:
    return age_seconds is not None and 0 <= age_seconds <= limit_seconds


def _within(age_seconds: float | None) -> str:
    if age_seconds is None:
        return "in the last 24 hours"
    if age_seconds < 0:
        return f"since the clock of Redis was set back by {duration(-age_seconds)}"
    return f"for {duration(age_seconds)}"


def _could_start(overview: Overview) -> bool:
    """Whether a job waits for nothing but a worker."""
    controls = overview.controls
    return (
        overview.overdue_seconds > NO_START_SECONDS
        and not overview.counts[JobState.RUNNING]
        and "starts" not in controls.paused
        and not any(breaker.open_until for breaker in controls.breakers)
        and not (overview.day_totals and overview.day_totals.day.is_full)
    )
