"""A model provider on loopback: speaks OpenAI's chat completions, answers from a script, counts.

A stub of the client would find neither retries nor timeouts nor cancellation.
"""

from __future__ import annotations

import asyncio
import dataclasses
import itertools
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route


@dataclasses.dataclass(frozen=True)
class Answer:
    """What one request gets."""

    message: dict[str, Any] | None = None
    finish_reason: str = "stop"
    status: int = 200
    body: Any = None
    """Instead of a completion: a JSON value, or text when ``content_type`` is set."""
    content_type: str = ""
    headers: dict[str, str] = dataclasses.field(default_factory=dict)
    delay_seconds: float = 0.0
    hangs: bool = False
    streams: bool = True
    """Whether a stream is given where one is asked for; else the answer comes in one piece."""
    events: tuple[Any, ...] | None = None
    """Instead of a completion: the events of a stream, each a JSON value, a text, or seconds to wait."""
    breaks: bool = False
    """Whether the connection breaks after the last event."""
    usage: Any = dataclasses.field(
        default_factory=lambda: {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}
    )

    def after(self, seconds: float) -> Answer:
        return dataclasses.replace(self, delay_seconds=seconds)


def text(content: str, finish_reason: str = "stop", **more: Any) -> Answer:
    return Answer({"role": "assistant", "content": content}, finish_reason, **more)


def calls(
    *tools: tuple[str | None, str], finish_reason: str = "tool_calls", ids: bool = True
) -> Answer:
    """Tool calls; each is a name and its arguments as the raw text that the model wrote."""
    return Answer(
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": f"call_{place}" if ids else None,
                    "type": "function",
                    "function": {"name": name, "arguments": arguments},
                }
                for place, (name, arguments) in enumerate(tools)
            ],
        },
        finish_reason,
    )


def submit(content: str, **more: Any) -> Answer:
    return calls(("submit", json.dumps({"content": content})), **more)


def error(status: int, code: str | None = None, message: str = "boom", **more: Any) -> Answer:
    return Answer(
        status=status, body={"error": {"message": message, "type": code, "code": code}}, **more
    )


AZURE_PATH = "/v1/openai/deployments/{deployment}/chat/completions"
"""Where Azure's clients ask, below the base URL."""

ANTHROPIC_PATH = "/v1/messages"
"""Where Anthropic's client asks, below its base URL."""

UNREADABLE_HISTORY = {
    "code": 500,
    "message": "Failed to parse tool call arguments as JSON",
    "type": "server_error",
}
"""What llama-server answers to a history that holds a malformed tool call, before it generates anything.
Source: ggml-org/llama.cpp issue 25510."""


def has_unreadable_call(body: dict[str, Any]) -> bool:
    """Whether an assistant message of the request calls a tool with arguments that are no JSON object."""
    for message in body["messages"]:
        for call in message.get("tool_calls") or ():
            try:
                arguments = json.loads(call["function"]["arguments"])
            except (ValueError, RecursionError):
                return True
            if not isinstance(arguments, dict):
                return True
    return False


HANG = Answer(hangs=True)

Script = Callable[[dict[str, Any]], Answer]


def anthropic_message(answer: Answer, model: str) -> dict[str, Any]:
    """The same answer in Anthropic's form. Source: docs.anthropic.com/en/api/messages."""
    message = answer.message or {}
    blocks = [{"type": "text", "text": message["content"]}] if message.get("content") else []
    for call in message.get("tool_calls") or ():
        function = call["function"]
        arguments = json.loads(function["arguments"])
        blocks.append(
            {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}
        )
    words = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}
    usage = answer.usage or {"prompt_tokens": 0, "completion_tokens": 0}
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": blocks,
        "stop_reason": words.get(answer.finish_reason, answer.finish_reason),
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
        },
    }


def completion(answer: Answer, model: str, number: int) -> dict[str, Any]:
    """The whole answer in OpenAI's form."""
    return {
        "id": f"chatcmpl-{number}",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": answer.message, "finish_reason": answer.finish_reason}],
        "usage": answer.usage,
    }


def chunk(delta: dict[str, Any], finish_reason: str | None = None, **more: Any) -> dict[str, Any]:
    """One piece of a streamed completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "scripted-1",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}],
        **more,
    }


DONE = "data: [DONE]\n\n"
"""What ends a stream of OpenAI's."""


def completion_events(whole: dict[str, Any], options: dict[str, Any] | None) -> list[Any]:
    """The same answer as a stream: its texts in pieces, and the token counts if they were asked for.

    Source: platform.openai.com/docs/api-reference/chat-streaming.
    """
    message = dict(whole["choices"][0]["message"])
    deltas: list[dict[str, Any]] = [{"role": "assistant"}]
    calls = message.pop("tool_calls", None) or ()
    named = message.pop("function_call", None)
    for name, value in message.items():
        pieces = pieces_of(value) if isinstance(value, str) else [value]
        deltas += [{name: piece} for piece in pieces if name != "role"]
    for place, call in enumerate(calls):
        arguments = call["function"]["arguments"]
        first, *rest = pieces_of(arguments) if isinstance(arguments, str) else [arguments]
        function = {"name": call["function"]["name"], "arguments": first}
        deltas.append({"tool_calls": [{**call, "index": place, "function": function}]})
        for piece in rest:
            more = {"index": place, "function": {"arguments": piece}}
            deltas.append({"tool_calls": [more]})
    if named:
        first, *rest = pieces_of(named["arguments"])
        deltas.append({"function_call": {"name": named["name"], "arguments": first}})
        deltas += [{"function_call": {"arguments": piece}} for piece in rest]
    events = [chunk(delta, model=whole["model"]) for delta in deltas]
    events.append(chunk({}, whole["choices"][0]["finish_reason"], model=whole["model"]))
    if (options or {}).get("include_usage"):
        events.append({**chunk({}), "choices": [], "usage": whole["usage"]})
    return [*events, DONE]


def pieces_of(text: str, count: int = 4) -> list[str]:
    """A text in a few pieces."""
    size = max(1, -(-len(text) // count))
    return [text[at : at + size] for at in range(0, len(text), size)] or [""]


def anthropic_events(whole: dict[str, Any]) -> list[Any]:
    """The same answer as Anthropic's stream.

    Source: docs.anthropic.com/en/docs/build-with-claude/streaming.
    """
    start = {
        **whole,
        "content": [],
        "stop_reason": None,
        "usage": {**whole["usage"], "output_tokens": 1},
    }
    events: list[Any] = [{"type": "message_start", "message": start}, {"type": "ping"}]
    for index, block in enumerate(whole["content"]):
        is_text = block["type"] == "text"
        empty = {**block, "text": ""} if is_text else {**block, "input": {}}
        events.append({"type": "content_block_start", "index": index, "content_block": empty})
        written = block["text"] if is_text else json.dumps(block["input"])
        for piece in pieces_of(written):
            delta = (
                {"type": "text_delta", "text": piece}
                if is_text
                else {"type": "input_json_delta", "partial_json": piece}
            )
            events.append({"type": "content_block_delta", "index": index, "delta": delta})
        events.append({"type": "content_block_stop", "index": index})
    usage = {"output_tokens": whole["usage"]["output_tokens"]}
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    events.append({"type": "message_delta", "delta": ending, "usage": usage})
    return [*events, {"type": "message_stop"}]


class Provider:
    """One test's share of the server."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.requests: list[dict[str, Any]] = []
        self.keys: list[str] = []
        """The ``Authorization`` of each request."""
        self.disconnects = 0
        self.under_way = 0
        """Requests that wait for their answer, the one that is being scripted included."""
        self.script: Script = lambda _: error(500, message="nothing is scripted")

    def will(self, *answers: Answer) -> None:
        """Answer with these, in order; the last one again and again."""
        left = list(answers)
        self.script = lambda _: left.pop(0) if len(left) > 1 else left[0]

    def texts(self, at: int = -1) -> list[str]:
        """The contents of a request's messages."""
        return [str(message.get("content")) for message in self.requests[at]["messages"]]


class ProviderServer:
    """The server, in a thread of its own; each test gets a path of its own."""

    def __init__(self) -> None:
        self._providers: dict[str, Provider] = {}
        self._names = itertools.count()
        self._is_stopping = False
        # With the protocol named: asyncio sets TCP_NODELAY on such sockets only, and without it
        # every answer waits 40 ms for a delayed acknowledgement.
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.listen(128)
        app = Starlette(
            routes=[
                Route("/{name}" + path, self._complete, methods=["POST"])
                for path in ("/v1/chat/completions", AZURE_PATH, ANTHROPIC_PATH)
            ]
        )
        self._server = uvicorn.Server(
            uvicorn.Config(
                app, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1
            )
        )
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],))

    def __enter__(self) -> ProviderServer:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.005)
        return self

    def __exit__(self, *_: object) -> None:
        self._is_stopping = True
        self._server.should_exit = True
        self._thread.join(10)
        self._socket.close()
        assert not self._thread.is_alive()

    def open(self) -> Provider:
        name = f"p{next(self._names)}"
        port = self._socket.getsockname()[1]
        self._providers[name] = Provider(f"http://127.0.0.1:{port}/{name}/v1")
        return self._providers[name]

    async def _complete(self, request: Request) -> Response:
        provider = self._providers[request.path_params["name"]]
        body = await request.json()
        provider.requests.append(body)
        provider.keys.append(request.headers.get("authorization", ""))
        if has_unreadable_call(body):
            return JSONResponse({"error": UNREADABLE_HISTORY}, 500)
        provider.under_way += 1
        try:
            return await self._answer(provider, request, body)
        finally:
            provider.under_way -= 1

    async def _answer(self, provider: Provider, request: Request, body: dict[str, Any]) -> Response:
        answer = provider.script(body)
        if answer.hangs or answer.delay_seconds:
            until = time.monotonic() + (30 if answer.hangs else answer.delay_seconds)
            while time.monotonic() < until and not self._is_stopping:
                if await request.is_disconnected():
                    provider.disconnects += 1
                    return Response(status_code=499)
                await asyncio.sleep(0.01)
        if answer.content_type:
            return Response(
                answer.body, answer.status, answer.headers, media_type=answer.content_type
            )
        if answer.body is not None:
            return JSONResponse(answer.body, answer.status, answer.headers)
        if answer.events is not None:
            whole, events = {}, list(answer.events)
        elif request.url.path.endswith(ANTHROPIC_PATH):
            whole = anthropic_message(answer, body["model"])
            events = anthropic_events(whole)
        else:
            whole = completion(answer, body["model"], len(provider.requests))
            events = completion_events(whole, body.get("stream_options"))
        if answer.events is None and not (answer.streams and body.get("stream")):
            return JSONResponse(whole, headers=answer.headers)
        return StreamingResponse(
            self._stream(provider, request, events, breaks=answer.breaks),
            headers=answer.headers,
            media_type="text/event-stream",
        )

    async def _stream(
        self, provider: Provider, request: Request, events: list[Any], *, breaks: bool
    ) -> AsyncIterator[str]:
        try:
            for event in events:
                await asyncio.sleep(0)  # so that a disconnect is noticed
                if isinstance(event, int | float):
                    await asyncio.sleep(event)
                elif isinstance(event, str):
                    yield event
                else:
                    kind = event.get("type") if isinstance(event, dict) else None
                    yield f"event: {kind}\n" if kind else ""
                    yield f"data: {json.dumps(event)}\n\n"
        except asyncio.CancelledError:
            provider.disconnects += 1
            raise
        if breaks:
            raise ConnectionError("the test wants the connection to break")


async def until(condition: Callable[[], object], description: str) -> None:
    """Wait for something that another task or thread does; fail with its description."""
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"never happened: {description}")
