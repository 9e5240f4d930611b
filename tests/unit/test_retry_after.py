from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from aicity_fleet.retry_after import retry_after_seconds

AT_MOST = 900.0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "20"}, 20.0),
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 0.5 "}, 0.5),
        ({"retry-after-ms": "1500", "retry-after": "2"}, 1.5),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "999999999"}, AT_MOST),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "Thu, 99 Foo 2026"}, None),
        ({"retry-after": "Mon, 01 Jan 2030 00:00:00 +99999999999999"}, None),
        ({}, None),
    ],
)
def test_a_number_of_seconds(headers, seconds):
    assert retry_after_seconds(headers, status=429, at_most=AT_MOST) == seconds


def resets(**values: str) -> dict[str, str]:
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in values.items()}


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (resets(reset_requests="6m0s"), 360.0),
        (resets(reset_requests="1h2m3.5s"), AT_MOST),
        (resets(reset_tokens="20ms"), 0.02),
        (resets(reset_tokens="1s500ms"), 1.5),
        (resets(reset_tokens="7"), 7.0),
        (resets(reset_tokens="9s", remaining_tokens="0", reset_requests="2s"), 9.0),
        (resets(reset_tokens="9s", remaining_tokens="5", reset_requests="2s"), 2.0),
        (resets(reset_tokens="9s", remaining_tokens="0", reset_requests="20s",
                remaining_requests="0"), 20.0),
        ({**resets(reset_tokens="9s"), "retry-after": "3"}, 3.0),
        ({**resets(reset_tokens="9s"), "retry-after": "0"}, 0.0),
        (resets(reset_tokens="9s", remaining_tokens="5"), None),
        (resets(reset_tokens="9s", remaining_tokens="many"), 9.0),
        (resets(reset_tokens=""), None),
        (resets(reset_tokens="soon"), None),
        (resets(reset_tokens="-5s"), None),
        (resets(reset_tokens="2026-11-29T12:00:00Z"), None),
        (resets(reset_tokens="9" * 100_000), None),
    ],
)  # fmt: skip
def test_the_reset_of_a_limit_that_was_reached(headers, seconds):
    assert retry_after_seconds(headers, status=429, at_most=AT_MOST) == seconds


@pytest.mark.parametrize("status", [500, 503])
def test_a_server_that_is_down_has_no_limit_that_was_reached(status):
    headers = resets(reset_requests="17m17s", remaining_requests="0")
    assert retry_after_seconds(headers, status=status, at_most=AT_MOST) is None
    later = {**headers, "retry-after": "3"}
    assert retry_after_seconds(later, status=status, at_most=AT_MOST) == 3.0


@pytest.mark.parametrize("minutes", [1, 60])
def test_a_date(minutes):
    later = format_datetime(datetime.now(UTC) + timedelta(minutes=minutes), usegmt=True)
    seconds = retry_after_seconds({"retry-after": later}, status=503, at_most=AT_MOST)
    assert seconds is not None
    wanted = min(60.0 * minutes, AT_MOST)
    assert wanted - 5 < seconds <= wanted
