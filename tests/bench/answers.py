"""What the servers of the benchmark answer: HTTP, AI City's envelope, and the model's completions.

Every task gets the same deliverable, so an answer is rendered once and then sent as it is.
"""

from __future__ import annotations

import json
import re
from typing import Any

from aicity_fleet.simulator.demo_tasks import FOLDER, demo_tasks
from aicity_fleet.simulator.model.stream import pieces_of

MARKER = re.compile(rb"Hand in with: marker ([\w-]+)")
"""The line of the fleet's brief that names the marker of a hand-in without a tool."""

GUIDE_MARKER = "TASK_COMPLETE"
"""What ends a hand-in where the request offers no tool and no brief names another marker."""

ORDERED = next(task for task in demo_tasks() if task["taskType"] == "general")["input"][
    "description"
]
DELIVERABLE = (FOLDER / "answers" / "10-general.md").read_text("utf-8").strip()
PROOF = json.dumps(DELIVERABLE[-60:]).strip('"').encode()
"""The end of the deliverable: a report without it is refused, so that nobody is fast with nothing."""


def as_json(value: Any) -> bytes:
    """Return a value as JSON."""
    return json.dumps(value, separators=(",", ":")).encode()


def reply(status: int, body: bytes, kind: bytes = b"application/json") -> bytes:
    """Return a whole HTTP answer."""
    head = b"HTTP/1.1 %d OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
    return head % (status, kind, len(body)) + body


def success(data: Any) -> bytes:
    """Return an answer in AI City's envelope."""
    return reply(200, as_json({"success": True, "data": data}))


def error(status: int, code: str) -> bytes:
    """Return a refusal in AI City's envelope."""
    return reply(status, as_json({"success": False, "error": {"code": code, "message": code}}))


def completion(content: str | None, *, submits: bool) -> dict[str, Any]:
    """Return a chat completion: a call of ``submit``, or text."""
    message: dict[str, Any] = {"role": "assistant", "content": content, "refusal": None}
    if submits:
        function = {"name": "submit", "arguments": json.dumps({"content": DELIVERABLE})}
        message["tool_calls"] = [{"id": "call_0", "type": "function", "function": function}]
    finish = "tool_calls" if submits else "stop"
    return {
        "id": "chatcmpl-0",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "gpt-4o-mini",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 400, "total_tokens": 1300},
    }


def streamed(whole: dict[str, Any]) -> bytes:
    """Return a completion as the events of a stream, in one answer."""
    events = [*map(as_json, pieces_of(whole)), b"[DONE]"]
    return reply(200, b"".join(b"data: %b\n\n" % event for event in events), b"text/event-stream")


class Model:
    """The answers of the model: rendered once per form, since every task gets the same text."""

    def __init__(self) -> None:
        submit = completion(None, submits=True)
        self.submit = {True: streamed(submit), False: reply(200, as_json(submit))}
        self.texts: dict[tuple[str, bool], bytes] = {}

    def answer(self, body: bytes) -> bytes:
        """Return the answer to a request."""
        streams = b'"stream":true' in body or b'"stream": true' in body
        if b'"tools"' in body and b'"submit"' in body:
            return self.submit[streams]
        found = MARKER.search(body)
        marker = found[1].decode() if found else GUIDE_MARKER
        text = self.texts.get((marker, streams))
        if text is None:
            whole = completion(f"{DELIVERABLE}\n\n{marker}", submits=False)
            text = streamed(whole) if streams else reply(200, as_json(whole))
            if marker == GUIDE_MARKER:  # another one is a job's own
                self.texts[marker, streams] = text
        return text
