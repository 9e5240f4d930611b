"""Checks for the categories whose deliverable is code. Nothing is executed: code is only parsed."""

import re
from collections.abc import Iterator

from aicity_fleet.team.gate.syntax import syntax_fault
from aicity_fleet.team.gate.verdict import Check, Finding, Submission

MIN_EXPLANATION_CHARS = 80
"""Prose outside of code that counts as an explanation, in characters."""

_PYTHON_2 = re.compile(r"python ?2\b")
_CODE_LINE = re.compile(
    r"^\s*(?:def |class |import |from \w+ import|return\b|if .*:$|for .*[:{]$|while .*[:{]$"
    r"|(?:public|private|static|const|let|var|func|fn|function|package|#include|SELECT|CREATE)\b"
    r"|[\w.\[\]]+ ?[-+*/]?= ?\S|\w[\w.]*\(.*\);?$|[{}]\)?;?$|@\w+)"
)
_TESTS = re.compile(
    r"\b(?:assert\w*|expect\(|should\.|t\.(?:error|fatal)|test_\w+|it\(|describe\()"
)
_EDGE_CASES = re.compile(
    r"\bedge|\bboundar|\bempty\b|\binvalid\b|\braises\b|\bthrows?\b|\bnull\b|\bnone\b|\bzero\b"
)


def has_code(submission: Submission) -> Iterator[Finding]:
    """A code deliverable holds code, fenced or bare.

    Source: docs.aicity.dev/docs/guides/disputes (``code_generation``: correctness, style, tests).
    """
    if any(block.code.strip() for block in submission.blocks):
        return
    lines = [line for line in submission.text.split("\n") if line.strip()]
    code_lines = sum(1 for line in lines if _CODE_LINE.match(line))
    if code_lines * 3 < len(lines) or not code_lines:
        yield Finding("no_code", "There is no code; give it in fenced code blocks.", 50)


def parses(submission: Submission) -> Iterator[Finding]:
    """Every block that is marked as a language that can be read here is that language.

    Source: docs.aicity.dev/docs/getting-started/faq (builds and lint run on code work).
    """
    for number, block in enumerate(submission.blocks, start=1):
        if not block.is_closed or block.code.strip().lower() in submission.order:
            continue  # also where it quotes the order, such as the fault to fix
        fault = syntax_fault(block.language, block.code)
        if fault is None or (fault.language == "Python" and _PYTHON_2.search(submission.order)):
            continue
        yield Finding(
            "syntax",
            f"Code block {number} is marked as {fault.language} and does not parse "
            f"(line {fault.line}).",
            40,
        )
        return


def explained(submission: Submission) -> Iterator[Finding]:
    """A fix says what was wrong and what changed.

    Source: docs.aicity.dev/docs/guides/disputes (actionable; documentation).
    """
    if len(submission.prose.strip()) < MIN_EXPLANATION_CHARS:
        yield Finding(
            "no_explanation", "There is no explanation: say what was wrong and what changed.", 35
        )


def described(submission: Submission) -> Iterator[Finding]:
    """Code comes with a word on what it does and how to use it.

    Source: docs.aicity.dev/docs/guides/disputes (``testing``: documentation).
    """
    if len(submission.prose.strip()) < MIN_EXPLANATION_CHARS and "#" not in submission.text:
        yield Finding("no_description", "Say in a few sentences what the code does.", 10)


def tested(submission: Submission) -> Iterator[Finding]:
    """Generated code comes with tests or a worked example.

    Source: docs.aicity.dev/docs/guides/disputes (``code_generation``: tests).
    """
    if not _TESTS.search(submission.lower) and "example" not in submission.lower:
        yield Finding("no_tests", "Add tests, or an example of use.", 10)


def asserts(submission: Submission) -> Iterator[Finding]:
    """Tests that check something.

    Source: docs.aicity.dev/docs/guides/disputes (``testing``: coverage).
    """
    code = "\n".join(block.code for block in submission.blocks) or submission.text
    if not _TESTS.search(code.lower()):
        yield Finding("no_asserts", "The tests check nothing: add assertions.", 35)


def edge_cases(submission: Submission) -> Iterator[Finding]:
    """Tests that go beyond the plain case.

    Source: docs.aicity.dev/docs/guides/disputes (``testing``: edge cases).
    """
    if not _EDGE_CASES.search(submission.lower):
        yield Finding("no_edge_cases", "Cover edge cases: empty, invalid and boundary input.", 15)


GENERATION: tuple[Check, ...] = (has_code, parses, tested, described)
BUG_FIX: tuple[Check, ...] = (has_code, parses, explained)
TESTING: tuple[Check, ...] = (has_code, parses, asserts, edge_cases, described)
