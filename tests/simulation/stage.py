"""Virtual time, and processes that can be killed, stopped and resumed between any two effects.

A process is a group of strands (greenlets). A strand runs until it sleeps; the stage then goes to whatever
is due next. One seed decides everything, so a run repeats exactly. Knows nothing of the fleet.
"""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable

import greenlet

START_US = 1_700_000_000_000_000
"""When every simulation begins, in microseconds."""


class Process:
    """One simulated process.

    Args:
        name: As it stands in the trace.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.is_alive = True
        self.is_stopped = False
        self.strands: list[Strand] = []
        self.waiting: list[Strand] = []
        """Strands whose time came while the process was stopped."""


class Strand(greenlet.greenlet):  # type: ignore[misc]  # greenlet ships no types
    """One thread of a simulated process."""

    process: Process
    wake: int = 0
    """Number of the sleep that this strand is in; a call for an earlier one is void."""
    report_epoch: int = 0
    """How often the ledger had been wiped when this strand took the report that it sends."""


class Stage:
    """The clock and the order of everything.

    Args:
        rng: Where every decision comes from.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng, self.now_us = rng, START_US
        self._due: list[tuple[int, int, Strand | Callable[[], None], int]] = []
        self._numbers = itertools.count()
        self._main = greenlet.getcurrent()
        self._strands: list[Strand] = []

    @property
    def seconds(self) -> float:
        """Virtual seconds since the beginning."""
        return (self.now_us - START_US) / 1e6

    @property
    def strand(self) -> Strand | None:
        """The strand that runs now; None outside of all."""
        current = greenlet.getcurrent()
        return current if isinstance(current, Strand) else None

    def spawn(self, process: Process, function: Callable[[], object], after: float = 0) -> Strand:
        """Begin a strand."""
        strand = Strand(function, self._main)
        strand.process = process
        process.strands.append(strand)
        self._strands.append(strand)
        self.wake(strand, after)
        return strand

    def wake(self, strand: Strand, after: float = 0) -> None:
        """Have a strand go on, in this many seconds."""
        due = self.now_us + int(after * 1e6)
        heapq.heappush(self._due, (due, next(self._numbers), strand, strand.wake))

    def at(self, after: float, action: Callable[[], None]) -> None:
        """Have something happen outside of all processes, in this many seconds."""
        due = self.now_us + int(after * 1e6)
        heapq.heappush(self._due, (due, next(self._numbers), action, 0))

    def sleep(self, seconds: float) -> None:
        """Let this strand sleep; others go on."""
        strand = self.strand
        if strand is None:
            return
        self.wake(strand, seconds)
        self.wait()

    def wait(self) -> None:
        """Let this strand sleep until somebody wakes it."""
        strand = self.strand
        assert strand is not None
        if strand.process.is_alive:
            self._main.switch()
        if not strand.process.is_alive:  # its effects are over, those in finally blocks as well
            raise greenlet.GreenletExit

    def stop(self, process: Process) -> None:
        """SIGSTOP."""
        process.is_stopped = True

    def resume(self, process: Process) -> None:
        """SIGCONT: everything that came due meanwhile comes due now."""
        process.is_stopped = False
        for strand in process.waiting:
            self.wake(strand, self.rng.random() * 0.01)
        process.waiting.clear()

    def run(self, until: Callable[[], bool], latest: float) -> bool:
        """Go on until a condition holds; False when it does not by that second."""
        limit = START_US + int(latest * 1e6)
        while self._due:
            if until():
                return True
            due, _, what, wake = heapq.heappop(self._due)
            if due > limit:
                heapq.heappush(self._due, (due, next(self._numbers), what, wake))
                self.now_us = limit
                return until()
            self.now_us = max(self.now_us, due)
            if not isinstance(what, Strand):
                what()
            elif what.process.is_alive and wake == what.wake and not what.dead:
                if what.process.is_stopped:
                    what.process.waiting.append(what)
                else:
                    what.wake += 1
                    what.switch()
        return until()

    def clear(self) -> None:
        """Take every process down, so that nothing of them outlives the stage."""
        for strand in self._strands:
            strand.process.is_alive = False
        for strand in self._strands:
            if strand and not strand.dead:
                strand.throw()
        self._due.clear()
