"""What can be set about a chaos run, as one frozen value."""

from __future__ import annotations

import dataclasses

from chaos.plan import DEFAULT_KINDS


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """One run."""

    jobs: int = 300
    """How many tasks are submitted at least; more where the kills are not through by then."""
    kills: int = 30
    seed: int = 1
    kinds: frozenset[str] = DEFAULT_KINDS
    workers: int = 4
    threads: int = 4
    """Jobs that one worker runs at once."""
    twins: bool = True
    """Whether two beats and two dispatchers run, instead of one each."""
    lease_seconds: float = 12.0
    sweep_seconds: float = 2.0
    poll_seconds: float = 2.0
    failing_share: float = 0.06
    """Share of the tasks that cannot be done, so that their jobs end in a real failure. They come in
    groups of up to three. While the guard is closed one job runs at a time, which makes a run long."""
    model_seconds: tuple[float, float] = (0.3, 4.0)
    """Least and most seconds of one model call."""
    model_timeout_seconds: float = 10.0
    settle_seconds: float = 480.0
    """Most seconds that the fleet gets to come to rest after the last fault."""
    suspends: bool = True
    """Whether three failures in a row suspend the agent."""
    hold_seconds: float = 4.0
    """How much longer than the lease a stopped process stays stopped."""
    least_uptime_seconds: float = 0.0
    """How long a worker must have run before it is killed; 0 waits until it holds a job instead."""
    open_at_once: int = 120
    """How many tasks are kept open, so that no process runs dry while there are kills to come."""
