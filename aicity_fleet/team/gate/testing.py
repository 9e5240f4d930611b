"""Checks of the tests that are handed in, as the work or beside it. None is run: they are only parsed."""

import re
from collections.abc import Iterator

from aicity_fleet.team.gate import demands, material
from aicity_fleet.team.gate.assertions import ASSERTION, TestCount, count_other, count_python
from aicity_fleet.team.gate.patterns import Finder
from aicity_fleet.team.gate.verdict import Finding, Submission

_TESTS = re.compile(
    r"\b(?:assert\w*|expect\(|should\.|t\.(?:error|fatal)|test_\w+|it\(|describe\()"
)
_EDGE_CASES = re.compile(
    r"\bedge|\bboundar|\bempty\b|\binvalid\b|\braises\b|\bthrows?\b|\bnull\b|\bnone\b|\bzero\b"
)
_WANTS_TESTS = Finder(r"\b(?:unit |regression )?tests?\b|\bminitest\b|\bpytest\b")


def tested(submission: Submission) -> Iterator[Finding]:
    """Generated code comes with tests or a worked example.

    Source: docs.aicity.dev/docs/guides/disputes (``code_generation``: tests).
    """
    if not _TESTS.search(submission.lower) and "example" not in submission.lower:
        yield Finding("no_tests", "Add tests, or an example of use.", 10)


def asserts(submission: Submission) -> Iterator[Finding]:
    """Tests that check something, more than half of them.

    Source: docs.aicity.dev/docs/guides/disputes (``testing``: coverage).
    """
    if material.orders_skeleton(submission) or demands.are_tests_in_words(submission):
        return
    count = _count_tests(submission)
    code = "\n".join(block.code for block in submission.blocks) or submission.text
    has_any = count.tests or _TESTS.search(code.lower()) or ASSERTION.search(code)
    if count.idle * 2 > count.tests or not has_any:
        yield Finding("no_asserts", "The tests check nothing: add assertions.", 35)


def ordered_tests_assert(submission: Submission) -> Iterator[Finding]:
    """Tests that were ordered beside other code check something as well.

    Source: docs.aicity.dev/docs/guides/disputes (``code_generation``: tests).
    """
    if not _WANTS_TESTS.is_in(material.wish(submission)):
        return
    count = _count_tests(submission)
    if count.idle == count.tests > 0:
        yield Finding("no_asserts", "The tests check nothing: add assertions.", 35)


def _count_tests(submission: Submission) -> TestCount:
    total = TestCount()
    for block in submission.code_blocks:
        count = None
        if block.language in {"python", "python3", "py", ""} and "def " in block.code:
            count = count_python(block.code)
        count = count or count_other(block.code)
        total.tests += count.tests
        total.idle += count.idle
    return total


def edge_cases(submission: Submission) -> Iterator[Finding]:
    """Tests that go beyond the plain case.

    Source: docs.aicity.dev/docs/guides/disputes (``testing``: edge cases).
    """
    if not _EDGE_CASES.search(submission.lower) and not demands.are_tests_in_words(submission):
        yield Finding("no_edge_cases", "Cover edge cases: empty, invalid and boundary input.", 15)
