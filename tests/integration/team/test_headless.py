"""A job runs without a terminal: the guide's Coordinator reads stdin, and fails or hangs there."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from support.samples import GOOD_GENERAL
from support.scripted_provider import Provider, submit

PROGRAM = """
import asyncio, sys
from aicity_fleet.models import AssignedTask, Delivered
from support.team_runs import run_team
from aicity_fleet.team import ModelConfig, only, open_model, team_for
from aicity_fleet.team.tools.download import Downloader
from aicity_fleet.team.tools.toolbox import Toolbox

async def main():
    task = AssignedTask("t1", "general", "Explain how lighthouses guided ships.")
    config = ModelConfig("scripted-1", sys.argv[1], "sk-test", 10.0)
    box = Toolbox(Downloader(frozenset()))
    async with open_model(config) as model:
        with box.tools_for(task) as tools:
            result = await run_team(
                task, spec=team_for("general"), models=only(model), tools=tools
            )
    box.close()
    assert isinstance(result.ending, Delivered), result.ending
    print("delivered", file=sys.stderr)

asyncio.run(main())
"""


@pytest.mark.parametrize("stdin", ["null", "closed", "open pipe"])
def test_a_job_is_delivered_without_a_terminal(provider: Provider, stdin):
    provider.will(submit(GOOD_GENERAL))
    command = [sys.executable, "-W", "error", "-c", PROGRAM, provider.base_url]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    if stdin == "closed":
        command = ["sh", "-c", 'exec "$@" <&-', "sh", *command]
    process = subprocess.Popen(
        command,
        stdin=subprocess.PIPE if stdin == "open pipe" else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
        text=True,
    )
    try:
        # Not communicate(): it would close the pipe, and the point is that nobody does. A process that
        # reads stdin waits for good; one that does not needs 5 s of CPU time, and twice that with coverage.
        assert process.wait(timeout=90) == 0, process.stderr and process.stderr.read()
        assert process.stderr is not None
        assert "delivered" in process.stderr.read()
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            if pipe is not None:
                pipe.close()
    assert len(provider.requests) == 1
