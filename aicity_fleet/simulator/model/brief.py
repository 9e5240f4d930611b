"""Reads the fleet's brief out of the messages of a chat completion.

A brief names the task type and the way to hand in, and carries the buyer's texts in blocks whose
fences share one nonce. A line that looks like a fence but has another nonce is buyer's text.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping
from typing import Any

from aicity_fleet.simulator.measures import fences
from aicity_fleet.simulator.tasks import fingerprint

TASK_TYPE = re.compile(r"^Task type: (.+)$", re.MULTILINE)
MARKER = re.compile(r"^Hand in with: marker (\S+)[ \t]*$", re.MULTILINE)
BLOCK_START = re.compile(r"^BEGIN BUYER TEXT (\S+): \w+[ \t]*$", re.MULTILINE)
BLOCK = r"^BEGIN BUYER TEXT {nonce}: (\w+)[ \t]*\n(.*?)^END BUYER TEXT {nonce}[ \t]*$"
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
    """
    said = [(message.get("role"), content_of(message)) for message in messages]
    users = [text for role, text in said if role == "user"]
    revisions = [text for text in users if text.lstrip().startswith(REVISE)]
    complaints = revisions[-1].splitlines() if revisions else []
    system = "\n".join(text for role, text in said if role in {"system", "developer"})
    return dataclasses.replace(
        _order(users, system),
        can_submit=any(_tool_name(tool) == "submit" for tool in tools),
        revisions=len(revisions),
        findings=tuple(line.strip()[2:] for line in complaints if line.strip().startswith("- ")),
        system_prompt=system,
        after_tool=bool(said) and said[-1][0] == "tool",
    )


def content_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, whether it is one string or a list of parts."""
    content = message.get("content")
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part.get("text") for part in parts if isinstance(part, dict)]
    return "\n".join(text for text in texts if isinstance(text, str))


def _order(users: list[str], system: str) -> Brief:
    """Return what is ordered: a brief of the fleet, the guide's request, or the last words."""
    for text in users:
        start = BLOCK_START.search(text)
        header = text[: start.start()] if start else text
        task_type = TASK_TYPE.search(header)
        if task_type is None:
            continue
        marker = MARKER.search(header)
        nonce = start[1] if start else ""
        blocks = re.findall(BLOCK.format(nonce=re.escape(nonce)), text, re.MULTILINE | re.DOTALL)
        texts = {name: content.strip("\n") for name, content in blocks}
        return Brief(
            task_type=task_type[1].strip(),
            nonce=nonce,
            description=texts.get("description", ""),
            code=texts.get("code", ""),
            repo=texts.get("repo", ""),
            details=texts.get("details", ""),
            marker=marker[1] if marker else "",
        )
    text = users[-1] if users else ""
    marker_word = "TASK_COMPLETE" if "TASK_COMPLETE" in system else ""
    found = GUIDE_TASK.search(text)
    if found:
        return Brief(found[1], description=found[2].strip(), marker=marker_word)
    return Brief("general", description=text, marker=marker_word)


def _tool_name(tool: Any) -> Any:
    function = tool.get("function") if isinstance(tool, dict) else None
    return function.get("name") if isinstance(function, dict) else None
