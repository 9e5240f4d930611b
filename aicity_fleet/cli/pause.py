"""Commands that hold parts of the fleet back. Every process obeys from its next move on."""

import enum
from decimal import Decimal, InvalidOperation
from typing import Annotated

import typer

from aicity_fleet.cli.connection import open_ledger
from aicity_fleet.cli.display import console
from aicity_fleet.errors import SettingsError
from aicity_fleet.health.fleet import PAUSED
from aicity_fleet.ledger.controls import PAUSABLES, ControlPanel, Pausable
from aicity_fleet.ledger.rules import MAX_FAILURES_IN_A_ROW
from aicity_fleet.words import count, moment, usd

MOST_USD = 1_000_000
"""More than any day's cap, in US dollars."""


class What(enum.StrEnum):
    """What to pause or resume."""

    INTAKE = "intake"
    STARTS = "starts"
    REPORTS = "reports"
    ALL = "all"


def pause(
    what: Annotated[
        What,
        typer.Argument(
            help="What to pause: accepting tasks, starting jobs, sending reports, or all."
        ),
    ],
    why: Annotated[str, typer.Option(help="The reason, shown by 'status'.")] = "by hand",
) -> None:
    """Pause a part of the fleet, at once and in all processes. Nothing is lost.

    Running jobs continue; 'cancel' stops one.
    """
    panel = open_ledger().controls
    for name in _named(what):
        if panel.pause(name, why):
            console.print(f"Paused {name}: {PAUSED[name]}.")
        else:
            switch = panel.read().paused.get(name)
            since = f", since {moment(switch.since_at)} UTC" if switch else ""
            console.print(f"{name} was already paused{since}.")
    console.print(f"To resume: aicity-fleet resume {what}")


def resume(
    what: Annotated[What, typer.Argument(help="What to resume.")] = What.ALL,
) -> None:
    """Resume a part of the fleet, or all of it.

    With intake, reports or all, this also lifts the stop that follows when AI City refuses the agent's
    key. If the key is still refused, the next request stops the fleet again.
    """
    panel = open_ledger().controls
    for name in _named(what):
        was_paused = panel.resume(name)
        console.print(f"Resumed {name}." if was_paused else f"{name} was not paused.")
    if what is not What.STARTS:
        _lift_stop(panel)


def cap(
    usd_today: Annotated[
        str,
        typer.Argument(metavar="USD", help="The cap of today in US dollars, or 'none' to undo it."),
    ],
) -> None:
    """Set what the fleet may spend today (UTC) in place of FLEET_MAX_DAY_USD, until midnight.

    The workers obey from their next model call on, and need no restart.
    """
    cap_usd = None if usd_today == "none" else _dollars(usd_today)
    before = open_ledger().spending.set_cap(cap_usd)
    if before is None:
        raise SettingsError(
            "No worker keeps a daily cap today, so none would ask for this one. Set FLEET_MAX_DAY_USD and "
            "restart the workers, or wait until they have started a job."
        )
    if cap_usd is None:
        console.print("The workers' own cap (FLEET_MAX_DAY_USD) holds again.")
    else:
        console.print(f"The cap of today (UTC) is {usd(cap_usd)}. Before, it was {usd(before)}.")
        console.print("To undo this: aicity-fleet cap none")


def guard(
    row: Annotated[
        int,
        typer.Argument(
            metavar="ROW",
            min=0,
            max=MAX_FAILURES_IN_A_ROW,
            help="How many failures in a row stand at AI City now; 0 for a new agent.",
        ),
    ],
) -> None:
    """Tell the guard how many failures in a row the agent has at AI City, if you know.

    In a new ledger, the guard assumes the worst when the agent's profile shows no number, and holds a
    failure until AI City has accepted a success. A failure that was sent and has no answer yet counts
    besides. If ROW is lower than the truth, AI City may suspend the agent.
    """
    panel = open_ledger().controls
    before = panel.set_row(row)
    now = panel.read().failures_in_a_row
    console.print(f"The guard now counts {count(now, 'failure')} in a row (before: {before}).")


def _dollars(text: str) -> Decimal:
    try:
        found = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        found = Decimal("NaN")
    if not (found.is_finite() and 0 <= found < MOST_USD):
        raise SettingsError(
            f"USD: '{text[:40]}' is no amount from 0 to {MOST_USD:,} dollars. Write 25 or 7.50."
        )
    return found


def _lift_stop(panel: ControlPanel) -> None:
    stopped = panel.read().stopped
    if stopped is not None and panel.lift_stop():
        console.print(
            "Lifted the stop: intake and reports try the agent's key again. If AI City still refuses it, "
            "'aicity-fleet status' says so within a minute."
        )


def _named(what: What) -> tuple[Pausable, ...]:
    return tuple(name for name in PAUSABLES if what in (What.ALL, name))
