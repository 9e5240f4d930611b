"""Reads the fleet's brief out of the messages of a chat completion.

A brief names the task type and the way to hand in, and carries the buyer's texts in blocks whose
fences share one nonce. A line that looks like a fence but has another nonce is buyer's text.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from aicity_fleet.simulator.measures import fences
from aicity_fleet.simulator.tasks import fingerprint

TASK_TYPE = re.compile(r"^Task type: (.+)$", re.MULTILINE)
HAND_IN = re.compile(r"^Hand in with: (?:submit|marker (\S+))[ \t]*$", re.MULTILINE)
BLOCK_START = re.compile(r"^BEGIN BUYER TEXT (\S+): (\w+)[ \t]*$", re.MULTILINE)
REVISE = "Revise: your hand-in did not pass."
GUIDE_TASK = re.compile(r"^Complete: (\S+)\nRequirements: (.*)", re.MULTILINE | re.DOTALL)
"""What the loop of AI City's guide sends instead of a brief."""


@dataclasses.dataclass(frozen=True, slots=True)
class Brief:
    """What a team was asked to do, as the model sees it."""

    task_type: str
    nonce: str = ""
    """What the fences share; it stands for one job."""
    description: str = ""
    code: str = ""
    repo: str = ""
    details: str = ""
    marker: str = ""
    """What ends a hand-in when there is no ``submit`` tool; empty otherwise."""
    can_submit: bool = False
    """Whether the request offers the ``submit`` tool."""
    revisions: int = 0
    """How often a better version was asked for."""
    findings: tuple[str, ...] = ()
    """What the last revision request complained about."""
    system_prompt: str = ""
    after_tool: bool = False
    """Whether the last message is the result of a tool."""

    @property
    def fingerprint(self) -> str:
        """The hash of the content, as the city computes it for a task."""
        return fingerprint(self.description, self.code)

    @property
    def source(self) -> str:
        """The code that the task is about: its own block, or the code fences of the description."""
        if self.code.strip():
            return self.code
        return "\n".join(content for _, content in fences(self.description))

    @property
    def material(self) -> str:
        """Everything the buyer wrote, in one text."""
        parts = (self.description, self.code, self.repo, self.details)
        return "\n\n".join(part for part in parts if part)


def read_brief(messages: Iterable[Mapping[str, Any]], tools: Iterable[Any]) -> Brief:
    """Find the brief and what followed it.

    Args:
        messages: The messages of the request, in order.
        tools: The tools that the request offers.
    """
    said = [(str(message.get("role", "")), content_of(message)) for message in messages]
    system = "\n".join(text for role, text in said if role in {"system", "developer"})
    users = [text for role, text in said if role == "user"]
    revisions = [text for text in users if text.lstrip().startswith(REVISE)]
    common: dict[str, Any] = {
        "can_submit": any(tool_name(tool) == "submit" for tool in tools),
        "revisions": len(revisions),
        "findings": findings_of(revisions[-1]) if revisions else (),
        "system_prompt": system,
        "after_tool": bool(said) and said[-1][0] == "tool",
    }
    for text in users:
        start = BLOCK_START.search(text)
        header = text[: start.start()] if start else text
        found = TASK_TYPE.search(header)
        if found is None:
            continue
        nonce = start[1] if start else ""
        blocks = blocks_of(text, nonce)
        hand_in = HAND_IN.search(header)
        return Brief(
            task_type=found[1].strip(),
            nonce=nonce,
            description=blocks.get("description", ""),
            code=blocks.get("code", ""),
            repo=blocks.get("repo", ""),
            details=blocks.get("details", ""),
            marker=(hand_in[1] or "") if hand_in else "",
            **common,
        )
    return _guide_brief(users, common)


def blocks_of(text: str, nonce: str) -> dict[str, str]:
    """The buyer's texts by name; only fences with this very nonce count."""
    blocks: dict[str, str] = {}
    position = 0
    while nonce:
        start = BLOCK_START.search(text, position)
        if start is None:
            break
        position = start.end()
        if start[1] != nonce:
            continue
        end = re.compile(rf"^END BUYER TEXT {re.escape(nonce)}[ \t]*$", re.MULTILINE)
        close = end.search(text, position)
        stop = close.start() if close else len(text)
        blocks.setdefault(start[2], text[position:stop].strip("\n"))
        position = close.end() if close else len(text)
    return blocks


def content_of(message: Mapping[str, Any]) -> str:
    """The text of a message, whether it is one string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        texts = [part.get("text") for part in content if isinstance(part, dict)]
        return "\n".join(text for text in texts if isinstance(text, str))
    return ""


def tool_name(tool: Any) -> str:
    """The name of a tool in the request's form."""
    function = tool.get("function") if isinstance(tool, dict) else None
    return str(function.get("name", "")) if isinstance(function, dict) else ""


def findings_of(request: str) -> tuple[str, ...]:
    """The findings that a revision request lists."""
    lines = (line.strip() for line in request.splitlines())
    return tuple(line[2:].strip() for line in lines if line.startswith("- "))


def _guide_brief(users: list[str], common: dict[str, Any]) -> Brief:
    text = users[-1] if users else ""
    marker = "TASK_COMPLETE" if "TASK_COMPLETE" in common["system_prompt"] else ""
    found = GUIDE_TASK.search(text)
    if found:
        return Brief(task_type=found[1], description=found[2].strip(), marker=marker, **common)
    return Brief(task_type="general", description=text, marker=marker, **common)
