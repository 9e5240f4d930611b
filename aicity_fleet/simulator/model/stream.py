"""A completion as the stream of its pieces, as OpenAI's API sends it.

Source: platform.openai.com/docs/api-reference/chat-streaming.
"""

import json
from collections.abc import Iterator
from typing import Any

from starlette.responses import Response

from aicity_fleet.models import JsonObject

PIECE_CHARS = 400
"""How much of a text one piece carries, in characters."""


class StreamReply(Response):
    """A completion as server-sent events in plain ASCII; all pieces leave at once."""

    media_type = "text/event-stream"

    def render(self, content: Any) -> bytes:
        """Encode the events of a completion."""
        events = [json.dumps(event, separators=(",", ":")) for event in pieces_of(content)]
        return "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode("ascii")


def pieces_of(completion: JsonObject) -> Iterator[JsonObject]:
    """Yield the pieces of a completion, and its token counts at the end."""
    head = {**completion, "object": "chat.completion.chunk", "choices": []}
    usage = head.pop("usage")
    for choice in completion["choices"]:
        deltas = [*_deltas(choice["message"]), {}]
        for delta in deltas:
            reason = choice["finish_reason"] if not delta else None
            piece = {"index": choice["index"], "delta": delta, "finish_reason": reason}
            yield {**head, "choices": [piece], "usage": None}
    yield {**head, "usage": usage}


def _deltas(message: JsonObject) -> Iterator[JsonObject]:
    calls = message.get("tool_calls", ())
    yield {name: None if name == "content" else message[name] for name in ("role", "content")}
    for piece in _pieces(message["content"] or ""):
        yield {"content": piece}
    for place, call in enumerate(calls):
        function = call["function"]
        begun = {**call, "index": place, "function": {"name": function["name"], "arguments": ""}}
        yield {"tool_calls": [begun]}
        for piece in _pieces(function["arguments"]):
            yield {"tool_calls": [{"index": place, "function": {"arguments": piece}}]}


def _pieces(text: str) -> Iterator[str]:
    for start in range(0, len(text), PIECE_CHARS):
        yield text[start : start + PIECE_CHARS]
