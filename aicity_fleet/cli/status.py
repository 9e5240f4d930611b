"""The command ``status``: on one screen, whether the fleet works, what is wrong and what to do."""

import dataclasses

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from aicity_fleet.cli.connection import open_ledger, read_settings
from aicity_fleet.cli.display import AsJson, console, foreign, print_json
from aicity_fleet.cli.money import today_text
from aicity_fleet.health.finding import Finding
from aicity_fleet.health.fleet import cap_text, check_health
from aicity_fleet.health.redis_server import memory_text
from aicity_fleet.ledger.overview import Overview, read_overview
from aicity_fleet.models import JobState, JsonObject
from aicity_fleet.words import count, duration


def status(as_json: AsJson = False) -> None:
    """Show whether the fleet works, what is wrong, and what to do.

    Exit codes: 0, all is well or will recover by itself. 1, a person must act: AI City or the model
    provider refuses the fleet, jobs wait for a decision, a process is missing, or Redis is nearly full. 2,
    Redis is unavailable or a setting is wrong.
    """
    settings = read_settings()
    overview = read_overview(open_ledger(settings))
    found = check_health(overview, poll_seconds=settings.poll_seconds)
    needs_person = any(finding.needs_person for finding in found)
    if as_json:
        print_json(_as_json(settings.agent, overview, found))
    else:
        _show(settings.agent, overview, found)
    raise typer.Exit(1 if needs_person else 0)


def _show(agent: str, overview: Overview, found: list[Finding]) -> None:
    needed = sum(finding.needs_person for finding in found)
    if needed:
        verdict = Text(f"needs you ({count(needed, 'problem')})", style="bold red")
    elif found:
        verdict = Text("works, with remarks", style="bold yellow")
    else:
        verdict = Text("works", style="bold green")
    console.print(Text(f"Fleet '{agent}': ") + verdict)
    for finding in found:
        mark = Text("! " if finding.needs_person else "- ", style="red")
        console.print(_hanging(mark, foreign(finding.what)))
        console.print(Padding(Text(finding.remedy, style="dim"), (0, 0, 0, 2)))
    if found:
        console.print()
    facts = Table(show_header=False, box=None, padding=(0, 1, 0, 0), pad_edge=False)
    facts.add_column(no_wrap=True)
    facts.add_column(overflow="fold")
    for name, value in _facts(overview):
        facts.add_row(name, foreign(value))
    console.print(facts)


def _hanging(mark: Text, text: Text) -> Table:
    row = Table.grid()
    row.add_column(width=2)
    row.add_column(overflow="fold")
    row.add_row(mark, text)
    return row


def _facts(overview: Overview) -> list[tuple[str, str]]:
    controls, counts, day_totals = overview.controls, overview.counts, overview.day_totals
    money = (
        [("today (UTC)", today_text(day_totals)), ("daily cap", cap_text(day_totals))]
        if day_totals
        else []
    )
    return [
        ("jobs", ", ".join(f"{name} {number}" for name, number in counts.items())),
        *([("quarantined", _quarantined(overview))] if counts[JobState.QUARANTINED] else []),
        ("queued", _queued(overview)),
        ("running", _running(overview)),
        ("reports", _reports(overview)),
        *money,
        ("paused", ", ".join(controls.paused) or "nothing"),
        ("guard", _guard(overview)),
        ("brake", _brake(overview)),
        ("model provider", _providers(overview)),
        ("availability", controls.availability or "not reported yet"),
        ("last poll", _last_poll(overview)),
        ("last sweep", _ago(overview.age_seconds(overview.swept_at))),
        *([("redis", memory_text(overview.server))] if overview.server else []),
        ("queues", ", ".join(f"{name} {length}" for name, length in overview.queues.items())),
    ]


def _quarantined(overview: Overview) -> str:
    decided = [f"{number} {why}" for why, number in overview.decided.items() if number]
    return ", ".join([f"{overview.undecided} to decide", *decided])


def _queued(overview: Overview) -> str:
    age = overview.age_seconds(overview.oldest_queued_at)
    return "none" if age is None else f"the oldest was accepted {_ago(age)}"


def _running(overview: Overview) -> str:
    if not overview.counts[JobState.RUNNING]:
        return "none"
    return ", ".join(f"{number} by {owner}" for owner, number in sorted(overview.owners.items()))


def _reports(overview: Overview) -> str:
    age = overview.age_seconds(overview.oldest_report_at)
    waiting = overview.counts[JobState.FINISHED]
    return (
        "none waiting"
        if age is None
        else f"{waiting} waiting, the oldest for {duration(max(0, age))}"
    )


def _guard(overview: Overview) -> str:
    controls = overview.controls
    assumed = f", {controls.failures_assumed} assumed" if controls.failures_assumed else ""
    return (
        f"{'closed' if controls.guard_is_closed else 'open'}, {controls.failures_in_a_row} failures in a "
        f"row{assumed}, {overview.counts[JobState.HELD]} held"
    )


def _brake(overview: Overview) -> str:
    endings = overview.controls.recent_endings
    failed = sum(ending != "complete" for ending in endings)
    state = "set" if overview.controls.is_braked else "released"
    return f"{state}, {failed} of the latest {len(endings)} jobs failed" if endings else state


def _providers(overview: Overview) -> str:
    return (
        ", ".join(
            f"{breaker.endpoint}: {'paused' if breaker.open_until else 'retrying'} after "
            f"{breaker.troubles} runs with trouble"
            for breaker in overview.controls.breakers
        )
        or "no trouble"
    )


def _last_poll(overview: Overview) -> str:
    latest = overview.last_poll
    if latest is None:
        return "none in the last 24 hours"
    seen = ", ".join(f"{name} {latest[name]}" for name in ("seen", "accepted", "known", "refused"))
    return f"{_ago(overview.age_seconds(latest['at']))}: {latest['status']}, {seen}"


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "none in the last 24 hours"
    if seconds < 0:
        return f"{duration(-seconds)} ahead: the clock of Redis was set back"
    return f"{duration(seconds)} ago"


def _as_json(agent: str, overview: Overview, found: list[Finding]) -> JsonObject:
    controls = overview.controls
    return {
        "agent": agent,
        "needs_person": any(finding.needs_person for finding in found),
        "findings": [dataclasses.asdict(finding) for finding in found],
        **dataclasses.asdict(overview),
        "undecided": overview.undecided,
        "margin_today_usd": overview.day_totals.margin_usd if overview.day_totals else None,
        "controls": {
            **dataclasses.asdict(controls),
            "guard_is_closed": controls.guard_is_closed,
            "holds_failures": controls.holds_failures,
        },
    }
