"""The OpenAI-compatible routes, under ``/v1``: chat completions, whole or streamed, and the models.

Errors have the provider's own form. Source: platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from aicity_fleet.simulator.bodies import CityRefusedError, parse
from aicity_fleet.simulator.faults import Fault
from aicity_fleet.simulator.model.brief import read_brief
from aicity_fleet.simulator.model.endpoint import CREATED, ChatRequest
from aicity_fleet.simulator.model.stream import StreamReply
from aicity_fleet.simulator.replies import INJECTED, JsonReply, instead, json_body

if TYPE_CHECKING:
    from aicity_fleet.simulator.state import Simulator

PREFIX = "/v1"
"""Where OpenAI's own API lives too."""

MODELS = ("gpt-4o-mini", "gpt-4o", "gpt-4.1-mini", "simulated")
"""What the list of models names; every name is served."""


class ModelRoutes:
    """The handlers of the model side, over one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self.simulator = simulator

    def routes(self) -> list[Route]:
        """Return every route of the model side."""
        return [
            Route(PREFIX + "/chat/completions", self.complete, methods=["POST"]),
            Route(PREFIX + "/models", self.models, methods=["GET"]),
        ]

    async def models(self, request: Request) -> Response:
        """Return the names that are served."""
        if not _has_key(request):
            return _no_key()
        entries = [
            {"id": name, "object": "model", "created": CREATED, "owned_by": "simulator"}
            for name in MODELS
        ]
        return JsonReply({"object": "list", "data": entries})

    async def complete(self, request: Request) -> Response:
        """Return one chat completion."""
        if not _has_key(request):
            return _no_key()
        try:
            asked = parse(ChatRequest, await json_body(request))
        except CityRefusedError as refused:
            return _error(400, f"{refused.message}: {refused.details}")
        if _has_unreadable_call(asked.messages):
            # llama-server reads the history before it generates anything, and refuses it with a 500.
            # Source: ggml-org/llama.cpp issue 25510.
            return _error(500, "Failed to parse tool call arguments as JSON")
        brief = read_brief(asked.messages, asked.tools or ())
        model, city = self.simulator.model, self.simulator.city
        model.started += 1
        task_ids = frozenset(city.by_fingerprint.get(brief.fingerprint, ()))
        plan = self.simulator.faults.plan("model", task_ids)
        await asyncio.sleep(plan.delay_seconds)
        if plan.ending and not plan.ending.is_late:
            model.refused[plan.ending.kind] += 1
            return await instead(plan.ending, _injected)
        answer = await model.complete(asked, brief, plan.changes)
        if await request.is_disconnected():
            model.abandoned += 1
            return JsonReply(answer)
        model.count(brief, answer)
        if plan.ending:
            return await instead(plan.ending, _injected)
        return StreamReply(answer) if asked.stream else JsonReply(answer)


def _has_key(request: Request) -> bool:
    """Return whether a request has a key; any key that is not empty will do."""
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    return scheme.lower() == "bearer" and bool(key.strip())


def _has_unreadable_call(messages: list[dict[Any, Any]]) -> bool:
    """Return whether the history holds a tool call whose arguments are not a JSON object."""
    try:
        return not all(
            isinstance(json.loads(call["function"]["arguments"]), dict)
            for message in messages
            for call in message.get("tool_calls") or ()
        )
    except (ValueError, RecursionError):
        return True


def _no_key() -> Response:
    return _error(401, "You didn't provide an API key.", "invalid_api_key")


def _injected(fault: Fault) -> Response:
    return _error(fault.status, INJECTED, fault.code)


def _error(status: int, message: str, code: str | None = None) -> Response:
    """Return an error in the provider's form."""
    if status == 429:
        code = code or "rate_limit_exceeded"
        kind = code if code == "insufficient_quota" else "rate_limit_exceeded"
    else:
        kind = "server_error" if status >= 500 else "invalid_request_error"
    content = {"message": message, "type": kind, "param": None, "code": code}
    return JsonReply({"error": content}, status)
