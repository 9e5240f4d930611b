"""When a worker takes no further job for want of memory."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from aicity_fleet.messaging import memory_limit
from aicity_fleet.messaging.memory_limit import ALWAYS_JOBS, Memory, free_share

V1 = ["memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"]
V2 = ["memory.max", "memory.current", "memory.stat"]


@pytest.fixture
def machine(tmp_path: Path):
    """A machine with 8,000 kB, half of it free, and a container without files."""

    class Machine:
        cgroup, meminfo = tmp_path / "cgroup", tmp_path / "meminfo"

        def container(self, names: list[str], *texts: str) -> None:
            for name, text in zip(names, texts, strict=True):
                path = self.cgroup / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)

        def free(self) -> float:
            return free_share(self.cgroup, self.meminfo)

    made = Machine()
    made.meminfo.write_text("MemTotal:  8000 kB\nMemFree:  1000 kB\nMemAvailable:  4000 kB\n")
    return made


def test_without_a_limit_the_machine_counts(machine):
    assert machine.free() == 0.5
    machine.container(V2, "max\n", "100\n", "inactive_file 50\n")
    assert machine.free() == 0.5


@pytest.mark.parametrize(("names", "prefix"), [(V2, ""), (V1, "total_")])
def test_what_the_kernel_gives_back_is_free(machine, names, prefix):
    machine.container(names, "1000\n", "900\n", f"anon 700\n{prefix}inactive_file 200\n")
    assert machine.free() == pytest.approx(0.3)


def test_the_lesser_of_container_and_machine_counts(machine):
    machine.container(V2, "1000\n", "100\n", "inactive_file 0\n")
    assert machine.free() == 0.5


def test_a_system_that_does_not_say_sets_no_limit(machine):
    machine.meminfo.write_text("nothing of use\n")
    assert machine.free() == 1.0
    machine.meminfo.unlink()
    assert machine.free() == 1.0


def test_this_machine_says_what_is_free():
    share = free_share()
    assert 0 < share < 1 if sys.platform == "linux" else share == 1


@pytest.fixture
def free(monkeypatch):
    """Sets how much memory is free; every look counts."""
    monkeypatch.setattr(memory_limit, "LOOK_SECONDS", -1)
    return lambda share: monkeypatch.setattr(memory_limit, "free_share", lambda: share)


def test_a_process_that_runs_many_jobs_is_short_while_too_little_is_free(free):
    memory = Memory()
    memory.least_free = 0.25
    for jobs, share, is_short in (
        (ALWAYS_JOBS, 0.26, False),
        (ALWAYS_JOBS, 0.24, True),
        (ALWAYS_JOBS + 50, 0.24, True),
        (ALWAYS_JOBS - 1, 0.24, False),
        (ALWAYS_JOBS, 0.24, True),
        (ALWAYS_JOBS, 0.26, False),
    ):
        free(share)
        assert memory.is_short(jobs) == is_short, (jobs, share)


def test_zero_switches_it_off(free):
    free(0.0)
    assert not Memory().is_short(ALWAYS_JOBS)


def test_a_look_holds_for_a_moment_also_when_jobs_end_meanwhile(free, monkeypatch):
    memory = Memory()
    memory.least_free = 0.25
    free(0.0)
    assert memory.is_short(ALWAYS_JOBS)
    monkeypatch.setattr(memory_limit, "LOOK_SECONDS", 60)
    free(1.0)
    assert not memory.is_short(ALWAYS_JOBS - 1)
    assert memory.is_short(ALWAYS_JOBS)
