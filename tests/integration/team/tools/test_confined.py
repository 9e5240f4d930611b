"""Programs over strangers' text: whatever one does, it learns nothing, and ends in time and alone."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest
from support.scripted_provider import until
from support.waiting import wait_until

from aicity_fleet.team.tools import confined


@pytest.fixture
def stand_in(change_linter, tmp_path):
    """Puts a program of the test's in the place of the JavaScript reader."""

    def put(code: str, **changes: Any) -> None:
        path = tmp_path / "stand_in.py"
        path.write_text(code)
        change_linter("javascript", program=(*confined.PYTHON, str(path)), **changes)

    return put


async def test_a_program_learns_nothing_of_this_machine(job, stand_in, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-tools")
    stand_in(
        "import json, os, sys\n"
        "folder = sys.argv[1].split('/')[-2]\n"
        "print(json.dumps([[f'{folder}/x', 1, name, '.'] for name in os.environ]))\n"
    )
    told = await job()("javascript", code="x")
    learnt = set(re.findall(r":1: (\w+) \.", told))
    assert learnt - {"LC_CTYPE"} == {"PATH", "HOME", "TMPDIR", "LANG", "RAYON_NUM_THREADS"}


async def test_a_program_that_hangs_is_killed_with_all_it_started(
    job, stand_in, monkeypatch, tmp_path
):
    stand_in(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n",
        seconds=2,
    )
    assert "longer than 2 seconds" in await job()("javascript", code="x")
    assert is_gone(int((tmp_path / "pid").read_text()))


def is_gone(pid: int) -> bool:
    """Whether a process ends soon; one that only waits to be noticed counts as gone."""

    def ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    wait_until(ended, description=f"process {pid} ends")
    return True


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("while True: print('x' * 100_000)", "more than can be told"),
        ("x = bytearray(2 * 2**30)", "no readable answer|could not be read"),
        ("while True: pass", "longer than|broke off"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "broke off"),
        ("open('big', 'wb').write(bytes(100 * 2**20))", "broke off|could not be read"),
        ("print('{}')", "nothing found|could not be read"),
        ("print('[[1, 2], 3]')", "could not be read"),
    ],
    ids=["floods", "eats memory", "burns", "crashes", "fills the disk", "odd answer", "odder"],
)
async def test_whatever_a_program_does_is_told_in_a_sentence(
    job, stand_in, monkeypatch, code, told
):
    stand_in(code, seconds=3)
    assert re.search(told, await job()("javascript", code="x"))


async def test_cancelling_a_call_kills_its_program(job, stand_in, tmp_path):
    stand_in(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    )
    running = asyncio.ensure_future(job()("javascript", code="x"))
    (tmp_path / "pid").touch()
    await until((tmp_path / "pid").read_text, "the program runs")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert is_gone(int((tmp_path / "pid").read_text()))


async def test_a_few_at_a_time(job, stand_in, tmp_path):
    stand_in(
        "import os, sys, time, json, glob\n"
        f"place = {str(tmp_path)!r}\n"
        "open(f'{place}/on-{os.getpid()}', 'w').close()\n"
        "count = len(glob.glob(f'{place}/on-*'))\n"
        "open(f'{place}/most', 'a').write(f'{count}\\n')\n"
        "time.sleep(0.3)\n"
        "os.remove(f'{place}/on-{os.getpid()}')\n"
        "print('[]')\n"
    )
    call = job()
    told = await asyncio.gather(*(call("javascript", code="x") for _ in range(6)))
    assert all("nothing found" in text for text in told)
    assert max(map(int, (tmp_path / "most").read_text().split())) <= confined.AT_ONCE


@pytest.mark.parametrize("name", ["limits", "unpack", "javascript_reader"])
def test_a_program_of_its_own_imports_nothing_of_the_fleet(name):
    """So that it starts fast, and knows nothing."""
    text = Path(confined.__file__).with_name(f"{name}.py").read_text("utf-8")
    assert "aicity_fleet" not in text
