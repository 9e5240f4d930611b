"""Every shape of an answer as a job of a fleet of real processes, on each engine."""

import pytest
from support.answer_shapes import SHAPES, ShapeScript, input_of
from support.processes import FleetProcesses, count_ended
from support.scripted_provider import ProviderServer
from support.waiting import wait_until

from aicity_fleet.models import Completed, Failed
from aicity_fleet.simulator.access import fleet_environment
from aicity_fleet.team.engines import ENGINES

pytestmark = pytest.mark.timeout(300)

MAX_CALLS = 6


@pytest.mark.parametrize("function_calling", [True, False], ids=["tools", "marker"])
@pytest.mark.parametrize("engine", ENGINES)
def test_every_shape_ends_as_the_table_says(
    redis_server, ledger, agent, city, empty_folder, engine, function_calling
):
    rows = {name: row for name, row in SHAPES.items() if row.function_calling == function_calling}
    script = ShapeScript()
    with ProviderServer() as server:
        provider = server.open()
        provider.script = script
        env = {
            "REDIS_URL": redis_server.url,
            "FLEET_AGENT": agent,
            **fleet_environment(city.url),
            "OPENAI_BASE_URL": provider.base_url,
            "OPENAI_API_KEY": "sk-test-key-000000000000",
            "FLEET_ENGINE": engine,
            "FLEET_MODEL_TOOLS": str(function_calling).lower(),
            "FLEET_POLL_SECONDS": "1",
            "FLEET_SWEEP_SECONDS": "0.2",
        }
        tasks = [{"taskType": row.task_type, "input": input_of(name)} for name, row in rows.items()]
        jobs = dict(zip(rows, city.submit(*tasks), strict=True))
        fleet = FleetProcesses(env, empty_folder)
        try:
            fleet.start("dispatcher", "beat", "worker1")
            wait_until(
                lambda: count_ended(ledger) == len(jobs),
                seconds=200,
                description="every job has ended",
            )
        finally:
            fleet.stop()
    for name, job_id in jobs.items():
        row, job = rows[name], ledger.get(job_id)
        assert job is not None
        if row.fails:
            assert isinstance(job.outcome, Failed), name
            assert row.fails in job.outcome.message, name
        else:
            assert isinstance(job.outcome, Completed), (name, job.outcome)
            assert job.outcome.text == row.deliverable, name
        assert len(script.requests[name]) == job.model_calls == row.calls <= MAX_CALLS, name
        assert job.hand_in == (row.hand_in or ""), name
    if not function_calling:
        assert ledger.controls.read().ignores_tools == {}, "it is offered no tool"
