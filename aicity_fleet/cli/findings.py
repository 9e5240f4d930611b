"""What of a fleet's standing deserves a word: what is wrong or off, why, and what helps.

Plain sentences from plain values; no I/O. Called by the command ``status``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from aicity_fleet.cli.display import duration, moment
from aicity_fleet.cli.money import cap_text, usd
from aicity_fleet.ledger.controls import Breaker, Controls
from aicity_fleet.ledger.overview import Overview
from aicity_fleet.models import JobState

NO_SWEEP_SECONDS = 30.0
"""After how long without a sweep no dispatcher counts as alive, in seconds."""

NO_START_SECONDS = 30.0
"""After how long a job that could run, while none does, says that no worker is alive, in seconds."""

LATE_REPORT_SECONDS = 600.0
"""From when on a report that waits is worth a word, in seconds."""

PAUSED = {
    "intake": "no new task is accepted",
    "starts": "no job starts; running ones go on",
    "reports": "no outcome is reported; outcomes wait in the outbox",
}
"""What each pause means."""

PING = "celery -A aicity_fleet.celery_app inspect ping"


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that deserves a word."""

    what: str
    remedy: str
    needs_person: bool
    """Whether it stays like this until somebody acts."""


def find(overview: Overview, *, poll_seconds: float) -> list[Finding]:
    """Everything that deserves a word, what needs a person first.

    Args:
        overview: How the fleet stands.
        poll_seconds: How often AI City should be polled.
    """
    controls = overview.controls
    found = [
        *_stopped(controls),
        *_processes(overview, poll_seconds),
        *(finding for breaker in controls.breakers for finding in _breaker(breaker)),
        *_resting(overview),
        *_guard(overview),
        *_waiting(overview),
        *_day_cap(overview),
        *_pauses(controls),
    ]
    return sorted(found, key=lambda finding: not finding.needs_person)


def _stopped(controls: Controls) -> Iterator[Finding]:
    if controls.stopped is not None:
        yield Finding(
            f"AI City refuses the agent's key since {moment(controls.stopped.since_at)} UTC: neither "
            f"intake nor reports until that is mended. {controls.stopped.why}",
            "Correct AGENT_CITY_API_KEY and restart the dispatcher. If the key is right after all: "
            "'aicity-fleet resume'. A poll tries by itself now and then, every ten minutes at last.",
            needs_person=True,
        )


def _processes(overview: Overview, poll_seconds: float) -> Iterator[Finding]:
    swept = overview.age_seconds(overview.swept_at)
    if swept is None or swept > NO_SWEEP_SECONDS:
        since = "has swept within a day" if swept is None else f"has swept for {duration(swept)}"
        yield Finding(
            f"No dispatcher {since}: nothing is polled, rescued or reported.",
            "Start it: 'aicity-fleet up', or 'docker compose up -d'. Does FLEET_AGENT name this "
            f"fleet? Who answers: '{PING}'.",
            needs_person=True,
        )
        return
    yield from _polls(overview, poll_seconds)
    if _could_start(overview):
        yield Finding(
            f"A job could have started {duration(overview.overdue_seconds)} ago, and none runs: no "
            "worker takes jobs.",
            f"Start or restart the workers. Who answers: '{PING}'.",
            needs_person=True,
        )


def _polls(overview: Overview, poll_seconds: float) -> Iterator[Finding]:
    latest = overview.last_poll
    polled = overview.age_seconds(latest["at"]) if latest else None
    if polled is None or polled > max(120.0, 4 * poll_seconds):
        since = "within a day" if polled is None else f"for {duration(polled)}"
        if overview.queues["control"]:
            who = "Polls wait in the queue 'control', and the dispatcher takes none: restart it."
        else:
            who = "Start or restart beat, the clock; 'aicity-fleet poll' polls once meanwhile."
        yield Finding(f"No poll has ended {since}.", who, needs_person=True)
    elif latest and latest["status"] == "error":
        yield Finding(
            f"The last poll failed: {latest['message']}",
            "The next one tries again; should it go on, see whether AI City is up, and the contract "
            "(README, Settings).",
            needs_person=False,
        )


def _could_start(overview: Overview) -> bool:
    """Whether a job waits that nothing but the lack of a worker holds up."""
    controls = overview.controls
    return (
        overview.overdue_seconds > NO_START_SECONDS
        and not overview.counts[JobState.RUNNING]
        and "starts" not in controls.paused
        and not any(breaker.open_until for breaker in controls.breakers)
        and not (overview.day_totals and overview.day_totals.day.is_full)
    )


def _breaker(breaker: Breaker) -> Iterator[Finding]:
    if breaker.is_fatal:
        yield Finding(
            f"The model provider at {breaker.endpoint} will not serve us: {breaker.why}",
            "Mend it at the provider (key, quota, model) and restart the workers where a setting "
            "changed. One job tries again every five minutes, and its success lets all others start.",
            needs_person=True,
        )
    elif breaker.open_until is not None:
        yield Finding(
            f"The model provider at {breaker.endpoint} is in trouble; nothing starts there until "
            f"{moment(breaker.open_until)} UTC. {breaker.why}",
            "Nothing: then one job tries, and its success lets all others start.",
            needs_person=False,
        )


def _resting(overview: Overview) -> Iterator[Finding]:
    if number := overview.counts[JobState.QUARANTINED]:
        yield Finding(
            f"{_jobs(number)} in quarantine and will not go on by {_itself(number)}.",
            "'aicity-fleet jobs --state quarantined' lists them and 'job ID' says why. Then 'rerun' "
            "runs a job again, or 'send-report' sends its report as it stands. A malformed task "
            "disappears once AI City no longer lists it.",
            needs_person=True,
        )
    if number := overview.counts[JobState.HELD]:
        yield Finding(
            f"{_jobs(number)} held: reporting {'it' if number == 1 else 'them'} could be the third "
            "failure in a row, after which AI City suspends the agent.",
            "The fleet sends one after each success. 'aicity-fleet rerun --state held' runs them again; "
            "'send-report ID --despite-guard' reports one now, at that risk.",
            needs_person=True,
        )


def _guard(overview: Overview) -> Iterator[Finding]:
    controls = overview.controls
    if controls.guard_is_closed:
        yield Finding(
            f"The guard is closed: {controls.failures_in_a_row} failures in a row stand. Jobs start "
            "one at a time, and a further failure is held.",
            "Nothing: the first success that AI City accepts opens it.",
            needs_person=False,
        )
    elif controls.holds_failures:
        yield Finding(
            f"The guard assumes that {controls.failures_assumed} failures in a row stand, for neither "
            "this ledger nor the agent's profile tells. A failure is held.",
            "Nothing: the first success that AI City accepts ends that.",
            needs_person=False,
        )


def _waiting(overview: Overview) -> Iterator[Finding]:
    controls = overview.controls
    if controls.quiet_seconds:
        yield Finding(
            f"AI City asked to be left alone for {duration(controls.quiet_seconds)} more.",
            "Nothing: polls and reports go on then.",
            needs_person=False,
        )
    late = overview.age_seconds(overview.oldest_report_at)
    is_off = controls.stopped or controls.quiet_seconds or "reports" in controls.paused
    if late is not None and late > LATE_REPORT_SECONDS and not is_off:
        tried = f" {overview.report_trouble}" if overview.report_trouble else ""
        yield Finding(
            f"A report waits for {duration(late)}.{tried}",
            "It is sent again by itself; after FLEET_REPORT_HOURS it rests in quarantine.",
            needs_person=False,
        )


def _day_cap(overview: Overview) -> Iterator[Finding]:
    if overview.day_totals is None or not overview.day_totals.day.is_full:
        return
    day = overview.day_totals.day
    if day.cap_usd is not None and day.wanted_usd > day.cap_usd:
        yield Finding(
            f"A job's next call alone would cost {usd(day.wanted_usd)}, and the fleet may spend "
            f"{usd(day.cap_usd)} in a whole day: the job waits for good.",
            "Raise FLEET_MAX_DAY_USD and restart the workers, or cancel the job: 'aicity-fleet jobs "
            "--state queued', and 'job ID' says day_cap.",
            needs_person=True,
        )
    else:
        yield Finding(
            f"The fleet has spent what it may today: {cap_text(overview.day_totals)}. Jobs whose next call "
            "does not fit wait until then; none fails.",
            "Nothing: they go on with the next day. To go on now, raise FLEET_MAX_DAY_USD and restart "
            "the workers.",
            needs_person=False,
        )


def _pauses(controls: Controls) -> Iterator[Finding]:
    for name, switch in controls.paused.items():
        yield Finding(
            f"Paused since {moment(switch.since_at)} UTC: {name}, so {PAUSED.get(name, '')}. "
            f"Why: {switch.why}",
            f"'aicity-fleet resume {name}'.",
            needs_person=False,
        )


def _jobs(number: int) -> str:
    return "1 job is" if number == 1 else f"{number} jobs are"


def _itself(number: int) -> str:
    return "itself" if number == 1 else "themselves"
