"""Faults on demand: what the simulator shall do wrong, to whom, and how often.

A fault names an operation and optionally one task; it fires a given number of times, or with a
probability drawn from its own seeded source. The routes ask for a plan before they act.
"""

from __future__ import annotations

import dataclasses
import email.utils
import random
import re
import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from aicity_fleet.errors import SimulatorError

OPERATIONS = frozenset(
    {"list", "complete", "fail", "profile", "get", "register", "assessment", "model", "any"}
)
"""What a fault can strike; ``any`` is every one of them except the model."""

ENDING_KINDS = frozenset(
    {"reply_lost_after_commit", "status", "garbage", "reset", "hang", "endless"}
)
"""Kinds that replace the answer."""

ADDING_KINDS = frozenset({"slow", "duplicate_listing", "shuffle_pages", "list_finished"})
"""Kinds that change something and let the request go on."""

MODEL_KINDS = frozenset({"no_choices", "empty_content", "cut", "flawed", "obey", "endless"})
"""Kinds that only the model knows. ``endless`` dribbles an answer that never ends."""

FIELD_TYPES: dict[str, Any] = {
    "kind": str,
    "operation": str,
    "task_id": str | None,
    "count": int | None,
    "probability": int | float,
    "seed": int,
    "status": int,
    "code": str | None,
    "headers": dict,
    "retry_after": int | float | str | None,
    "seconds": int | float,
    "after_commit": bool,
    "label": str,
    "fired": int,
}
"""What the control side may send, by field."""

HUGE_RETRY_AFTER_SECONDS = 10**9
"""What ``retryAfter: "huge"`` sends: nobody should wait that long."""

HANG_SECONDS = 3600.0
"""How long ``hang`` and ``endless`` last unless they say ``seconds``."""


@dataclasses.dataclass(slots=True)
class Fault:
    """One fault that stands until its count is used up or it is cleared."""

    kind: str
    operation: str
    task_id: str | None = None
    count: int | None = 1
    """How often it fires; None means until cleared."""
    probability: float = 1.0
    seed: int = 0
    status: int = 503
    code: str | None = None
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    retry_after: float | str | None = None
    """Seconds, ``date``, ``huge``, ``garbage``, or None for no header."""
    seconds: float = 1.0
    after_commit: bool = False
    """Whether ``status`` and ``garbage`` strike only after the request was carried out."""
    label: str = ""
    """Under which name the report counts its firings; operation and kind without one."""
    fired: int = 0
    chance: random.Random = dataclasses.field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)  # noqa: S311 - a test's dice, not a secret
        if self.kind not in ENDING_KINDS | ADDING_KINDS | MODEL_KINDS:
            raise SimulatorError(f"there is no fault of the kind {self.kind!r}")
        if self.operation not in OPERATIONS:
            raise SimulatorError(f"there is no operation {self.operation!r}")
        if self.kind in MODEL_KINDS and self.operation != "model":
            raise SimulatorError(f"{self.kind} is a fault of the operation model")
        if self.kind in ADDING_KINDS - {"slow"} and self.operation != "list":
            raise SimulatorError(f"{self.kind} is a fault of the operation list")

    def strikes(self, operation: str, task_ids: frozenset[str]) -> bool:
        """Whether this fault fires now; a firing is counted."""
        if self.operation != operation and (self.operation != "any" or operation == "model"):
            return False
        if self.task_id is not None and self.task_id not in task_ids:
            return False
        if self.count is not None and self.fired >= self.count:
            return False
        if self.probability < 1.0 and self.chance.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def answer_headers(self) -> dict[str, str]:
        """The headers of a ``status`` answer, with ``Retry-After`` in the wanted form."""
        headers = dict(self.headers)
        match self.retry_after:
            case None:
                pass
            case "date":
                stamp = time.time() + self.seconds
                headers["Retry-After"] = email.utils.formatdate(stamp, usegmt=True)
            case "huge":
                headers["Retry-After"] = str(HUGE_RETRY_AFTER_SECONDS)
            case "garbage":
                headers["Retry-After"] = "in a while"
            case seconds:
                headers["Retry-After"] = str(seconds)
        return headers

    def to_json(self) -> dict[str, Any]:
        """The fault as the control side shows it."""
        shown = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "chance"
        }
        return {_camel(name): value for name, value in shown.items()}


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What shall go wrong with one request."""

    ending: Fault | None = None
    """The fault that replaces the answer."""
    changes: frozenset[str] = frozenset()
    """Kinds of the faults that only change something."""
    delay_seconds: float = 0.0
    finished_seconds: float | None = None
    """How long ended tasks stay in this listing, in seconds."""


NO_FAULT = Plan()
"""The plan of a request that goes right."""


class FaultBoard:
    """The faults that stand now."""

    def __init__(self) -> None:
        self.standing: list[Fault] = []
        self.fired: Counter[str] = Counter()
        """How often faults fired, by label; outlives the faults."""

    def install(self, fault: Fault) -> None:
        """Add one fault behind those that stand."""
        self.standing.append(fault)

    def clear(self) -> None:
        """Remove every fault."""
        self.standing.clear()

    def plan(self, operation: str, task_ids: frozenset[str] = frozenset()) -> Plan:
        """Draw what goes wrong with one request.

        Args:
            operation: One of ``OPERATIONS``.
            task_ids: The tasks that the request is about; the model's may be several.
        """
        if not self.standing:
            return NO_FAULT
        ending: Fault | None = None
        changes: set[str] = set()
        delay, finished = 0.0, None
        for fault in self.standing:
            replaces = fault.kind in ENDING_KINDS
            if (replaces and ending is not None) or not fault.strikes(operation, task_ids):
                continue
            self.fired[fault.label or f"{fault.operation} {fault.kind}"] += 1
            if replaces:
                ending = fault
            elif fault.kind == "slow":
                delay += fault.seconds
            elif fault.kind == "list_finished":
                finished = fault.seconds
            else:
                changes.add(fault.kind)
        self.standing = [
            fault for fault in self.standing if fault.count is None or fault.fired < fault.count
        ]
        return Plan(ending, frozenset(changes), delay, finished)


def fault_from_json(body: Mapping[str, Any]) -> Fault:
    """Read a fault from the control side; keys may be camelCase or snake_case.

    Without ``count`` a fault fires once, or without end when it has a ``probability``.
    ``"count": null`` means without end.

    Raises:
        SimulatorError: An unknown key, kind or operation, or a value of the wrong type.
    """
    names = {field.name for field in dataclasses.fields(Fault) if field.init}
    given = {re.sub(r"(?<!^)([A-Z])", r"_\1", key).lower(): value for key, value in body.items()}
    unknown = sorted(set(given) - names)
    if unknown:
        raise SimulatorError(f"a fault has no {', '.join(unknown)}")
    wrong = [name for name, value in given.items() if not isinstance(value, FIELD_TYPES[name])]
    if wrong:
        raise SimulatorError(f"wrong type of {', '.join(wrong)}")
    if "count" not in given and ("probability" in given or given.get("kind") == "list_finished"):
        given["count"] = None
    if given.get("kind") in {"hang", "endless"}:
        given.setdefault("seconds", HANG_SECONDS)
    try:
        return Fault(**given)
    except TypeError as error:
        raise SimulatorError("a fault needs a kind and an operation") from error


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)
