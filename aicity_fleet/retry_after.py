"""Reads the Retry-After header of AI City and of model providers."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime


def retry_after_seconds(headers: Mapping[str, str], *, at_most: float) -> float | None:
    """Return how long a server asks its client to wait, in seconds.

    Args:
        headers: The headers of the response, as httpx gives them (or with names in lower case).
        at_most: The longest wait that a server can impose, in seconds. A longer one is cut to this.

    Returns:
        A number from 0 to ``at_most``; None when the header is missing or makes no sense.

    Source: RFC 9110 section 10.2.3 (seconds or a date); ``retry-after-ms`` is OpenAI's.
    """
    seconds = _seconds(headers)
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
