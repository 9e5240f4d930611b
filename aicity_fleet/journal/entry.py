"""One entry of a job's journal: a model call or tool call with its answer, as plain data.

The journal is at once the resume point, the audit trail and the bill.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal

from aicity_fleet.models import JsonObject, known_fields
from aicity_fleet.money.cost import NO_CHARGE, Charge

CHARS_PER_TOKEN = 4
"""Characters of ASCII text per token, where tokens were not counted. Never AutoGen's ``count_tokens``: it
downloads its tables within the event loop, without a timeout."""


REPEATED = "repeated"
"""The finish reason of an answer that repeated itself until the fleet ended it."""


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
    """What the call cost, in US dollars as an exact decimal; None if unknown, and for a tool."""
    estimated_cost_usd: str | None = None
    """Our own estimate of it, where the provider counted no tokens: it counts against caps alone."""
    prices: str = ""
    """Which price table the cost is from."""
    version: str = ""
    """The engine, its version and the team, in the first entry. Another version starts the job over."""
    origin: JsonObject | None = None
    """What a replay needs to know of the run (``origin.Origin``), in the first entry alone."""

    @property
    def charge(self) -> Charge | None:
        """What the call cost; None for a tool call, which costs nothing."""
        if self.kind != "model":
            return None
        return Charge(_decimal(self.cost_usd), _decimal(self.estimated_cost_usd), self.prices)

    def to_json(self) -> JsonObject:
        """Return this entry as a JSON object without the fields that have their default."""
        return {
            field.name: value
            for field in dataclasses.fields(self)
            if (value := getattr(self, field.name)) != field.default
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Entry:
        """Invert ``to_json``; fields that another version of the fleet added are ignored."""
        return cls(**known_fields(cls, data))


@dataclasses.dataclass(frozen=True, slots=True)
class ModelCall:
    """What is recorded of a model call besides its answer."""

    model: str = ""
    """The model that answered."""
    alias: str = ""
    """The alias under which it was called."""
    endpoint: str = ""
    """The name of its breaker."""
    usage: tuple[int, int] = (0, 0)
    """Prompt and completion tokens, as the provider counted them."""
    estimated_tokens: int = 0
    """Our own estimate of both together. It is recorded only where the provider counted none."""
    finish_reason: str = ""
    """Why the model ended its answer."""
    charge: Charge = NO_CHARGE
    """What the call cost."""


@dataclasses.dataclass(frozen=True, slots=True)
class Caller:
    """Whose call it was, and what it called: what a store may count, and an entry need not hold."""

    team: str = ""
    """The name of the team."""
    alias: str = ""
    """The alias of the model; empty for a tool."""
    endpoint: str = ""
    """The name of the breaker of the model that answered; empty for a tool."""


NOBODY = Caller()
"""The caller where nobody counts."""

NO_MODEL_CALL = ModelCall()
"""What is recorded with the answer of a tool."""


def canonical_sha256(request: Mapping[str, Any]) -> str:
    """Hash a request, independently of key order and process."""
    text = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode("ascii")).hexdigest()


def estimated_tokens(text: str) -> int:
    """Estimate the tokens of a text: one per four ASCII characters, and one per other character."""
    others = len(text) - len(text.encode("ascii", "ignore"))
    return others - (others - len(text)) // CHARS_PER_TOKEN


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
