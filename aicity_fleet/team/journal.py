"""The journal: what every model call and tool call of a job asked for and got. No AutoGen here.

It is the resume point, the audit trail and the bill in one. A ``Journal`` stores; a ``Tape`` walks
one run along it. Entries are plain data, so that any store can keep them.
"""

from __future__ import annotations

import dataclasses
import hashlib
import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from typing import Any, Literal, Protocol

from aicity_fleet.models import JsonObject, Usage
from aicity_fleet.money import Cost

CHARS_PER_TOKEN = 4
"""Estimate for ASCII text whose tokens nobody counted. Never AutoGen's ``count_tokens``: it downloads its
tables within the event loop, without a timeout."""


@dataclasses.dataclass(frozen=True, slots=True)
class Entry:
    """One call and its answer, as plain JSON-serialisable data."""

    ordinal: int
    """Place among all calls of the job, from 0."""
    kind: Literal["model", "tool"]
    request_sha256: str
    """Hash of the canonical request; an answer is used again for the same request only."""
    answer: JsonObject
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated_tokens: int = 0
    """Our own estimate of both together, where the provider counted none."""
    seconds: float = 0.0
    finish_reason: str = ""
    model: str = ""
    """Which model answered; empty for a tool."""
    cost_usd: str | None = None
    """What the call cost, in US dollars as an exact decimal; None when nobody knows, and for a tool."""
    estimated_cost_usd: str | None = None
    """Our own estimate of it, where the provider counted no tokens: it counts against caps alone."""
    prices: str = ""
    """Which price table the cost is from."""
    version: str = ""
    """Engine, its version, and team: stands in the first entry. Under another one the job starts anew."""
    origin: JsonObject | None = None
    """What a replay needs to know of the run (``origin.Origin``): stands in the first entry alone."""

    def to_json(self) -> JsonObject:
        """This entry as a JSON object; what says nothing is left out."""
        return {
            field.name: value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        """The inverse of ``to_json``; fields that this version does not know are ignored."""
        names = {field.name for field in dataclasses.fields(cls)}
        return cls(**{key: value for key, value in data.items() if key in names})


@dataclasses.dataclass(frozen=True, slots=True)
class Bill:
    """What one model call cost."""

    usd: Decimal | None = None
    """In US dollars; None when nobody knows."""
    estimated_usd: Decimal | None = None
    """Our own estimate, where the provider counted no tokens."""
    prices: str = ""
    """Which price table it is from."""


class Journal(Protocol):
    """Where entries are kept. Each method may be a plain function or a coroutine function.

    What a method raises stops the run and leaves ``run_team`` unchanged: a store that lost the
    lease says so by raising.
    """

    def recorded(self, ordinal: int) -> Entry | Awaitable[Entry | None] | None:
        """The entry at this place, if there is one."""
        ...

    def append(self, entry: Entry) -> Awaitable[None] | None:
        """Keep an entry; entries come in the order of their ordinals."""
        ...

    def truncate(self, ordinal: int) -> Awaitable[None] | None:
        """Discard the entry at this place and all later ones."""
        ...


class MemoryJournal:
    """A journal that lives as long as its process."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    def recorded(self, ordinal: int) -> Entry | None:
        """The entry at this place, if there is one."""
        return self.entries[ordinal] if ordinal < len(self.entries) else None

    def append(self, entry: Entry) -> None:
        """Keep an entry."""
        if entry.ordinal != len(self.entries):
            raise ValueError(f"entry {entry.ordinal} does not follow {len(self.entries) - 1}")
        self.entries.append(entry)

    def truncate(self, ordinal: int) -> None:
        """Discard the entry at this place and all later ones."""
        del self.entries[ordinal:]


class Tape:
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
        bill: Bill = Bill(),
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


def charge_usd(entry: Entry) -> Decimal:
    """What an entry counts against a cap in dollars; nothing where there is not even an estimate."""
    return Decimal(entry.cost_usd or entry.estimated_cost_usd or 0)


def canonical_sha256(request: Mapping[str, Any]) -> str:
    """Hash a request in a form that depends neither on key order nor on the process."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def estimated_tokens(text: str) -> int:
    """Tokens that a text has, about: one for four characters of ASCII, and one for each other."""
    others = sum(not char.isascii() for char in text)
    return others - (others - len(text)) // CHARS_PER_TOKEN
