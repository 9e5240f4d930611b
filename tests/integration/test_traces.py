"""A real fleet sends its traces to a real receiver: one per job, whole, without a word of the job."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from collections import Counter

import pytest
from support.otlp_receiver import ReceivedSpan, Receiver, receiving_traces
from support.poisoned_fleet import poisoned_fleet
from support.processes import FleetProcesses
from support.simulated_city import SimulatedCity
from support.waiting import wait_until

from aicity_fleet.failpoints import Failpoint
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import JobState
from aicity_fleet.simulator.access import AGENT_KEY, MODEL_KEY, fleet_environment
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running
from aicity_fleet.tracing.conventions import SCHEMA_URL

pytestmark = pytest.mark.timeout(180)

COLLECTOR_KEY = "collector-key-canary-7"
ORDER, CODE = "canaryorderzebra", "canary_code_walrus"


@pytest.fixture
def city():
    """A city whose model takes three seconds per call, and whose first drafts the gate refuses."""
    config = SimulatorConfig(model_latency_seconds=(3.0, 3.0), flawed_share=1.0)
    with running(create_app(config)) as url:
        yield SimulatedCity(url)


@pytest.fixture
def receiver():
    with receiving_traces() as found:
        yield found


@pytest.fixture
def fleet(redis_server, ledger, agent, city, receiver, empty_folder):
    """A fleet that traces; nothing is started yet."""
    env = {
        "REDIS_URL": redis_server.url,
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "FLEET_POLL_SECONDS": "1",
        "FLEET_SWEEP_SECONDS": "0.2",
        "FLEET_LEASE_SECONDS": "10",
        "FLEET_LOG_FORMAT": "json",
        "FLEET_LOG_LEVEL": "DEBUG",
        "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url,
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20{COLLECTOR_KEY},x-tenant=t1",
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    processes = FleetProcesses(env, empty_folder)
    yield processes
    processes.stop()


def submit_orders(city: SimulatedCity) -> list[str]:
    """A research task and a code review, with words that occur nowhere else."""
    words = f"Compare the history of the {ORDER} in Japan and China."
    code = f"import os\n\n\ndef {CODE}(command):\n    return os.system(command)\n"
    return city.submit(
        {"taskType": "research", "input": {"description": words}},
        {"taskType": "code_review", "input": {"description": "Review.", "code": code}},
    )


def wait_for_reports(ledger: Ledger, number: int) -> None:
    wait_until(
        lambda: ledger.counts()[JobState.REPORTED] == number,
        seconds=90,
        description=f"{number} jobs are reported",
    )


def wait_for_roots(receiver: Receiver, ids: list[str]) -> None:
    wait_until(
        lambda: all("job" in [s.name for s in receiver.trace_of(job_id)] for job_id in ids),
        description="the root of each trace came",
    )


def assert_is_whole(trace: list[ReceivedSpan]) -> None:
    """One root, no id twice, and every other span hangs from one that was sent."""
    names = {span.id: span.name for span in trace}
    assert len(names) == len(trace)
    assert [span.name for span in trace if not span.parent] == ["job"]
    for span in trace:
        assert span.began_ns <= span.ended_ns
        assert not span.parent or span.parent in names, f"{span.name} hangs from nothing"
    parents = {
        (span.name.split()[0], names[span.parent].split()[0]) for span in trace if span.parent
    }
    assert parents <= {
        *(("accept", "job"), ("wait", "job"), ("run", "job"), ("report", "job")),
        *(("turn", "run"), ("chat", "turn"), ("execute_tool", "turn"), ("gate", "turn")),
        *(("replay", "turn"), ("POST", "report"), ("GET", "report")),
    }


def named(trace: list[ReceivedSpan], name: str) -> list[ReceivedSpan]:
    found = [span for span in trace if span.name.split()[0] == name]
    return sorted(found, key=lambda span: span.began_ns)


@pytest.mark.parametrize("engine", ["autogen", "plain"])
def test_a_job_that_outlives_its_worker_has_one_whole_trace(fleet, city, ledger, receiver, engine):
    """The first worker is killed after a turn of the specialist; the second one replays it and goes on."""
    fleet.env["FLEET_ENGINE"] = engine
    fleet.start("dispatcher", "beat", "worker1")
    job_id, other_id = submit_orders(city)
    wait_until(
        lambda: named(receiver.trace_of(job_id), "gate"),
        seconds=60,
        description="the gate has refused the first draft",
    )
    first = fleet.running["worker1"].pid
    os.kill(first, signal.SIGKILL)
    fleet.start("worker2")
    wait_for_reports(ledger, 2)
    wait_for_roots(receiver, [job_id, other_id])
    fleet.stop()

    for each in (job_id, other_id):
        assert_is_whole(receiver.trace_of(each))
    trace = receiver.trace_of(job_id)
    *all_lost, last = named(trace, "run")
    lost = all_lost[0]  # on a slow machine, leases may lapse again
    assert {(run.is_error, run.attributes["error.type"]) for run in all_lost} == {
        (True, "lease_lapsed")
    }
    attempts = [run.attributes["aicity_fleet.attempt"] for run in (*all_lost, last)]
    assert attempts == list(range(attempts[0], attempts[0] + len(attempts)))
    assert (last.attributes["aicity_fleet.did"], last.is_error) == ("complete", False)
    turns = {span.parent for span in named(trace, "turn")}
    assert turns >= {lost.id, last.id}, "both attempts had turns"
    senders = {span.process for span in named(trace, "turn")}
    assert senders == {
        f"{socket.gethostname()}:{first}",
        last.attributes["aicity_fleet.owner"],
    }, "of two workers"
    assert [span.process for span in named(trace, "replay")] == [last.process] * len(
        named(trace, "replay")
    )
    assert named(trace, "replay")

    (root,) = named(trace, "job")
    assert root.attributes["aicity_fleet.verdict"] == "accepted"
    counts = Counter(span.name.split()[0] for span in trace)
    assert (counts["accept"], counts["wait"], counts["report"]) == (1, 1, 1)
    gates = [(s.attributes["aicity_fleet.passed"], s.process) for s in named(trace, "gate")]
    assert gates[0][0] is False
    assert gates[-1] == (True, last.process)
    (post,) = named(trace, "POST")
    assert (post.kind, post.attributes["http.response.status_code"]) == (3, 200)

    chats = named(trace, "chat")
    entries = [json.loads(entry) for entry in ledger.journal(job_id)]
    bought = {e["ordinal"]: e.get("prompt_tokens") for e in entries if e["kind"] == "model"}
    shown = {
        s.attributes["aicity_fleet.entry"]: s.attributes["gen_ai.usage.input_tokens"] for s in chats
    }
    assert len(chats) == len(shown), "no call was bought twice"
    assert shown == bought
    for chat in chats:
        facts = chat.attributes
        assert chat.kind == 3
        assert facts["gen_ai.operation.name"] == "chat"
        assert facts["gen_ai.provider.name"] == "openai"
        assert chat.name == f"chat {facts['gen_ai.request.model']}"
        assert facts["gen_ai.response.model"]
        assert facts["gen_ai.response.finish_reasons"]
    assert {s.attributes["gen_ai.tool.name"] for s in named(trace, "execute_tool")} >= {"submit"}
    assert receiver.schemas == {SCHEMA_URL}


def test_the_runs_of_a_poison_job_have_their_places_in_its_trace(
    fleet, city, ledger, receiver, empty_folder
):
    """Two workers die under it, then the process that runs it alone."""
    with poisoned_fleet(fleet.env, {"poison": Failpoint.CALL_ANSWERED}, empty_folder) as poisoned:
        city.submit({"id": "poison"})
        poisoned.wait_until(
            lambda: ledger.counts()[JobState.REPORTED], description="it is reported", seconds=120
        )
        wait_for_roots(receiver, ["poison"])
    trace = receiver.trace_of("poison")
    assert_is_whole(trace)
    runs = [span.attributes.get("error.type") for span in named(trace, "run")]
    assert runs == ["lease_lapsed", "lease_lapsed", "process_died"]
    (root,) = named(trace, "job")
    assert (root.is_error, root.attributes["error.type"]) == (True, "poison")
    assert root.attributes["aicity_fleet.kind"] == "fail"


def test_no_text_of_a_job_and_no_key_is_in_a_span_or_a_log_line(fleet, city, ledger, receiver):
    fleet.start("dispatcher", "beat", "worker1")
    ids = submit_orders(city)
    wait_for_reports(ledger, 2)
    wait_for_roots(receiver, ids)
    traces = {job_id: receiver.trace_of(job_id)[0].trace for job_id in ids}
    fleet.stop()
    answers = "".join(text for job_id in ids for text in ledger.journal(job_id))
    assert ORDER in answers.lower(), "the answers quote the orders"
    sent = b"".join(receiver.bodies).decode(errors="replace")
    assert ids[0] in sent, "the text is what was sent"
    told = {"traces": sent} | {p.name: p.read_text() for p in fleet.folder.glob("*.log")}
    for where, text in told.items():
        for canary in (ORDER, CODE, "BEGIN BUYER TEXT", "# Code review", COLLECTOR_KEY):
            assert canary not in text.lower() + text, f"{canary} in {where}"
        for key in (AGENT_KEY, MODEL_KEY):
            assert key not in text, f"{key} in {where}"
    assert {headers["authorization"] for headers in receiver.headers} == {f"Bearer {COLLECTOR_KEY}"}
    assert {headers["x-tenant"] for headers in receiver.headers} == {"t1"}

    lines = [json.loads(line) for line in told["worker1.log"].splitlines() if line[:1] == "{"]
    of_jobs = [line for line in lines if line["event"].startswith(("job.", "model.", "team."))]
    assert {line["job_id"] for line in of_jobs} == set(ids)
    for line in of_jobs:
        assert line["attempt"] == 1
        assert line["trace_id"] == traces[line["job_id"]]
    reported = [
        json.loads(line) for line in told["dispatcher.log"].splitlines() if '"job.reported"' in line
    ]
    assert {(line["job_id"], line["trace_id"]) for line in reported} == set(traces.items())


def test_a_collector_that_hangs_delays_neither_a_job_nor_a_stop(fleet, city, ledger, receiver):
    receiver.delay_seconds = 30.0
    fleet.start("dispatcher", "beat", "worker1")
    submit_orders(city)
    wait_for_reports(ledger, 2)
    for name in ("worker1", "dispatcher"):
        began = time.monotonic()
        assert fleet.end(name) == 0
        # Without traces it takes about a second.
        assert time.monotonic() - began < 6, name


def test_a_collector_that_is_away_is_one_line(fleet, city, ledger, receiver):
    receiver.status = 503
    fleet.env["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1"  # it tries again within this time
    fleet.start("dispatcher", "beat", "worker1")
    submit_orders(city)
    wait_for_reports(ledger, 2)
    fleet.end("worker1")
    log = fleet.log("worker1")
    assert log.count("traces.not_sent") == 1
    assert "Traceback" not in log
    assert COLLECTOR_KEY not in log
