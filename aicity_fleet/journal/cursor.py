"""One run's walk along its journal: it replays recorded answers and appends new ones."""

import inspect
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from aicity_fleet import tracing
from aicity_fleet.journal.entry import NO_MODEL_CALL, REPEATED, Caller, Entry, ModelCall
from aicity_fleet.journal.store import Journal
from aicity_fleet.models import JsonObject, Usage
from aicity_fleet.money.cost import Cost


class JournalCursor:
    """One run's walk along its journal; it counts new and replayed calls apart."""

    def __init__(
        self,
        journal: Journal,
        version: str = "",
        origin: JsonObject | None = None,
        *,
        team: str = "",
    ) -> None:
        """Start at the beginning of the journal.

        Args:
            journal: The answers that earlier attempts bought.
            version: Identifies what runs; a journal of another version is discarded.
            origin: What a replay will need to know of this run.
            team: The name of the team, which the store may count by.
        """
        self._journal = journal
        self._version = version
        self._origin = origin
        self._team = team
        self.ordinal = 0
        """The place of the next call."""
        self._is_replaying = True
        self.bought = Usage()
        """What this run paid for, without replayed calls."""
        self.cost = Cost()
        """What the calls in ``bought`` cost."""
        self.charged_usd = self.replayed_usd = Decimal(0)
        """What new and replayed calls count against a cap in dollars: their cost, or our estimate of it."""
        self.model_calls = 0
        """Model calls of the job so far, replayed ones included."""
        self.tokens = 0
        """Tokens of the job so far, replayed ones included; estimated where the provider counted none."""
        self.model = ""
        """The model that answered last."""
        self.finish_reason = ""
        """Why the model ended its latest answer; ``length`` also where the fleet ended a repetition."""
        self.failure: Exception | None = None
        """What the journal raised; the run cannot continue after it."""

    async def replay(
        self, kind: Literal["model", "tool"], request_sha256: str, *, discards: bool = True
    ) -> Entry | None:
        """Return the recorded answer to this request; None when there is none.

        A different request at this place discards the rest of the journal, and so does another version
        at its start.

        Args:
            discards: False leaves the journal as it is, for a request that need not have been made here.
        """
        if not self._is_replaying:
            return None
        entry: Entry | None = await self._ask(lambda: self._journal.recorded(self.ordinal))
        if entry is None:
            self._is_replaying = False
            return None
        is_foreign = self.ordinal == 0 and entry.version != self._version
        if is_foreign or entry.kind != kind or entry.request_sha256 != request_sha256:
            if not discards:
                return None
            self._is_replaying = False
            await self._ask(lambda: self._journal.truncate(self.ordinal))
            return None
        if entry.charge is not None:
            self.replayed_usd += entry.charge.counted_usd
        tracing.replayed(entry.kind, entry.ordinal)
        self._advance(entry)
        return entry

    async def record(
        self,
        kind: Literal["model", "tool"],
        request_sha256: str,
        answer: JsonObject,
        *,
        seconds: float,
        call: ModelCall = NO_MODEL_CALL,
    ) -> Entry:
        """Append a new answer."""
        entry = Entry(
            ordinal=self.ordinal,
            kind=kind,
            request_sha256=request_sha256,
            answer=answer,
            prompt_tokens=call.usage[0],
            completion_tokens=call.usage[1],
            estimated_tokens=0 if any(call.usage) else call.estimated_tokens,
            seconds=round(seconds, 3),
            finish_reason=call.finish_reason,
            model=call.model,
            cost_usd=_text(call.charge.usd),
            estimated_cost_usd=_text(call.charge.estimated_usd),
            prices=call.charge.prices,
            version=self._version if self.ordinal == 0 else "",
            origin=self._origin if self.ordinal == 0 else None,
        )
        if kind == "model":
            self.bought += Usage(1, *call.usage)
            self.cost += call.charge.cost
            self.charged_usd += call.charge.counted_usd
        self._advance(entry)
        caller = Caller(self._team, call.alias, call.endpoint)
        await self._ask(lambda: self._journal.append(entry, caller))
        return entry

    def _advance(self, entry: Entry) -> None:
        self.ordinal += 1
        if entry.kind == "model":
            self.model_calls += 1
            self.tokens += entry.prompt_tokens + entry.completion_tokens + entry.estimated_tokens
            self.finish_reason = (
                "length" if entry.finish_reason == REPEATED else entry.finish_reason
            )
            self.model = entry.model

    async def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            value = call()
            return await value if inspect.isawaitable(value) else value
        except Exception as error:
            self.failure = error
            raise


def _text(usd: Decimal | None) -> str | None:
    return None if usd is None else f"{usd:f}"
