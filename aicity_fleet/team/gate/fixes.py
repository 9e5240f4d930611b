"""Whether a fix changes anything: compared on the syntax tree of Python, on tokens of other languages."""

import ast
import re

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
    return [match.group() for match in pattern.finditer(code) if not match.groupdict()["skip"]]


def _is_same_python(old: ast.Module, new: ast.Module) -> bool:
    try:
        outer = [part for part in old.body if isinstance(part, _DEFINITIONS)]
        inner = [part for one in outer if isinstance(one, ast.ClassDef) for part in one.body]
        known = {_dump(part) for part in (*inner, *outer)}
        if _dump(old) == _dump(new):
            return True
        parts = [part for part in new.body if not isinstance(part, ast.Import | ast.ImportFrom)]
        return bool(parts) and all(
            isinstance(part, _DEFINITIONS) and _dump(part) in known for part in parts
        )
    except RecursionError:
        return False


_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _dump(node: ast.AST) -> str:
    """A tree as text, without docstrings."""
    for part in ast.walk(node):
        body = getattr(part, "body", None)
        if isinstance(part, (*_DEFINITIONS, ast.Module)) and isinstance(body, list) and body:
            first = body[0]
            value = getattr(first, "value", None) if isinstance(first, ast.Expr) else None
            if isinstance(value, ast.Constant) and isinstance(value.value, str):
                part.body = body[1:]
    return ast.dump(node)
