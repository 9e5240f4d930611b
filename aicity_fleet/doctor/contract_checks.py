"""Judges what was learned of the contract: each route, each body, and the tasks that are listed. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any

from aicity_fleet.aicity.standing import STATUSES
from aicity_fleet.aicity.task import parse_task
from aicity_fleet.doctor.contract_probe import ContractReport, RouteReport
from aicity_fleet.doctor.findings import Finding, Severity, note, ok, problem, warning
from aicity_fleet.errors import TaskRefusedError

NEEDED = {
    "assigned": "Without the list of assigned tasks the fleet gets no work.",
    "complete": "No delivery would reach AI City, and nothing would be earned.",
    "fail": "No failure would reach AI City, so its buyer would wait.",
    "task": "Refunds and failed checks after a report would stay unknown.",
    "profile": "The key, the score and a suspension cannot be seen.",
}
"""Why each route matters."""

OTHER_STATUSES = frozenset({*STATUSES, "routing", "cancelled", "canceled", "expired"})
"""Statuses of a listed task that is not to be run. Source: docs.aicity.dev/docs/sdk/tasks."""


def contract_findings(report: ContractReport) -> Iterator[Finding]:
    """Judge each route and body of a contract."""
    for route in report.routes.values():
        yield _route(route)
    if report.base_path != report.contract.base_path and report.has_base_path:
        yield problem(
            "contract base_path",
            f"The routes are below '{report.base_path or '/'}', and the contract says "
            f"'{report.contract.base_path or '/'}'.",
            NEEDED["assigned"],
            _write_cure(),
        )
    if report.refuses_paging:
        yield problem(
            "contract paging",
            "The list is refused with the contract's parameters of paging, and answered without them.",
            NEEDED["assigned"],
            f'Set page_parameter and page_size_parameter to "". {_write_cure()}',
        )
    for name, body in report.bodies.items():
        check = f"contract {name}"
        if body.unmapped:
            keys = ", ".join(map(str, body.unmapped))
            yield problem(
                check,
                f"The server requires {keys}, and the fleet does not know what belongs there.",
                "It would refuse every report without it.",
                f"Read AI City's documentation, and add it to [{name}] in a contract file.",
            )
        if body.missing and body.template:
            yield problem(
                check,
                f"Our {name} lacks what the server requires: {', '.join(map(str, body.missing))}.",
                "It would refuse every report.",
                _write_cure(),
            )
        elif body.required and not body.missing:
            yield ok(
                check, f"It has all that the server requires: {', '.join(map(str, body.required))}."
            )
    if report.stopped_why:
        yield note(
            "contract",
            f"Not everything was tried, because {report.stopped_why}.",
            cure="Run 'aicity-fleet doctor' again later.",
        )


def _route(route: RouteReport) -> Finding:
    check, proof = f"contract {route.name}", "; ".join(route.evidence)
    needed = NEEDED[route.name]
    is_essential = route.name in {"assigned", "complete", "fail"}
    if route.is_moved:
        return Finding(
            check,
            Severity.PROBLEM if is_essential else Severity.WARNING,
            f"Refuted: {route.configured or 'no path'}. Confirmed instead: {route.path}. ({proof})",
            needed,
            _write_cure(),
        )
    if route.state == "confirmed":
        return ok(check, f"Confirmed: {route.path}. ({proof})")
    if route.state == "unknown":
        return note(
            check,
            f"Unknown: {route.path}. ({proof})",
            needed,
            "No action needed while the fleet works. A first cheap task of your own shows it.",
        )
    if not route.configured and not is_essential:
        return note(check, "The contract names no path.", needed)
    return Finding(
        check,
        Severity.PROBLEM if is_essential else Severity.WARNING,
        f"Refuted: {route.configured}, and no other path was confirmed. ({proof})",
        needed,
        f"Find the path in AI City's documentation, and set it as paths.{route.name} in a file for "
        "FLEET_CONTRACT_FILE. docs/settings.md says how.",
    )


def _write_cure() -> str:
    return (
        "Run: aicity-fleet doctor --write contract.toml. Read that file, then set "
        "FLEET_CONTRACT_FILE=contract.toml for the dispatcher and restart it."
    )


def listed_findings(report: ContractReport, max_input_chars: int) -> Iterator[Finding]:
    """Judge whether the tasks that are listed now can be read, and which of them are ours to run."""
    entries: list[Any] = report.list_answer.payload if report.list_answer else []
    refusals = [fault for entry in entries if (fault := _refusal(entry, max_input_chars))]
    if not entries:
        return
    check = "AI City tasks"
    if len(refusals) == len(entries):
        yield problem(
            check,
            f"None of the {len(entries)} listed tasks can be read, such as: {refusals[0][:200]}",
            "Each of them would go to quarantine.",
            "Its tasks have another form than the fleet knows. Look for a newer version of the fleet.",
        )
        return
    statuses = {str(entry.get("status", "")) for entry in entries if isinstance(entry, Mapping)}
    unknown = sorted(
        status[:40]
        for status in statuses
        if not report.contract.is_runnable(status) and status not in OTHER_STATUSES
    )
    if unknown:
        yield warning(
            check,
            f"Tasks are listed with a status that the fleet does not know: {', '.join(unknown)}.",
            "The fleet does not run them.",
            "If it means that the agent should run them, add it to runnable_statuses in a contract file.",
        )
    else:
        yield ok(
            check,
            f"{len(entries)} tasks are listed on the first page, and the fleet can read them.",
        )


def _refusal(entry: object, max_input_chars: int) -> str:
    try:
        parse_task(entry, max_input_chars=max_input_chars)
    except TaskRefusedError as error:
        return str(error)
    return ""
