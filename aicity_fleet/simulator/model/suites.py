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

Function = ast.FunctionDef | ast.AsyncFunctionDef

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
    body = ast.parse(code).body
    functions = [
        node
        for node in body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    ]
    classes = [node for node in body if isinstance(node, ast.ClassDef)]
    module = module_name(brief)
    normal, errors = [module_test(module)], []
    for function in functions:
        normal += normal_tests(function)
        errors += [*error_tests(function), *call_tests(function)]
    for node in classes:
        normal.append(class_test(node))
    names = ", ".join(node.name for node in (*functions, *classes))
    imports = "import importlib\nimport inspect\n\nimport pytest\n"
    imports += f"\nfrom {module} import {names}\n" if names else ""
    suite = "\n\n".join([imports, *filter(None, [*normal, *errors])]).rstrip("\n")
    return "\n".join(
        [
            f"# Tests for {module}.py",
            "",
            "## What is covered",
            "",
            f"- **Normal cases and boundaries** ({len(normal)} tests): the examples that the "
            "docstrings promise, on both sides of every limit that they name, and that the "
            "module and its signatures stay what callers rely on.",
            f"- **Errors and invalid input** ({len(errors)} tests): one test for every `raise`, "
            "with the smallest argument that reaches it (empty, zero, negative or too large), and "
            "one for missing and for unknown arguments.",
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


def module_test(module: str) -> str:
    """A test that the module can be imported, twice, without an error or another result."""
    return (
        f"def test_{module}_can_be_imported_twice():\n"
        f'    first = importlib.import_module("{module}")\n'
        f'    assert importlib.import_module("{module}") is first\n'
    )


def class_test(node: ast.ClassDef) -> str:
    """A test that a class has the methods that its callers use."""
    names = [item.name for item in node.body if isinstance(item, ast.FunctionDef)]
    return (
        f"def test_{node.name}_keeps_its_methods():\n"
        f"    missing = [name for name in {names!r} if not hasattr({node.name}, name)]\n"
        f"    assert missing == []\n"
    )


def normal_tests(function: Function) -> list[str]:
    """A test of the signature, and one with every example of the docstring."""
    names = [argument.arg for argument in parameters(function)]
    signature = (
        f"def test_{function.name}_keeps_its_signature():\n"
        f"    assert list(inspect.signature({function.name}).parameters)[:{len(names)}] == {names!r}\n"
    )
    examples = doctest.DocTestParser().get_examples(ast.get_docstring(function) or "")
    cases = [
        (example.source.strip(), example.want.strip())
        for example in examples
        if example.want and parses(example.want.strip()) and "\n" not in example.source.strip()
    ]
    if not cases:
        return [signature]
    singles = {"True", "False", "None"}
    lines = [
        f"    assert {call} {'is' if want in singles else '=='} {want}" for call, want in cases
    ]
    head = f"def test_{function.name}_keeps_its_promises_at_the_boundaries():\n"
    return [head + "\n".join(lines) + "\n", signature]


def call_tests(function: Function) -> list[str]:
    """Tests that a call with missing or unknown arguments is refused."""
    tests = []
    if len(function.args.defaults) < len(parameters(function)):
        tests.append(
            f"def test_{function.name}_rejects_missing_arguments():\n"
            f"    with pytest.raises(TypeError):\n        {function.name}()\n"
        )
    if function.args.kwarg is None:
        tests.append(
            f"def test_{function.name}_rejects_an_invalid_keyword():\n"
            f"    with pytest.raises(TypeError):\n        {function.name}(no_such_argument=None)\n"
        )
    return tests


def parameters(function: Function) -> list[ast.arg]:
    """The parameters that can be given by position."""
    return [*function.args.posonlyargs, *function.args.args]


def error_tests(function: Function) -> list[str]:
    """One test for each guard that raises, as far as its condition can be met."""
    tests: list[str] = []
    if isinstance(function, ast.AsyncFunctionDef):
        return tests  # its guards are reached only when it is awaited
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


def sample_arguments(function: Function, given: dict[str, str] | None = None) -> list[str]:
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
