"""Judges the health of a fleet: what is wrong, why, and what to do about it.

It turns plain values into plain sentences and does no I/O. Called by the commands ``status`` and ``doctor``
and by the alerts.
"""

from collections import Counter
from collections.abc import Iterator

from aicity_fleet.health.finding import Finding
from aicity_fleet.health.processes import process_findings
from aicity_fleet.health.redis_server import redis_findings
from aicity_fleet.ledger.controls import Breaker, Controls
from aicity_fleet.ledger.overview import Overview
from aicity_fleet.ledger.troubles import Trouble
from aicity_fleet.models import JobState
from aicity_fleet.money.day import DayTotals
from aicity_fleet.words import HAND_IN_NAMES, duration, moment, usd

LATE_REPORT_SECONDS = 600.0
"""A report that has waited this long is mentioned, in seconds."""

WEBHOOK_FAILS = "webhook_fails"
"""The name of the one finding that cannot be told through the webhook."""

UNTIL_STARTED = frozenset({"no_poll", "no_worker"})
"""The names of what is normal while a fleet starts."""

TROUBLE_SECONDS = 600.0
"""For how long the webhook or the archive may fail before a person is needed, in seconds."""

PAUSED = {
    "intake": "no new tasks are accepted",
    "starts": "no jobs start; running jobs continue",
    "reports": "no outcomes are reported; they wait in the outbox",
}
"""What each pause means."""


def check_health(overview: Overview, *, poll_seconds: float) -> list[Finding]:
    """Return everything that the operator should know, what needs a person first.

    Args:
        poll_seconds: How often AI City should be polled.
    """
    controls = overview.controls
    found = [
        *_stopped(controls),
        *redis_findings(overview),
        *process_findings(overview, poll_seconds),
        *(finding for breaker in controls.breakers for finding in _breaker(breaker)),
        *_waiting_for_person(overview),
        *_guard(overview),
        *_brake(controls),
        *_late(overview),
        *_day_cap(overview),
        *_pauses(controls),
        *_ignored_tools(controls),
        *_webhook(overview),
        *_archive(overview),
    ]
    return sorted(found, key=lambda finding: not finding.needs_person)


def _stopped(controls: Controls) -> Iterator[Finding]:
    if controls.stopped is not None:
        yield Finding(
            "key_refused",
            f"AI City has refused the agent's key since {moment(controls.stopped.since_at)} UTC, so intake "
            f"and reports are off. {controls.stopped.why}",
            "Correct AGENT_CITY_API_KEY and restart the dispatcher. If the key is right, run "
            "'aicity-fleet resume'. Until then a poll retries the key at least every ten minutes.",
            needs_person=True,
        )


def _breaker(breaker: Breaker) -> Iterator[Finding]:
    if breaker.is_fatal:
        yield Finding(
            f"provider_refuses {breaker.endpoint}",
            f"The model provider at {breaker.endpoint} refuses to serve the fleet: {breaker.why}",
            "Fix the key, quota or model at the provider, and restart the workers if you changed a "
            "setting. One job retries every five minutes, and the rest resume when it succeeds.",
            needs_person=True,
        )
    elif breaker.open_until is not None:
        yield Finding(
            f"provider_trouble {breaker.endpoint}",
            f"The model provider at {breaker.endpoint} is in trouble. No job starts there until "
            f"{moment(breaker.open_until)} UTC. {breaker.why}",
            "No action needed: one job will retry then, and the rest resume when it succeeds.",
            needs_person=False,
        )


def _waiting_for_person(overview: Overview) -> Iterator[Finding]:
    if number := overview.undecided:
        yield Finding(
            "quarantined",
            f"{_jobs(number)} in quarantine and will not continue without you.",
            "'aicity-fleet jobs --state quarantined' lists them, and 'aicity-fleet job ID' shows the "
            "reason. 'rerun' runs a job again, 'send-report' sends its report as it stands, and "
            "'acknowledge' leaves it as it is.",
            needs_person=True,
        )
    if number := overview.counts[JobState.HELD]:
        set_row = "'aicity-fleet guard ROW' tells the guard how many failures there are. "
        yield Finding(
            "held",
            f"{_jobs(number)} held: reporting {'it' if number == 1 else 'them'} could be the third "
            "failure in a row, after which AI City suspends the agent.",
            f"{set_row if overview.controls.failures_assumed else ''}"
            "The fleet reports one after each success. 'aicity-fleet rerun --state held' runs them again; "
            "'aicity-fleet send-report ID --despite-guard' reports one now, at that risk.",
            needs_person=True,
        )


def _guard(overview: Overview) -> Iterator[Finding]:
    controls = overview.controls
    if controls.guard_is_closed:
        yield Finding(
            "guard_closed",
            f"The guard is closed after {controls.failures_in_a_row} failures in a row. Jobs start one at "
            "a time, and another failure is held.",
            "No action needed: the next success that AI City accepts opens it.",
            needs_person=False,
        )
    elif controls.holds_failures:
        yield Finding(
            "guard_assumes",
            f"The guard assumes {controls.failures_assumed} failures in a row, because neither this ledger "
            "nor the agent's profile shows how many there were. A failure is held.",
            "No action needed: the next success that AI City accepts clears the assumption. If you know "
            "the number, set it: 'aicity-fleet guard 0' for a new agent.",
            needs_person=False,
        )


def _brake(controls: Controls) -> Iterator[Finding]:
    if not controls.is_braked:
        return
    failed = Counter(
        ending.removeprefix("fail ") for ending in controls.recent_endings if ending != "complete"
    )
    (worst, number), *_ = failed.most_common()
    team, _, model = worst.partition(" ")
    most = (
        f"{number} of them of team {team} with model {model}" if team and model else "see the jobs"
    )
    yield Finding(
        "braked",
        f"The brake is set: {failed.total()} of the latest {len(controls.recent_endings)} jobs failed, "
        f"{most}. Jobs start one at a time.",
        "Look at why they failed: 'aicity-fleet jobs', then 'aicity-fleet job ID'. Correct the team, or "
        "give it another model, and restart the workers. The next job that passes releases the brake.",
        needs_person=True,
    )


def _late(overview: Overview) -> Iterator[Finding]:
    controls = overview.controls
    if controls.quiet_seconds:
        yield Finding(
            "quiet",
            f"AI City asked the fleet to wait for another {duration(controls.quiet_seconds)}.",
            "No action needed: polls and reports resume then.",
            needs_person=False,
        )
    late = overview.age_seconds(overview.oldest_report_at)
    is_off = controls.stopped or controls.quiet_seconds or "reports" in controls.paused
    if late is not None and late > LATE_REPORT_SECONDS and not is_off:
        trouble = f" {overview.report_trouble}" if overview.report_trouble else ""
        yield Finding(
            "report_waits",
            f"A report has been waiting for {duration(late)}.{trouble}",
            "No action needed: the fleet keeps sending it. After FLEET_REPORT_HOURS its job goes to "
            "quarantine.",
            needs_person=False,
        )


def _day_cap(overview: Overview) -> Iterator[Finding]:
    if overview.day_totals is None or not overview.day_totals.day.is_full:
        return
    day = overview.day_totals.day
    if day.cap_usd is not None and day.wanted_usd > day.cap_usd:
        yield Finding(
            "call_exceeds_cap",
            f"The next call of one job would cost {usd(day.wanted_usd)}, more than the cap of "
            f"{usd(day.cap_usd)} for a whole day. The job will wait forever.",
            "Raise the cap of today with 'aicity-fleet cap USD', or cancel the job. To find it, run "
            "'aicity-fleet jobs --state queued', then 'aicity-fleet job ID': its reason is day_cap.",
            needs_person=True,
        )
    else:
        yield Finding(
            "day_is_full",
            f"The cap for today is reached: {cap_text(overview.day_totals)}. Jobs whose next call does not "
            "fit wait until then; none fails.",
            "No action needed: they resume tomorrow (UTC). To resume now, raise the cap of today: "
            "'aicity-fleet cap USD'.",
            needs_person=False,
        )


def _pauses(controls: Controls) -> Iterator[Finding]:
    for name, switch in controls.paused.items():
        yield Finding(
            f"paused {name}",
            f"{name} paused since {moment(switch.since_at)} UTC: {PAUSED.get(name, '')}. "
            f"Reason: {switch.why}",
            f"To resume: 'aicity-fleet resume {name}'.",
            needs_person=False,
        )


def _ignored_tools(controls: Controls) -> Iterator[Finding]:
    for endpoint, how in controls.ignores_tools.items():
        yield Finding(
            f"tools_ignored {endpoint}",
            f"The model at {endpoint} is offered tools and hands in without them "
            f"({HAND_IN_NAMES.get(how, how)}). Each of its jobs spends one or two calls on reminders.",
            "Set FLEET_MODEL_TOOLS=false, or function_calling = false for it in FLEET_MODELS_FILE, and "
            "restart the workers. If its server reads tool calls with an option, switch that on instead.",
            needs_person=False,
        )


def _webhook(overview: Overview) -> Iterator[Finding]:
    if overview.alert_trouble is not None:
        lasted = _lasted(overview, overview.alert_trouble)
        yield Finding(
            WEBHOOK_FAILS,
            f"An alert has been waiting for {duration(lasted)}. {overview.alert_trouble.why}",
            "The dispatcher tries again at least every ten minutes. If it goes on, check "
            "FLEET_ALERT_WEBHOOK and its receiver: 'aicity-fleet test-alert' sends one message.",
            needs_person=lasted > TROUBLE_SECONDS,
        )


def _archive(overview: Overview) -> Iterator[Finding]:
    if overview.archive_trouble is not None:
        lasted = _lasted(overview, overview.archive_trouble)
        yield Finding(
            "archive_fails",
            f"No settled job has been archived for {duration(lasted)}. {overview.archive_trouble.why}",
            "The dispatcher tries again every 20 s. What is not archived when its FLEET_RETENTION_DAYS are "
            "over is lost.",
            needs_person=lasted > TROUBLE_SECONDS,
        )


def _lasted(overview: Overview, trouble: Trouble) -> float:
    return max(0.0, overview.age_seconds(trouble.since_at) or 0)


def _jobs(number: int) -> str:
    return "1 job is" if number == 1 else f"{number} jobs are"


def cap_text(day_totals: DayTotals) -> str:
    """Describe how much of the day's cap is used, for people."""
    day = day_totals.day
    if day.cap_usd is None:
        return "none, or not used yet today"
    taken = day.cost.usd + day.estimated_usd
    in_flight = f", {usd(day.reserved_usd)} in flight" if day.reserved_usd else ""
    return f"{usd(taken)} of {usd(day.cap_usd)}{in_flight}; resets at {moment(day.ends_at)} UTC"
