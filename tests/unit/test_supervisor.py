"""The embedded supervisor reads on whatever becomes of what its programs say, and survives a logout."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
from support.waiting import wait_until

from aicity_fleet.embedded.kernel import die_with_parent
from aicity_fleet.embedded.supervisor import Program, Supervisor, stop_requests

TALKS = """
import sys, time
for n in range(20_000):
    print("a line that is long enough", n, flush=True)
open(sys.argv[1], "w").close()
time.sleep(60)
"""


@pytest.mark.parametrize(
    "trouble", [OSError(28, "No space left"), SystemExit(1), BrokenPipeError()]
)
def test_a_terminal_that_is_gone_stops_no_program(tmp_path: Path, trouble: BaseException):
    def echo(_name: str, _line: str) -> None:
        raise trouble

    supervisor = Supervisor(tmp_path / "logs", stop_seconds=5, echo=echo)
    done = tmp_path / "done"
    try:
        supervisor.start(Program("talker", (sys.executable, "-c", TALKS, str(done)), {}))
        wait_until(done.exists, description="it has said all that it had to say")
    finally:
        supervisor.stop()


def test_a_full_disk_stops_no_program(tmp_path: Path):
    folder = tmp_path / "logs"
    folder.mkdir()
    (folder / "talker.log").symlink_to("/dev/full")
    supervisor = Supervisor(folder, stop_seconds=5)
    done = tmp_path / "done"
    try:
        supervisor.start(Program("talker", (sys.executable, "-c", TALKS, str(done)), {}))
        wait_until(done.exists, description="it has said all that it had to say")
    finally:
        supervisor.stop()


def test_logs_do_not_grow_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("aicity_fleet.embedded.supervisor.LOG_BYTES", 100_000)
    supervisor = Supervisor(tmp_path / "logs", stop_seconds=5)
    try:
        supervisor.start(
            Program("talker", (sys.executable, "-c", TALKS, str(tmp_path / "done")), {})
        )
        wait_until(
            lambda: "long enough 19999\n" in supervisor.tail("talker") + "\n",
            description="all is said",
        )
    finally:
        supervisor.stop()
    logs = sorted((tmp_path / "logs").iterdir())
    assert [log.name for log in logs] == ["talker.log", "talker.log.1", "talker.log.2"]
    assert max(log.stat().st_size for log in logs) <= 100_000
    lines = "".join(log.read_text() for log in reversed(logs)).splitlines()
    numbers = [int(line.split()[-1]) for line in lines]
    assert numbers == list(range(numbers[0], 20_000)), "nothing is lost between two files"


def test_what_nohup_has_ignored_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_requests() as stopping:
            signal.raise_signal(signal.SIGHUP)
            assert not stopping.is_set()
            signal.raise_signal(signal.SIGTERM)
            assert stopping.is_set()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of it")
def test_a_child_whose_supervisor_is_gone_already_ends_itself():
    """The kernel tells of a death only from then on: a supervisor may die between its fork and that."""
    gone = 2**22 + 1  # more than any process id of Linux
    process = subprocess.run(
        [sys.executable, "-c", "print('it runs')"],
        preexec_fn=partial(die_with_parent, gone),
        capture_output=True,
        check=False,
    )
    assert (process.returncode, process.stdout) == (1, b"")
