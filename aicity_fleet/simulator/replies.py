"""The forms of an answer: success and error envelopes, bare bodies, and no answer at all.

JSON leaves as plain ASCII. A dropped connection is a response too: one that hangs up.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from aicity_fleet.errors import SimulatorError
from aicity_fleet.simulator.registry import CityRefusedError, invalid

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Largest request body that is read, in bytes; inferred, no limit is documented."""

DROP_EXTENSION = "aicity.drop"
"""Where the server leaves the function that cuts the connection; see ``serve``."""


class JsonReply(Response):
    """A JSON answer in plain ASCII."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the content; lone surrogates survive as escapes."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


class Dropped(Response):
    """No answer: the connection is cut."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Cut the connection and wait until the server has noticed."""
        drop: Callable[[], None] | None = scope.get("extensions", {}).get(DROP_EXTENSION)
        if drop is None:
            raise SimulatorError("connections can only be cut under aicity_fleet.simulator.serve")
        drop()
        while (await receive())["type"] != "http.disconnect":
            continue


def success(data: Any, status: int = 200) -> JsonReply:
    """The documented success envelope. Source: docs.aicity.dev/docs/api."""
    return JsonReply({"success": True, "data": data}, status)


def page_of(data: list[Any], page: int, page_size: int, total: int) -> JsonReply:
    """The documented envelope of one page. Source: docs.aicity.dev/docs/api."""
    pagination = {
        "page": page,
        "pageSize": page_size,
        "total": total,
        "totalPages": math.ceil(total / page_size),
    }
    return JsonReply({"success": True, "data": data, "pagination": pagination})


def refusal(error: CityRefusedError, headers: dict[str, str] | None = None) -> JsonReply:
    """The documented error envelope. Source: docs.aicity.dev/docs/sdk/error-codes."""
    content: dict[str, Any] = {"code": error.code, "message": error.message}
    if error.details is not None:
        content["details"] = error.details
    if error.status == 429 and error.details:
        headers = {"Retry-After": str(error.details["retryAfterSeconds"]), **(headers or {})}
    return JsonReply({"success": False, "error": content}, error.status, headers)


def bare_refusal(error: CityRefusedError) -> JsonReply:
    """What the guide's bridge answers instead; it has no envelope."""
    return JsonReply({"error": error.message, "code": error.code}, error.status)


def garbage() -> Response:
    """What an edge in front of the API may answer: a page for people, under 200."""
    return Response("<!doctype html><title>Just a moment...</title>", media_type="text/html")


async def json_body(request: Request) -> Any:
    """The decoded body of a request.

    Raises:
        CityRefusedError: 400 when it is not JSON, 413 when it is too large.
    """
    body = await request.body()
    if len(body) > MAX_BODY_BYTES:
        raise CityRefusedError(413, "PAYLOAD_TOO_LARGE", f"more than {MAX_BODY_BYTES} bytes")
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise invalid(body="expected JSON") from None


async def object_body(request: Request) -> dict[str, Any]:
    """The decoded body of a request that has to be a JSON object.

    Raises:
        CityRefusedError: 400 or 413.
    """
    body = await json_body(request)
    if not isinstance(body, dict):
        raise invalid(body="expected a JSON object")
    return body
