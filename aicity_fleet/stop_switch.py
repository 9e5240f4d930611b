"""The stop switch and the progress of a run. Any thread may use them; the run's event loop does the rest.

It knows nothing of teams. The worker holds one per job, and ``team/run.py`` waits on it.
"""

import asyncio
import dataclasses
import threading
from typing import Literal

AbortReason = Literal["drain", "lease_lost", "cancelled"]
"""Why a run has to stop at once; becomes ``Interrupted.reason``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands. Holds no message bodies."""

    turn: int
    """Turns that have begun, from 1."""
    speaker: str
    """Who has the turn: ``Coordinator`` or a member's name."""
    rounds: int
    """Times something was handed in."""
    model_calls: int
    """Model calls of this job that got an answer, replayed ones included."""
    tokens: int
    """Tokens of these calls, prompt and completion."""


class StopSwitch:
    """The stop switch of one run. Setters are thread-safe; the first reason to abort stands."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_draining = False
        self.progress: Progress | None = None
        """Where the run stands, as it said last; None before its first turn."""
        self._abort_reason: AbortReason | None = None
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []

    @property
    def is_draining(self) -> bool:
        """Whether no further model call may begin."""
        return self._is_draining

    @property
    def abort_reason(self) -> AbortReason | None:
        """Why the run has to stop at once, or None."""
        return self._abort_reason

    def note(self, progress: Progress) -> None:
        """Record the progress of the run, for readers of ``progress``."""
        self.progress = progress

    def drain(self) -> None:
        """Ask the run to stop before its next model call; one in flight may finish."""
        self._is_draining = True

    def abort(self, reason: AbortReason) -> None:
        """Stop the run now, also within a model call or a tool."""
        with self._lock:
            if self._abort_reason is not None:
                return
            self._abort_reason = reason
            waiters = list(self._waiters)
        for loop, event in waiters:
            try:
                loop.call_soon_threadsafe(event.set)
            except RuntimeError:  # that loop was closed: nothing waits there any more
                continue

    async def wait_for_abort(self) -> AbortReason:
        """Wait, on the running loop, until somebody aborts; returns the reason."""
        event = asyncio.Event()
        waiter = (asyncio.get_running_loop(), event)
        with self._lock:
            if self._abort_reason is not None:
                return self._abort_reason
            self._waiters.append(waiter)
        try:
            await event.wait()
        finally:
            with self._lock:
                self._waiters.remove(waiter)
        return self._reason()

    def _reason(self) -> AbortReason:
        if self._abort_reason is None:  # pragma: no cover -- the event is set after the reason
            raise AssertionError("woken without a reason")
        return self._abort_reason
