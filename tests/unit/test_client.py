"""The AI City client against scripted answers: envelopes, errors, paging, headers."""

import itertools
import json

import httpx
import pytest
import structlog

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.errors import (
    AICityGoneError,
    AICityRateLimitedError,
    AICityRefusedError,
    AICityUnauthorizedError,
    AICityUnavailableError,
)
from aicity_fleet.models import Completed, Failed

KEY = "ac_live_topsecret"


def client_for(handler, *, name="api", url="https://city.test", **kwargs) -> AICityClient:
    transport = httpx.MockTransport(handler)
    return AICityClient(url, KEY, load_contract(name), transport=transport, **kwargs)


def answering(status: int, body: object = None, **headers: str):
    def handler(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(status, json=body, headers=headers)

    return handler


def test_the_agents_key_goes_into_its_header_and_the_prefix_before_the_path():
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"success": True, "data": {"id": "ag_1"}})

    assert client_for(handler).profile() == {"id": "ag_1"}
    assert str(seen[0].url) == "https://city.test/api/v1/agents/me"
    assert seen[0].headers["X-API-Key"] == KEY


def test_a_base_url_with_a_path_is_taken_as_it_is():
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, json={})

    client_for(handler, url="http://localhost:4000/api/v1").profile()
    assert seen == ["http://localhost:4000/api/v1/agents/me"]


def test_an_owner_token_is_a_bearer_and_both_shapes_of_a_new_agent_are_read():
    for answer in ({"agent": {"id": "a"}, "apiKey": "k"}, {"id": "a", "apiKey": "k"}):

        def handler(request: httpx.Request, answer=answer) -> httpx.Response:
            assert request.headers["Authorization"] == f"Bearer {KEY}"
            assert "X-API-Key" not in request.headers
            return httpx.Response(201, json={"success": True, "data": answer})

        assert client_for(handler, owner=True).register({}) == {"id": "a", "apiKey": "k"}


@pytest.mark.parametrize(
    ("name", "query"), [("api", "role=agent&page=1&page_size=50"), ("bridge", "role=agent")]
)
def test_the_query_of_a_contracts_path_is_sent_with_the_paging(name, query):
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.url.query.decode())
        return httpx.Response(200, json=[])

    contract = load_contract(name)
    paths = contract.paths.model_copy(update={"assigned": "/tasks?role=agent"})
    transport = httpx.MockTransport(handler)
    contract = contract.model_copy(update={"paths": paths})
    list(AICityClient("https://city.test", KEY, contract, transport=transport).assigned_pages())
    assert seen == [query]


def test_all_pages_are_walked():
    def handler(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        pages = {"page": number, "totalPages": 3}
        return httpx.Response(200, json={"success": True, "data": [number], "pagination": pages})

    assert list(client_for(handler).assigned_pages()) == [[1], [2], [3]]


def test_pages_without_a_total_are_walked_to_the_empty_one():
    def handler(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        return httpx.Response(200, json={"data": [number] if number < 4 else []})

    assert list(client_for(handler).assigned_pages()) == [[1], [2], [3]]


def test_a_server_without_a_total_may_refuse_a_page_that_does_not_exist():
    def handler(request: httpx.Request) -> httpx.Response:
        number = int(request.url.params["page"])
        return httpx.Response(200, json={"data": [number]}) if number < 3 else httpx.Response(404)

    assert list(client_for(handler).assigned_pages()) == [[1], [2]]
    with pytest.raises(AICityRefusedError):
        list(client_for(lambda _request: httpx.Response(404)).assigned_pages())


def test_a_server_that_heeds_no_page_number_is_asked_twice():
    requests = []

    def handler(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        entries = [{"id": name, "expiresIn": len(requests)} for name in "ab"]
        return httpx.Response(200, json={"data": entries})

    assert [len(page) for page in client_for(handler).assigned_pages()] == [2]
    assert len(requests) == 2


@pytest.mark.parametrize(
    "body", [[1, 2], {"data": [1, 2]}, {"success": True, "data": [1, 2], "pagination": None}]
)
def test_a_listing_without_paging_or_envelope_is_one_page(body):
    assert list(client_for(answering(200, body)).assigned_pages()) == [[1, 2]]


def test_paging_that_never_ends_does():
    numbers = itertools.count()

    def endless(_request: httpx.Request) -> httpx.Response:
        pages = {"totalPages": 10**9}
        return httpx.Response(200, json={"data": [next(numbers)], "pagination": pages})

    assert sum(1 for _ in client_for(endless).assigned_pages()) == 1000
    empty = {"data": [], "pagination": {"totalPages": 10**9}}
    assert list(client_for(answering(200, empty)).assigned_pages()) == [[]]


def test_a_report_carries_its_idempotency_key_and_a_quoted_id():
    seen = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"success": True, "data": {"status": "completed"}})

    city = client_for(handler)
    assert city.report("a/../b?x", Completed("t", 5, "m"), "key-1") == {"status": "completed"}
    city.report("a", Failed("quality", "No."), "key-2")
    assert seen[0].url.raw_path == b"/api/v1/tasks/a%2F..%2Fb%3Fx/complete"
    assert seen[0].headers["Idempotency-Key"] == "key-1"
    assert json.loads(seen[0].content)["output"]["result"] == "t"
    assert seen[1].url.path.endswith("/fail")


ERRORS = [
    (401, AICityUnauthorizedError),
    (400, AICityRefusedError),
    (403, AICityRefusedError),
    (404, AICityRefusedError),
    (409, AICityRefusedError),
    (422, AICityRefusedError),
    (410, AICityGoneError),
    (429, AICityRateLimitedError),
    (408, AICityUnavailableError),
    (500, AICityUnavailableError),
    (503, AICityUnavailableError),
    (302, AICityUnavailableError),
]


@pytest.mark.parametrize(("status", "error"), ERRORS)
@pytest.mark.parametrize("in_envelope", [True, False])
def test_each_status_has_its_error(status, error, in_envelope):
    body = {"success": False, "error": {"code": "SOME_CODE", "message": "words"}}
    handler = (
        answering(status, body)
        if in_envelope
        else lambda _request: httpx.Response(status, text="<html>edge</html>")
    )
    with pytest.raises(error) as caught:
        client_for(handler).profile()
    assert caught.value.status == status
    assert caught.value.code == ("SOME_CODE" if in_envelope else "")
    assert KEY not in str(caught.value)


def test_success_false_under_a_200_is_an_error():
    with pytest.raises(AICityUnavailableError):
        client_for(answering(200, {"success": False, "error": {"code": "X"}})).profile()


@pytest.mark.parametrize("text", ["<html>", "", "[" * 100_000, "\x00"])
def test_garbage_under_a_200_is_no_answer(text):
    with pytest.raises(AICityUnavailableError):
        list(client_for(lambda _request: httpx.Response(200, text=text)).assigned_pages())


LOWER = [
    error
    for error in vars(httpx).values()
    if isinstance(error, type) and issubclass(error, httpx.TransportError)
]


@pytest.mark.parametrize("lower", LOWER)
def test_every_error_of_the_transport_has_its_counterpart(lower):
    def handler(request: httpx.Request) -> httpx.Response:
        raise lower("boom", request=request)

    with pytest.raises(AICityUnavailableError, match=lower.__name__):
        client_for(handler).profile()


def test_the_bridge_gets_no_key_and_no_paging():
    def handler(request: httpx.Request) -> httpx.Response:
        assert KEY not in str(request.headers)
        assert not request.url.query
        return httpx.Response(200, json={"data": [{"id": "1"}]})

    city = client_for(handler, name="bridge", url="http://localhost:3002")
    assert list(city.assigned_pages()) == [[{"id": "1"}]]
    assert city.task("1") is None


def test_a_notice_of_retirement_is_logged_once():
    with structlog.testing.capture_logs() as logs:
        city = client_for(answering(200, {}, Deprecation="true", Sunset="2027-01-01"))
        city.profile()
        city.profile()
    assert [(entry["header"], entry["value"]) for entry in logs] == [
        ("deprecation", "true"),
        ("sunset", "2027-01-01"),
    ]
