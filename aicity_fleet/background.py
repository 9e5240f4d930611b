"""Work that a process repeats in the background until it stops: renewals, fencing, the sweep.

The simulation passes an implementation of its own, and so runs the real loops in virtual time.
"""

import threading
from collections.abc import Callable
from typing import Protocol

import structlog

from aicity_fleet.errors import FleetError

JOIN_SECONDS = 10.0
"""How long ``Threads.stop`` waits for each thread, in seconds."""

log = structlog.get_logger(__name__)


def always() -> bool:
    """Return that a repetition is needed."""
    return True


class Background(Protocol):
    """Runs work beside the work of the process."""

    def repeat(
        self,
        name: str,
        tick: Callable[[], object],
        every_seconds: float,
        *,
        is_needed: Callable[[], bool] = always,
    ) -> None:
        """Call a function again and again, with this pause before each call.

        Args:
            is_needed: Whether there is anything to do. If not, nothing is called until ``wake``.
        """
        ...

    def wake(self) -> None:
        """See again which repetitions are needed, because one that was not may be now."""
        ...

    def later(self, name: str, action: Callable[[], object], seconds: float) -> None:
        """Call a function once, after this time or as soon as the background stops."""
        ...

    def stop(self) -> None:
        """End every repetition after the call under way, and wait for it."""
        ...


class Threads:
    """A background of one daemon thread for each piece of work."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._resting = threading.Condition()
        self._threads: list[threading.Thread] = []

    def repeat(
        self,
        name: str,
        tick: Callable[[], object],
        every_seconds: float,
        *,
        is_needed: Callable[[], bool] = always,
    ) -> None:
        """Call a function again and again, with this pause before each call.

        Args:
            is_needed: Whether there is anything to do. If not, the thread sleeps until ``wake``.
        """

        def pause() -> bool:
            with self._resting:
                self._resting.wait_for(lambda: self._stopping.is_set() or is_needed())
            return self._stopping.wait(every_seconds)

        self._start(name, lambda: repeat(name, tick, pause))

    def wake(self) -> None:
        """See again which repetitions are needed."""
        with self._resting:
            self._resting.notify_all()

    def later(self, name: str, action: Callable[[], object], seconds: float) -> None:
        """Call a function once, after this time or as soon as the background stops."""

        def wait_and_act() -> None:
            self._stopping.wait(seconds)
            action()

        self._start(name, wait_and_act)

    def stop(self) -> None:
        """End every repetition after the call under way, and wait for it."""
        self._stopping.set()
        self.wake()
        for thread in self._threads:
            thread.join(JOIN_SECONDS)

    def _start(self, name: str, target: Callable[[], None]) -> None:
        thread = threading.Thread(target=target, name=name, daemon=True)
        thread.start()
        self._threads.append(thread)  # now that `stop`, on another thread, can join it


def repeat(name: str, tick: Callable[[], object], pause: Callable[[], bool]) -> None:
    """Call a function again and again, whatever it raises.

    Args:
        name: Names the work in log lines.
        pause: Waits before each call; returns whether to stop.
    """
    while not pause():
        try:
            tick()
        except FleetError as error:
            log.warning(f"{name}.failed", error=type(error).__name__, message=str(error))
        except Exception:
            log.exception(f"{name}.broken")
