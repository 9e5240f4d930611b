"""Faults on demand: what the simulator does wrong, to whom, and how often.

A fault names an operation and optionally one task; it fires a given number of times, or with a
probability drawn from its own seeded source. The routes ask for a plan before they act.
"""

from __future__ import annotations

import dataclasses
import email.utils
import random
import time
from collections import Counter
from typing import Any, Literal, get_args

from pydantic import ConfigDict, Field, model_validator

from aicity_fleet.simulator.bodies import Body, parse

Operation = Literal[
    "list", "complete", "fail", "profile", "get", "register", "assessment", "model", "any"
]
"""What a fault can strike; ``any`` is every one of them except the model."""

ReplacingKind = Literal["reply_lost_after_commit", "status", "garbage", "reset", "hang", "endless"]
"""Replaces the answer. ``endless`` sends the model's answer a byte at a time, and never ends."""

ListKind = Literal["duplicate_listing", "shuffle_pages", "list_finished"]
"""Bends the list of assigned tasks."""

LaterKind = Literal["later"]
"""Changes a task some seconds after its delivery, as ``becomes`` says."""

Becomes = Literal["completed", "failed", "refunded", "thumbs_down"]
"""What a delivered task becomes: it passes or fails the check, is refunded, or only gets a thumbs-down."""

ModelKind = Literal["no_choices", "empty_content", "cut", "flawed", "obey"]
"""Bends the model's answer."""

RETRY_AFTER = {"huge": "1000000000", "garbage": "in a while"}
"""What ``retryAfter`` sends for these words."""

HANG_SECONDS = 3600.0
"""How long ``hang`` and ``endless`` last without ``seconds``."""


class Fault(Body):
    """One fault that stands until its count is used up or it is cleared."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal[ReplacingKind, ListKind, LaterKind, ModelKind, "slow"]
    operation: Operation
    task_id: str | None = None
    count: int | None = 1
    """How often it fires; None means until cleared."""
    probability: float = 1.0
    seed: int = 0
    status: int = 503
    code: str | None = None
    headers: dict[str, str] = Field(default_factory=dict)
    retry_after: int | float | str | None = None
    """Seconds, ``date``, ``huge``, ``garbage``, or None for no header."""
    seconds: float = 1.0
    becomes: Becomes = "refunded"
    """For ``later``: what the task becomes after ``seconds``."""
    in_check: bool = False
    """For ``later``: whether it stays in ``quality_check`` until then, instead of being completed."""
    after_commit: bool = False
    """Whether it strikes only after the request was carried out."""
    label: str = ""
    """The name under which the report counts its firings."""
    fired: int = 0
    _chance: random.Random

    def model_post_init(self, _context: Any) -> None:
        """Seed the fault's own source of chance."""
        self._chance = random.Random(self.seed)  # noqa: S311 - a test's dice, not a secret

    @model_validator(mode="after")
    def _fits_its_operation(self) -> Fault:
        if self.kind in {"endless", *get_args(ModelKind)} and self.operation != "model":
            raise ValueError(f"{self.kind} is a fault of the operation model")
        if self.kind in get_args(ListKind) and self.operation != "list":
            raise ValueError(f"{self.kind} is a fault of the operation list")
        if self.kind == "later" and self.operation != "complete":
            raise ValueError("later is a fault of the operation complete")
        if self.in_check and self.becomes not in {"completed", "failed"}:
            raise ValueError("a task in check becomes completed or failed")
        return self

    @property
    def is_late(self) -> bool:
        """Whether the request is carried out before the fault strikes."""
        return self.after_commit or self.kind == "reply_lost_after_commit"

    def strikes(self, operation: str, task_ids: frozenset[str]) -> bool:
        """Whether this fault fires now; a firing is counted."""
        if self.operation != operation and (self.operation != "any" or operation == "model"):
            return False
        if self.task_id is not None and self.task_id not in task_ids:
            return False
        if self.count is not None and self.fired >= self.count:
            return False
        if self.probability < 1.0 and self._chance.random() >= self.probability:
            return False
        self.fired += 1
        return True

    def answer_headers(self) -> dict[str, str]:
        """Return the headers of a ``status`` answer, with ``Retry-After`` in the wanted form."""
        if self.retry_after is None:
            return self.headers
        text = RETRY_AFTER.get(str(self.retry_after), str(self.retry_after))
        if text == "date":
            text = email.utils.formatdate(time.time() + self.seconds, usegmt=True)
        return {**self.headers, "Retry-After": text}


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What goes wrong with one request."""

    ending: Fault | None = None
    """The fault that replaces the answer."""
    changes: frozenset[str] = frozenset()
    """Kinds of the faults that only change something."""
    delay_seconds: float = 0.0
    finished_seconds: float = 0.0
    """How long ended tasks stay in this listing, in seconds."""
    later: tuple[Fault, ...] = ()
    """What becomes of a delivery after it."""


class FaultBoard:
    """The faults that stand now."""

    def __init__(self) -> None:
        self.standing: list[Fault] = []
        self.fired: Counter[str] = Counter()
        """How often faults fired, by label; outlives the faults."""

    def plan(self, operation: str, task_ids: frozenset[str] = frozenset()) -> Plan:
        """Draw what goes wrong with one request.

        Args:
            operation: What is asked for; see ``Operation``.
            task_ids: The tasks that the request is about; the model's may be several.
        """
        ending: Fault | None = None
        changes: set[str] = set()
        later: list[Fault] = []
        delay = finished = 0.0
        for fault in self.standing:
            replaces = fault.kind in get_args(ReplacingKind)
            if (replaces and ending is not None) or not fault.strikes(operation, task_ids):
                continue
            self.fired[fault.label or f"{fault.operation} {fault.kind}"] += 1
            if replaces:
                ending = fault
            elif fault.kind == "slow":
                delay += fault.seconds
            elif fault.kind == "later":
                later.append(fault)
            elif fault.kind == "list_finished":
                finished = fault.seconds
            else:
                changes.add(fault.kind)
        self.standing = [
            fault for fault in self.standing if fault.count is None or fault.fired < fault.count
        ]
        return Plan(ending, frozenset(changes), delay, finished, tuple(later))


def fault_from_json(body: Any) -> Fault:
    """Read a fault; keys may be camelCase or snake_case.

    Without ``count`` a fault fires once, or without end when it has a ``probability``.

    Raises:
        CityRefusedError: 400 for an unknown key, kind or operation, or a value of the wrong type.
    """
    if isinstance(body, dict):
        defaults: dict[str, Any] = {}
        if "probability" in body or body.get("kind") == "list_finished":
            defaults["count"] = None
        if body.get("kind") in {"hang", "endless"}:
            defaults["seconds"] = HANG_SECONDS
        body = defaults | body
    return parse(Fault, body)
