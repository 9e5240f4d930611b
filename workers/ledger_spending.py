"""What one attempt reserves and owes beyond its journal, kept in the ledger.

The worker creates one for each attempt, and the team asks it before each model call.
"""

import asyncio
import secrets
from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.ledger import Lease, Ledger
from aicity_fleet.stop_switch import StopSwitch

T = TypeVar("T")

RETRY_SECONDS = 0.5
"""How long to wait before Redis is asked again, in seconds."""


class LedgerSpendingLimiter:
    """One attempt's share of the fleet's daily cap.

    Args:
        cap_usd: What the fleet may spend in a day, in US dollars; None for any amount.
        stop_switch: Ends the wait for Redis when the run is stopped.
    """

    def __init__(
        self, ledger: Ledger, cap_usd: Decimal | None, lease: Lease, stop_switch: StopSwitch
    ) -> None:
        self._ledger, self._cap_usd, self._lease, self._stop_switch = (
            ledger,
            cap_usd,
            lease,
            stop_switch,
        )

    async def reserve(self, ordinal: int, usd: Decimal, seconds: float) -> bool:
        """Reserve this much for a call; wait for Redis, because no call may be made without a reservation.

        Raises:
            LedgerUnavailableError: The run was stopped while Redis was away.
        """
        spending, cap = self._ledger.spending, self._cap_usd
        if cap is None:
            return True
        return await self._ask(
            lambda: spending.reserve(self._lease, ordinal, usd, cap_usd=cap, seconds=seconds)
        )

    async def give_back(self, ordinal: int) -> None:
        """Drop the reservation of a call that failed.

        Raises:
            LedgerUnavailableError: The run was stopped while Redis was away.
        """
        if self._cap_usd is not None:
            await self._ask(lambda: self._ledger.spending.give_back(self._lease, ordinal))

    async def book_unanswered(self, ordinal: int, usd: Decimal) -> None:
        """Charge the job and the day for a call that was sent and got no answer.

        Raises:
            LedgerUnavailableError: The run was stopped while Redis was away.
        """
        spending, call_id = self._ledger.spending, secrets.token_hex(8)
        await self._ask(
            lambda: spending.book_unanswered(self._lease, ordinal, usd, call_id=call_id)
        )

    async def _ask(self, question: Callable[[], T]) -> T:
        while True:
            try:
                return await asyncio.to_thread(question)
            except LedgerUnavailableError:
                if self._stop_switch.abort_reason is not None or self._stop_switch.is_draining:
                    raise
                await asyncio.sleep(RETRY_SECONDS)
