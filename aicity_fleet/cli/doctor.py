"""The command ``doctor``: looks at everything that a fleet needs, and says cause and cure."""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

import aicity_fleet
from aicity_fleet.cli.display import AsJson, console, foreign, notes, print_json
from aicity_fleet.embedded.state_folder import find_running_fleet
from aicity_fleet.errors import FleetError
from aicity_fleet.health.fleet import check_health
from aicity_fleet.ledger.overview import Overview, read_overview
from aicity_fleet.models import JsonObject
from aicity_fleet.redaction import (
    HOLDERS,
    Process,
    log_redactor,
    secrets_in,
)
from aicity_fleet.words import count, duration

if TYPE_CHECKING:
    from aicity_fleet.doctor.contract_probe import ContractReport
    from aicity_fleet.doctor.findings import Finding
    from aicity_fleet.settings import Settings

LIMIT_SECONDS = 9.0
"""How long all checks but those of the models may take, in seconds."""


def doctor(
    model: Annotated[
        bool,
        typer.Option(
            "--model",
            help="Also make one small call to each model. This costs money, usually less than a cent each, "
            "and takes up to 75 s.",
        ),
    ] = False,
    write: Annotated[
        Path | None,
        typer.Option(
            help="Write what was confirmed of AI City's routes into this new file, for FLEET_CONTRACT_FILE."
        ),
    ] = None,
    process: Annotated[
        Process,
        typer.Option(
            help="Whose environment this is, such as dispatcher in its container: the keys that this "
            "process may not hold are not missed."
        ),
    ] = Process.CLI,
    as_json: AsJson = False,
) -> None:
    """Check settings, files, Redis, AI City and its contract, and say cause and cure, within ten seconds.

    Works before the fleet runs and while it runs. It changes nothing at AI City:
    reports are tried only for tasks that do not exist.

    Exit codes: 0, all is well. 1, a person should act. 2, a setting is wrong, so
    nothing else was checked.
    """
    from aicity_fleet.doctor.aicity_checks import AICityCheck  # noqa: PLC0415 - slow to load
    from aicity_fleet.doctor.files import check_files, load_settings  # noqa: PLC0415
    from aicity_fleet.doctor.findings import run_checks  # noqa: PLC0415

    began = time.monotonic()
    environ = dict(os.environ)
    find_running_fleet(environ)
    settings, found = load_settings(environ)
    redact = log_redactor(secrets_in(environ).values())
    if settings is None:
        _finish(found, redact, as_json=as_json, began=began, code=2)
        return
    city = AICityCheck(settings)
    redis = _in_redis(settings)
    with notes.status("Checking ..."):
        checks: dict[str, Callable[[], Sequence[Finding]]] = {
            "files": lambda: check_files(settings, environ, process),
            "redis": redis,
            "AI City": city.findings,
        }
        if process not in HOLDERS["AGENT_CITY_API_KEY"]:
            del checks["AI City"]  # it never talks to AI City
        found += run_checks(checks, limit_seconds=LIMIT_SECONDS)
        if model:
            from aicity_fleet.doctor.model_checks import (  # noqa: PLC0415
                LIMIT_SECONDS as MODEL_SECONDS,
            )
            from aicity_fleet.doctor.model_checks import check_models  # noqa: PLC0415

            found += run_checks(
                {"models": lambda: check_models(settings)}, limit_seconds=MODEL_SECONDS
            )
    if write is not None:
        found.append(_write(write, city.report, redact))
    _finish(found, redact, as_json=as_json, began=began, report=city.report)


def _in_redis(settings: Settings) -> Callable[[], list[Finding]]:
    """Return the check of Redis, and of the fleet as its ledger shows it."""
    from aicity_fleet.doctor.findings import note, problem  # noqa: PLC0415
    from aicity_fleet.doctor.redis_checks import check_embedded, check_redis  # noqa: PLC0415
    from aicity_fleet.doctor.redis_probe import open_client, open_used_ledger, read_server  # noqa: PLC0415

    def look() -> list[Finding]:
        client = open_client(settings)
        state = read_server(client, settings)
        if state.trouble == "unreachable" and not settings.redis_url_is_set:
            return [check_embedded()]
        found = check_redis(state, settings)
        if not state.answers:
            return found
        try:
            ledger = open_used_ledger(client, settings)
            overview = read_overview(ledger) if ledger is not None else None
        except FleetError as error:
            why = "How the fleet is doing is unknown."
            cure = "Fix what is wrong with Redis, then run 'aicity-fleet doctor' again."
            return [*found, problem("ledger", str(error), why, cure)]
        if overview is None or not (overview.swept_at or any(overview.counts.values())):
            what = f"No fleet named '{settings.agent}' has run on this Redis within a day."
            cure = "Start it: aicity-fleet up. If it does run, FLEET_AGENT has another value there."
            return [*found, note("fleet", what, "Nothing is polled until one runs.", cure)]
        return [*found, *_fleet(overview, settings.poll_seconds)]

    return look


def _fleet(overview: Overview, poll_seconds: float) -> Iterator[Finding]:
    """Yield what the ledger shows of the processes, and the findings of ``status``."""
    from aicity_fleet.doctor.findings import note, ok, problem  # noqa: PLC0415

    swept = overview.age_seconds(overview.swept_at)
    jobs = ", ".join(f"{owner} ({number})" for owner, number in sorted(overview.owners.items()))
    yield ok(
        "processes",
        (
            "No dispatcher swept within a day"
            if swept is None
            else f"Last sweep: {duration(swept)} ago"
        )
        + f". Processes with running jobs: {jobs or 'none'}.",
    )
    # What Redis says of itself was judged above.
    overview = dataclasses.replace(overview, server=None)
    health = check_health(overview, poll_seconds=poll_seconds)
    for finding in health:
        if finding.needs_person:
            yield problem(
                "fleet", finding.what, "It stays like this until somebody acts.", finding.remedy
            )
        else:
            yield note("fleet", finding.what, cure=finding.remedy)
    if not health:
        yield ok("fleet", "The fleet works.")


def _write(path: Path, report: ContractReport | None, redact: Callable[[str], str]) -> Finding:
    from aicity_fleet.doctor.contract_file import write_contract  # noqa: PLC0415
    from aicity_fleet.doctor.findings import note, problem  # noqa: PLC0415

    why = "What was found out is not kept."
    if report is None:
        return problem(
            "--write", f"{path} was not written: AI City was not probed.", why, "See above."
        )
    try:
        write_contract(report, path, redact)
    except FleetError as error:
        return problem("--write", str(error), why, "Act on it, then try again.")
    cure = f"Read it, then set FLEET_CONTRACT_FILE={path} for the dispatcher and restart it."
    open_ = [route.name for route in report.routes.values() if route.state != "confirmed"]
    left = f" Not confirmed: {', '.join(open_)}." if open_ else ""
    return note("--write", f"Wrote {path}.{left}", cure=cure)


def _finish(
    found: list[Finding],
    redact: Callable[[str], str],
    *,
    as_json: bool,
    began: float,
    report: ContractReport | None = None,
    code: int | None = None,
) -> None:
    """Show the findings without any secret, and end with the exit code that follows from them."""
    from aicity_fleet.doctor.findings import Severity, worst  # noqa: PLC0415

    found = [
        dataclasses.replace(
            finding,
            what=redact(finding.what),
            why=redact(finding.why),
            cure=redact(finding.cure),
        )
        for finding in found
    ]
    code = code if code is not None else int(worst(found) > Severity.NOTE)
    seconds = round(time.monotonic() - began, 1)
    if as_json:
        print_json(_as_json(found, report, redact) | {"exit_code": code, "seconds": seconds})
    else:
        _show(found, seconds)
    raise typer.Exit(code)


def _show(found: list[Finding], seconds: float) -> None:
    from aicity_fleet.doctor.findings import Severity, worst  # noqa: PLC0415

    checks = dict.fromkeys(finding.check for finding in found)
    width = max((len(check) for check in checks), default=0)
    for check in checks:
        of_check = [finding for finding in found if finding.check == check]
        severity = worst(of_check)
        mark, style = {
            Severity.OK: ("ok", "green"),
            Severity.NOTE: ("- ", "cyan"),
            Severity.WARNING: ("! ", "yellow"),
            Severity.PROBLEM: ("! ", "red"),
        }[severity]
        told = next(finding for finding in of_check if finding.severity is severity)
        line = Text(f"{mark} ", style=style) + Text(f"{check:<{width}}  ") + _first(told.what)
        console.print(line, no_wrap=True, overflow="ellipsis")
    worse = [finding for finding in found if finding.severity > Severity.OK]
    console.print()
    worse.sort(key=lambda finding: -finding.severity)
    for finding, following in zip_longest(worse, worse[1:]):
        style = {Severity.NOTE: "cyan", Severity.WARNING: "yellow"}.get(finding.severity, "red")
        mark = "-" if finding.severity is Severity.NOTE else "!"
        row = Table.grid(padding=(0, 1, 0, 0))
        row.add_row(Text(mark, style=style), Text(f"{finding.check}: ") + foreign(finding.what))
        console.print(row)
        is_last_of_cure = following is None or following.cure != finding.cure
        for text, looks in ((finding.why, ""), (finding.cure if is_last_of_cure else "", "dim")):
            if text:
                console.print(Padding(Text.assemble((foreign(text).plain, looks)), (0, 0, 0, 2)))
    acts = sum(finding.severity > Severity.NOTE for finding in found)
    verdict = (
        Text(f"{count(acts, 'finding')} to act on", style="bold red")
        if acts
        else Text("Nothing to act on", style="bold green")
    )
    console.print(
        verdict + Text(f" ({count(len(found), 'check')}, {seconds:g} s, ", style=""), end=""
    )
    console.print(f"aicity-fleet {aicity_fleet.__version__})")


def _first(text: str) -> Text:
    """Return the first line of a text, for the list of checks."""
    return foreign(text.partition("\n")[0])


def _as_json(
    found: list[Finding], report: ContractReport | None, redact: Callable[[str], str]
) -> JsonObject:
    routes = report.routes.values() if report is not None else ()
    return {
        "version": aicity_fleet.__version__,
        "findings": [
            {**dataclasses.asdict(finding), "severity": finding.severity.name.lower()}
            for finding in found
        ],
        "routes": [
            {
                "name": route.name,
                "state": route.state,
                "path": route.path,
                "evidence": [redact(line) for line in route.evidence],
            }
            for route in routes
        ],
    }
