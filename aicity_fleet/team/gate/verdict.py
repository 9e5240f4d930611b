"""The values of the gate: what it checks, and what it finds."""

import dataclasses
import functools
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from aicity_fleet.models import AssignedTask
from aicity_fleet.team.gate.markdown import Block, split_fences, without_code_spans
from aicity_fleet.team.gate.passages import Passage

HARD = 100
"""Cost of a finding that fails a deliverable whatever else is right with it."""

_ADDRESS = re.compile(r"https?://[^\s<>\"')\]]{1,4000}", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. The message holds nothing of the deliverable, prompt or order."""

    check: str
    """Name of the check, such as ``truncated``."""
    message: str
    """What is wrong and what to do, for the specialist and, at the end, for the buyer."""
    cost: int
    """Points off 100; ``HARD`` fails by itself."""


@dataclasses.dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says about one hand-in."""

    score: int
    """0 to 100; 0 when there is a hard finding."""
    findings: tuple[Finding, ...]
    """What is wrong, the costliest first."""
    pass_mark: int

    @property
    def has_passed(self) -> bool:
        """Whether this may be sent."""
        return self.score >= self.pass_mark and not any(f.cost >= HARD for f in self.findings)


@dataclasses.dataclass(frozen=True)
class Submission:
    """A hand-in with what the checks need to judge it."""

    text: str
    task: AssignedTask
    finish_reason: str
    forbidden: tuple[str, ...]
    told: tuple[str, ...] = ()

    def passage(self, text: str) -> Passage:
        """What is read of a stretch of the hand-in or the order; that of an equal one is read once."""
        if text not in self._passages:
            self._passages[text] = Passage(text)
        return self._passages[text]

    @property
    def lower(self) -> str:
        """The text in lower case."""
        return self.passage(self.text).lower

    @property
    def words(self) -> list[str]:
        """The words and numbers of the text, in lower case."""
        return self.passage(self.text).words

    @functools.cached_property
    def order(self) -> str:
        """All that the buyer wrote, in lower case."""
        return f"{self.task.description}\n{self.task.code}\n{dict(self.task.details)}".lower()

    @functools.cached_property
    def addresses(self) -> frozenset[str]:
        """The web addresses that the buyer wrote."""
        task = self.task
        wrote = f"{task.description}\n{task.code}\n{task.repo}\n{dict(task.details)}"
        return frozenset(_ADDRESS.findall(wrote))

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The fenced code blocks."""
        return self._parts[0]

    @functools.cached_property
    def code_blocks(self) -> tuple[Block, ...]:
        """The blocks with code; a text without a fence is taken for one block."""
        blocks = tuple(block for block in self.blocks if block.code.strip())
        return blocks or (Block("", self.text, is_closed=True),)

    @property
    def prose(self) -> str:
        """The text outside of fenced code blocks."""
        return self._parts[1]

    @functools.cached_property
    def plain_prose(self) -> str:
        """The prose without inline code."""
        return without_code_spans(self.prose)

    @functools.cached_property
    def bare(self) -> str:
        """The text without white space around it, or what its one code block holds."""
        if len(self.blocks) == 1 and not self.prose.strip():
            return self.blocks[0].code.strip()
        return self.text.strip()

    @property
    def is_english(self) -> bool:
        """Whether checks that look for English words can judge the text."""
        return self.passage(self.prose).is_english

    @property
    def is_unclosed(self) -> bool:
        """Whether a code fence is left open."""
        return any(not block.is_closed for block in self.blocks)

    @functools.cached_property
    def _passages(self) -> dict[str, Passage]:
        return {}

    @functools.cached_property
    def _parts(self) -> tuple[tuple[Block, ...], str]:
        return split_fences(self.text)


Fact = TypeVar("Fact")


def once(find_out: Callable[[Submission], Fact]) -> Callable[[Submission], Fact]:
    """Return a function that finds out a fact about a submission once, for all checks that ask."""
    kept = functools.cached_property(find_out)
    kept.__set_name__(Submission, f"_{find_out.__module__}.{find_out.__qualname__}")

    @functools.wraps(find_out)
    def ask(submission: Submission) -> Fact:
        return kept.__get__(submission)

    return ask


Check = Callable[[Submission], Iterator[Finding]]
"""A named deterministic check; its docstring says where the rule comes from."""
