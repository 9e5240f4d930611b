"""Whether a fix changes anything: compared on the syntax tree of Python, on tokens of other languages."""

import ast
import itertools
import re
from collections.abc import Iterator
from typing import Any

from aicity_fleet.team.gate.syntax import python_tree

MAX_COMPARED_CHARS = 50_000
"""Longer code is compared as it stands, in characters."""

_STRING = r"\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|[^'\\\n])*+'|`(?:\\.|[^`\\])*+`"
_BLOCK_COMMENT = r"/\*[\s\S]*?(?:\*/|\Z)"
_TOKENS = {
    "slashes": re.compile(rf"(?P<skip>//[^\n]*|{_BLOCK_COMMENT})|{_STRING}|\w+|\S"),
    "hash": re.compile(rf"(?P<skip>#[^\n]*)|{_STRING}|\w+|\S"),
    "dashes": re.compile(rf"(?P<skip>--[^\n]*|{_BLOCK_COMMENT})|{_STRING}|\w+|\S"),
}
_COMMENTS = {
    **dict.fromkeys(("python", "shell", "ruby", "r", "perl", "elixir", "powershell"), "hash"),
    **dict.fromkeys(("sql", "lua", "haskell"), "dashes"),
}


def is_same_code(language: str, before: str, after: str) -> bool:
    """Whether two pieces of code differ in blanks, comments and docstrings at most.

    Also when the second is only some of the functions and classes of the first, each unchanged (Python).

    Args:
        language: The name of a language, such as ``python`` or ``c++``; empty when unknown.
    """
    if max(len(before), len(after)) > MAX_COMPARED_CHARS:
        return before.strip() == after.strip()
    if language in {"python", ""}:
        old, new = python_tree(before), python_tree(after)
        if old is not None and new is not None and new.body:
            return _is_same_python(old, new)
        if (old is None) != (new is None):
            return False
    ours, theirs = tokens(language, after), tokens(language, before)
    return bool(ours) and ours == theirs


def tokens(language: str, code: str) -> list[str]:
    """Return the words and signs of code, without blanks and comments."""
    pattern = _TOKENS[_COMMENTS.get(language, "slashes")]
    return [match.group() for match in pattern.finditer(code) if match.lastgroup != "skip"]


def _is_same_python(old: ast.Module, new: ast.Module) -> bool:
    if _has_same_content(old, new):
        return True
    parts = [part for part in _body(new) if not isinstance(part, ast.Import | ast.ImportFrom)]
    definitions = [part for part in parts if isinstance(part, _DEFINITIONS)]
    if not definitions or len(definitions) < len(parts):
        return False
    outer = [part for part in old.body if isinstance(part, _DEFINITIONS)]
    inner = [part for one in outer if isinstance(one, ast.ClassDef) for part in one.body]
    names = {part.name for part in definitions}
    known = {
        tuple(_content(part))
        for part in (*inner, *outer)
        if isinstance(part, _DEFINITIONS) and part.name in names
    }
    return all(tuple(_content(part)) in known for part in definitions)


def _has_same_content(one: ast.AST, other: ast.AST) -> bool:
    return all(a == b for a, b in itertools.zip_longest(_content(one), _content(other)))


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _content(tree: ast.AST) -> Iterator[object]:
    """All that a tree holds, in one order, without docstrings and places."""
    todo: list[object] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.AST):
            yield type(node)
            todo += [
                _body(node) if name == "body" else getattr(node, name, None)
                for name in node._fields
            ]
        elif isinstance(node, list):
            yield len(node)
            todo += node
        else:
            yield repr(node)


def _body(node: ast.AST) -> Any:
    """The body of a node, which need not be a list, without its docstring."""
    body = getattr(node, "body", None)
    if isinstance(node, (*_DEFINITIONS, ast.Module)) and body:
        first = body[0]
        value = first.value if isinstance(first, ast.Expr) else None
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return body[1:]
    return body
