"""The nouns of the fleet as frozen values: what came in, how a run ended, what is reported.

They have no behaviour but (de)serialising, and do no I/O.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping
from typing import Any, Literal

from aicity_fleet.money.cost import NO_COST, Cost

JsonObject = dict[str, Any]

AGENT_NAMES = ("Coordinator", "Worker")
"""The two members of the guide's team, as AI City's metadata names them; a team of its own may have more
and other ones beside the first."""


class JobState(enum.StrEnum):
    """Where a job stands in the ledger."""

    QUEUED = "queued"
    """Accepted, or handed back: waits for a worker."""

    RUNNING = "running"
    """A worker holds a lease on it."""

    FINISHED = "finished"
    """Its outcome is written down and waits in the outbox for AI City's answer."""

    REPORTED = "reported"
    """AI City gave a definite answer; nothing more will happen."""

    HELD = "held"
    """It failed, and the guard keeps the failure back."""

    QUARANTINED = "quarantined"
    """It may not go on by itself; a person has to look."""


Standing = Literal["", "completed", "quality_check", "disputed", "failed", "refunded", "unknown"]
"""Where a delivery stands at AI City, which can change it after the report. ``quality_check``: its own
check is under way. ``unknown``: after a 409, the task could not be read. Empty: it shows none of these."""

Meaning = Literal["success", "failure", "nothing", "undecided"]
"""What a settled report does to the agent's row of failures. ``undecided``: it is a success if the delivery
passes AI City's own check."""

TAKEN_BACK: frozenset[Standing] = frozenset({"failed", "refunded"})
"""Standings of a delivery that earns nothing, and that nothing changes any more."""


# --- what came in -------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class AssignedTask:
    """What AI City handed us, parsed and bounded. Every text in it was written by a stranger."""

    task_id: str
    task_type: str
    """An open set: AI City's ten categories and others, such as ``bug_fix``."""
    description: str = ""
    code: str = ""
    repo: str = ""
    details: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """Further keys of ``input``, as JSON values."""
    max_budget_cents: int | None = None
    status: str = ""

    def to_json(self) -> JsonObject:
        """This task as a JSON object, the form in which the ledger stores it."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> AssignedTask:
        """Read what ``to_json`` returned; ignore fields that this version does not know."""
        return cls(**known_fields(cls, data))


# --- how a team's run ends ------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Delivered:
    """The gate accepted what the team handed in."""

    text: str
    score: int
    """The gate's own score, 0 to 100."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rejected:
    """The job itself cannot be delivered; running it again would not help."""

    code: Literal[
        "quality",
        "refused",
        "over_budget",
        "unprofitable",
        "deadline",
        "journal_full",
        "poison",
        "provider",
        "internal",
    ]
    message: str
    """One sentence for the buyer: no prompt, path, key or stack trace."""


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderTrouble:
    """The model's provider is down or busy (429, 5xx, timeout, garbage): try again later."""

    message: str
    retry_after_seconds: float | None = None
    is_busy: bool = False
    """Whether the provider itself says that it has too much to do (429, 503 and the like)."""
    is_silence: bool = False
    """Whether nothing is wrong but that the call took too long."""
    is_of_job: bool = False
    """Whether the provider's error speaks of what the model wrote for this job."""


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderFatal:
    """The provider will not serve us until a person acts (bad key, no quota, unknown model)."""

    message: str
    is_of_setup: bool = False
    """Whether the model's setup is wrong for every job, and other calls may still be served."""


Interruption = Literal["drain", "lease_lost", "cancelled", "day_cap", "no_slot"]
"""What stops a run from outside."""


@dataclasses.dataclass(frozen=True, slots=True)
class Interrupted:
    """The run was stopped from outside; the job goes on elsewhere or later."""

    reason: Interruption
    """``day_cap``: the fleet may spend no more today; the job goes on when it may. ``no_slot``: its model
    was busy with other calls until the deadline."""


HandIn = Literal["tool", "marker", "plain"]
"""How a model hands in: with the tool ``submit``, with a marker on the last line, or as a plain answer."""

Ending = Delivered | Rejected | ProviderTrouble | ProviderFatal | Interrupted

Silence = Literal["", "unreadable", "refused", "too_long", "over_budget"]
"""Why a judge had no say; empty when it had one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Judgement:
    """What the judge said of a hand-in that the gate had passed."""

    score: int | None = None
    """0 to 100; None when the judge had no say."""
    findings: tuple[str, ...] = ()
    """What it criticised, bounded in number and length. A model wrote it that read strangers' texts."""
    silence: Silence = ""

    def to_json(self) -> JsonObject:
        """Return its score and silence as a JSON object, the form in which the ledger stores it."""
        return {"score": self.score, "silence": self.silence}


@dataclasses.dataclass(frozen=True, slots=True)
class Usage:
    """What a run bought: calls that got an answer, and the tokens that the provider counted."""

    model_calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.model_calls + other.model_calls,
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


@dataclasses.dataclass(frozen=True, slots=True)
class Spent:
    """What one attempt at a job took."""

    ran_ms: int
    """From before the claim to the ending, in milliseconds."""
    usage: Usage = Usage()
    model: str = ""
    """Which model was called; empty when none was."""
    hand_in: HandIn | None = None
    """How the model handed in; None when it did not."""
    judgement: Judgement | None = None
    """What the judge said last; None when it was not asked."""
    endpoint: str = ""
    """The name of the breaker of the model that answered; empty when none did."""
    without_tool: str | None = None
    """How that model handed in, though it was offered the tool: ``marker`` or ``plain``. Empty when it used
    the tool, and None when it handed nothing in."""
    rounds: int = 0
    """How often something was handed in to the gate, in earlier attempts as well."""


@dataclasses.dataclass(frozen=True, slots=True)
class TeamResult:
    """One run of a team: how it ended, what it used, and who took part."""

    ending: Ending
    usage: Usage
    model: str
    agents: tuple[str, ...] = AGENT_NAMES
    rounds: int = 0
    """How many times something was handed in to the gate."""
    endpoint: str = ""
    """The name of the breaker of the model that was called last; empty for the fleet's only one."""
    cost: Cost = NO_COST
    """What the run bought cost; replayed calls are not in it, as in ``usage``."""
    team: str = ""
    """The name of the team."""
    hand_in: HandIn | None = None
    """How something was handed in last; None when nothing was."""
    ignores_tools: bool = False
    """Whether the model was offered the tool ``submit`` and handed in without it."""
    judgement: Judgement | None = None
    """What the judge said last; None when it was not asked."""


# --- what is reported -----------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True, slots=True)
class Completed:
    """The outcome of a job whose deliverable passed the gate."""

    text: str
    execution_time_ms: int
    model: str
    agents: tuple[str, ...] = AGENT_NAMES
    kind: Literal["complete"] = "complete"

    def to_json(self) -> JsonObject:
        """This outcome as a JSON object, the form in which the outbox stores it."""
        return dataclasses.asdict(self)


@dataclasses.dataclass(frozen=True, slots=True)
class Failed:
    """The outcome of a job that cannot be delivered."""

    code: str
    """A short machine-readable reason, such as ``quality`` or ``deadline``."""
    message: str
    execution_time_ms: int = 0
    kind: Literal["fail"] = "fail"

    def to_json(self) -> JsonObject:
        """This outcome as a JSON object, the form in which the outbox stores it."""
        return dataclasses.asdict(self)


Outcome = Completed | Failed


def outcome_from_json(data: Mapping[str, Any]) -> Outcome:
    """Read what ``to_json`` returned; ignore fields that this version does not know."""
    if data["kind"] == "complete":
        return Completed(**{**known_fields(Completed, data), "agents": tuple(data["agents"])})
    return Failed(**known_fields(Failed, data))


UNREADABLE = (ValueError, TypeError, KeyError, AttributeError)
"""What reading a damaged JSON text as one of our values may raise."""


def known_fields(kind: type[Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Return the items of a JSON object that are fields of a dataclass."""
    names = {field.name for field in dataclasses.fields(kind)}
    return {name: value for name, value in data.items() if name in names}
