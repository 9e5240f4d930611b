"""From AI City's list to its books: hostile orders through Redis, ``run_job`` and ``report``."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from containment.inputs import FAMILIES, honest_work, inputs_of, raw_order
from containment.judge import judge_text
from containment.puppet import REFERENCE, Puppet
from containment.secrets import (
    AGENT_KEY,
    CREDENTIALS,
    ENVIRONMENT,
    MODEL_KEY,
    OWNER_TOKEN,
    REDIS_PASSWORD,
    credentials_in,
)
from containment.stage import others_for, reference_of
from support.messages import RecordedMessages
from support.samples import NONCE
from support.scripted_provider import Answer, Provider, error

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.background import Threads
from aicity_fleet.ledger import ClaimTerms
from aicity_fleet.models import Completed, Failed, JobState
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import AGENT_KEY as SIMULATED_KEY
from aicity_fleet.team.engines import ENGINES
from scheduler.poll import poll
from scheduler.report import ReporterParts, report
from workers.lease_keeper import LeaseKeeper
from workers.run_job import run_job
from workers.team_runner import TeamRunner
from workers.worker import Worker

EVERY = 11
"""One of so many inputs goes the whole way."""


class Recorder(httpx.BaseTransport):
    """Sends on to AI City, and keeps every body."""

    def __init__(self) -> None:
        self._inner = httpx.HTTPTransport()
        self.bodies: list[str] = []

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.bodies.append(request.read().decode())
        return self._inner.handle_request(request)

    def close(self) -> None:
        self._inner.close()


@pytest.fixture(params=ENGINES)
def teams(request: pytest.FixtureRequest, provider: Provider) -> Iterator[TeamRunner]:
    """Real teams, of a process that holds every secret there is."""
    settings = Settings.load(
        {
            "OPENAI_API_KEY": MODEL_KEY,
            "OPENAI_BASE_URL": provider.base_url,
            "AGENT_CITY_API_KEY": AGENT_KEY,
            "AGENT_CITY_OWNER_TOKEN": OWNER_TOKEN,
            "REDIS_PASSWORD": REDIS_PASSWORD,
            "FLEET_ENGINE": request.param,
        }
    )
    runner = TeamRunner(settings)
    yield runner
    runner.close()


@pytest.fixture
def worker(ledger, teams: TeamRunner) -> Iterator[Worker]:
    worker = Worker(
        ledger=ledger,
        messages=RecordedMessages(),
        leases=LeaseKeeper(ledger, 15, Threads()),
        teams=teams,
        terms=ClaimTerms(owner="worker:1", lease_seconds=15),
    )
    yield worker
    worker.leases.stop()


def everything_in(ledger) -> str:
    """All that Redis holds of the fleet."""
    kept = []
    for key in ledger.client.scan_iter(f"{ledger.keys.prefix}*"):
        match ledger.client.type(key):
            case "hash":
                kept.append(json.dumps(ledger.client.hgetall(key)))
            case "list":
                kept += ledger.client.lrange(key, 0, -1)
            case "string":
                kept.append(ledger.client.get(key))
    assert any('"model"' in text for text in kept), "no journal was looked at"
    return "\n".join(kept)


def test_hostile_orders_from_the_list_to_the_books(ledger, city, worker, provider, caplog, capsys):
    caplog.set_level(logging.DEBUG)
    inputs = [h for family in FAMILIES for h in inputs_of(family)][::EVERY]
    inputs = [h for h in inputs if len(h.text) < 5000 and h.text.encode("utf-8", "ignore")]
    puppets: dict[str, Puppet] = {}
    raws = []
    for number, hostile in enumerate(inputs):
        reference = reference_of(number)
        raw = raw_order(hostile, reference, {"nonce": NONCE, "marker": f"HAND-IN-{NONCE}"})
        puppets[reference] = Puppet(hostile.obeyed[:1], others_for(number, 1), honest_work(raw))
        raws.append({"taskType": raw["taskType"], "input": raw["input"]})

    def answer(body: dict[str, Any]) -> Answer:
        named = set(REFERENCE.findall(json.dumps(body["messages"])))
        return puppets[named.pop()](body) if len(named) == 1 else error(500)

    provider.script = answer
    ids = city.submit(*raws)
    recorder = Recorder()
    contract = load_contract("api")
    with AICityClient(city.url, SIMULATED_KEY, contract, transport=recorder) as client:
        poll(client=client, ledger=ledger, messages=RecordedMessages(), max_input_chars=10_000)
        with ThreadPoolExecutor(4) as threads:
            shown = list(threads.map(lambda job_id: run_job(job_id, worker), ids))
        parts = ReporterParts(ledger, client, agent="a", give_up_seconds=3600)
        outcomes = [ledger.get(job_id).outcome for job_id in ids]
        shown += [report(job_id, parts) for job_id in ids]

    completed = [outcome for outcome in outcomes if isinstance(outcome, Completed)]
    failed = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert len(completed) > 0.9 * len(ids), failed
    assert {outcome.code for outcome in failed} <= {"quality"}
    assert [breach for outcome in completed for breach in judge_text(outcome.text)] == []
    assert {ledger.get(job_id).state for job_id in ids} == {JobState.REPORTED}
    reported = "\n".join(recorder.bodies)
    assert all(json.dumps(o.text, ensure_ascii=False)[1:-1] in reported for o in completed)
    logged = caplog.text + "".join(capsys.readouterr())
    for place, text in {
        "the report": reported,
        "the log": logged,
        "Redis": everything_in(ledger),
        "what Celery shows": json.dumps(shown),
        "the model's requests": json.dumps(provider.requests),
    }.items():
        found = credentials_in(text)
        if (
            place == "the model's requests"
        ):  # what the puppet said itself comes back to it, withheld
            assert ENVIRONMENT not in text
        assert found == [], f"{place} holds {found}"
    told = [line for puppet in puppets.values() for line in _lines_of_ours(puppet)]
    assert len(told) > 50
    assert [line for line in told if line in reported or line in logged] == []
    assert [line for line in told if line in json.dumps(shown)] == []


def _lines_of_ours(puppet: Puppet) -> list[str]:
    system = str(puppet.requests[0]["messages"][0]["content"])
    return [line for line in system.split("\n") if len(line) >= 50]


def test_no_credential_is_in_any_request_of_the_model(ledger, city, worker, provider):
    """The control that all others only back: a model cannot give away what it was never told."""
    provider.script = Puppet((), (), honest_work({"taskType": "general"}))
    city.submit({"input": {"description": "Explain how lighthouses guided ships at night."}})
    with city.client() as client:
        poll(client=client, ledger=ledger, messages=RecordedMessages(), max_input_chars=1000)
    (job_id,) = [str(key) for key in ledger.client.zrange(ledger.keys.state("queued"), 0, -1)]
    assert run_job(job_id, worker)["did"] == "complete"
    sent = json.dumps(provider.requests)
    assert "lighthouses" in sent
    assert not [value for value in (*CREDENTIALS.values(), ENVIRONMENT) if value in sent]
