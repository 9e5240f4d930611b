"""The cost of model calls: a sum is unknown where a part is, and the ledger counts in picodollars.

No I/O. An unknown cost is never zero.
"""

from __future__ import annotations

import dataclasses
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

PICODOLLARS = Decimal(10) ** 12
"""Picodollars in a dollar. The ledger adds up in them: a whole number for every price per million tokens of
up to six decimals, and a counter of Redis holds nine million dollars."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cost:
    """What model calls cost, as far as it is known."""

    usd: Decimal = Decimal(0)
    """The sum of the calls whose cost is known, in US dollars."""
    unpriced_calls: int = 0
    """How many calls the sum leaves out, because their cost is unknown."""

    @property
    def is_whole(self) -> bool:
        """Whether the sum leaves no call out."""
        return self.unpriced_calls == 0

    @property
    def known_usd(self) -> Decimal | None:
        """The whole cost; None when a part of it is unknown."""
        return self.usd if self.is_whole else None

    def to_json(self) -> dict[str, Any]:
        """Return this cost as a JSON object, with the dollars as an exact decimal."""
        return {"usd": f"{self.usd:f}", "unpriced_calls": self.unpriced_calls}

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.usd + other.usd, self.unpriced_calls + other.unpriced_calls)


NO_COST = Cost()


@dataclasses.dataclass(frozen=True, slots=True)
class Charge:
    """What one model call cost."""

    usd: Decimal | None = None
    """In US dollars; None if unknown."""
    estimated_usd: Decimal | None = None
    """Our own estimate, where the provider counted no tokens. It counts against caps alone."""
    prices: str = ""
    """The price table that the cost is from; empty when the cost is unknown."""

    @property
    def cost(self) -> Cost:
        """This call as a cost that can be added up."""
        return Cost(unpriced_calls=1) if self.usd is None else Cost(self.usd)

    @property
    def counted_usd(self) -> Decimal:
        """What the call counts against a cap in dollars; zero when there is not even an estimate."""
        known = self.estimated_usd if self.usd is None else self.usd
        return known or Decimal(0)


NO_CHARGE = Charge()


def picodollars(usd: Decimal) -> int:
    """Convert dollars to the whole number that the ledger counts in."""
    return int((usd * PICODOLLARS).to_integral_value(ROUND_HALF_EVEN))


def from_picodollars(amount: int) -> Decimal:
    """Convert the ledger's whole number to dollars."""
    return Decimal(amount) / PICODOLLARS
