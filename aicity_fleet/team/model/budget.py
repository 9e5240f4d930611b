"""What a run may still spend, asked before each model call. No AutoGen here.

How large an answer will be nobody knows before it is there: a call is let through when its prompt alone
still fits, so a job overshoots by one answer at most, the one of the call in flight. A call that fails, or
whose answer is lost on its way, may have been charged by the provider; the fleet does not see that.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

from aicity_fleet.errors import SettingsError
from aicity_fleet.journal import Bill, JournalCursor
from aicity_fleet.models import AssignedTask
from aicity_fleet.money.earnings import agent_share_usd
from aicity_fleet.money.prices import Tariff, find_tariff
from aicity_fleet.settings import Settings
from aicity_fleet.team.declare.spec import Limits, ModelConfig, TeamSpec
from aicity_fleet.team.model import provider_errors as endings

RESERVED_SECONDS = 60.0
"""How much longer than the call itself may take its share of the day's cap stays reserved, in seconds. Then
whoever reserved it has died."""


class SpendingLimiter(Protocol):
    """What all jobs of a fleet may spend together today, as one run sees it."""

    async def reserve(self, ordinal: int, usd: Decimal, seconds: float) -> bool:
        """Keep this much for a call; False when it does not fit any more.

        Args:
            ordinal: The call's place in the job's journal. Recording it there settles the reservation.
            usd: What its prompt will cost, in US dollars.
            seconds: After how long the reservation lapses.
        """
        ...

    async def give_back(self, ordinal: int) -> None:
        """Drop the reservation of a call that failed."""
        ...


class Priced(Protocol):
    """What the budget wants to know of a model."""

    @property
    def tariff(self) -> Tariff | None:
        """What it charges; None when nobody knows."""
        ...

    @property
    def config(self) -> ModelConfig:
        """How long one call of it may take stands there."""
        ...


M = TypeVar("M", bound=Priced)


class Budget:
    """One run's money.

    Args:
        limits: The bounds in dollars.
        tape: What the job has spent so far.
        purse: The fleet's bound of the day; None for none.
    """

    def __init__(
        self, limits: Limits, cursor: JournalCursor, limiter: SpendingLimiter | None
    ) -> None:
        self._limits, self._cursor, self._limiter = limits, cursor, limiter

    @property
    def spent_usd(self) -> Decimal:
        """What counts against the job's bounds so far, in US dollars: what was replayed has been counted
        when it was bought, and some of it may have been discarded since.
        """
        before = max(self._limits.spent_before_usd, self._cursor.replayed_usd)
        return before + self._cursor.charged_usd

    def affordable(self, models: Sequence[M], prompt_tokens: int) -> tuple[M, ...]:
        """Those of the models that may be asked next; one of an unknown price may.

        Args:
            models: In the order in which they are asked.
            prompt_tokens: An estimate of the prompt.

        Raises:
            StoppedError: The call would cross a bound with each of them.
        """
        crossed = [self._crossed(model, prompt_tokens) for model in models]
        found = tuple(m for m, crosses in zip(models, crossed, strict=True) if crosses is None)
        if not found and crossed[0] is not None:
            raise crossed[0]
        return found

    def _crossed(self, model: Priced, prompt_tokens: int) -> endings.StoppedError | None:
        after = self.spent_usd + _prompt_usd(model, prompt_tokens)
        if self._limits.max_usd is not None and after > self._limits.max_usd:
            return endings.over_budget()
        if self._limits.earns_usd is not None and after > self._limits.earns_usd:
            return endings.unprofitable()
        return None

    async def reserve(self, model: Priced, prompt_tokens: int) -> None:
        """Keep a call's share of the fleet's day.

        Raises:
            StoppedError: There is no room for it today.
            Exception: What the purse raises, noted as the tape's failure.
        """
        if self._limiter is None:
            return
        seconds = model.config.timeout_seconds + RESERVED_SECONDS
        usd = _prompt_usd(model, prompt_tokens)
        try:
            fits = await self._limiter.reserve(self._cursor.ordinal, usd, seconds)
        except Exception as error:
            self._cursor.failure = error
            raise
        if not fits:
            raise endings.day_cap()

    async def give_back(self) -> None:
        """The call that was reserved for last failed.

        Raises:
            Exception: What the purse raises, noted as the tape's failure.
        """
        if self._limiter is None:
            return
        try:
            await self._limiter.give_back(self._cursor.ordinal)
        except Exception as error:
            self._cursor.failure = error
            raise


def _prompt_usd(model: Priced, prompt_tokens: int) -> Decimal:
    known = model.tariff.usd(prompt_tokens, 0) if model.tariff is not None else None
    return known or Decimal(0)


def bill_of(tariff: Tariff | None, usage: tuple[int, int], *, estimate: tuple[int, int]) -> Bill:
    """What a call cost.

    Args:
        tariff: Of the model that answered; None when nobody knows what it charges.
        usage: Tokens in and out as the provider counted them.
        estimate: Ours, in case it counted none: then the cost is unknown, and the estimate stands in for
            it in caps.
    """
    if tariff is None:
        return Bill()
    if any(usage):
        usd = tariff.usd(*usage)
        return Bill(usd, None, tariff.source if usd is not None else "")
    return Bill(None, tariff.usd(*estimate))


def tariff_of(config: ModelConfig) -> Tariff | None:
    """What a model charges: the owner's prices, else list prices, else None.

    The first call may take half a second, see ``prices.find_tariff``.
    """
    return find_tariff(
        config.name,
        provider=config.provider,
        base_url=config.base_url,
        own=(config.input_usd_per_million, config.output_usd_per_million),
    )


def limits_of(
    settings: Settings, task: AssignedTask, *, spent_before_usd: Decimal = Decimal(0)
) -> Limits:
    """The bounds that the settings set one job.

    Args:
        settings: The owner's.
        task: The order; what it pays counts with ``FLEET_STOP_AT_LOSS``.
        spent_before_usd: What earlier attempts spent, as far as it is known, in US dollars.
    """
    cents = task.max_budget_cents
    return Limits(
        settings.job_deadline_seconds,
        max_total_tokens=settings.max_job_tokens,
        max_usd=settings.max_job_usd,
        earns_usd=agent_share_usd(cents) if settings.stop_at_loss and cents is not None else None,
        spent_before_usd=spent_before_usd,
    )


def require_prices(
    settings: Settings, aliases: Mapping[str, Sequence[ModelConfig]], specs: Iterable[TeamSpec]
) -> None:
    """Check that every bound in dollars can be kept; loads the list of prices, so call it before jobs run.

    A cap over a model whose price is unknown would let everything through and look as if it held: a fleet
    that was told to stop at a sum refuses to start instead.

    Args:
        settings: Which caps are set.
        aliases: The models behind each alias, stand-ins included.
        specs: The teams, which say the aliases that are used.

    Raises:
        SettingsError: A bound in dollars is set and a model that a team may call has no known price.
    """
    caps = [
        f"{name}={cap}"
        for name, cap in (
            ("FLEET_MAX_JOB_USD", settings.max_job_usd),
            ("FLEET_MAX_DAY_USD", settings.max_day_usd),
            ("FLEET_STOP_AT_LOSS", "true" if settings.stop_at_loss else None),
        )
        if cap is not None
    ]
    used = {alias for spec in specs for alias in spec.models}
    unpriced = [
        f"  - {alias}: {config.name} ({config.provider})"
        for alias in sorted(used & aliases.keys())
        for config in aliases[alias]
        if tariff_of(config) is None
    ]
    if caps and unpriced:
        raise SettingsError(
            "\n".join(
                [
                    f"{' and '.join(caps)} cannot be kept: no price is known for these models.",
                    *dict.fromkeys(unpriced),
                    "Give each its input_usd_per_million and output_usd_per_million in the file of "
                    'FLEET_MODELS_FILE ("0" for one that costs nothing; the model of FLEET_MODEL is '
                    "[default] there), or unset what cannot be kept.",
                ]
            )
        )
