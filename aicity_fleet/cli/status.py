"""The command that says on one screen whether the fleet works, why not where it does not, what helps."""

from __future__ import annotations

import dataclasses

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from aicity_fleet.cli.access import open_ledger, read_settings
from aicity_fleet.cli.display import console, duration, foreign, print_json
from aicity_fleet.cli.findings import Finding, find
from aicity_fleet.cli.market import AsJson
from aicity_fleet.cli.money import cap_text, today_text
from aicity_fleet.ledger.overview import Overview, read_overview
from aicity_fleet.models import JobState, JsonObject


def status(as_json: AsJson = False) -> None:
    """Say whether the fleet works, why not where it does not, and what to do.

    Exit codes: 0, all is well, or it mends itself. 1, something needs a person: AI City or the model
    provider refuses us, jobs are held or in quarantine, a process is missing. 2, no Redis, or a wrong
    setting.
    """
    settings = read_settings()
    overview = read_overview(open_ledger(settings))
    found = find(overview, poll_seconds=settings.poll_seconds)
    needs_person = any(finding.needs_person for finding in found)
    if as_json:
        print_json(_as_json(settings.agent, overview, found))
    else:
        _show(settings.agent, overview, found)
    raise typer.Exit(1 if needs_person else 0)


def _show(agent: str, overview: Overview, found: list[Finding]) -> None:
    needed = sum(finding.needs_person for finding in found)
    if needed:
        verdict = Text(f"needs you: {needed} of the following", style="bold red")
    elif found:
        verdict = Text("works, with something to know", style="bold yellow")
    else:
        verdict = Text("works", style="bold green")
    console.print(Text(f"Fleet '{agent}': ") + verdict)
    for finding in found:
        mark = Text("! " if finding.needs_person else "- ", style="red")
        console.print(_hanging(mark, foreign(finding.what)))
        console.print(Padding(Text(f"Do: {finding.remedy}", style="dim"), (0, 0, 0, 2)))
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
        [("today (UTC)", today_text(day_totals)), ("day's cap", cap_text(day_totals))]
        if day_totals
        else []
    )
    return [
        ("jobs", ", ".join(f"{name} {number}" for name, number in counts.items())),
        ("queued", _queued(overview)),
        ("running", _running(overview)),
        ("reports", _reports(overview)),
        *money,
        ("paused", ", ".join(controls.paused) or "nothing"),
        ("guard", _guard(overview)),
        ("model provider", _providers(overview)),
        ("availability", controls.availability or "AI City was told nothing"),
        ("last poll", _last_poll(overview)),
        ("last sweep", _ago(overview.age_seconds(overview.swept_at))),
        ("queues", ", ".join(f"{name} {length}" for name, length in overview.queues.items())),
    ]


def _queued(overview: Overview) -> str:
    age = overview.age_seconds(overview.oldest_queued_at)
    return "none waits" if age is None else f"the oldest was accepted {duration(age)} ago"


def _running(overview: Overview) -> str:
    if not overview.counts[JobState.RUNNING]:
        return "none"
    return ", ".join(f"{number} by {owner}" for owner, number in sorted(overview.owners.items()))


def _reports(overview: Overview) -> str:
    age = overview.age_seconds(overview.oldest_report_at)
    waiting = overview.counts[JobState.FINISHED]
    return "none waits" if age is None else f"{waiting} waiting, the oldest for {duration(age)}"


def _guard(overview: Overview) -> str:
    controls = overview.controls
    assumed = f", {controls.failures_assumed} assumed" if controls.failures_assumed else ""
    return (
        f"{'closed' if controls.guard_is_closed else 'open'}, {controls.failures_in_a_row} failures in a "
        f"row{assumed}, {overview.counts[JobState.HELD]} held"
    )


def _providers(overview: Overview) -> str:
    return (
        ", ".join(
            f"{breaker.endpoint}: {'closed off' if breaker.open_until else 'tried'} after "
            f"{breaker.troubles} runs with trouble"
            for breaker in overview.controls.breakers
        )
        or "no trouble"
    )


def _last_poll(overview: Overview) -> str:
    latest = overview.last_poll
    if latest is None:
        return "none within a day"
    seen = ", ".join(f"{name} {latest[name]}" for name in ("seen", "accepted", "known", "refused"))
    return f"{_ago(overview.age_seconds(latest['at']))}: {latest['status']}, {seen}"


def _ago(seconds: float | None) -> str:
    return "none within a day" if seconds is None else f"{duration(seconds)} ago"


def _as_json(agent: str, overview: Overview, found: list[Finding]) -> JsonObject:
    controls = overview.controls
    return {
        "agent": agent,
        "needs_person": any(finding.needs_person for finding in found),
        "findings": [dataclasses.asdict(finding) for finding in found],
        **dataclasses.asdict(overview),
        "margin_today_usd": overview.day_totals.margin_usd if overview.day_totals else None,
        "controls": {
            **dataclasses.asdict(controls),
            "guard_is_closed": controls.guard_is_closed,
            "holds_failures": controls.holds_failures,
        },
    }
