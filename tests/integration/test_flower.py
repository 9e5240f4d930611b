"""Flower as the embedded mode starts it: it lists jobs by their ids, and changes nothing."""

import httpx
import pytest
from support.processes import FleetProcesses
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import flower_program
from aicity_fleet.embedded.ports import free_port


@pytest.fixture
def flower(redis_server, agent, empty_folder):
    """A client of a Flower that runs."""
    processes = FleetProcesses({"REDIS_URL": redis_server.url, "FLEET_AGENT": agent}, empty_folder)
    port = free_port()
    processes.start_program(flower_program(processes.env, port=port, password="pw"))
    url = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=url, auth=("fleet", "pw"), trust_env=False, timeout=20) as client:

        def is_up() -> bool:
            try:
                return client.get("/healthcheck").is_success
            except httpx.TransportError:
                return False

        wait_until(is_up, seconds=60, description="Flower answers")
        yield client
    processes.stop()


def test_it_lists_what_each_message_was_for(flower):
    page = flower.get("/tasks").text
    assert 'data-column="args"' in page
    assert 'data-column="result"' in page


@pytest.mark.parametrize(
    "path", ["/api/task/async-apply/fleet.poll", "/api/worker/shutdown/worker1@here"]
)
def test_it_only_shows(flower, path):
    assert flower.post(path, json={"args": []}).status_code == httpx.codes.FORBIDDEN
