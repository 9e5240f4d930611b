"""The watchdog: notices, apart from Celery, that this process's consumer no longer consumes.

It only judges what it is shown, by counting its own ticks: a process that was frozen and goes on, or a
clock that jumps, is worth one tick. Only one that was frozen for a minute may be ended as it goes on.
What it looks at and what follows is ``consumer_watch``'s.
"""

import dataclasses
import faulthandler
import math
import threading
import time
from collections.abc import Callable

import structlog

TICK_SECONDS = 4.0
"""How often it looks, in seconds. Each look asks Redis, also in a fleet that has nothing to do."""

STALL_TICKS = 5
"""After how many looks in a row that all show the same fault the consumer counts as stalled: 20 s. The
longest that a healthy one stands still while Redis serves others is a wait of 5 s before it connects,
or 10 s in a command on a dead connection."""

FROZEN_SECONDS = 60.0
"""After how long without a look the process is ended at the latest, in seconds. Code that keeps Python's
lock, such as an endless regular expression, stops this watchdog, the leases and the drain too: nothing in
Python can act."""

ARMINGS = 10
"""How many times in ``FROZEN_SECONDS`` a look sets the timer again that ends a frozen process. Each time
starts a thread, so not every look does. Such a process is ended up to a tenth earlier."""

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Observation:
    """What one look shows."""

    turns: int
    """How often Celery's event loop has turned so far."""
    taken: int
    """How many messages the consumer has taken so far."""
    free_slots: int
    """How many more jobs this process could take now, counted by what really runs."""
    waiting: int | None
    """How many messages wait in its queues; None while Redis does not answer."""


class Judge:
    """Decides from one look after another whether the consumer stalled."""

    def __init__(self) -> None:
        self._last: Observation | None = None
        self._still = self._idle = 0

    def look(self, now: Observation) -> str | None:
        """Take one more look into account.

        Returns:
            What is wrong, in words for a person; None while nothing is, or not for long enough.
        """
        last, self._last = self._last, now
        if last is None or now.waiting is None:  # without Redis, waiting is all it can do
            self._still = self._idle = 0
            return None
        self._still = self._still + 1 if now.turns == last.turns else 0
        could_take = now.waiting > 0 and now.free_slots > 0
        self._idle = self._idle + 1 if could_take and now.taken == last.taken else 0
        if max(self._still, self._idle) < STALL_TICKS:
            return None
        if self._still > STALL_TICKS / 2:  # whatever began first: a loop that stands takes nothing
            return f"its event loop has not turned for {self._still * TICK_SECONDS:.0f} s"
        seconds = self._idle * TICK_SECONDS
        return f"messages wait, slots are free, and it took nothing for {seconds:.0f} s"


class Watchdog:
    """Looks every few seconds, in a thread of its own.

    If it cannot even look, faulthandler writes where each thread stands and ends the process with status 1.

    Args:
        on_stall: Called once with the reason; the watch is over then.
        frozen_seconds: After how long without a look the process is ended at the latest.
    """

    def __init__(
        self,
        look: Callable[[], Observation],
        on_stall: Callable[[str], None],
        *,
        tick_seconds: float = TICK_SECONDS,
        frozen_seconds: float = FROZEN_SECONDS,
    ) -> None:
        self._look, self._on_stall, self._tick = look, on_stall, tick_seconds
        self._frozen_seconds = frozen_seconds
        self._judge = Judge()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        """Begin; call once."""
        self._thread.start()

    def stop(self) -> None:
        """End; a process that stops on purpose is not stalled. Does not wait, so signals may call it."""
        self._stopping.set()

    def _watch(self) -> None:
        armed_at = -math.inf
        while not self._stopping.wait(self._tick):
            if time.monotonic() - armed_at >= self._frozen_seconds / ARMINGS:
                faulthandler.dump_traceback_later(self._frozen_seconds, exit=True)
                armed_at = time.monotonic()
            try:
                why = self._judge.look(self._look())
            except Exception:
                log.exception("watchdog.blind")
                continue
            if why is not None and not self._stopping.is_set():
                faulthandler.cancel_dump_traceback_later()
                self._on_stall(why)
                return
        faulthandler.cancel_dump_traceback_later()
