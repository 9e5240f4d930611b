"""Processes that are forked from one with the code: what they get, how they end, who sees their secrets."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import sys
import time
from pathlib import Path

import pytest
from support.waiting import wait_until

from aicity_fleet.embedded import forked
from aicity_fleet.embedded.fork_server import IS_POSSIBLE, Forked, ForkServer
from aicity_fleet.embedded.supervisor import Program, Supervisor

pytestmark = [
    pytest.mark.skipif(not IS_POSSIBLE, reason="forks only on Linux"),
    pytest.mark.timeout(120),
]

SECRET = "sk-forked-0123456789abcdef"

TOLD = """
import json, os, signal, sys, threading, time
told = {
    "env": dict(os.environ), "argv": sys.argv, "name": __name__, "group": os.getpgid(0),
    "comm": open("/proc/self/comm").read().strip(), "stdin": os.readlink("/proc/self/fd/0"),
    "threads": threading.active_count(), "loaded": "autogen_agentchat" in sys.modules,
    "unused": [name for name in ("prompt_toolkit", "requests", "rich") if name in sys.modules],
}
import requests, rich  # whoever does use them
if "drain" in sys.argv:
    def drain(*_):
        print("draining", flush=True)
        time.sleep(1)
        print("drained", flush=True)
        sys.exit(0)
    signal.signal(signal.SIGTERM, drain)
if "deaf" in sys.argv:
    signal.signal(signal.SIGTERM, lambda *_: None)
print(json.dumps(told), flush=True)
if "wait" in sys.argv:
    time.sleep(100)
sys.exit(3)
"""


MAY_BE_FULL = """
import errno, os, pathlib
fork = os.fork
def limited():
    if pathlib.Path(__file__).with_name("full").exists():
        raise OSError(errno.EAGAIN, "no more processes")
    return fork()
os.fork = limited
"""
"""A system that is out of processes while there is a file."""


class Rig:
    """A fork server whose forks run ``TOLD`` and write what they see into files."""

    def __init__(self, folder: Path) -> None:
        (folder / "told.py").write_text(TOLD)
        (folder / "sitecustomize.py").write_text(MAY_BE_FULL)
        self.folder = folder
        env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(folder)}
        self.server = ForkServer(env, folder / "fork-server.log")

    def start(
        self, name: str, *args: str, ends_by: signal.Signals = signal.SIGTERM, **env: str
    ) -> Forked:
        with (self.folder / f"{name}.log").open("wb") as log:
            argv = (sys.executable, "-m", "told", *args)
            forked = self.server.start(name, argv, env, log.fileno(), ends_by)
        assert forked is not None
        return forked

    def told(self, name: str) -> dict[str, object]:
        log = self.folder / f"{name}.log"
        wait_until(lambda: b"\n" in log.read_bytes(), seconds=30, description=f"{name} says it")
        found: dict[str, object] = json.loads(log.read_text().splitlines()[0])
        return found


@pytest.fixture
def rig(tmp_path: Path):
    made = Rig(tmp_path)
    yield made
    made.server.close()


def ended(forked: Forked) -> int:
    wait_until(lambda: forked.poll() is not None, seconds=30, description="it has ended")
    assert forked.status is not None
    return forked.status


def memory_of(pid: int) -> bytes:
    """All that a process has in memory and can write to."""
    parts = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            found = re.match(r"(\w+)-(\w+) rw", line)
            if found and "[v" not in line:
                start, end = (int(each, 16) for each in found.groups())
                memory.seek(start)
                parts.append(memory.read(end - start))
    return b"".join(parts)


def test_a_fork_runs_its_module_with_the_code_loaded_and_with_an_environment_of_its_own(rig: Rig):
    forked = rig.start("one", "--flag", "x y", ONLY="this")
    told = rig.told("one")
    assert told["env"] == {"ONLY": "this"}
    assert told["argv"] == [str(rig.folder / "told.py"), "--flag", "x y"]
    assert (told["name"], told["comm"], told["stdin"]) == ("__main__", "one", "/dev/null")
    assert (told["group"], told["threads"], told["loaded"]) == (forked.pid, 1, True)
    assert told["unused"] == []
    assert ended(forked) == 3


def test_a_signal_to_the_group_of_a_fork_reaches_it_from_the_beginning(rig: Rig):
    for number in (signal.SIGTERM, signal.SIGKILL):
        forked = rig.start("waits", "wait")
        os.killpg(forked.pid, number)
        assert ended(forked) == -number


def test_the_secret_of_a_fork_is_in_no_other_process(rig: Rig):
    first = rig.start("first", "wait", KEY=SECRET)
    assert rig.told("first")["env"] == {"KEY": SECRET}
    other = rig.start("other", "wait")
    rig.told("other")
    assert rig.server.pid is not None
    assert SECRET.encode() in memory_of(first.pid)
    for pid in (rig.server.pid, other.pid):
        assert SECRET.encode() not in memory_of(pid)
    for pid in (first.pid, other.pid, rig.server.pid):
        for file in ("environ", "cmdline"):
            assert SECRET.encode() not in Path(f"/proc/{pid}/{file}").read_bytes()


def test_forks_end_with_the_process_that_has_the_code_and_the_next_is_forked_from_a_new_one(
    rig: Rig,
):
    forked = rig.start("first", "wait")
    rig.told("first")
    before = rig.server.pid
    assert before is not None
    os.kill(before, signal.SIGKILL)
    assert ended(forked) == -signal.SIGTERM
    assert not is_running(forked.pid), "the kernel stopped it"
    assert ended(rig.start("second")) == 3
    assert rig.server.pid not in {None, before}


def test_a_fork_that_may_miss_a_signal_is_killed_with_the_process_that_has_the_code(rig: Rig):
    """As Flower, which turns the signal into an exception that its start may catch."""
    forked = rig.start("deaf", "deaf", "wait", ends_by=signal.SIGKILL)
    rig.told("deaf")
    assert rig.server.pid is not None
    os.kill(rig.server.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(forked.pid), description="the kernel killed it")


def test_a_fork_that_drains_is_waited_for_when_the_process_with_the_code_is_gone(rig: Rig):
    forked = rig.start("drains", "wait", "drain")
    rig.told("drains")
    assert rig.server.pid is not None
    os.kill(rig.server.pid, signal.SIGKILL)
    wait_until(
        lambda: b"draining" in (rig.folder / "drains.log").read_bytes(), description="it was told"
    )
    assert forked.poll() is None
    assert ended(forked) == -signal.SIGTERM
    assert b"drained" in (rig.folder / "drains.log").read_bytes()


def test_what_stops_every_process_at_once_lets_forks_drain(rig: Rig):
    """As a shutdown of the machine does."""
    forked = rig.start("drains", "wait", "drain")
    rig.told("drains")
    server = rig.server.pid
    assert server is not None
    for pid in (server, forked.pid):
        os.kill(pid, signal.SIGTERM)
    assert ended(forked) == 0
    assert is_running(server)


def test_a_process_with_the_code_that_died_without_forks_is_replaced(rig: Rig):
    assert ended(rig.start("first")) == 3
    assert rig.server.pid is not None
    os.kill(rig.server.pid, signal.SIGKILL)
    wait_until(lambda: not is_running(rig.server.pid or 0), description="it is gone")
    assert ended(rig.start("second")) == 3


def test_a_fork_that_fails_stops_nothing(rig: Rig):
    first = rig.start("first", "wait")
    rig.told("first")
    (rig.folder / "full").touch()
    with pytest.raises(BlockingIOError):
        rig.start("second", "wait")
    (rig.folder / "full").unlink()
    assert first.poll() is None
    assert ended(rig.start("third")) == 3


def test_a_fork_that_came_too_late_is_ended(rig: Rig, monkeypatch):
    assert ended(rig.start("first")) == 3
    assert rig.server.pid is not None
    monkeypatch.setattr("aicity_fleet.embedded.fork_server.START_SECONDS", 0.2)
    os.kill(rig.server.pid, signal.SIGSTOP)
    with pytest.raises(OSError, match="fork-server"):
        rig.start("late", "wait")
    monkeypatch.undo()
    os.kill(rig.server.pid, signal.SIGCONT)
    forked = rig.start("next", "wait")
    assert rig.told("next")["comm"] == "next"
    wait_until(
        lambda: children(rig.server.pid or 0) == [forked.pid], description="only the one is left"
    )
    assert forked.poll() is None


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_code_that_cannot_be_loaded_is_an_error_that_names_the_log(tmp_path: Path):
    (tmp_path / "celery").mkdir()
    (tmp_path / "celery" / "__init__.py").write_text("raise ImportError('broken on purpose')")
    log = tmp_path / "fork-server.log"
    server = ForkServer({"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}, log)
    try:
        with pytest.raises(OSError, match=r"fork-server\.log"):
            server.start("one", (sys.executable, "-m", "told"), {}, 1)
        assert "broken on purpose" in log.read_text()
    finally:
        server.close()


def test_a_supervisor_restarts_a_fork_that_died(rig: Rig, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("aicity_fleet.embedded.supervisor.RESTART_SECONDS", (0.1, 1.0))
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    supervisor = Supervisor(tmp_path / "logs", stop_seconds=5, fork_env=env)
    program = Program("told", (sys.executable, "-m", "told", "wait"), {}, is_forked=True)
    try:
        supervisor.start(program)
        first = supervisor.pid("told")
        assert first is not None
        wait_until(
            lambda: '"loaded": true' in supervisor.tail("told"), seconds=30, description="it runs"
        )
        os.kill(first, signal.SIGKILL)
        died: list[tuple[str, int]] = []

        def is_back() -> bool:
            died.extend(supervisor.check())
            return supervisor.pid("told") not in {None, first}

        wait_until(is_back, seconds=30, description="it runs again")
        assert died == [("told", -signal.SIGKILL)]
        wait_until(
            lambda: supervisor.tail("told").count('"loaded": true') == 2,
            seconds=30,
            description="both wrote into the log",
        )
    finally:
        supervisor.stop()


@pytest.mark.parametrize("name", forked.LOADED)
def test_what_is_loaded_for_all_forks_exists(name):
    assert importlib.util.find_spec(name) is not None


def test_a_start_that_nobody_wants_any_more_does_not_wait_for_the_code(tmp_path, monkeypatch):
    """Loading it takes seconds, and on a busy machine many."""
    (tmp_path / "celery.py").write_text("import time; time.sleep(30)")
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(tmp_path)}
    supervisor = Supervisor(tmp_path / "logs", stop_seconds=5, fork_env=env)
    program = Program("one", [sys.executable, "-m", "this"], env, is_forked=True)
    began = time.monotonic()
    asked = iter([False, False])
    supervisor.start(program, lambda: next(asked, True))
    assert supervisor.pid("one") is None
    supervisor.stop()
    assert time.monotonic() - began < 10
