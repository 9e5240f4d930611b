"""What processes cost, read from /proc (Linux), and the figures that several rounds give.

A process counts with everything that it started: its living descendants, and the CPU time of those that
have ended.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import statistics
import threading
from collections.abc import Container, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

TICKS = os.sysconf("SC_CLK_TCK")
"""Ticks per second, in which the kernel counts CPU time: usually 100."""

SAMPLE_SECONDS = 2.0
"""How often a peak is sampled, in seconds; a sample of a fleet takes some 20 ms of CPU."""


def descendants(pid: int, but: Container[int] = ()) -> list[int]:
    """Return a process and all that descend from it, but for these and what descends from them."""
    found, level = [], [pid]
    while level:
        found += level
        level = [child for parent in level for child in _children(parent) if child not in but]
    return found


def _children(pid: int) -> list[int]:
    children = []
    for task in Path(f"/proc/{pid}/task").glob("*"):
        with contextlib.suppress(OSError):
            children += [int(word) for word in (task / "children").read_text().split()]
    return children


def cpu_seconds(pid: int, but: Container[int] = ()) -> float:
    """Return the CPU time of a process and its descendants (see there) since they started, in seconds."""
    total = 0
    for member in descendants(pid, but):
        with contextlib.suppress(OSError):
            # After the name, which may hold anything: state is field 3, utime to cstime are 14 to 17.
            fields = Path(f"/proc/{member}/stat").read_text().rpartition(")")[2].split()
            total += sum(map(int, fields[11:15]))
    return total / TICKS


def machine_seconds() -> float:
    """Return the CPU time of the whole machine, with what its host took, in seconds."""
    # user, nice, system, idle, iowait, irq, softirq, steal
    ticks = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(ticks) - ticks[3] - ticks[4]) / TICKS


def pss_bytes(pid: int, but: Container[int] = ()) -> int:
    """Return the memory of a process and its descendants, shared pages shared out (PSS), in bytes."""
    total = 0
    for member in descendants(pid, but):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{member}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
    return total


def each_cpu(pids: Mapping[str, int]) -> dict[str, float]:
    """Return the CPU time of each named process, in seconds; a process that is named counts by itself."""
    return {name: cpu_seconds(pid, pids.values()) for name, pid in pids.items()}


def each_pss(pids: Mapping[str, int]) -> dict[str, int]:
    """Return the memory of each named process, in bytes; a process that is named counts by itself."""
    return {name: pss_bytes(pid, pids.values()) for name, pid in pids.items()}


def between(before: Mapping[str, float], after: Mapping[str, float]) -> dict[str, float]:
    """Return what each figure grew by."""
    return {name: value - before.get(name, 0.0) for name, value in after.items()}


class PeakPss:
    """Samples the memory of processes in a thread while it is entered; keeps the sample with most.

    Args:
        pids: The processes, by name.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self.pids, self.peak = dict(pids), dict[str, int]()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="peak", daemon=True)

    def __enter__(self) -> PeakPss:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        self.sample()

    @property
    def total(self) -> int:
        """The most that all held at once, in bytes."""
        return sum(self.peak.values())

    def sample(self) -> None:
        """Take one sample."""
        now = each_pss(self.pids)
        if sum(now.values()) > self.total:
            self.peak = now

    def _run(self) -> None:
        while not self._stop.wait(SAMPLE_SECONDS):
            self.sample()


@dataclasses.dataclass(frozen=True, slots=True)
class Figure:
    """One quantity over several rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Figure:
        """Summarise at least one value."""
        values = sorted(values)
        return cls(statistics.median(values), values[0], values[-1])

    def to_json(self) -> dict[str, float]:
        """Return this as a JSON object."""
        return {key: round(value, 6) for key, value in dataclasses.asdict(self).items()}


def percentile(values: Sequence[float], share: float) -> float:
    """Return the least value that this share of all values does not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(0, min(len(ranked) - 1, -(-int(share * 1000) * len(ranked) // 1000) - 1))]


def summarise(rounds: Sequence[Mapping[str, float]]) -> dict[str, Figure]:
    """Return each quantity that every round has, over all of them."""
    names = [name for name in rounds[0] if all(name in one for one in rounds)]
    return {name: Figure.of(one[name] for one in rounds) for name in names}


def ratios(
    figures: Mapping[str, Mapping[str, Figure]], base: str
) -> dict[str, dict[str, float | None]]:
    """Return the median of each contender's quantity over that of the base contender.

    Args:
        figures: Quantities by contender.
        base: Whose medians are 1.
    """
    own: Mapping[str, Any] = figures.get(base, {})
    return {
        name: {
            quantity: figure.median / own[quantity].median
            if quantity in own and own[quantity].median
            else None
            for quantity, figure in quantities.items()
        }
        for name, quantities in figures.items()
    }
