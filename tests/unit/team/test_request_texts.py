"""The texts of the gate's findings go into the next request, whose hash a journal holds.

When one changes, a job with an older journal buys its calls again from there on, and recorded jobs do not
replay. So a change must be intended: raise ``JOURNAL_FORMAT`` and export the fixtures again.
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

from support.source_files import ROOT

from aicity_fleet.team.gate import CHECKS, integrity
from aicity_fleet.team.team import JOURNAL_FORMAT

KNOWN = {3: "b68c8beb6c935807"}
"""The hash of all texts, and of the order of the checks, by the format that has them."""


def messages(path: Path) -> Iterator[str]:
    """Every text in the second argument of a ``Finding``; of an f-string, its fixed parts."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Finding":
            parts = [part for part in ast.walk(node.args[1]) if isinstance(part, ast.Constant)]
            yield "|".join(str(part.value) for part in parts)


def test_no_text_of_a_request_changes_unnoticed():
    found = sorted(
        text for path in (ROOT / "aicity_fleet/team/gate").glob("*.py") for text in messages(path)
    )
    assert len(found) > 30, "the rule looks at the wrong files"
    order = [rule.__name__ for rules in (integrity.CHECKS, *CHECKS.values()) for rule in rules]
    digest = hashlib.sha256("\n".join([*found, *order]).encode()).hexdigest()[:16]
    assert KNOWN.get(JOURNAL_FORMAT) == digest, "see the docstring of this file"
