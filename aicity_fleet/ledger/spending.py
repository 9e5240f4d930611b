"""The spending of all workers in a day, and the cap that holds calls back.

A call's share is reserved before the call, and settled in the script that journals its answer. So the day
can exceed its cap by the answers of the calls in flight and no more, however many workers there are.
``workers.ledger_spending`` is the part of it that one run sees.
"""

from datetime import UTC, datetime
from decimal import Decimal

from aicity_fleet.ledger.leases import Lease
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.money.cost import NO_CHARGE, Charge, Cost, from_picodollars, picodollars
from aicity_fleet.money.day import DaySpending


class Spending:
    """The reservations and the charges of the day."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def reserve(
        self, lease: Lease, ordinal: int, usd: Decimal, *, cap_usd: Decimal, seconds: float
    ) -> bool:
        """Reserve a part of today's cap for a call; False when it does not fit.

        Args:
            lease: The lease on the job that makes the call.
            ordinal: The call's place in the job's journal.
            usd: The least that it will cost, in US dollars.
            cap_usd: What the fleet may spend today, in US dollars.
            seconds: After how long the reservation lapses.
        """
        reply = self._scripts.run(
            "reserve",
            *(lease.job_id, _reservation(lease, ordinal)),
            amount=picodollars(usd),
            day_cap=picodollars(cap_usd),
            lapses_after_ms=int(seconds * 1000),
        )
        return bool(reply)

    def set_cap(self, cap_usd: Decimal | None) -> Decimal | None:
        """Set the cap of this day (UTC) in place of the workers' own, until midnight.

        Args:
            cap_usd: In US dollars; None to take it back.

        Returns:
            The cap that held before, in US dollars; None when no worker has named one today, and so none
            asks for it.
        """
        cap = "" if cap_usd is None else picodollars(cap_usd)
        is_kept, before = self._scripts.run("set_cap", cap)
        return from_picodollars(int(before)) if is_kept else None

    def give_back(self, lease: Lease, ordinal: int) -> bool:
        """Drop the reservation of a call that failed; False when there is none."""
        return bool(self._scripts.run("give_back", _reservation(lease, ordinal)))

    def book_unanswered(self, lease: Lease, ordinal: int, usd: Decimal, *, call_id: str) -> None:
        """Charge the job and the day for a call that got no answer, and drop its reservation.

        Args:
            call_id: A random text of the call. A repetition with the same one books nothing.
            usd: What it may have cost, in US dollars; 0 when its price is unknown.
        """
        self._scripts.run(
            "book_unanswered",
            lease.job_id,
            reservation=_reservation(lease, ordinal),
            cost=picodollars(usd),
            call=call_id,
        )

    def today(self) -> DaySpending:
        """Read what was spent today, by Redis's clock."""
        now_ms, fields, reserved, is_full = self._scripts.run("read_spending")
        values = dict(zip(fields[::2], fields[1::2], strict=True))

        def usd(name: str) -> Decimal:
            return from_picodollars(int(values.get(name, 0)))

        began_at = datetime.fromtimestamp(now_ms // 86_400_000 * 86_400, UTC)
        return DaySpending(
            began_at=began_at,
            cost=Cost(usd("spent"), int(values.get("unpriced", 0))),
            calls=int(values.get("calls", 0)),
            unanswered_calls=int(values.get("unanswered", 0)),
            estimated_usd=usd("estimated"),
            reserved_usd=from_picodollars(int(reserved)),
            cap_usd=usd("cap") if "cap" in values else None,
            wanted_usd=usd("wanted"),
            is_full=bool(is_full),
        )


def booking_args(lease: Lease, ordinal: int, charge: Charge | None) -> dict[str, str | int | None]:
    """Return the named arguments of `book_call` in ``scripts/shared``."""
    charged = charge or NO_CHARGE
    return {
        "reservation": None if charge is None else _reservation(lease, ordinal),
        "cost": None if charged.usd is None else picodollars(charged.usd),
        "estimated_cost": picodollars(charged.estimated_usd or Decimal(0)),
        "prices": charged.prices,
    }


def _reservation(lease: Lease, ordinal: int) -> str:
    return f"{lease.job_id}:{lease.fence}:{ordinal}"
