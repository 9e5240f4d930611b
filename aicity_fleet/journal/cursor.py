"""One run's walk along its journal: it replays what was bought, and appends what is new."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from decimal import Decimal
from typing import Any, Literal

from aicity_fleet.journal.entry import NO_BILL, Bill, Entry, charge_usd
from aicity_fleet.journal.store import Journal
from aicity_fleet.models import JsonObject, Usage
from aicity_fleet.money.earnings import Cost


class JournalCursor:
    """One run's walk along its journal: counts what was used, and tells new from replayed."""

    def __init__(
        self, journal: Journal, version: str = "", origin: JsonObject | None = None
    ) -> None:
        """Begin at the journal's start.

        Args:
            journal: What was bought before.
            version: Of whoever walks here: a journal of another one is discarded, never mis-replayed.
            origin: What a replay will need to know of this run.
        """
        self._journal = journal
        self._version = version
        self._origin = origin
        self.ordinal = 0
        """The place of the next call."""
        self._is_replaying = True
        self.bought = Usage()
        """What this run paid for: replayed calls are not in it."""
        self.cost = Cost()
        """What the calls of ``bought`` cost."""
        self.charged_usd = self.replayed_usd = Decimal(0)
        """What counts against a cap in dollars, of new calls and of replayed ones: what they cost, or our
        estimate."""
        self.model_calls = 0
        """Model calls of the job so far, replayed ones included."""
        self.tokens = 0
        """Tokens of the job so far, replayed ones included; estimated where nobody counted."""
        self.model = ""
        """Which model answered last."""
        self.finish_reason = ""
        """Why the model ended its latest answer."""
        self.failure: Exception | None = None
        """What the journal raised; the run cannot go on after it."""

    async def replay(self, kind: Literal["model", "tool"], request_sha256: str) -> Entry | None:
        """The recorded answer to this request, if the run is still on recorded ground.

        A different request at this place discards the rest of the journal; so does another version at
        its start.
        """
        if not self._is_replaying:
            return None
        entry: Entry | None = await self._ask(lambda: self._journal.recorded(self.ordinal))
        if entry is None:
            self._is_replaying = False
            return None
        is_foreign = self.ordinal == 0 and entry.version != self._version
        if is_foreign or entry.kind != kind or entry.request_sha256 != request_sha256:
            self._is_replaying = False
            await self._ask(lambda: self._journal.truncate(self.ordinal))
            return None
        self.replayed_usd += charge_usd(entry)
        self._advance(entry)
        return entry

    async def record(
        self,
        kind: Literal["model", "tool"],
        request_sha256: str,
        answer: JsonObject,
        *,
        seconds: float,
        usage: tuple[int, int] = (0, 0),
        estimate: int = 0,
        finish_reason: str = "",
        model: str = "",
        bill: Bill = NO_BILL,
    ) -> Entry:
        """Append a new answer.

        Args:
            kind: What was called.
            request_sha256: Hash of the canonical request.
            answer: What came back.
            seconds: How long it took.
            usage: Prompt and completion tokens, as the provider counted them.
            estimate: Tokens of the call in case the provider counts none.
            finish_reason: Why the model ended its answer.
            model: Which model answered.
            bill: What the call cost.
        """
        entry = Entry(
            ordinal=self.ordinal,
            kind=kind,
            request_sha256=request_sha256,
            answer=answer,
            prompt_tokens=usage[0],
            completion_tokens=usage[1],
            estimated_tokens=0 if any(usage) else estimate,
            seconds=round(seconds, 3),
            finish_reason=finish_reason,
            model=model,
            cost_usd=None if bill.usd is None else f"{bill.usd:f}",
            estimated_cost_usd=None if bill.estimated_usd is None else f"{bill.estimated_usd:f}",
            prices=bill.prices,
            version=self._version if self.ordinal == 0 else "",
            origin=self._origin if self.ordinal == 0 else None,
        )
        if kind == "model":
            self.bought += Usage(1, *usage)
            self.cost += Cost(unpriced_calls=1) if bill.usd is None else Cost(bill.usd)
            self.charged_usd += charge_usd(entry)
        self._advance(entry)
        await self._ask(lambda: self._journal.append(entry))
        return entry

    def _advance(self, entry: Entry) -> None:
        self.ordinal += 1
        if entry.kind == "model":
            self.model_calls += 1
            self.tokens += entry.prompt_tokens + entry.completion_tokens + entry.estimated_tokens
            self.finish_reason = entry.finish_reason
            self.model = entry.model

    async def _ask(self, call: Callable[[], Any]) -> Any:
        try:
            value = call()
            return await value if inspect.isawaitable(value) else value
        except Exception as error:
            self.failure = error
            raise
