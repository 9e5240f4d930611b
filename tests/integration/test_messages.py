"""Messages on a real Redis: what goes out together, and what is said when the broker takes nothing."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import redis

from aicity_fleet.embedded.ports import free_port
from aicity_fleet.ledger.keys import Keys

SENT = """
import sys
from aicity_fleet.celery_app import messages
print(messages.run_jobs(sys.argv[1:]))
"""


def run_jobs(redis_url: str, *job_ids: str) -> str:
    """Send from a process of its own, because Celery's app is the process's."""
    env = {"REDIS_URL": redis_url, "FLEET_AGENT": "m", "AGENT_CITY_API_KEY": "k"}
    done = subprocess.run(
        [sys.executable, "-c", SENT, *job_ids], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout.split("\n")[-2]


@pytest.mark.parametrize("count", [0, 1, 250])
def test_many_messages_go_out_in_their_order(redis_server, redis_client, count):
    ids = [f"job-{number}" for number in range(count)]
    assert run_jobs(redis_server.url, *ids) == "True"
    queue = Keys("m").queue("jobs")
    texts = redis_client.lrange(queue, 0, -1)[::-1]
    redis_client.delete(queue)
    headers = [json.loads(text)["headers"] for text in texts]
    assert [each.pop("argsrepr") for each in headers] == [f"['{i}']" for i in ids]
    # The first takes Celery's long way.
    assert len({each.pop("id") for each in headers}) == count
    assert all(each.pop("root_id") for each in headers)
    assert all(each == headers[0] for each in headers)


def test_a_broker_that_is_away_takes_nothing():
    assert run_jobs(f"redis://127.0.0.1:{free_port()}/0", "a", "b") == "False"


def test_a_broker_that_is_full_takes_nothing(redis_server, redis_client: redis.Redis):
    redis_client.config_set("maxmemory", 1)
    try:
        assert run_jobs(redis_server.url, "a") == "False"
    finally:
        redis_client.config_set("maxmemory", 0)
