"""The OpenAI-compatible routes, under ``/v1``: chat completions without streaming, and the models.

Errors have the provider's own form. Source: platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from aicity_fleet.simulator.faults import Fault, Plan
from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.endpoint import CREATED, ModelEndpoint, brief_of
from aicity_fleet.simulator.replies import Dropped, JsonReply, garbage

if TYPE_CHECKING:
    from aicity_fleet.simulator.state import Simulator

PREFIX = "/v1"
"""Where OpenAI's own API lives too."""

MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-4.1-mini", "simulated")
"""What the list of models names; every name is served."""

DRIBBLE_SECONDS = 0.5
"""How long an endless answer waits between two bytes, in seconds."""

KINDS = {
    400: "invalid_request_error",
    401: "invalid_request_error",
    429: "rate_limit_exceeded",
    500: "server_error",
}
"""The ``type`` of an error by status."""


class ModelRoutes:
    """The handlers of the model side, over one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def routes(self) -> list[Route]:
        """Every route of the model side."""
        return [
            Route(PREFIX + "/chat/completions", self.complete, methods=["POST"]),
            Route(PREFIX + "/models", self.models, methods=["GET"]),
        ]

    async def models(self, request: Request) -> Response:
        """The names that are served."""
        if (refused := unauthorized(request)) is not None:
            return refused
        entries = [
            {"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"}
            for name in MODELS
        ]
        return JsonReply({"object": "list", "data": entries})

    async def complete(self, request: Request) -> Response:
        """One chat completion."""
        model = self.simulator.model
        self.simulator.requests["model"] += 1
        if (refused := unauthorized(request)) is not None:
            return refused
        try:
            body = json.loads(await request.body())
            fault = request_fault(body)
        except (ValueError, RecursionError):
            body, fault = {}, "the body is not JSON"
        if fault:
            return error(400, fault)
        if has_unreadable_call(body["messages"]):
            # llama-server reads the history before it generates anything, and refuses it with a 500.
            # Source: ggml-org/llama.cpp issue 25510.
            return error(500, "Failed to parse tool call arguments as JSON")
        brief = brief_of(body)
        model.started += 1
        plan = self._plan(brief)
        if plan.delay_seconds:
            await asyncio.sleep(plan.delay_seconds)
        if plan.ending is not None and is_before(plan.ending):
            model.refused[plan.ending.kind] += 1
            return await instead(plan.ending)
        answer = await model.complete(body, brief, plan.changes)
        return await self._bought(request, model, body, brief, plan, answer)

    def _plan(self, brief: Brief) -> Plan:
        tasks = self.simulator.city.by_fingerprint.get(brief.fingerprint, ())
        return self.simulator.faults.plan("model", frozenset(tasks))

    async def _bought(
        self,
        request: Request,
        model: ModelEndpoint,
        body: dict[str, Any],
        brief: Brief,
        plan: Plan,
        answer: dict[str, Any],
    ) -> Response:
        if await request.is_disconnected():
            model.abandoned += 1
            return JsonReply(answer)
        model.count(body, brief, answer)
        if plan.ending is not None:
            return await instead(plan.ending)
        return JsonReply(answer)


def is_before(fault: Fault) -> bool:
    """Whether a fault strikes before the model has worked."""
    return fault.kind != "reply_lost_after_commit" and not fault.after_commit


async def instead(fault: Fault) -> Response:
    """What comes instead of a completion."""
    if fault.kind == "hang":
        await asyncio.sleep(fault.seconds)
    if fault.kind == "endless":
        return StreamingResponse(dribble(fault.seconds), media_type="application/json")
    if fault.kind == "garbage":
        return garbage()
    if fault.kind == "status":
        reply = error(fault.status, "the simulator was told to answer this", fault.code)
        reply.headers.update(fault.answer_headers())
        return reply
    return Dropped()


async def dribble(seconds: float) -> AsyncIterator[bytes]:
    """An answer that goes on with blanks, so that no pause between two bytes is ever long."""
    yield b'{"id": '
    for _ in range(int(seconds / DRIBBLE_SECONDS)):
        await asyncio.sleep(DRIBBLE_SECONDS)
        yield b" "


def unauthorized(request: Request) -> Response | None:
    """The refusal of a request without a key; any key that is not empty will do."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and key.strip():
        return None
    return error(401, "You didn't provide an API key.", "invalid_api_key")


def request_fault(body: Any) -> str:
    """What is wrong with a request, or an empty text."""
    if not isinstance(body, dict):
        return "the body is not an object"
    if not isinstance(body.get("model"), str) or not body["model"]:
        return "you must provide a model parameter"
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        return "messages has to be a list that is not empty"
    if not all(isinstance(message, dict) for message in messages):
        return "every message has to be an object"
    if body.get("stream"):
        return "this simulator does not stream"
    if not isinstance(body.get("tools") or [], list):
        return "tools has to be a list"
    return ""


def has_unreadable_call(messages: list[dict[str, Any]]) -> bool:
    """Whether the history holds a tool call whose arguments are not a JSON object."""
    try:
        return not all(
            isinstance(json.loads(call["function"]["arguments"]), dict)
            for message in messages
            for call in message.get("tool_calls") or ()
        )
    except (ValueError, RecursionError):
        return True


def error(status: int, message: str, code: str | None = None) -> Response:
    """An error in the provider's form."""
    kind = KINDS.get(status, "server_error" if status >= 500 else "invalid_request_error")
    if code == "insufficient_quota":
        kind = code
    if status == 429 and code is None:
        code = "rate_limit_exceeded"
    content = {"message": message, "type": kind, "param": None, "code": code}
    return JsonReply({"error": content}, status)
