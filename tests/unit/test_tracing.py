"""Traces: the ids that every process computes, what a span keeps, and that nothing is done while off."""

from __future__ import annotations

import asyncio
import importlib.util
import subprocess
import sys
import time

import pytest
from opentelemetry.semconv._incubating.attributes import gen_ai_attributes
from opentelemetry.semconv.attributes import http_attributes, server_attributes
from opentelemetry.semconv.schemas import Schemas
from support.otlp_receiver import receiving_traces
from support.source_files import ROOT

from aicity_fleet import tracing
from aicity_fleet.errors import SettingsError
from aicity_fleet.settings import Settings
from aicity_fleet.tracing import conventions, ids, switch
from aicity_fleet.tracing.otlp import STOP_SECONDS
from aicity_fleet.tracing.spans import NO_SPAN, FinishedSpan


class Kept:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.spans: list[FinishedSpan] = []

    def write(self, span: FinishedSpan) -> None:
        self.spans.append(span)

    def close(self) -> None:
        """Nothing to send."""

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]


@pytest.fixture
def kept():
    writer = Kept()
    switch.use(switch.Tracer("fleet", writer))
    yield writer
    switch.use(None)


def run(attempt: int = 1, accepted_ms: int = 0):
    return tracing.run(
        "job", "n", attempt=attempt, owner="me:1", task_type="general", accepted_ms=accepted_ms
    )


def test_every_process_computes_the_same_ids_and_no_other_job_has_them():
    trace = ids.trace_id("fleet", "job", "n")
    program = "from aicity_fleet.tracing import ids; print(ids.trace_id('fleet', 'job', 'n'))"
    other = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert int(other.stdout) == trace
    others = {
        ids.trace_id(*parts)
        for parts in (("f", "job", "n"), ("fleet", "jo", "n"), ("fleet", "job", "m"))
    }
    assert len(others | {trace}) == 4
    spans = {ids.span_id(trace, name) for name in (ids.ROOT, ids.run_name(1), ids.run_name(11))}
    assert len(spans | {ids.span_id(trace + 1, ids.ROOT)}) == 4
    assert 0 < trace < 2**128
    assert all(0 < span < 2**64 for span in spans)


def test_without_a_collector_nothing_is_done_and_nothing_is_imported():
    """redis-py loads the SDK's metrics wherever it is installed."""
    assert run() is NO_SPAN
    assert tracing.report("job", "n", attempt=1, kind="complete") is NO_SPAN
    assert tracing.span("turn") is tracing.current() is NO_SPAN
    assert tracing.trace_ids("job", "n") == {}
    program = (
        "import sys, scheduler.poll, scheduler.report, workers.run_job, workers.worker;"
        "from aicity_fleet import tracing; from aicity_fleet.settings import Settings;"
        "tracing.start(Settings.load({}));"
        "others = ('opentelemetry.sdk.trace', 'opentelemetry.exporter', 'aicity_fleet.tracing.otlp');"
        "print([m for m in sys.modules if m.startswith(others)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_a_span_outside_of_any_job_is_not_written(kept):
    with tracing.span("GET"):
        pass
    assert kept.spans == []


def test_spans_hang_from_each_other_and_from_the_root_that_does_not_exist_yet(kept):
    with run() as attempt, tracing.span("turn", holds=True), tracing.span("gate") as gate:
        gate.note({"aicity_fleet.score": 90})
        attempt.note({"aicity_fleet.did": "complete"})
    found = {span.name: span for span in kept.spans}
    trace = ids.trace_id("fleet", "job", "n")
    assert {span.place.trace for span in kept.spans} == {trace}
    assert found["run"].place.span == ids.span_id(trace, ids.run_name(1))
    assert found["run"].place.parent == ids.span_id(trace, ids.ROOT)
    assert found["turn"].place.parent == found["run"].place.span
    assert found["gate"].place.parent == found["turn"].place.span
    assert found["gate"].attributes == {"aicity_fleet.score": 90}
    assert tracing.trace_ids("job", "n") == {"trace_id": f"{trace:032x}"}


def test_what_is_in_a_turn_leaves_when_the_turn_ends(kept):
    with run(), tracing.span("turn", holds=True):
        with tracing.span("chat m"):
            pass
        assert kept.spans == []
    assert kept.names == ["chat m", "turn", "run"]


def test_a_call_that_outlives_its_turn_is_not_lost(kept):
    async def work():
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def call():
            with tracing.span("chat m"):
                begun.set()
                await go_on.wait()

        with run():
            with tracing.span("turn", holds=True):
                task = asyncio.ensure_future(call())
                await begun.wait()
            go_on.set()
            await task

    asyncio.run(work())
    assert kept.names == ["turn", "chat m", "run"]


def test_an_exception_is_the_spans_error_without_its_words(kept):
    with run(), pytest.raises(ValueError, match="secret"), tracing.span("chat m"):
        raise ValueError("secret")
    assert kept.spans[0].error == "ValueError"
    assert "secret" not in str(kept.spans)


def test_a_run_that_an_exception_ends_is_left_to_the_sweep(kept):
    def fail():
        with run():
            raise ValueError

    with pytest.raises(ValueError):  # noqa: PT011 -- no words
        fail()
    assert kept.spans == []
    tracing.lost_run("job", "n", attempt=1, began_ms=1000, why="lease_lapsed")
    (lost,) = kept.spans
    assert (lost.name, lost.error, lost.began_ns) == ("run", "lease_lapsed", 10**9)
    assert lost.place.span == ids.span_id(lost.place.trace, ids.run_name(1))


def test_the_wait_is_that_of_the_first_attempt(kept):
    with run(1, accepted_ms=1000):
        pass
    with run(2, accepted_ms=1000):
        pass
    assert kept.names == ["wait", "run", "run"]
    assert kept.spans[0].began_ns == 10**9


def test_the_root_reaches_from_the_acceptance_to_the_receipt(kept):
    tracing.settled("job", "n", kind="fail", code="quality", verdict="accepted", accepted_ms=1000)
    (root,) = kept.spans
    assert (root.name, root.place.parent, root.error) == ("job", 0, "quality")
    assert root.place.span == ids.span_id(root.place.trace, ids.ROOT)
    assert root.began_ns == 10**9 < root.ended_ns


def test_without_the_extra_the_error_says_what_to_install(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: None if name == "opentelemetry.sdk" else real(name),
    )
    settings = Settings.load({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"})
    with pytest.raises(SettingsError, match=r"pip install 'aicity-fleet\[otel\]'"):
        tracing.start(settings)
    assert not tracing.is_on()


@pytest.fixture
def receiver():
    with receiving_traces() as found:
        yield found
        tracing.stop()


def start(receiver) -> None:
    tracing.start(Settings.load({"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}))


def finish_jobs(*job_ids: str) -> None:
    for job_id in job_ids:
        with tracing.report(job_id, "n", attempt=1, kind="complete"):
            pass
        tracing.settled(job_id, "n", kind="complete", code="", verdict="accepted", accepted_ms=1000)


def test_what_is_left_is_sent_at_the_stop(receiver):
    start(receiver)
    finish_jobs("job")
    tracing.stop()
    report, root = receiver.spans
    assert (report.name, report.parent) == ("report", root.id)
    assert root.trace == f"{ids.trace_id('default', 'job', 'n'):032x}"


@pytest.mark.parametrize("sampler", ["traceidratio", "parentbased_traceidratio"])
def test_every_span_of_a_job_is_sampled_or_none(receiver, monkeypatch, sampler):
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", sampler)
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", "0.5")
    start(receiver)
    finish_jobs(*map(str, range(40)))
    tracing.stop()
    traces = [span.trace for span in receiver.spans]
    assert 0 < len(set(traces)) < 40
    assert all(traces.count(trace) == 2 for trace in traces)


def test_the_standard_switch_switches_it_off(receiver, monkeypatch):
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    start(receiver)
    assert not tracing.is_on()


def test_a_collector_that_hangs_delays_a_stop_by_little(receiver):
    receiver.delay_seconds = 10.0
    start(receiver)
    finish_jobs("job")
    began = time.monotonic()
    tracing.stop()
    assert time.monotonic() - began < STOP_SECONDS + 1


def test_the_names_are_those_of_the_conventions():
    known = {
        value
        for module in (gen_ai_attributes, http_attributes, server_attributes)
        for value in vars(module).values()
        if isinstance(value, str)
    }
    names = {
        value
        for name, value in vars(conventions).items()
        if name.isupper() and isinstance(value, str) and name != "SCHEMA_URL"
    }
    assert len(names) == 12
    assert names <= known
    assert conventions.SCHEMA_URL in {schema.value for schema in Schemas}
    providers = {each.value for each in gen_ai_attributes.GenAiProviderNameValues}
    assert {"openai", "anthropic", *conventions.PROVIDERS.values()} <= providers
