"""What a check found, and how the checks run: side by side, each within a limit of time.

No I/O of its own. Called by the command ``doctor``.
"""

import dataclasses
import enum
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from aicity_fleet.errors import FleetError


class Severity(enum.IntEnum):
    """How bad a finding is; a higher number is worse."""

    OK = 0
    """The check found nothing wrong."""
    NOTE = 1
    """Worth knowing. Nobody needs to act."""
    WARNING = 2
    """The fleet works, and a person should act."""
    PROBLEM = 3
    """The fleet cannot work like this."""


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a check found. Each text is one or more whole sentences."""

    check: str
    """The name of the check, such as ``redis memory``."""
    severity: Severity
    what: str
    why: str = ""
    """Why it matters; empty where nothing is wrong."""
    cure: str = ""
    """What to do, with the command where there is one; empty where nothing is wrong."""


Check = Callable[[], Sequence[Finding]]
"""Looks at one thing. It may take as long as it likes: ``run_checks`` stops waiting for it."""


def ok(check: str, what: str) -> Finding:
    """Return a finding that says that all is well."""
    return Finding(check, Severity.OK, what)


def note(check: str, what: str, why: str = "", cure: str = "") -> Finding:
    """Return a finding that is worth knowing."""
    return Finding(check, Severity.NOTE, what, why, cure)


def warning(check: str, what: str, why: str, cure: str) -> Finding:
    """Return a finding that a person should act on."""
    return Finding(check, Severity.WARNING, what, why, cure)


def problem(check: str, what: str, why: str, cure: str) -> Finding:
    """Return a finding that keeps the fleet from working."""
    return Finding(check, Severity.PROBLEM, what, why, cure)


def worst(findings: Iterable[Finding]) -> Severity:
    """Return the severity of the worst of these findings; ``OK`` for none."""
    return max((finding.severity for finding in findings), default=Severity.OK)


def run_checks(checks: dict[str, Check], *, limit_seconds: float) -> list[Finding]:
    """Run checks side by side and return their findings, in the order of the checks.

    The threads are daemons: a check that hangs, such as in a look-up of a host's name, delays neither this
    function nor the end of the process.

    Args:
        checks: The checks by name.
        limit_seconds: How long to wait for all of them together.
    """
    found: dict[str, list[Finding]] = {}
    threads = [
        threading.Thread(target=_run, args=(name, check, found), name=name, daemon=True)
        for name, check in checks.items()
    ]
    for thread in threads:
        thread.start()
    ends_at = time.monotonic() + limit_seconds
    for thread in threads:
        thread.join(max(0.0, ends_at - time.monotonic()))
    silent = {name: [_silent(name, limit_seconds)] for name in checks}
    return [finding for name in checks for finding in found.get(name, silent[name])]


def _run(name: str, check: Check, found: dict[str, list[Finding]]) -> None:
    try:
        found[name] = list(check())
    except FleetError as error:
        found[name] = [problem(name, f"The check failed. {error}", "", "")]
    except Exception as error:  # noqa: BLE001 - a broken check must not hide what the others found
        found[name] = [
            warning(
                name,
                f"The check itself failed ({type(error).__name__}).",
                "What it looks at is unknown.",
                "Report this with the output of 'aicity-fleet doctor --json'.",
            )
        ]


def _silent(name: str, limit_seconds: float) -> Finding:
    return problem(
        name,
        f"The check did not finish within {limit_seconds:g} s.",
        "Something on the way does not answer, such as the name server or a firewall.",
        "Check the network of this machine, then run 'aicity-fleet doctor' again.",
    )
