"""The fleet as real processes: dispatcher, workers and beat, signals and death, one ending each."""

import json
import signal
import time
from pathlib import Path

import httpx
import pytest
from support.processes import CLI, FleetProcesses, count_ended, run_cli
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import CELERY, flower_program
from aicity_fleet.embedded.ports import free_port
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.overview import read_overview
from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

pytestmark = pytest.mark.timeout(180)


@pytest.fixture
def slow_city():
    """A simulated AI City whose model takes two seconds for a call."""
    config = SimulatorConfig(model_latency_seconds=(2.0, 2.0), flawed_share=0.0, quality_gate=False)
    with running(create_app(config)) as url:
        yield SimulatedCity(url)


def environment(redis_server, agent: str, city: SimulatedCity) -> dict[str, str]:
    return {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "FLEET_POLL_SECONDS": "1",
        "FLEET_SWEEP_SECONDS": "0.2",
        "FLEET_LEASE_SECONDS": "2",
        "FLEET_DRAIN_SECONDS": "1",
    }


@pytest.fixture
def fleet(redis_server, ledger, agent, city, empty_folder):
    """A fleet on the quick city; nothing is started yet."""
    processes = FleetProcesses(environment(redis_server, agent, city), empty_folder)
    yield processes
    processes.stop()


@pytest.fixture
def slow_fleet(redis_server, ledger, agent, slow_city, empty_folder):
    """A fleet whose model calls take two seconds; nothing is started yet."""
    processes = FleetProcesses(environment(redis_server, agent, slow_city), empty_folder)
    yield processes
    processes.stop()


def reported(ledger: Ledger) -> int:
    return ledger.counts()[JobState.REPORTED]


def assert_one_ending_each(city: SimulatedCity, ids: list[str]) -> None:
    tasks = city.report()["tasks"]
    assert {task_id: tasks[task_id]["acceptedEndings"] for task_id in ids} == dict.fromkeys(ids, 1)


def test_beat_dispatcher_and_two_workers_finish_every_task(fleet, city, ledger):
    ids = city.submit(*[{} for _ in range(10)])
    fleet.start()
    wait_until(lambda: reported(ledger) == 10, seconds=60, description="all tasks are reported")
    assert_one_ending_each(city, ids)
    more = city.submit({}, {})
    wait_until(lambda: reported(ledger) == 12, seconds=30, description="beat polls again")
    assert_one_ending_each(city, more)
    for name in ("beat", "dispatcher", "worker1", "worker2"):
        assert fleet.end(name) == 0, fleet.log(name)


def test_a_poll_by_hand_from_an_empty_folder_and_what_flower_shows(fleet, city, ledger):
    port = free_port()
    fleet.start("dispatcher", "worker1", "worker2")
    fleet.start_program(flower_program(fleet.env, port=port, password="pw-for-flower"))
    flower = httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=("fleet", "pw-for-flower"))

    def workers() -> list[str]:
        try:
            return sorted(flower.get("/api/workers", params={"refresh": 1}).json())
        except (httpx.HTTPError, ValueError):
            return []

    wait_until(lambda: len(workers()) == 3, seconds=60, description="Flower sees three workers")
    assert [name.split("@")[0] for name in workers()] == ["dispatcher", "worker1", "worker2"]
    (task_id,) = city.submit({})
    bare = run_cli(
        CELERY[0], "-m", "celery", "call", "fleet.poll",
        env={**fleet.env, "APP": "aicity_fleet.celery_app"}, cwd=fleet.folder,
    )  # fmt: skip
    assert bare.returncode == 0, bare.stderr
    poll_id = bare.stdout.strip()
    wait_until(lambda: reported(ledger) == 1, seconds=30, description="the task is reported")

    def shown() -> dict:
        return dict(flower.get("/api/tasks").json()).get(poll_id, {})

    wait_until(lambda: shown().get("state") == "SUCCESS", description="Flower shows the poll")
    for part in ("'seen': 1", "'accepted': 1", "'known': 0", "'refused': 0"):
        assert part in shown()["result"]
    for record in flower.get("/api/tasks").json().values():
        assert record["kwargs"] in ("{}", "", None)
        assert record["args"] in ("()", "", None, f"('{task_id}',)", f"['{task_id}']")
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as stranger:
        assert stranger.get("/").status_code == 401
        assert stranger.get("/api/workers").status_code == 401
    flower.close()


def test_the_poll_command_prints_what_a_dispatcher_saw(fleet, city):
    city.submit({}, {"raw": {"id": "bad"}})
    fleet.start("dispatcher")
    done = run_cli(*CLI, "poll", "--json", env=fleet.env, cwd=fleet.folder)
    assert done.returncode == 0, done.stderr
    summary = json.loads(done.stdout)
    # A dispatcher on a new ledger polls by itself; whichever poll came first took the task.
    assert (summary["seen"], summary["accepted"] + summary["known"]) == (2, 1)
    assert summary["refused"] == 1
    plain = run_cli(*CLI, "poll", env=fleet.env, cwd=fleet.folder)
    assert "seen 2, accepted 0, known 1, refused 1" in plain.stdout


def test_a_worker_told_to_stop_hands_its_jobs_over(slow_fleet, slow_city, ledger):
    ids = slow_city.submit(*[{} for _ in range(4)])
    slow_fleet.start("dispatcher", "beat", "worker1")
    wait_until(lambda: ledger.counts()[JobState.RUNNING] == 4, seconds=60, description="all run")
    began = time.monotonic()
    assert slow_fleet.end("worker1") == 0, slow_fleet.log("worker1")
    assert time.monotonic() - began < 10
    job = ledger.get(ids[0])
    assert job is not None
    assert job.lapses == 0
    slow_fleet.start("worker2")
    wait_until(lambda: reported(ledger) == 4, seconds=60, description="another goes on")
    assert_one_ending_each(slow_city, ids)
    trails = [ledger.audit(job_id) for job_id in ids]
    assert not any(line["event"] == "rescued" for trail in trails for line in trail)


def test_ten_seconds_of_grace_are_enough_for_calls_that_take_longer(
    redis_server, ledger, agent, empty_folder
):
    """Docker kills what has not stopped after 10 s; with the default drain no lease has to lapse."""
    config = SimulatorConfig(model_latency_seconds=(60.0, 60.0), quality_gate=False)
    with running(create_app(config)) as url:
        city = SimulatedCity(url)
        city.submit(*[{} for _ in range(8)])
        env = environment(redis_server, agent, city) | {"FLEET_LEASE_SECONDS": "60"}
        del env["FLEET_DRAIN_SECONDS"]
        fleet = FleetProcesses(env, empty_folder)
        try:
            fleet.start("dispatcher", "beat", "worker1")
            wait_until(
                lambda: ledger.counts()[JobState.RUNNING] == 8, seconds=60, description="all run"
            )
            assert fleet.end("worker1", seconds=10) == 0, fleet.log("worker1")
            assert ledger.counts()[JobState.RUNNING] == 0
            assert ledger.counts()[JobState.QUEUED] == 8
            assert {job.lapses for job in ledger.jobs()} == {0}
        finally:
            fleet.stop()


def test_the_jobs_of_a_killed_worker_are_rescued(slow_fleet, slow_city, ledger):
    ids = slow_city.submit(*[{} for _ in range(4)])
    slow_fleet.start("dispatcher", "beat", "worker1")
    wait_until(lambda: ledger.counts()[JobState.RUNNING] == 4, seconds=60, description="all run")
    pid = slow_fleet.running["worker1"].pid
    slow_fleet.end("worker1", signal.SIGKILL)
    slow_fleet.start("worker2")
    wait_until(lambda: reported(ledger) == 4, seconds=60, description="all are rescued")
    (killed,) = read_overview(ledger).lapsed
    assert killed.endswith(f":{pid}"), "status names the process"
    assert_one_ending_each(slow_city, ids)


def test_no_key_and_no_text_of_a_task_is_in_any_log(fleet, city, ledger, redis_server):
    fleet.env["OPENAI_API_KEY"] = "sk-secret-model-key-0123456789"
    fleet.env["OPENAI_BASE_URL"] = f"{city.url}/v1"
    city.submit({"input": {"description": "WORDS-OF-THE-BUYER please sort these letters"}})
    fleet.start()
    wait_until(lambda: reported(ledger) == 1, seconds=60, description="the task is reported")
    for name in ("beat", "dispatcher", "worker1", "worker2"):
        fleet.end(name)
    logs = "".join(path.read_text() for path in Path(fleet.folder).glob("*.log"))
    assert "job.reported" in logs
    password = redis_server.password
    for hidden in ("sk-secret-model-key", "WORDS-OF-THE-BUYER", "ac_live_", password):
        assert hidden not in logs


WRONG = [
    ({"AGENT_CITY_API_KEY": ""}, "control,reports", "AGENT_CITY_API_KEY"),
    ({"OPENAI_API_KEY": ""}, "jobs", "OPENAI_API_KEY"),
    ({"AGENT_CITY_BASE_URL": "aicity"}, "jobs", "AGENT_CITY_BASE_URL"),
    ({"REDIS_URL": "redis://127.0.0.1:1/0"}, "jobs", "REDIS_URL"),
    ({"REDIS_URL": "wrong-password"}, "jobs", "REDIS_PASSWORD"),
    ({"FLEET_CONTRACT_FILE": "unknown-field"}, "control,reports", "paths.assinged"),
    ({"AGENT_CITY_API_KEY": ""}, "control", "AGENT_CITY_API_KEY"),
]


@pytest.mark.parametrize(("change", "queues", "named"), WRONG, ids=[str(row[0]) for row in WRONG])
def test_a_worker_with_a_wrong_setting_says_so_and_exits_with_2(
    redis_server, agent, empty_folder, change, queues, named
):
    env = {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        "AGENT_CITY_API_KEY": "k",
        "OPENAI_API_KEY": "k",
        "FLEET_START_WAIT_SECONDS": "0.5",
        **change,
    }
    if change.get("REDIS_URL") == "wrong-password":
        env["REDIS_URL"] = f"redis://:nonsense@127.0.0.1:{redis_server.port}/0"
    if "FLEET_CONTRACT_FILE" in change:
        path = empty_folder / "contract.toml"
        path.write_text('[paths]\nassinged = "/x"\n')
        env["FLEET_CONTRACT_FILE"] = str(path)
    ended = run_cli(
        *CELERY, "worker", "--pool", "threads", "-Q", queues, env=env, cwd=empty_folder, seconds=60
    )
    assert ended.returncode == 2, ended.stderr
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_call_without_redis_says_so_and_exits_with_2(empty_folder):
    env = {"REDIS_URL": "redis://127.0.0.1:1/0", "APP": "aicity_fleet.celery_app"}
    ended = run_cli(CELERY[0], "-m", "celery", "call", "fleet.poll", env=env, cwd=empty_folder)
    assert ended.returncode == 2
    assert "REDIS_URL" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_cut_off_tool_calls_of_some_jobs_delay_no_other_job(fleet, city, ledger):
    """A model that reaches its limit inside ``submit`` leaves unfinished JSON. Sent back in the history,
    servers such as llama-server answer it with a 500 for ever, which opened the breaker for everybody.
    """
    cut = city.submit(*[{"input": {"description": f"Write endlessly, {n}."}} for n in range(3)])
    for task_id in cut:
        city.fault("model", "cut", taskId=task_id, count=None)
    healthy = city.submit(*[{} for _ in range(6)])
    fleet.start("dispatcher", "beat", "worker1")
    wait_until(
        lambda: count_ended(ledger) == 9,
        seconds=60,
        description="every job has ended",
    )
    assert_one_ending_each(city, healthy)
    outcomes = {job_id: ledger.get(job_id).outcome for job_id in cut + healthy}
    assert {outcomes[job_id].kind for job_id in healthy} == {"complete"}
    assert {outcomes[job_id].code for job_id in cut} == {"quality"}
