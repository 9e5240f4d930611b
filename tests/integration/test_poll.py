"""The poll against a real Redis and the simulated AI City."""

import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from support.messages import RecordedMessages

import scheduler.poll as poll_module
from aicity_fleet.aicity.client import AICityClient, Page
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.ledger import Ledger
from aicity_fleet.models import Completed, JobState
from scheduler.poll import PollSummary, poll, refused_id


@pytest.fixture
def sent() -> list[str]:
    return []


def look(ledger: Ledger, city, sent: list[str], **kwargs) -> PollSummary:
    with city.client() as client:
        messages = RecordedMessages(sent)
        return poll(client=client, ledger=ledger, messages=messages, max_input_chars=1000, **kwargs)


def test_new_tasks_become_jobs_and_known_ones_do_not(ledger, city, sent):
    first, second = city.submit({}, {"taskType": "research"})
    summary = look(ledger, city, sent)
    assert (summary.seen, summary.accepted, summary.known) == (2, 2, 0)
    assert set(sent) == {first, second}
    again = look(ledger, city, sent)
    assert (again.seen, again.accepted, again.known) == (2, 0, 2)
    assert len(sent) == 2


def test_all_pages_are_walked(ledger, city, sent):
    ids = city.submit(*[{} for _ in range(130)])
    summary = look(ledger, city, sent)
    assert (summary.seen, summary.accepted, summary.pages) == (130, 130, 6)
    assert set(sent) == set(ids)


DONE = Completed("Done.", 1, "m", ("a",))


class Busy(RecordedMessages):
    """A fleet that does something at each message, while the poll goes on."""

    def __init__(self, sent: list[str], does: Callable[[str], object]) -> None:
        super().__init__(sent)
        self._does = does

    def send_task(self, name: str, args: Any = None, **options: Any) -> None:
        super().send_task(name, args, **options)
        self._does(args[0])


def test_a_list_that_shrinks_while_it_is_walked_is_taken_whole(ledger, city, sent):
    """The fleet completes each task as soon as it has it, and AI City lists it no more."""
    ids = city.submit(*[{} for _ in range(230)])
    with city.client() as client:
        busy = Busy(sent, lambda job_id: client.report(job_id, DONE, job_id))
        summary = poll(client=client, ledger=ledger, messages=busy, max_input_chars=1000)
    assert set(sent) == set(ids)
    assert summary.seen == summary.accepted == len(sent) == 230


def test_a_list_that_grows_while_it_is_walked_is_taken_whole(ledger, city, sent):
    ids = city.submit(*[{} for _ in range(60)])
    busy = Busy(sent, lambda _: len(ids) < 200 and ids.extend(city.submit({})))
    with city.client() as client:
        summary = poll(client=client, ledger=ledger, messages=busy, max_input_chars=1000)
    assert set(sent) == set(ids)
    assert summary.seen == summary.accepted == len(sent) == 200


def test_a_list_that_changes_for_ever_ends_a_poll(ledger, city, sent, monkeypatch):
    monkeypatch.setattr(poll_module, "MAX_WALKS", 3)
    city.submit(*[{} for _ in range(60)])
    with city.client() as client:

        def replace(job_id: str) -> None:
            client.report(job_id, DONE, job_id)
            city.submit({})

        busy = Busy(sent, replace)
        summary = poll(client=client, ledger=ledger, messages=busy, max_input_chars=1000)
    assert summary.pages == 6


def test_a_list_in_which_nothing_is_new_is_walked_once(ledger, city, sent):
    city.submit(*[{} for _ in range(60)])
    assert look(ledger, city, sent).pages == 4, "once more, because all of the first walk was new"
    assert look(ledger, city, sent).pages == 2


def test_malformed_entries_that_are_known_cost_no_second_walk(ledger, city, sent):
    city.submit(*[{} for _ in range(60)])
    city.submit({"raw": {"id": "bad", "taskType": 7}}, {"raw": {"taskType": 7}})
    assert look(ledger, city, sent).refused == 2
    assert look(ledger, city, sent).pages == 2


def test_the_same_task_in_fifty_polls_by_four_pollers_at_once_is_one_job(ledger, city, sent):
    (task_id,) = city.submit({})
    summaries: list[PollSummary] = []

    def poller() -> None:
        for _ in range(13):
            summaries.append(look(ledger, city, sent))

    threads = [threading.Thread(target=poller) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(summaries) == 52
    assert sum(summary.accepted for summary in summaries) == 1
    assert sent == [task_id]
    assert sum(ledger.counts().values()) == 1


def test_a_task_listed_twice_in_one_poll_is_one_job(ledger, city, sent):
    city.submit({})
    city.fault("list", "duplicate_listing")
    summary = look(ledger, city, sent)
    assert (summary.seen, summary.accepted, summary.known) == (1, 1, 0)


def nested(depth: int) -> object:
    value: object = "x"
    for _ in range(depth):
        value = [value]
    return value


MALFORMED = [
    {"id": "no-input", "taskType": "research", "status": "submitted"},
    {"id": "number-type", "taskType": 7, "input": {"description": "x"}},
    {"id": "wrong-code", "taskType": "research", "input": {"code": ["x"]}},
    {"id": "too-long", "taskType": "research", "input": {"description": "x" * 1001}},
    {"id": "budget", "taskType": "research", "input": {"description": "x"}, "maxBudget": "lots"},
    {"taskType": "research", "input": {"description": "no id"}},
    {"id": "deep", "taskType": "research", "input": {"description": "x", "y": nested(600)}},
    "just a text",
    None,
    [],
]


def test_malformed_tasks_are_recorded_with_a_reason_and_never_stop_the_others(ledger, city, sent):
    good = city.submit({}, *[{"raw": raw} for raw in MALFORMED], {})
    summary = look(ledger, city, sent)
    assert (summary.accepted, summary.refused) == (2, len(MALFORMED))
    assert set(sent) == {good[0], good[-1]}
    for raw in MALFORMED:
        job = ledger.get(refused_id(raw))
        assert job is not None
        assert job.state is JobState.QUARANTINED
        assert job.reason
    assert look(ledger, city, sent).refused == len(MALFORMED)
    assert ledger.counts()[JobState.QUARANTINED] == len(MALFORMED)


def test_a_malformed_task_becomes_a_job_once_it_is_corrected_or_allowed(ledger, city, sent):
    (task_id,) = city.submit({"input": {"description": "x" * 2000}})
    assert look(ledger, city, sent).refused == 1
    assert look(ledger, city, sent).refused == 1, "it is refused again, and stays as it is"
    ledger.controls.pause("intake", "x")
    assert ledger.counts()[JobState.QUARANTINED] == 1
    ledger.controls.resume("intake")
    with city.client() as client:
        summary = poll(
            client=client, ledger=ledger, messages=RecordedMessages(sent), max_input_chars=5000
        )
    assert (summary.accepted, sent) == (1, [task_id])
    job = ledger.get(task_id)
    assert job is not None
    assert (job.state, job.reason) == (JobState.QUEUED, "")
    assert ledger.counts()[JobState.QUARANTINED] == 0
    assert ledger.client.ttl(ledger.keys.job(task_id)) == -1


def test_a_text_of_50_megabytes_is_refused_and_stops_nobody(ledger, city, sent):
    huge, good = city.submit({"input": {"description": "x" * 50_000_000}}, {})
    summary = look(ledger, city, sent)
    assert (summary.accepted, summary.refused) == (1, 1)
    assert sent == [good]
    job = ledger.get(huge)
    assert job is not None
    assert "FLEET_MAX_INPUT_CHARS" in job.reason
    assert len(json.dumps(job.to_json())) < 5000


def test_a_text_nested_too_deep_for_any_reader_stops_nobody(ledger, sent):
    good = '{"id": "good-%d", "taskType": "research", "input": {"description": "x ] } [ {"}}'
    deep = '{"id": "deep", "taskType": "research", "input": {"description": "x", "y": %s}}'
    page = ",".join([good % 1, deep % ("[" * 100_000 + "]" * 100_000), good % 2])

    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, text=f'{{"success": true, "data": [{page}]}}')

    transport = httpx.MockTransport(handler)
    with AICityClient("http://city", "k", load_contract("api"), transport=transport) as client:
        summary = poll(
            client=client, ledger=ledger, messages=RecordedMessages(sent), max_input_chars=1000
        )
    assert (summary.status, summary.accepted, summary.refused) == ("ok", 2, 1)
    assert sent == ["good-1", "good-2"]
    job = ledger.get("deep")
    assert job is not None
    assert "nested deeper" in job.reason


def test_an_unknown_task_type_is_accepted(ledger, city, sent):
    city.submit({"taskType": "interpretive_dance"})
    assert look(ledger, city, sent).accepted == 1


def test_settled_tasks_and_unknown_statuses_are_left_alone(ledger, city, sent):
    plain = {"taskType": "general", "input": {"description": "x"}}
    city.submit(
        {"raw": {**plain, "id": "done", "status": "completed"}},
        {"raw": {**plain, "id": "new", "status": "levitating"}},
        {"raw": {**plain, "id": "none"}},
    )
    summary = look(ledger, city, sent)
    assert (summary.not_runnable, summary.accepted) == (2, 1)
    assert sent == ["none"]


def test_a_broker_that_takes_no_message_loses_no_job(ledger, city, monkeypatch):
    (task_id,) = city.submit({})
    messages = RecordedMessages()
    messages.is_refusing = True
    with city.client() as client:
        summary = poll(client=client, ledger=ledger, messages=messages, max_input_chars=1000)
    assert summary.accepted == 1
    job = ledger.get(task_id)
    assert job is not None
    assert job.state is JobState.QUEUED


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": "status", "status": 500},
        {"kind": "status", "status": 403},
        {"kind": "status", "status": 410},
        {"kind": "garbage"},
        {"kind": "reset"},
    ],
)
def test_trouble_with_ai_city_ends_the_poll_with_a_message_and_the_next_goes_on(
    ledger, city, sent, fault
):
    city.submit({})
    city.fault("list", **fault)
    summary = look(ledger, city, sent)
    assert summary.status == "error"
    assert summary.message
    assert look(ledger, city, sent).accepted == 1


@pytest.mark.parametrize(
    ("answer", "may_pass"),
    [
        (httpx.Response(404, html="<h1>Not found</h1>"), False),
        (httpx.Response(200, html="<h1>Welcome</h1>"), False),
        (httpx.Response(200, json={"success": True, "data": {}}), False),
        (httpx.Response(503, html="<h1>Soon</h1>"), True),
        (httpx.Response(429), True),
    ],
)
def test_a_poll_tells_trouble_that_passes_from_a_wrong_route(ledger, answer, may_pass):
    transport = httpx.MockTransport(lambda _: answer)
    contract = load_contract("api")
    with AICityClient("http://city", "key", contract, transport=transport) as client:
        found = poll(
            client=client, ledger=ledger, messages=RecordedMessages([]), max_input_chars=1000
        )
    assert (found.status, found.may_pass) == ("error", may_pass)


def test_failed_polls_are_counted_in_a_row_until_one_works(ledger, city, sent):
    def note() -> Any:
        ledger.coordination.note_poll("id", look(ledger, city, sent).to_json())
        return ledger.coordination.last_poll()["failing"]

    assert note() is None
    city.fault("list", "status", status=404, count=2)
    first = note()
    assert (first["polls"], first["may_pass"]) == (1, False)
    ledger.controls.pause("intake", "by hand")
    assert note() == first, "a poll that asked nothing ends no row"
    ledger.controls.resume("intake")
    second = note()
    assert (second["polls"], second["since"]) == (2, first["since"])
    assert "404" in second["message"]
    assert note() is None


def test_a_page_that_cannot_be_had_keeps_the_pages_before_it(ledger, city, sent):
    city.submit(*[{} for _ in range(60)])
    with city.client() as client:
        pages = client.assigned_pages()
        next(pages)
        city.fault("list", "status", status=502)
        client.assigned_pages = lambda: _first_then(pages, ledger)
        summary = poll(
            client=client, ledger=ledger, messages=RecordedMessages(sent), max_input_chars=1000
        )
    assert summary.status == "error"
    assert len(sent) == summary.accepted


def _first_then(rest, _ledger):
    yield Page([{"id": "t-first", "taskType": "general", "input": {"description": "x"}}])
    yield from rest


def test_a_429_keeps_the_fleet_quiet_for_as_long_as_it_says(ledger, city, sent):
    city.submit({})
    city.fault("list", "status", status=429, retryAfter=30)
    assert look(ledger, city, sent).status == "error"
    quiet = look(ledger, city, sent)
    assert (quiet.status, quiet.seen) == ("quiet", 0)
    assert 25 < ledger.controls.quiet_seconds() <= 30


def test_a_poll_looks_again_for_one_that_came_in_its_time(ledger, city, sent):
    """What was assigned behind the back of the walk does not wait for the next poll."""
    first = city.submit({})
    later: list[str] = []

    class Late(RecordedMessages):
        def send_task(self, name: str, args: Any = None, **options: Any) -> None:
            super().send_task(name, args, **options)
            if not later:
                later.extend(city.submit({}))
                assert look(ledger, city, sent).status == "busy"

    with city.client() as client:
        summary = poll(client=client, ledger=ledger, messages=Late(sent), max_input_chars=1000)
    assert (summary.status, summary.accepted, sent) == ("ok", 2, first + later)


def test_an_overlapping_poll_says_so(ledger, city, sent):
    with ledger.coordination.only_poll(10):
        assert look(ledger, city, sent).status == "busy"


def test_the_bridge_contract_lists_and_accepts_as_well(ledger, city, sent):
    city.submit({}, {})
    with city.client("bridge") as client:
        summary = poll(
            client=client, ledger=ledger, messages=RecordedMessages(sent), max_input_chars=1000
        )
    assert summary.accepted == 2
