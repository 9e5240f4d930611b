"""The demo and the embedded fleet as a user starts them, and that nothing is left when they end."""

import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest
from support.processes import CLI, base_environment, processes_of, run_cli
from support.waiting import wait_until

pytestmark = pytest.mark.timeout(240)


@pytest.fixture
def folder(tmp_path):
    """Where a test's processes run: what lives there afterwards was left behind."""
    folder = tmp_path / "empty"
    (folder / "tmp").mkdir(parents=True)
    yield folder
    assert processes_of(folder) == []


def environment(folder, **variables: str) -> dict[str, str]:
    """The demo's own folder lies in the test's, so that its Redis is found as well."""
    return {"TMPDIR": str(folder / "tmp"), **variables}


def test_the_demo_gives_every_task_one_ending(folder):
    with socket.socket() as taken:  # Flower's port may be taken by somebody else
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = run_cli(
            *CLI, "demo", "--json", "--flower-port", port, "--out", "made",
            env=environment(folder, AGENT_CITY_API_KEY="ac_live_must_not_be_used", HTTP_PROXY="http://127.0.0.1:1"),
            cwd=folder, seconds=200,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    assert shown["faults"] == []
    tasks = shown["tasks"]
    assert len(tasks) == 12
    assert len({task["type"] for task in tasks}) >= 5
    assert {"code_review", "bug_fix"} <= {task["type"] for task in tasks}
    assert all(task["state"] == "reported" for task in tasks)
    endings = [task["ending"] for task in tasks]
    assert endings.count("fail") == 1
    assert endings.count("complete") == 11
    assert all(t["city_status"] == "completed" for t in tasks if t["ending"] == "complete")
    assert all(t["model_calls"] >= 1 and t["tokens"] > 0 and t["seconds"] > 0 for t in tasks)
    assert shown["profile_after"]["overallScore"] > shown["profile_before"]["overallScore"]
    assert processes_of(folder) == []
    made = sorted(path.name for path in (folder / "made").iterdir())
    assert len(made) == 11
    assert made[0] == "01-code_review.md"
    assert all(len((folder / "made" / name).read_text()) > 300 for name in made)
    assert {path.name for path in folder.rglob("*")} == {"tmp", "made", *made}


@pytest.mark.parametrize("after_seconds", [0.5, 2.0, 5.0])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_leaves_nothing_within_ten_seconds(folder, after_seconds, number):
    process = start_demo(folder)
    time.sleep(after_seconds)  # the moment of the signal is what is tested
    began = time.monotonic()
    process.send_signal(number)
    process.wait(15)
    assert time.monotonic() - began < 10
    assert process.returncode not in (0, None)
    assert processes_of(folder) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a child of it")
def test_a_killed_demo_takes_its_processes_along(folder):
    process = start_demo(folder)
    wait_until(lambda: len(processes_of(folder)) >= 8, seconds=60, description="all run")
    process.kill()
    process.wait(10)
    wait_until(lambda: not processes_of(folder), seconds=20, description="all are gone")


def test_the_embedded_fleet_runs_keeps_its_data_and_stops(city, folder):
    (task_id,) = city.submit({})
    env = {
        **base_environment(),
        "AGENT_CITY_API_KEY": "ac_live_simulated",
        "AGENT_CITY_BASE_URL": f"{city.url}/api/v1",
        "OPENAI_API_KEY": "simulated",
        "OPENAI_BASE_URL": f"{city.url}/v1",
        "FLEET_POLL_SECONDS": "1",
        "FLEET_DRAIN_SECONDS": "1",
        "XDG_DATA_HOME": str(folder / "data"),
    }
    for _ in range(2):
        process = subprocess.Popen(
            [*CLI, "up", "--no-flower"],
            env=env, cwd=folder, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        wait_until(
            lambda: city.task(task_id)["acceptedEndings"] == 1,
            seconds=60,
            description="the task is done",
        )
        wait_until(
            lambda: run_cli(*CLI, "job", task_id, env=env, cwd=folder).returncode == 0,
            seconds=60,
            description="its Redis is up, with the data of the last run, and other commands find it",
        )
        polled = run_cli(*CLI, "poll", "--json", env=env, cwd=folder)
        assert json.loads(polled.stdout)["status"] in ("ok", "busy")
        second = run_cli(*CLI, "up", env=env, cwd=folder)
        assert second.returncode == 2
        assert "in use by another fleet" in second.stderr
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=20)
        assert process.returncode == 0
        assert "Stopped in" in errors
        assert processes_of(folder) == []
        assert list(folder.rglob("redis.url")) == []
    assert city.task(task_id)["acceptedEndings"] == 1


def test_up_starts_again_in_a_shell_that_ran_the_export_that_it_printed(folder, city):
    env = {
        **base_environment(),
        "AGENT_CITY_API_KEY": "ac_live_simulated",
        "AGENT_CITY_BASE_URL": f"{city.url}/api/v1",
        "OPENAI_API_KEY": "simulated",
        "OPENAI_BASE_URL": f"{city.url}/v1",
        "XDG_DATA_HOME": str(folder / "data"),
    }
    for where in (("--data", "mine"), ("--data", "mine"), ()):
        process = subprocess.Popen(
            [*CLI, "up", "--no-flower", *where],
            env=env, cwd=folder, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert process.stderr is not None
        said = []
        for line in process.stderr:
            said.append(line)
            if line.startswith("Logs:"):  # all has started
                break
        said_at_once = "".join("".join(said).split())
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=30)
        assert process.returncode == 0, said
        if where:
            exported = str(folder / "mine" / "redis.url")
            assert f"exportREDIS_URL_FILE={exported}" in said_at_once
            env["REDIS_URL_FILE"] = exported
    assert "IgnoringREDIS_URL_FILE=" in said_at_once, (
        "the folder is another's, whose fleet has ended"
    )
    assert list(folder.rglob("redis.url")) == []


BROKEN_REDIS = """\
#!/bin/sh
[ "$1" = --version ] && echo "Redis server v=7.0.0" && exit
echo "broken on purpose"
exit 1
"""


def test_an_embedded_redis_that_does_not_start_is_one_message(folder, city):
    program = folder / "bin" / "redis-server"
    program.parent.mkdir()
    program.write_text(BROKEN_REDIS)
    program.chmod(0o755)
    env = {
        "AGENT_CITY_API_KEY": "ac_live_simulated",
        "AGENT_CITY_BASE_URL": f"{city.url}/api/v1",
        "OPENAI_API_KEY": "simulated",
        "XDG_DATA_HOME": str(folder / "data"),
        "PATH": f"{program.parent}:{os.environ['PATH']}",
    }
    done = run_cli(*CLI, "up", env=env, cwd=folder)
    assert done.returncode == 2
    assert "The embedded Redis ended:\nbroken on purpose" in done.stderr
    assert "Traceback" not in done.stderr
    assert processes_of(folder) == []


def start_demo(folder) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*CLI, "demo", "--flower-port", "0"],
        env={**base_environment(), **environment(folder)},
        cwd=folder,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
