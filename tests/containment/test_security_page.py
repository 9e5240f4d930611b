"""docs/security.md names risks by their numbers, and tests that exist."""

from __future__ import annotations

import ast
import re

import pytest
from support.source_files import ROOT

PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+|\*)`", PAGE)
CONTROLS = re.findall(r"`((?:team|cli|aicity_fleet)/[\w/]+\.py)`", PAGE)


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED)))
def test_a_test_that_is_named_exists(file, name):
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    functions = ast.FunctionDef | ast.AsyncFunctionDef
    names = {node.name for node in ast.walk(tree) if isinstance(node, functions)}
    tests = {test for test in names if test.startswith("test_")}
    assert tests if name == "*" else name in tests


@pytest.mark.parametrize("file", sorted(set(CONTROLS)))
def test_a_control_that_is_named_exists(file):
    assert (ROOT / "aicity_fleet" / file.removeprefix("aicity_fleet/")).is_file()


def test_every_risk_of_both_lists_has_a_row():
    rows = [row for row in PAGE.split("\n") if row.startswith("| ")]
    expected = [f"LLM{n:02}:2025 " for n in range(1, 11)] + [f"ASI{n:02} " for n in range(1, 11)]
    for risk in expected:
        (row,) = [row for row in rows if row.startswith(f"| {risk}")]
        assert "`tests/" in row or "none:" in row, risk
    assert len(NAMED) > 30
