"""One entry of a job's journal: what a model call or tool call asked for and got, as plain data.

The journal is at once the resume point, the audit trail and the bill.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from aicity_fleet.models import JsonObject

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


NO_BILL = Bill()
"""What a tool call costs."""


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
