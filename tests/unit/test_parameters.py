"""No function takes more than eight parameters: parts that travel together become a value.

A command of the CLI may take more: each of its parameters is an option. So may the generated constructor of
a dataclass: a record has the fields that it has.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from support.source_files import ROOT, sources

MOST = 8
CLI = ROOT / "aicity_fleet" / "cli"


def crowded(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            arguments = node.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            count = sum(argument.arg not in ("self", "cls") for argument in every)
            count += (arguments.vararg is not None) + (arguments.kwarg is not None)
            if count > MOST:
                yield f"{getattr(node, 'name', 'lambda')} in line {node.lineno} takes {count}"


def test_no_function_takes_more_than_eight_parameters():
    files = [path for path in sources() if not path.is_relative_to(CLI)]
    assert len(files) > 100, "the rule looks at the wrong files"
    found = {
        path.relative_to(ROOT).as_posix(): [*crowded(ast.parse(path.read_text()))] for path in files
    }
    assert {path: names for path, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("code", "count"),
    [
        ("def f(a, b, c, d, e, f, g, h, i): ...", 1),
        ("class C:\n    def __init__(self, a, b, c, d, /, e, *, f, g, h, i): ...", 1),
        ("async def f(a, b, c, d, e, f, g, *h, **i): ...", 1),
        ("f = lambda a, b, c, d, e, f, g, h, i: 0", 1),
        ("class C:\n    def f(self, a, b, c, d, e, f, g, h): ...", 0),
    ],
)
def test_a_crowded_function_is_found(code, count):
    assert len([*crowded(ast.parse(code))]) == count
