"""What is posted to the owner's webhook, and what comes of each answer."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest

from aicity_fleet.errors import AlertError, SettingsError
from aicity_fleet.settings import Settings
from aicity_fleet.webhook import MOST_CHARS, Webhook

PATH = "/services/T1/B2/hidden-3"
URL = f"https://hooks.example:8443{PATH}?key=hidden-4"


def webhook(answer: Callable[[httpx.Request], httpx.Response]) -> Webhook:
    return Webhook(URL, transport=httpx.MockTransport(answer))


def test_a_text_is_posted_as_slack_takes_it():
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        return httpx.Response(204)

    assert webhook(answer).tell("a <!channel> & <http://x|y>\nb") == 204
    (request,) = asked
    assert (request.method, str(request.url)) == ("POST", URL)
    text = "a &lt;!channel&gt; &amp; &lt;http://x|y&gt;\nb"
    assert json.loads(request.content) == {"text": text}


def test_a_long_text_is_cut():
    told: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        told.append(json.loads(request.content)["text"])
        return httpx.Response(200)

    webhook(answer).tell("x" * (MOST_CHARS + 1))
    assert told == ["x" * (MOST_CHARS - 1) + "…"]


def fail(error: Exception) -> Callable[[httpx.Request], httpx.Response]:
    def answer(_: httpx.Request) -> httpx.Response:
        raise error

    return answer


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda _: httpx.Response(404), "answered 404"),
        (lambda _: httpx.Response(500), "answered 500"),
        (lambda _: httpx.Response(302, headers={"Location": URL}), "answered 302"),
        (fail(httpx.ReadTimeout(URL)), "did not answer within 5 s"),
        (fail(httpx.ConnectError("Connection refused")), "cannot be reached (Connection refused)"),
        (fail(httpx.RemoteProtocolError(URL)), "cannot be used (RemoteProtocolError)"),
        (fail(httpx.InvalidURL(URL)), "cannot be used (InvalidURL)"),
        (fail(FileNotFoundError(URL)), "cannot be used (FileNotFoundError)"),
    ],
)
def test_what_is_not_taken_says_why_and_nothing_of_the_path(answer, why):
    with pytest.raises(AlertError) as caught:
        webhook(answer).tell("x")
    assert str(caught.value) == f"The webhook at hooks.example:8443 {why}."
    assert "hidden" not in str(caught.value)


def test_without_a_url_the_variable_is_named():
    with pytest.raises(SettingsError, match=r"FLEET_ALERT_WEBHOOK: is not set\. Put the URL"):
        Webhook.from_settings(Settings.load({}))
