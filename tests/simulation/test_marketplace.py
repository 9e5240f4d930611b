"""The stand-in for AI City is honest: the same tests pass on it and on the real client and simulator."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from simulation.marketplace import PAGE_SIZE, MarketClient, Marketplace
from support.simulated_city import SimulatedCity

from aicity_fleet.aicity.task import parse_task
from aicity_fleet.errors import AICityRefusedError
from aicity_fleet.models import Completed, Failed
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running

DONE, FAILED = Completed("text", 1, "m"), Failed("quality", "No.")


@pytest.fixture(params=["stand-in", "simulator"])
def city(request: pytest.FixtureRequest) -> Iterator[tuple[Any, Callable[[], str]]]:
    """A client, and what submits a task."""
    if request.param == "stand-in":
        market = Marketplace()
        numbers = iter(range(1000))

        def submit() -> str:
            task_id = f"t{next(numbers)}"
            market.submit(task_id)
            return task_id

        yield MarketClient(market), submit
        return
    config = SimulatorConfig(quality_gate=False, failures_until_suspension=0)
    with running(create_app(config)) as url:
        simulated = SimulatedCity(url)
        with simulated.client() as client:
            yield client, lambda: simulated.submit({})[0]


def listed(client: Any) -> list[dict[str, Any]]:
    return [entry for page in client.assigned_pages() for entry in page]


def test_what_is_open_is_listed_in_pages_and_can_be_parsed(city):
    client, submit = city
    ids = [submit() for _ in range(2 * PAGE_SIZE + 1)]
    entries = listed(client)
    assert [entry["id"] for entry in entries] == ids
    task = parse_task(entries[0], max_input_chars=100)
    assert client.contract.is_runnable(task.status)
    assert {entry["status"] for entry in listed(client)} == {"executing"}


def test_an_empty_list_is_one_empty_page(city):
    client, _ = city
    assert listed(client) == []


@pytest.mark.parametrize(("outcome", "status"), [(DONE, "completed"), (FAILED, "failed")])
def test_an_ending_is_accepted_once(city, outcome, status):
    client, submit = city
    task_id = submit()
    listed(client)
    assert client.report(task_id, outcome, "key")["status"] == status
    for again in (DONE, FAILED):
        with pytest.raises(AICityRefusedError) as caught:
            client.report(task_id, again, "key")
        assert (caught.value.status, caught.value.code) == (409, "CONFLICT")
    assert client.task(task_id)["status"] == status
    assert listed(client) == []


def test_a_task_that_never_was_is_not_found(city):
    client, _ = city
    for ask in (lambda: client.task("none"), lambda: client.report("none", DONE, "key")):
        with pytest.raises(AICityRefusedError) as caught:
            ask()
        assert (caught.value.status, caught.value.code) == (404, "TASK_NOT_FOUND")


def test_the_profile_tells_the_row_of_failures(city):
    client, submit = city
    rows = []
    for outcome in (FAILED, FAILED, DONE):
        client.report(submit(), outcome, "key")
        rows.append(client.profile()["consecutiveFailures"])
    assert rows == [1, 2, 0]


def test_the_availability_can_be_told(city):
    client, _ = city
    client.set_availability("busy")
    assert client.contract.paths.update_profile
