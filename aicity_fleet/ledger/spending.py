"""What the fleet spends on one day, on all workers together, and the cap that keeps calls back.

Before a call its share is reserved, and with the call's entry in the journal it is settled, in one script:
so the day overshoots by the answers of the calls in flight at most, however many workers there are.
``workers.ledger_spending`` is what one run sees of it.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from aicity_fleet.journal import Entry
from aicity_fleet.ledger.leases import Lease
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.money.earnings import Cost
from aicity_fleet.money.prices import from_picodollars, picodollars


@dataclasses.dataclass(frozen=True, slots=True)
class Charge:
    """What one model call puts on the bills."""

    usd: Decimal | None
    """In US dollars; None when nobody knows."""
    estimated_usd: Decimal
    """What stands in for an unknown cost in the day's cap, in US dollars."""
    prices: str
    """Which price table it is from."""


@dataclasses.dataclass(frozen=True, slots=True)
class Day:
    """What the fleet has spent on one day."""

    began_at: datetime
    """Midnight UTC, by Redis's clock."""
    cost: Cost
    """Of the calls that were answered and written down."""
    calls: int
    """How many those are."""
    estimated_usd: Decimal
    """What the unpriced ones among them count against the cap, in US dollars."""
    reserved_usd: Decimal
    """What calls in flight have reserved, in US dollars."""
    cap_usd: Decimal | None
    """The cap that the workers keep; None while none has said one today."""
    wanted_usd: Decimal
    """What the call would have cost that was kept back last, in US dollars; 0 when none was."""
    is_full: bool
    """Whether that call still does not fit, or nothing does any more."""

    @property
    def ends_at(self) -> datetime:
        """When the next day begins, and the cap anew."""
        return self.began_at + timedelta(days=1)


class Spending:
    """The fleet's bill of the day.

    Raises from every method:
        LedgerUnavailableError: Redis does not answer.
    """

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def reserve(
        self, lease: Lease, ordinal: int, usd: Decimal, *, cap_usd: Decimal, seconds: float
    ) -> bool:
        """Keep a part of today's cap for a call; False when it does not fit.

        Args:
            lease: Of the job that makes the call.
            ordinal: The call's place in its journal.
            usd: What it will cost at least, in US dollars.
            cap_usd: What the fleet may spend today, in US dollars.
            seconds: After how long the reservation lapses.
        """
        name, amounts = _reservation(lease, ordinal), (picodollars(usd), picodollars(cap_usd))
        reply = self._scripts.run("reserve", lease.job_id, name, *amounts, int(seconds * 1000))
        return bool(reply)

    def give_back(self, lease: Lease, ordinal: int) -> bool:
        """Drop the reservation of a call that failed; False when there is none."""
        return bool(self._scripts.run("give_back", _reservation(lease, ordinal)))

    def today(self) -> Day:
        """What was spent today, by Redis's clock."""
        now_ms, fields, reserved, is_full = self._scripts.run("read_spending")
        values = dict(zip(fields[::2], fields[1::2], strict=True))

        def usd(name: str) -> Decimal:
            return from_picodollars(int(values.get(name, 0)))

        began_at = datetime.fromtimestamp(now_ms // 86_400_000 * 86_400, UTC)
        return Day(
            began_at=began_at,
            cost=Cost(usd("spent"), int(values.get("unpriced", 0))),
            calls=int(values.get("calls", 0)),
            estimated_usd=usd("estimated"),
            reserved_usd=from_picodollars(int(reserved)),
            cap_usd=usd("cap") if "cap" in values else None,
            wanted_usd=usd("wanted"),
            is_full=bool(is_full),
        )


def charge_of(entry: Entry) -> Charge | None:
    """What an entry of a journal puts on the bills; None for a tool's."""
    if entry.kind != "model":
        return None
    usd = None if entry.cost_usd is None else Decimal(entry.cost_usd)
    return Charge(usd, Decimal(entry.estimated_cost_usd or 0), entry.prices)


def booking_args(lease: Lease, ordinal: int, charge: Charge | None) -> tuple[str | int, ...]:
    """What `book_call` in the scripts' prelude expects, in its order."""
    if charge is None:
        return ("", "", "", "", "")
    usd = "" if charge.usd is None else picodollars(charge.usd)
    settles = _reservation(lease, ordinal)
    return ("model", usd, picodollars(charge.estimated_usd), charge.prices, settles)


def _reservation(lease: Lease, ordinal: int) -> str:
    return f"{lease.job_id}:{lease.fence}:{ordinal}"
