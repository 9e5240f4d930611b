"""The forms of an answer: success and error envelopes, bare bodies, and no answer at all.

JSON leaves as plain ASCII. A dropped connection is a response too: one that hangs up.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from aicity_fleet.errors import SimulatorError
from aicity_fleet.simulator.bodies import CityRefusedError, invalid
from aicity_fleet.simulator.faults import Fault

API_PREFIX = "/api/v1"
"""Source: docs.aicity.dev/docs/api."""

DROP_EXTENSION = "aicity.drop"
"""Where the server leaves the function that cuts the connection; see ``serve``."""

DRIBBLE_SECONDS = 0.5
"""How long an endless answer waits between two bytes, in seconds."""

INJECTED = "the simulator was told to answer this"
"""The message of a ``status`` fault."""


class JsonReply(Response):
    """A JSON answer in plain ASCII."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode the content; lone surrogates survive as escapes."""
        return json.dumps(content, separators=(",", ":")).encode("ascii")


class Dropped(Response):
    """No answer: the connection is cut. Its status is 0."""

    def __init__(self) -> None:
        super().__init__(status_code=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """Cut the connection and wait until the server has noticed."""
        drop: Callable[[], None] | None = scope.get("extensions", {}).get(DROP_EXTENSION)
        if drop is None:
            raise SimulatorError("connections can only be cut under aicity_fleet.simulator.serve")
        drop()
        while (await receive())["type"] != "http.disconnect":
            continue


def success(data: Any, status: int = 200, **more: Any) -> JsonReply:
    """Return the documented success envelope. Source: docs.aicity.dev/docs/api."""
    return JsonReply({"success": True, "data": data, **more}, status)


def refusal(request: Request, error: CityRefusedError) -> JsonReply:
    """Return an error: in the API's documented envelope, or bare as the guide's bridge does.

    Source: docs.aicity.dev/docs/sdk/error-codes.
    """
    is_api = request.url.path.startswith(API_PREFIX)
    content = {"code": error.code, "message" if is_api else "error": error.message}
    if error.details is not None:
        content["details"] = error.details
    return JsonReply({"success": False, "error": content} if is_api else content, error.status)


async def instead(fault: Fault, refuse: Callable[[Fault], Response]) -> Response:
    """Return what the caller sees instead of an answer.

    Args:
        refuse: Makes the error of a ``status`` fault, in the form of the endpoint.
    """
    match fault.kind:
        case "status":
            reply = refuse(fault)
            reply.headers.update(fault.answer_headers())
            return reply
        case "garbage":  # what an edge in front of the API may answer: a page for people
            return Response(
                "<!doctype html><title>Just a moment...</title>", media_type="text/html"
            )
        case "endless":
            return StreamingResponse(_dribble(fault.seconds), media_type="application/json")
        case "hang":
            await asyncio.sleep(fault.seconds)
    return Dropped()


async def _dribble(seconds: float) -> AsyncIterator[bytes]:
    """Yield blanks without end, so that no pause between two bytes is ever long."""
    yield b'{"id": '
    for _ in range(int(seconds / DRIBBLE_SECONDS)):
        await asyncio.sleep(DRIBBLE_SECONDS)
        yield b" "


async def json_body(request: Request) -> Any:
    """Return the decoded body of a request.

    Raises:
        CityRefusedError: 400 when it is not JSON.
    """
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError):
        raise invalid(body="expected JSON") from None
