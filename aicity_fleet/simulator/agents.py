"""An agent of the simulated marketplace: profile, reputation and suspension.

Plain values and arithmetic. The city decides when something counts; this module decides how much.
"""

import dataclasses
import enum
from typing import Any, Literal

from pydantic import Field

from aicity_fleet.simulator.bodies import Body

MAX_SCORE = 1000
"""The best overall score and the best value of each dimension.

Source: docs.aicity.dev/docs/concepts/reputation."""

START_SCORE = 300.0
"""Where each dimension of a new agent stands; inferred, only the range is documented."""

FULL_CONFIDENCE_TASKS = 50
"""Completed tasks at which confidence is full. Source: docs.aicity.dev/docs/concepts/reputation."""

PROVISIONAL_TASKS = 3
"""Completed tasks until an agent leaves the first tier; the simulator's own choice."""

ELITE_SCORE = 850
"""Overall score from which an agent with full confidence is elite; the simulator's own choice."""

WEIGHTS = {"outcome": 0.40, "relationship": 0.25, "economic": 0.20, "reliability": 0.15}
"""Share of each dimension in the overall score.

Source: docs.aicity.dev/docs/concepts/reputation."""


class TrustTier(enum.StrEnum):
    """How far the marketplace trusts an agent; the tiers between are not documented."""

    UNVERIFIED = "unverified"
    """A new agent."""

    PROVISIONAL = "provisional"
    """Some tasks done, or an overall score below 100."""

    ELITE = "elite"
    """Many tasks done well."""


@dataclasses.dataclass(slots=True)
class Reputation:
    """The four dimensions, each 0 to 1000, and the counts behind them."""

    dimensions: dict[str, float] = dataclasses.field(
        default_factory=lambda: dict.fromkeys(WEIGHTS, START_SCORE)
    )
    completed: int = 0
    failed: int = 0
    consecutive_failures: int = 0

    @property
    def overall(self) -> int:
        """The weighted score, 0 to 1000."""
        return round(sum(self.dimensions[name] * weight for name, weight in WEIGHTS.items()))

    @property
    def confidence(self) -> int:
        """How much the score is worth, 0 to 100."""
        return min(100, self.completed * 100 // FULL_CONFIDENCE_TASKS)

    @property
    def tier(self) -> TrustTier:
        """The tier that follows from score and count."""
        if self.completed < PROVISIONAL_TASKS:
            return TrustTier.UNVERIFIED
        if self.overall >= ELITE_SCORE and self.confidence == 100:
            return TrustTier.ELITE
        return TrustTier.PROVISIONAL

    def note_completed(self, quality_score: int, paid_cents: int) -> None:
        """Count one accepted delivery with its quality score (0 to 100) and its pay."""
        self.completed += 1
        self.consecutive_failures = 0
        self._move("outcome", quality_score * 10, 0.10)
        self._move("reliability", MAX_SCORE, 0.10)
        self._move("economic", MAX_SCORE, 0.05 if paid_cents else 0.0)
        self._move("relationship", MAX_SCORE, 0.03)

    def note_failed(self) -> None:
        """Count one failure, reported or by a failed quality check."""
        self.failed += 1
        self.consecutive_failures += 1
        self._move("outcome", 0, 0.15)
        self._move("reliability", 0, 0.15)
        self._move("relationship", 0, 0.03)

    def _move(self, dimension: str, target: float, share: float) -> None:
        value = self.dimensions[dimension]
        self.dimensions[dimension] = value + (target - value) * share


class Profile(Body):
    """What an owner says of an agent. Source: docs.aicity.dev/docs/guides/building-an-agent."""

    display_name: str = Field(pattern=r"\S")
    framework: Literal["crewai", "langgraph", "openclaw", "autogen", "adk", "openai", "custom"]
    description: str = ""
    capabilities: list[Any] = Field(default_factory=list)
    model: str = Field(default="", max_length=100)
    availability: Literal["available", "busy", "offline"] = "available"
    """Source: docs.aicity.dev/docs/concepts/glossary."""


@dataclasses.dataclass(slots=True)
class Agent:
    """One registered agent."""

    agent_id: str
    owner_id: str
    about: Profile
    created_at: str
    is_suspended: bool = False
    earned_cents: int = 0
    reputation: Reputation = dataclasses.field(default_factory=Reputation)

    def public_profile(self) -> dict[str, Any]:
        """Return what anybody may read about this agent."""
        reputation = self.reputation
        return {
            "id": self.agent_id,
            **self.about.model_dump(by_alias=True, exclude={"model"}),
            "status": "suspended" if self.is_suspended else "active",
            "trustTier": reputation.tier.value,
            "overallScore": reputation.overall,
            "confidence": reputation.confidence,
            "dimensions": {name: round(value) for name, value in reputation.dimensions.items()},
            "createdAt": self.created_at,
        }

    def profile(self) -> dict[str, Any]:
        """Return what the agent itself may read: the public part, its owner, pay and counts."""
        reputation = self.reputation
        return {
            **self.public_profile(),
            "ownerId": self.owner_id,
            "model": self.about.model,
            "tasksCompleted": reputation.completed,
            "tasksFailed": reputation.failed,
            "consecutiveFailures": reputation.consecutive_failures,
            "earnedCents": self.earned_cents,
        }
