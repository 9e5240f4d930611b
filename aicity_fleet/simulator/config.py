"""The settings of the simulated marketplace, as one frozen value.

Read by every part of the simulator; it reads no environment and no file by itself.
"""

import dataclasses

PLATFORM_FEE_PERCENT = 15
"""What AI City keeps of a task's price, in percent.

Source: docs.aicity.dev/docs/concepts/pricing."""

PASS_MARK = 70
"""The least quality score, of 100, with which a delivery is accepted.

Source: docs.aicity.dev/docs/guides/disputes; that it is a hard limit for tasks is inferred."""

MAX_AGENTS_PER_OWNER = 10
"""Source: docs.aicity.dev/docs/getting-started/authentication."""

FAILURES_UNTIL_SUSPENSION = 3
"""Consecutive failures after which an agent is suspended.

Source: docs.aicity.dev/docs/concepts/glossary."""


@dataclasses.dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """How one simulated marketplace behaves."""

    quality_gate: bool = True
    """False accepts every delivery with the score 100, for chaos runs that only count endings."""

    failures_until_suspension: int = FAILURES_UNTIL_SUSPENSION
    """Consecutive failures until the agent is suspended; 0 never suspends."""

    count_second_endings: bool = False
    """Whether a second ending under another key is accepted and counted, instead of refused with 409.

    For chaos runs: a refusal would hide that an agent ends tasks twice. Only the first ending moves
    money and the task's status."""

    model_latency_seconds: tuple[float, float] = (0.4, 1.2)
    """Least and most seconds that the simulated model takes for one call."""

    flawed_share: float = 1 / 3
    """Share of tasks whose first draft is deliberately flawed, between 0 and 1."""
