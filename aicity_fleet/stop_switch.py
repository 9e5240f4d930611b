"""The stop switch and the progress of a run. Any thread may use them; the run's event loop does the rest.

It knows nothing of teams. The worker holds one per job, and ``team/run.py`` waits on it.
"""

import asyncio
import dataclasses
import threading
from collections.abc import Callable, Iterable
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
    streamed_tokens: int = 0
    """An estimate of the tokens that the call under way got so far; 0 before the first one."""


_Waiter = tuple[asyncio.AbstractEventLoop, asyncio.Event]


class StopSwitch:
    """The stop switch of one run. Setters are thread-safe; the first reason to abort stands."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a signal's handler may drain while its thread holds it
        self._is_draining = False
        self.progress: Progress | None = None
        """Where the run stands, as it said last; None before its first turn."""
        self._abort_reason: AbortReason | None = None
        self._waiters: list[_Waiter] = []
        self._drain_waiters: list[_Waiter] = []

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
        with self._lock:
            self._is_draining = True
            waiters = list(self._drain_waiters)
        _wake(waiters)

    def abort(self, reason: AbortReason) -> None:
        """Stop the run now, also within a model call or a tool."""
        with self._lock:
            if self._abort_reason is not None:
                return
            self._abort_reason = reason
            waiters = list(self._waiters)
        _wake(waiters)

    async def wait_for_abort(self) -> AbortReason:
        """Wait, on the running loop, until somebody aborts; returns the reason."""
        await self._wait_in(self._waiters, lambda: self._abort_reason is not None)
        return self._reason()

    async def wait_for_drain(self) -> None:
        """Wait, on the running loop, until no further model call may begin."""
        await self._wait_in(self._drain_waiters, lambda: self._is_draining)

    async def _wait_in(self, waiters: list[_Waiter], has_happened: Callable[[], bool]) -> None:
        event = asyncio.Event()
        waiter = (asyncio.get_running_loop(), event)
        with self._lock:
            if has_happened():
                return
            waiters.append(waiter)
        try:
            await event.wait()
        finally:
            with self._lock:
                waiters.remove(waiter)

    def _reason(self) -> AbortReason:
        if self._abort_reason is None:  # pragma: no cover -- the event is set after the reason
            raise AssertionError("woken without a reason")
        return self._abort_reason


def _wake(waiters: Iterable[_Waiter]) -> None:
    for loop, event in waiters:
        try:
            loop.call_soon_threadsafe(event.set)
        except RuntimeError:  # that loop was closed: nothing waits there any more
            continue
