"""Reads how long AI City or a model's provider asks its client to wait."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(headers: Mapping[str, str], *, status: int, at_most: float) -> float | None:
    """Return how long a server asks its client to wait, in seconds.

    Args:
        headers: The headers of the response, as httpx gives them (or with names in lower case).
        status: The status of the response.
        at_most: The longest wait that a server can impose, in seconds. A longer one is cut to this.

    Returns:
        A number from 0 to ``at_most``; None when no header says it, or what it says makes no sense.

    Source: RFC 9110 section 10.2.3 (seconds or a date); platform.openai.com/docs/guides/rate-limits for
    ``retry-after-ms`` and for ``x-ratelimit-reset-requests`` and ``-tokens``. Those come with every answer,
    so they are read only where neither of the others is sent and the status is 429.
    """
    seconds = _seconds(headers)
    if seconds is None and status == 429:
        seconds = _reset_seconds(headers)
    return None if seconds is None else min(max(seconds, 0.0), at_most)


def _seconds(headers: Mapping[str, str]) -> float | None:
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        try:
            seconds = float(headers.get(name, "")) * scale
        except ValueError:
            continue
        return seconds if math.isfinite(seconds) else None
    try:
        at = parsedate_to_datetime(headers.get("retry-after", ""))
    except (ValueError, OverflowError):
        return None
    at = at if at.tzinfo else at.replace(tzinfo=UTC)
    return (at - datetime.now(UTC)).total_seconds()


_DURATION = re.compile(
    r"(?:(\d{1,4})h)?(?:(\d{1,6})m)?(?:(\d{1,9}(?:\.\d{1,9})?)s)?(?:(\d{1,9}(?:\.\d{1,9})?)ms)?"
)
"""A time as OpenAI and Groq write it, such as "6m0s", "7.66s" or "20ms"; Azure sends seconds alone."""


def _reset_seconds(headers: Mapping[str, str]) -> float | None:
    """Return when the limit that was reached is reset: the latest of those with nothing left.

    Where no header says what is left, the first reset is worth a try. A limit with something left was not
    reached.
    """
    resets: dict[bool, list[float]] = {True: [], False: []}
    for what in ("requests", "tokens"):
        text = headers.get(f"x-ratelimit-reset-{what}", "")
        found = _DURATION.fullmatch(f"{text}s" if text[-1:].isdecimal() else text)
        if found is None or not any(found.groups()):
            continue
        hours, minutes, seconds, ms = (float(part or 0) for part in found.groups())
        left = headers.get(f"x-ratelimit-remaining-{what}", "").strip()
        if left.isdecimal() and left.strip("0"):
            continue
        resets[bool(left.isdecimal())].append(hours * 3600 + minutes * 60 + seconds + ms / 1000)
    return max(resets[True]) if resets[True] else min(resets[False], default=None)
