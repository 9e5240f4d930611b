"""Defects that the syntax tree of a submitted Python text shows, each with its reason and its fix.

The text is parsed, never run; the words stand in a TOML file beside. What the linter finds is told
in the same form by ``rules``.
"""

from __future__ import annotations

import ast
import dataclasses
import functools
import re
import tomllib
from collections.abc import Iterator
from importlib import resources

MONEY = re.compile(r"price|total|amount|cost|fee|discount|salary|balance|tax", re.I)
SQL = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE)\b", re.I)
PAYMENT = re.compile(r"\.(refund|charge|pay|transfer)\(")
SEVERITIES = ("critical", "high", "medium", "low", "info")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One defect."""

    topic: str
    """What kind it is; the linter's finding of the same kind near the same line is left out."""
    line: int
    severity: str
    title: str
    why: str
    fix: str


def find_defects(code: str) -> list[Finding]:
    """Every known kind of defect in a text that is valid Python, by line."""
    found: list[Finding] = []
    for node in ast.walk(ast.parse(code)):
        found += _of_node(node)
        if isinstance(node, Function):
            found += _of_function(node)
    unique = {(finding.topic, finding.line): finding for finding in found}
    return sorted(unique.values(), key=lambda finding: finding.line)


def told(topic: str, node: ast.stmt | ast.expr | ast.excepthandler, name: str = "") -> Finding:
    """A finding of a kind at a place, in the words that are kept for it."""
    words = _words()[topic]
    return Finding(
        topic,
        node.lineno,
        words["severity"],
        *(words[part].replace("{name}", name) for part in ("title", "why", "fix")),
    )


@functools.cache
def _words() -> dict[str, dict[str, str]]:
    file = resources.files("aicity_fleet.simulator.model") / "defects.toml"
    words: dict[str, dict[str, str]] = tomllib.loads(file.read_text(encoding="utf-8"))
    return words


def _of_node(node: ast.AST) -> Iterator[Finding]:
    match node:
        case ast.ExceptHandler(type=None):
            yield told("except", node, "bare `except:` also catches KeyboardInterrupt and typos")
        case ast.ExceptHandler(body=[ast.Pass()]):
            yield told("except", node, "the error is caught and thrown away")
        case ast.Call():
            yield from _of_call(node)
        case ast.For():
            yield from _of_loop(node)
        case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=value)]):
            if isinstance(value, int | str) and not isinstance(value, bool):
                yield told("identity", node, repr(value))
        case ast.JoinedStr():
            first = node.values[0] if len(node.values) > 1 else None
            if isinstance(first, ast.Constant) and SQL.match(str(first.value)):
                yield told("sql", node)
        case ast.BinOp(op=ast.Mod() | ast.Add(), left=ast.Constant(value=str() as text)):
            if SQL.match(text):
                yield told("sql", node)


def _of_call(node: ast.Call) -> Iterator[Finding]:
    name = ast.unparse(node.func)
    shell = {keyword.arg: keyword.value for keyword in node.keywords}.get("shell")
    if name in {"eval", "exec"}:
        yield told("eval", node, name)
    elif name == "os.system" or (isinstance(shell, ast.Constant) and shell.value is True):
        yield told("shell", node)
    elif name in {"hashlib.md5", "hashlib.sha1"}:
        yield told("hash", node, name)
    elif name.startswith("random.") and name != "random.Random":
        yield told("random", node, name)
    elif name in {"datetime.utcnow", "datetime.datetime.utcnow"}:
        yield told("utcnow", node)


def _of_loop(node: ast.For) -> Iterator[Finding]:
    source = ast.unparse(node.iter)
    short = re.fullmatch(r"range\(len\((\w+)\) - 1\)", source)
    body = ast.unparse(node)
    following = f"[{ast.unparse(node.target)} + 1]"
    if short and f"{short[1]}{following}" not in body:
        yield told("short_range", node, short[1])
    whole = re.fullmatch(r"range\(len\((\w+)\)\)", source)
    if whole and f"{whole[1]}{following}" in body:
        yield told("long_range", node, whole[1])
    if isinstance(node.iter, ast.Name):
        removals = (
            inner
            for inner in ast.walk(node)
            if isinstance(inner, ast.Delete)
            and any(ast.unparse(target).startswith(f"{source}[") for target in inner.targets)
        )
        for removal in removals:
            yield told("mutation", removal, source)
    if any(isinstance(part, ast.Try) for part in node.body) and PAYMENT.search(body):
        yield told("retry", node)


def _of_function(function: Function) -> Iterator[Finding]:
    arguments = function.args
    for default in (*arguments.defaults, *filter(None, arguments.kw_defaults)):
        if isinstance(default, ast.List | ast.Dict | ast.Set):
            yield told("default", default, function.name)
    for node in ast.walk(function):
        match node:
            case ast.BinOp(op=ast.Div(), right=ast.Call(func=ast.Name(id="len"))):
                yield told("division", node, function.name)
            case ast.Assign() | ast.AugAssign():
                if ast.unparse(node.value).startswith("open("):
                    yield told("open", node)
                if _is_float_money(node):
                    yield told("money", node)
            case ast.Subscript(value=ast.Name(id=name), slice=ast.Constant()):
                if _is_unchecked_row(name, ast.unparse(function)):
                    yield told("none", node)


def _is_float_money(node: ast.Assign | ast.AugAssign) -> bool:
    target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
    if not MONEY.search(ast.unparse(target)):
        return False
    if isinstance(node.value, ast.Constant):
        return isinstance(node.value.value, float) and node.value.value == 0.0
    source = ast.unparse(node.value)
    return bool(MONEY.search(source)) and ("/ 100" in source or "* discount" in source)


def _is_unchecked_row(name: str, source: str) -> bool:
    looked_up = re.search(rf"\b{name} = .*\.(find|fetchone|get|first)\w*\(", source)
    checked = re.search(rf"\b(if not {name}\b|{name} is (not )?None|if {name}\b)", source)
    return bool(looked_up) and not checked
