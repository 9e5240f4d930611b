"""One day (UTC) of a fleet's money: what it spent and may still spend, and what it earned.

Plain values, read by ``aicity_fleet.ledger``. What is unknown is counted beside the sums, never as zero.
"""

import dataclasses
from datetime import datetime, timedelta
from decimal import Decimal

from aicity_fleet.money.cost import Cost


@dataclasses.dataclass(frozen=True, slots=True)
class DaySpending:
    """What the fleet has spent on one day, and the cap that it keeps."""

    began_at: datetime
    """Midnight UTC, by Redis's clock."""
    cost: Cost
    """What the day's answered and recorded calls cost."""
    calls: int
    """The number of those calls."""
    estimated_usd: Decimal
    """What the unpriced and the unanswered calls count against the cap, in US dollars."""
    reserved_usd: Decimal
    """What calls in flight have reserved, in US dollars."""
    cap_usd: Decimal | None
    """The cap that the workers keep; None while none has named one today."""
    wanted_usd: Decimal
    """What the most recent call that the cap kept back would have cost, in US dollars; 0 for none."""
    is_full: bool
    """Whether that call still does not fit, or nothing fits any more."""
    unanswered_calls: int = 0
    """The number of calls that were sent and got no answer. The provider may charge for them."""

    @property
    def ends_at(self) -> datetime:
        """When the next day begins, and with it a new cap."""
        return self.began_at + timedelta(days=1)


@dataclasses.dataclass(frozen=True, slots=True)
class DayTotals:
    """What a fleet spent and earned on one day."""

    day: DaySpending
    """What it spent."""
    settled_usd: Decimal
    """Earned by jobs reported that day whose refund period is over, less what was taken back that day from
    jobs of earlier days, in US dollars. May be negative."""
    unsettled_usd: Decimal
    """Earned by jobs reported that day that buyers can still take back, in US dollars."""
    unsettled_jobs: int
    """The number of those jobs."""
    unknown_jobs: int
    """Jobs reported that day that are in neither sum: their ending or their price is unknown."""
    taken_back_usd: Decimal = Decimal(0)
    """What jobs of any day had earned before the fleet read that day that AI City took it back, in US
    dollars. It is in no other sum."""
    taken_back_jobs: int = 0
    """The number of those jobs, including those whose price is unknown."""

    @property
    def margin_usd(self) -> Decimal:
        """Earnings, unsettled ones included, less costs, as far as both are known, in US dollars."""
        return self.settled_usd + self.unsettled_usd - self.day.cost.usd
