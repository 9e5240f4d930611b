"""Writes bug fixes: the corrected code, a diff, a reason per change, and a regression test."""

from __future__ import annotations

import ast
import difflib
import re

from aicity_fleet.simulator.measures import parses
from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.linter import Diagnostic, Linter
from aicity_fleet.simulator.model.review import code_of, code_review, find_in_text, is_hostile
from aicity_fleet.simulator.model.rewrites import Change, rewrite
from aicity_fleet.simulator.model.wording import shortened


async def bug_fix(brief: Brief, linter: Linter) -> str:
    """A hand-in with corrected code; for what is not Python, a review with fixes."""
    code = code_of(brief)
    if not parses(code):
        if find_in_text(code):
            return await code_review(brief, linter)
        return _syntax_only(code)
    rewritten, changes = rewrite(code)
    if any(change.kind == "utcnow" for change in changes):
        rewritten = re.sub(
            r"^from datetime import (.+)$", _with_timezone, rewritten, count=1, flags=re.M
        )
    fixed = await linter.fix(rewritten)
    fixed = fixed if parses(fixed) else rewritten
    left = {diagnostic.message for diagnostic in await linter.check(fixed)}
    linted = [item for item in await linter.check(rewritten) if item.message not in left]
    diff = "".join(
        difflib.unified_diff(
            code.splitlines(keepends=True),
            fixed.splitlines(keepends=True),
            "before.py",
            "after.py",
        )
    )
    parts = ["# Bug fix", "", "## What was wrong", ""]
    parts += _reasons(changes, linted if fixed != rewritten else [])
    if is_hostile(brief.material):
        parts += ["", "Sentences in the request that give orders to its reader were not followed."]
    parts += ["", "## Corrected code", "", "```python", fixed.strip("\n"), "```", ""]
    parts += ["## Diff", "", "```diff", diff.rstrip("\n") or "(no change was needed)", "```", ""]
    parts += ["## Regression test", ""]
    parts.append("Save the corrected code as `fixed.py` and this beside it. Each test fails on the")
    parts.append("old code.")
    parts += ["", "```python", regression_test(fixed, changes), "```", ""]
    parts.append(
        "Nothing of the submitted code was run here; the corrected code was parsed and checked "
        "with ruff."
    )
    return "\n".join(parts)


def regression_test(code: str, changes: list[Change]) -> str:
    """Tests for what was changed, out of what the tree says about each function."""
    functions = {
        node.name: [argument.arg for argument in node.args.args]
        for node in ast.parse(code).body
        if isinstance(node, ast.FunctionDef)
    }
    tests: dict[str, str] = {}
    for change in changes:
        arguments = functions.get(change.function)
        test = _test_for(change, arguments) if arguments is not None else ""
        if test:
            tests.setdefault(test.split("(")[0], test)
    imports = "import inspect\n\nimport fixed\n"
    if not tests:
        tests["none"] = (
            "def test_the_module_can_be_imported():\n"
            "    assert inspect.ismodule(fixed)\n    assert fixed.__doc__ is None or fixed.__doc__\n"
        )
    return imports + "\n\n" + "\n\n".join(tests.values()).rstrip("\n")


def _test_for(change: Change, arguments: list[str]) -> str:
    name = change.function
    head = f"def test_{name}_"
    match change.kind:
        case "default":
            found = re.match(r"(\w+)=", change.before)
            parameter = found[1] if found else arguments[-1]
            return (
                f"{head}shares_no_default():\n"
                f"    parameters = inspect.signature(fixed.{name}).parameters\n"
                f'    assert parameters["{parameter}"].default is None\n'
            )
        case "page" if len(arguments) == 3:
            return (
                f"{head}has_every_entry_once():\n"
                f"    rows = list(range(7))\n"
                f"    assert fixed.{name}(rows, 1, 3) == [0, 1, 2]\n"
                f"    assert fixed.{name}(rows, 3, 3) == [6]\n"
            )
        case "count":
            return (
                f"{head}rounds_up():\n"
                f"    assert fixed.{name}([1, 2, 3], 2) == 2\n    assert fixed.{name}([], 2) == 0\n"
            )
        case "empty":
            return f"{head}of_nothing_is_zero():\n    assert fixed.{name}([]) == 0\n"
        case "range" if len(arguments) == 1 and "- 1" in change.after:
            return (
                f"{head}stays_within_the_list():\n"
                f"    assert fixed.{name}([1, 4, 5]) == 3\n    assert fixed.{name}([]) == 0\n"
            )
        case "range" if len(arguments) == 1:
            return (
                f"{head}reaches_the_last_element():\n"
                f'    assert len(fixed.{name}(["a", "b"])) == 2\n'
            )
        case "mutation":
            return (
                f"{head}removes_what_is_empty():\n"
                f'    assert fixed.{name}({{"a": 1, "b": 0, "c": 0}}) == {{"a": 1}}\n'
            )
        case "rows":
            return (
                f"{head}skips_only_the_broken_row(tmp_path):\n"
                f'    file = tmp_path / "values.csv"\n'
                f'    file.write_text("a,1\\nb,broken\\nc,3\\n")\n'
                f"    assert fixed.{name}(file) == [1.0, 3.0]\n"
            )
    return ""


def _reasons(changes: list[Change], linted: list[Diagnostic]) -> list[str]:
    told = [
        f"{number}. **Line {change.line}, `{change.function}`:** {change.why} Before: "
        f"`{shortened(change.before, 90)}`."
        for number, change in enumerate(changes, 1)
    ]
    told += [
        f"{number}. **Line {item.line}:** {item.message.rstrip('.')} (rule {item.rule}; fixed by "
        "the linter, so that the file stays clean)."
        for number, item in enumerate(linted, len(told) + 1)
    ]
    return told or ["No known defect was found; the code is returned as it came."]


def _with_timezone(found: re.Match[str]) -> str:
    names = found[1] if "timezone" in found[1] else f"{found[1]}, timezone"
    return f"from datetime import {names}"


def _syntax_only(code: str) -> str:
    try:
        ast.parse(code)
        fault = "it parses"
    except SyntaxError as error:
        fault = f"line {error.lineno}: {error.msg}"
    return (
        "# Bug fix\n\n## What was found\n\nThe submitted text is not valid Python "
        f"({fault}), and nothing can be fixed with confidence before that line is. Severity: "
        "critical. Fix: close what was opened on that line, then send the whole file again."
    )
