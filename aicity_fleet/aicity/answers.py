"""Reads an answer that came back over HTTP: opens its envelope, or raises the fitting error.

HTTP status first, ``error.code`` second, never the message: that is for people. No I/O here but
reading the body of an answer that has begun.
"""

import json
import re
from typing import Any

import httpx

from aicity_fleet.errors import (
    AICityError,
    AICityGoneError,
    AICityRateLimitedError,
    AICityRefusedError,
    AICityUnauthorizedError,
    AICityUnavailableError,
)
from aicity_fleet.models import JsonObject
from aicity_fleet.retry_after import retry_after_seconds

MAX_RESPONSE_BYTES = 256 * 1024 * 1024
"""The largest answer that is read: a page of tasks may hold one absurd text beside good tasks."""

KEPT_DEPTH = 100
"""Down to which level absurdly deep JSON is kept."""

MAX_RETRY_AFTER_SECONDS = 900.0
"""The longest wait that AI City can impose, in seconds."""


def read_bounded(response: httpx.Response, where: str) -> bytes:
    """Read the body of a streamed answer.

    Raises:
        AICityUnavailableError: It is larger than ``MAX_RESPONSE_BYTES``.
    """
    chunks, size = [], 0
    for chunk in response.iter_bytes():
        size += len(chunk)
        if size > MAX_RESPONSE_BYTES:
            raise AICityUnavailableError(
                f"{where}: the answer is larger than {MAX_RESPONSE_BYTES} bytes and was not read.",
                response.status_code,
            )
        chunks.append(chunk)
    return b"".join(chunks)


def open_envelope(where: str, response: httpx.Response, body: bytes) -> tuple[Any, JsonObject]:
    """Take the payload out of ``{success, data}`` or of a bare body.

    Raises:
        AICityError: The answer is not a 2xx, says ``success: false``, or is not JSON.

    Source: docs.aicity.dev/docs/api; not every endpoint is known to wrap its answer.
    """
    try:
        decoded: Any = _decode(body) if body.strip() else {}
    except ValueError:
        decoded = None
    envelope: JsonObject = decoded if isinstance(decoded, dict) else {}
    status = response.status_code
    if not 200 <= status < 300 or envelope.get("success") is False:
        raise _error_for(where, status, envelope, response.headers)
    if decoded is None:
        raise AICityUnavailableError(f"{where}: {status}, but the body is not JSON.", status)
    if "data" in envelope:
        return envelope["data"], envelope
    return decoded, envelope


_JSON_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def _decode(body: bytes) -> Any:
    """Decode JSON; what is nested too deep for that is cut off, so that its neighbours survive.

    What is left of it is still deeper than a task may be, and so is refused by itself.

    Raises:
        ValueError: It is not JSON.
    """
    try:
        return json.loads(body)
    except RecursionError:
        pass
    kept, depth, start = [], 0, 0
    for token in _JSON_TOKEN.finditer(body):
        mark = token.group()
        if mark in b"[{":
            depth += 1
            if depth == KEPT_DEPTH:
                kept.append(body[start : token.start()] + b"null")
        elif mark in b"]}":
            if depth == KEPT_DEPTH:
                start = token.end()
            depth -= 1
    kept.append(body[start:])
    return json.loads(b"".join(kept))


def storable(text: str) -> str:
    """Return a text with ``?`` for what cannot be encoded: JSON can hold half of a character."""
    return text.encode("utf-8", "replace").decode()


def _error_for(
    where: str, status: int, envelope: JsonObject, headers: httpx.Headers
) -> AICityError:
    """Choose the error by HTTP status first and ``error.code`` second, never by the message."""
    error = envelope.get("error")
    fields = error if isinstance(error, dict) else {}
    code = storable(str(fields.get("code", ""))[:100])
    words = storable(str(fields.get("message", ""))[:300])
    said = " ".join(part for part in (str(status), code, words and f"«{words}»") if part)
    wait = retry_after_seconds(headers, status=status, at_most=MAX_RETRY_AFTER_SECONDS)
    match status:
        case 401:
            return AICityUnauthorizedError(
                f"{where}: {said}. The key is missing, wrong or revoked: check "
                "AGENT_CITY_API_KEY (for registering: AGENT_CITY_OWNER_TOKEN).",
                status,
                code,
            )
        case 410:
            return AICityGoneError(
                f"{where}: {said}. AI City retired this endpoint; set the new path in "
                "FLEET_CONTRACT_FILE ('aicity-fleet doctor' looks for it).",
                status,
                code,
            )
        case 429:
            return AICityRateLimitedError(
                f"{where}: {said}. Too many requests.", status, code, wait
            )
        case _ if 400 <= status < 500 and status != 408:
            return AICityRefusedError(f"{where}: {said}.", status, code)
        case _:
            return AICityUnavailableError(f"{where}: {said}.", status, code, wait)
