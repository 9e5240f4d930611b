"""Writes test suites: out of the examples, guards and signatures of the submitted functions."""

from __future__ import annotations

import ast
import doctest
import re

from aicity_fleet.simulator.measures import parses
from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.general import general
from aicity_fleet.simulator.model.programs import code_generation
from aicity_fleet.simulator.model.review import code_of

SAMPLES = {"int": "1", "float": "1.0", "str": '"a"', "bool": "False", "bytes": 'b"a"'}
"""A plain argument by the name of its type; anything else gets an empty list."""

TRIGGERS = {
    ast.Lt: lambda bound: repr(bound - 1),
    ast.LtE: repr,
    ast.Gt: lambda bound: repr(bound + 1),
    ast.GtE: repr,
    ast.Eq: repr,
}
"""The argument that makes a comparison with a number true."""


def testing(brief: Brief) -> str:
    """A pytest module with normal cases, boundaries and errors, and what each group covers."""
    code = code_of(brief)
    if not code.strip():
        return code_generation(brief)
    if not parses(code):
        return general(brief)
    functions = [
        node
        for node in ast.parse(code).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]
    module = module_name(brief)
    normal, errors = [], []
    for function in functions:
        normal.append(normal_test(function))
        errors += error_tests(function)
    names = ", ".join(function.name for function in functions)
    imports = f"import pytest\n\nfrom {module} import {names}\n" if functions else "import pytest\n"
    suite = "\n\n".join([imports, *filter(None, [*normal, *errors])]).rstrip("\n")
    return "\n".join(
        [
            f"# Tests for {module}.py",
            "",
            "## What is covered",
            "",
            f"- **Normal cases and boundaries** ({len(normal)} tests): the examples that the "
            "docstrings promise, on both sides of every limit that they name, and that equal "
            "arguments give equal answers.",
            f"- **Errors and invalid input** ({len(errors)} tests): one test for every `raise`, "
            "with the smallest argument that reaches it: empty, zero, negative or too large.",
            "",
            "## The suite",
            "",
            f"Save it as `test_{module}.py` beside `{module}.py` and run `pytest`.",
            "",
            "```python",
            suite,
            "```",
            "",
            "## What is not covered",
            "",
            "The code was parsed, not run: expected values come from its docstrings and guards. "
            "Missing are speed, threads, and arguments of types that the signatures do not name.",
        ]
    )


def module_name(brief: Brief) -> str:
    """The module that the tests import: the one that the request names, or ``module``."""
    found = re.search(r"\b([a-z_]\w*)\.py\b", brief.description)
    return found[1] if found else "module"


def normal_test(function: ast.FunctionDef) -> str:
    """One test with every example of a docstring, or at least of what must always hold."""
    examples = doctest.DocTestParser().get_examples(ast.get_docstring(function) or "")
    cases = [
        (example.source.strip(), example.want.strip())
        for example in examples
        if example.want and parses(example.want.strip()) and "\n" not in example.source.strip()
    ]
    head = f"def test_{function.name}_"
    if cases:
        lines = [f"    assert {call} == {want}" for call, want in cases]
        return f"{head}keeps_its_promises_at_the_boundaries():\n" + "\n".join(lines) + "\n"
    call = f"{function.name}({', '.join(sample_arguments(function))})"
    return f"{head}gives_equal_answers_to_equal_arguments():\n    assert {call} == {call}\n"


def error_tests(function: ast.FunctionDef) -> list[str]:
    """One test for each guard that raises, as far as its condition can be met."""
    tests = []
    for node in function.body:
        if not (isinstance(node, ast.If) and isinstance(node.body[0], ast.Raise)):
            continue
        trigger = trigger_of(node.test)
        error = re.match(r"\w+", ast.unparse(node.body[0].exc)) if node.body[0].exc else None
        if trigger is None or error is None:
            continue
        name, value = trigger
        arguments = sample_arguments(function, {name: value})
        word = re.sub(r"\W+", "_", ast.unparse(node.test)).strip("_")[:40]
        tests.append(
            f"def test_{function.name}_rejects_invalid_{word}():\n"
            f"    with pytest.raises({error[0]}):\n"
            f"        {function.name}({', '.join(arguments)})\n"
        )
    return tests


def trigger_of(test: ast.expr) -> tuple[str, str] | None:
    """A parameter and a value for it that make a guard's condition true."""
    match test:
        case ast.UnaryOp(op=ast.Not(), operand=ast.Name(id=name)):
            return name, '""'
        case ast.Compare(
            left=ast.Name(id=name), ops=[operator], comparators=[ast.Constant(value=bound)]
        ) if isinstance(bound, int) and type(operator) in TRIGGERS:
            return name, TRIGGERS[type(operator)](bound)
    return None


def sample_arguments(function: ast.FunctionDef, given: dict[str, str] | None = None) -> list[str]:
    """One plain argument for every parameter that needs one."""
    given = given or {}
    needed = len(function.args.args) - len(function.args.defaults)
    chosen = []
    for index, argument in enumerate(function.args.args):
        kind = ast.unparse(argument.annotation) if argument.annotation else ""
        if argument.arg in given:
            chosen.append(given[argument.arg])
        elif index < needed:
            chosen.append(SAMPLES.get(kind, "[]"))
    return chosen
