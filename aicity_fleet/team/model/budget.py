"""The budget of a run, checked before each model call. No AutoGen here.

The prompt is estimated, and the answer is limited to what is left. So a job exceeds its cap by no more than
the error of that estimate, unless a server ignores the limit. A provider may charge for a call whose answer
is lost on the way: such a call is booked by an estimate.
"""

import contextlib
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeVar

from aicity_fleet.errors import SettingsError
from aicity_fleet.journal import JournalCursor
from aicity_fleet.models import AssignedTask
from aicity_fleet.money.earnings import agent_share_usd
from aicity_fleet.money.prices import PriceTable, find_prices
from aicity_fleet.settings import Settings
from aicity_fleet.team.declare.spec import Limits, ModelConfig, TeamSpec
from aicity_fleet.team.endings import DAY_CAP, OVER_BUDGET, TOO_LONG, UNPROFITABLE, StoppedError

LEAST_ANSWER_TOKENS = 64
"""The shortest answer that is worth its prompt, in tokens: a call with less room for it is not made."""

RESERVED_SECONDS = 60.0
"""How long a reservation outlasts the timeout of its call, in seconds. By then the process that made it has
died."""

UNCAPPED_TOKENS = 1_000_000
"""The number of tokens that AutoGen gets as the cap of a job without one."""


class SpendingLimiter(Protocol):
    """The fleet's cap of the day, as one run sees it."""

    async def reserve(self, ordinal: int, usd: Decimal, seconds: float) -> bool:
        """Reserve a part of the cap for a call; False when it does not fit.

        Args:
            ordinal: The call's place in the job's journal. Recording it there settles the reservation.
            usd: The price of its prompt, in US dollars.
            seconds: After how long the reservation lapses.
        """
        ...

    async def give_back(self, ordinal: int) -> None:
        """Drop the reservation of a call that failed."""
        ...

    async def book_unanswered(self, ordinal: int, usd: Decimal) -> None:
        """Charge for a call that was sent and got no answer, and drop its reservation.

        Args:
            usd: What it may have cost, in US dollars; 0 when its price is unknown.
        """
        ...


class PricedModel(Protocol):
    """What the budget needs to know of a model."""

    @property
    def prices(self) -> PriceTable | None:
        """What it charges; None when that is unknown."""
        ...

    @property
    def config(self) -> ModelConfig:
        """Its configuration, which holds the timeout of a call."""
        ...


M = TypeVar("M", bound=PricedModel)
T = TypeVar("T")


class Budget:
    """What one run may spend.

    Args:
        limits: The job's caps in dollars.
        cursor: Counts what the job has spent so far.
        limiter: The fleet's cap of the day; None for no cap.
    """

    def __init__(
        self, limits: Limits, cursor: JournalCursor, limiter: SpendingLimiter | None
    ) -> None:
        self._limits, self._cursor, self._limiter = limits, cursor, limiter
        self._unanswered_usd = Decimal(0)

    def check_call(self, prompt_tokens: int) -> None:
        """Check that one more model call stays within the job's calls and tokens.

        Args:
            prompt_tokens: An estimate of the prompt.

        Raises:
            StoppedError: It would not.
        """
        calls = self._limits.max_model_calls
        if calls is not None and self._cursor.model_calls >= calls:
            raise StoppedError(OVER_BUDGET)
        least = prompt_tokens + LEAST_ANSWER_TOKENS
        if self._limits.max_total_tokens is not None and least > self.tokens_left:
            raise StoppedError(OVER_BUDGET)

    @contextlib.contextmanager
    def at_most(self, tokens: int) -> Iterator[None]:
        """Let the calls within buy no more than so many tokens together, in and out."""
        whole = self._limits
        self._limits = whole.narrowed(self._cursor.tokens + tokens)
        try:
            yield
        finally:
            self._limits = whole

    @property
    def tokens_left(self) -> int:
        """How many tokens the job may still buy; of a million when it has no cap."""
        cap = self._limits.max_total_tokens
        return (UNCAPPED_TOKENS if cap is None else cap) - self._cursor.tokens

    @property
    def spent_usd(self) -> Decimal:
        """What counts against the job's caps so far, in US dollars.

        Replayed calls were counted when they were bought, and some of those may have been discarded since.
        """
        before = max(self._limits.spent_before_usd, self._cursor.replayed_usd)
        return before + self._cursor.charged_usd + self._unanswered_usd

    def affordable(self, models: Sequence[M], prompt_tokens: int) -> tuple[M, ...]:
        """Return the models that may be called next; a model of unknown price may.

        Args:
            models: In the order in which they are tried.
            prompt_tokens: An estimate of the prompt.

        Raises:
            StoppedError: The call would cross a cap with each of them.
        """
        crossed = [self._crossed(model, prompt_tokens) for model in models]
        found = tuple(m for m, crosses in zip(models, crossed, strict=True) if crosses is None)
        if not found and crossed[0] is not None:
            raise crossed[0]
        return found

    def output_tokens(self, model: PricedModel, prompt_tokens: int) -> int | None:
        """Return how many tokens the answer to this prompt may have; None for any number.

        It is the alias's limit or else the team's, and never more than the job's tokens and dollars or the
        model's context have left. It depends on what was spent, so it must not be part of a request's hash.

        Raises:
            StoppedError: The context is too small for the prompt.
        """
        config, limits = model.config, self._limits
        room = [config.max_output_tokens or limits.max_output_tokens]
        if limits.max_total_tokens is not None:
            room.append(self.tokens_left - prompt_tokens)
        if config.context_tokens is not None:
            room.append(config.context_tokens - prompt_tokens)
            if config.context_tokens - prompt_tokens < LEAST_ANSWER_TOKENS:
                raise StoppedError(TOO_LONG)
        caps = [cap for cap in (limits.max_usd, limits.earns_usd) if cap is not None]
        if caps and (per_token := _usd_per_token_out(model, prompt_tokens)):
            left = min(caps) - self.spent_usd - _usd(model, prompt_tokens)
            room.append(int(left / per_token))
        known = [tokens for tokens in room if tokens is not None]
        return max(min(known), LEAST_ANSWER_TOKENS) if known else None

    def _crossed(self, model: PricedModel, prompt_tokens: int) -> StoppedError | None:
        if self._limits.max_usd is None and self._limits.earns_usd is None:
            return None
        least = _usd_per_token_out(model, prompt_tokens) * LEAST_ANSWER_TOKENS
        after = self.spent_usd + _usd(model, prompt_tokens) + least
        if self._limits.max_usd is not None and after > self._limits.max_usd:
            return StoppedError(OVER_BUDGET)
        if self._limits.earns_usd is not None and after > self._limits.earns_usd:
            return StoppedError(UNPROFITABLE)
        return None

    async def reserve(self, model: PricedModel, prompt_tokens: int) -> None:
        """Reserve a call's share of the fleet's day.

        Raises:
            StoppedError: It does not fit into today's cap.
            Exception: What the limiter raises, also kept as the cursor's failure.
        """
        if self._limiter is None:
            return
        seconds = model.config.timeout_seconds + RESERVED_SECONDS
        usd = _usd(model, prompt_tokens)
        if not await self._asked(self._limiter.reserve(self._cursor.ordinal, usd, seconds)):
            raise StoppedError(DAY_CAP)

    async def give_back(self) -> None:
        """Drop the last reservation, because its call failed.

        Raises:
            Exception: What the limiter raises, also kept as the cursor's failure.
        """
        if self._limiter is not None:
            await self._asked(self._limiter.give_back(self._cursor.ordinal))

    async def book_unanswered(
        self, model: PricedModel, prompt_tokens: int, tokens_out: int
    ) -> None:
        """Charge for the last call, which was sent and got no answer.

        Args:
            prompt_tokens: An estimate of the prompt.
            tokens_out: How many tokens of the answer arrived, as far as the fleet saw.

        Raises:
            Exception: What the limiter raises, also kept as the cursor's failure.
        """
        usd = _usd(model, prompt_tokens, tokens_out)
        self._unanswered_usd += usd
        if self._limiter is not None:
            await self._asked(self._limiter.book_unanswered(self._cursor.ordinal, usd))

    async def _asked(self, question: Awaitable[T]) -> T:
        """Wait for the limiter; what it raises stops the run, and so the cursor keeps it."""
        try:
            return await question
        except Exception as error:
            self._cursor.failure = error
            raise


def _usd(model: PricedModel, prompt_tokens: int, tokens_out: int = 0) -> Decimal:
    """Return the price of a call; 0 when it is unknown."""
    known = model.prices.usd(prompt_tokens, tokens_out) if model.prices is not None else None
    return known or Decimal(0)


def _usd_per_token_out(model: PricedModel, prompt_tokens: int) -> Decimal:
    """Return the price of one more token of an answer; 0 when it is unknown."""
    if model.prices is None:
        return Decimal(0)
    known = (model.prices.usd(prompt_tokens, 0), model.prices.usd(prompt_tokens, 1000))
    return Decimal(0) if None in known else (known[1] - known[0]) / 1000  # type: ignore[operator]


def prices_of(config: ModelConfig) -> PriceTable | None:
    """Find what a model charges: the owner's prices, else list prices, else None.

    The first call may take half a second, see ``find_prices``.
    """
    return find_prices(
        config.name,
        provider=config.provider,
        base_url=config.base_url,
        own=(config.input_usd_per_million, config.output_usd_per_million),
        by_name=config.list_prices or not config.is_own_server,
    )


def limits_of(
    settings: Settings, task: AssignedTask, *, spent_before_usd: Decimal = Decimal(0)
) -> Limits:
    """Return the limits that the settings impose on one job.

    Args:
        task: The order; its price is a cap under ``FLEET_STOP_AT_LOSS``.
        spent_before_usd: The known part of what earlier attempts spent, in US dollars.
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
    """Check that every cap in dollars can be enforced. It loads the price list: call it before jobs run.

    A cap on a model of unknown price would seem to hold and stop nothing, so the fleet refuses to start.

    Args:
        aliases: The models behind each alias, stand-ins included.
        specs: The teams, which name the aliases in use.

    Raises:
        SettingsError: A cap in dollars is set, and a model that a team may call has no known price.
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
        if prices_of(config) is None
    ]
    if caps and unpriced:
        raise SettingsError(
            "\n".join(
                [
                    f"{' and '.join(caps)} cannot be kept: no price is known for these models.",
                    *dict.fromkeys(unpriced),
                    "Give each its input_usd_per_million and output_usd_per_million in the file of "
                    'FLEET_MODELS_FILE ("0" for one that costs nothing), or list_prices = true behind a '
                    "gateway to the provider; the model of FLEET_MODEL has FLEET_MODEL_INPUT_USD, "
                    "FLEET_MODEL_OUTPUT_USD and FLEET_MODEL_LIST_PRICES for it. Or unset what cannot "
                    "be kept.",
                ]
            )
        )
