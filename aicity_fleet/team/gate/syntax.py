"""Whether a block of code can be read as its language. Nothing is executed: code is only parsed.

Python is read by ``ast``, the others by tree-sitter's own grammars. Both are C code over text that a
stranger had a part in. So what they are given is short, and how long they take is bounded: by steps
rather than by the clock, for a replay must judge the same text the same.
"""

import ast
import dataclasses
import functools
import importlib
import re
import textwrap
import warnings
from collections.abc import Iterator, Mapping
from types import MappingProxyType

import tree_sitter

MAX_PARSED_CHARS = 100_000
"""Longest block of Python that is parsed, in characters; a longer one is taken as it is."""

MAX_READ_CHARS = 30_000
"""The same of other languages, which are read in several ways."""

MAX_KEPT_CHARS = 10_000
"""The syntax tree of longer Python is not kept for the next check, in characters: a tree takes memory."""

MAX_STEPS = 5_000
"""How often tree-sitter may report progress in one reading, of about a hundred operations each; then the
block is taken as it is. Ordinary code of ``MAX_READ_CHARS`` takes some five hundred."""

_NEWER_SYNTAX = re.compile(r"^[ \t]*(?:type \w+.*=|(?:class|(?:async )?def) \w+\[)", re.MULTILINE)

_SESSION = re.compile(r"^[ \t]*(?:>>> |[!%]{1,2}[a-z])", re.MULTILINE)
"""What was typed at a prompt or in a notebook: Python and more."""


_Reading = tuple[str, str, str]
"""One way to read a block: the name of a grammar, and what stands before and after a fragment."""

_WHOLE: _Reading = ("language", "", "")
_IN_CLASS: _Reading = ("language", "class _ {\n", "\n}")
_IN_OBJECT: _Reading = ("language", "_ = {\n", "\n}")


@dataclasses.dataclass(frozen=True, slots=True)
class _Language:
    title: str
    module: str
    """The package with its grammars."""
    readings: tuple[_Reading, ...]
    """The first is the whole file's, and tells the line; any of them will do."""


_JAVASCRIPT = _Language("JavaScript", "tree_sitter_javascript", (_WHOLE, _IN_CLASS, _IN_OBJECT))
_TYPESCRIPT = _Language(
    "TypeScript",
    "tree_sitter_typescript",
    (
        *(("language_typescript", "", ""), ("language_tsx", "", "")),
        *(("language_typescript", *around[1:]) for around in (_IN_CLASS, _IN_OBJECT)),
    ),
)
_IN_FUNCTION: _Reading = ("language", "package p\nfunc _() {\n", "\n}")
_GO = _Language("Go", "tree_sitter_go", (_WHOLE, _IN_FUNCTION))
_JAVA = _Language("Java", "tree_sitter_java", (_WHOLE, _IN_CLASS))
_RUST = _Language("Rust", "tree_sitter_rust", (_WHOLE, ("language", "impl _ {\n", "\n}")))

_LANGUAGES: Mapping[str, _Language] = MappingProxyType(
    {
        **dict.fromkeys(("javascript", "js", "jsx", "mjs", "cjs", "node"), _JAVASCRIPT),
        **dict.fromkeys(("typescript", "ts", "tsx", "mts", "cts"), _TYPESCRIPT),
        **dict.fromkeys(("go", "golang"), _GO),
        "java": _JAVA,
        **dict.fromkeys(("rust", "rs"), _RUST),
    }
)
"""By the first word behind a fence. C and C++ are missing: with macros, no grammar reads them all."""

_PYTHON = frozenset({"python", "python3", "py"})


@dataclasses.dataclass(frozen=True, slots=True)
class SyntaxFault:
    """Where a block stops being what it is marked as."""

    language: str
    """The language's name, such as ``TypeScript``."""
    line: int
    """From 1, within the block."""


def syntax_fault(language: str, code: str) -> SyntaxFault | None:
    """The first syntax error of a block; None when it parses, or cannot be judged here.

    Args:
        language: What the block is marked as, in lower case; unknown ones are not judged.
    """
    if language in _PYTHON:
        line = _python_error_line(code)
        return None if line is None else SyntaxFault("Python", line)
    known = _LANGUAGES.get(language)
    if known is None or len(code) > MAX_READ_CHARS:
        return None
    first: int | None = None
    for reading in known.readings:
        line = _error_line(known.module, reading, code)
        if line is None:
            return None
        first = first or line
    return SyntaxFault(known.title, first or 1)


def python_tree(code: str) -> ast.Module | None:
    """Return the syntax tree of Python; None when it does not parse, or is too long or deep to read.

    Several checks read one tree: nobody may change it.
    """
    if len(code) > MAX_PARSED_CHARS:
        return None
    try:
        return _parsed(code)
    except (SyntaxError, *_TOO_DEEP):
        return None


def statements(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every statement of a tree, however deep, and the arms of those that have some.

    No function or class is defined within an expression, so that nobody need go into those.
    """
    todo: list[ast.AST] = [tree]
    for node in todo:
        for name in ("body", "orelse", "finalbody", "handlers", "cases"):
            todo += getattr(node, name, ())
        yield node


def syntax_tree(language: str, code: str) -> tree_sitter.Node | None:
    """Return the root of a block's tree in its first reading that parses; None without one.

    Args:
        language: What the block is marked as, in lower case; unknown ones have no tree.
    """
    known = _LANGUAGES.get(language)
    if known is None or len(code) > MAX_READ_CHARS:
        return None
    for reading in known.readings:
        tree = _tree(known.module, reading, code)
        if tree is None or not tree.root_node.has_error:
            return tree.root_node if tree else None
    return None


_TOO_DEEP = (ValueError, RecursionError, MemoryError, SystemError)
"""Not a fault of the code: too deep for the parser (SystemError: python/cpython#106905)."""


def _parsed(code: str) -> ast.Module:
    return _parsed_once(code) if len(code) <= MAX_KEPT_CHARS else _parse(code)


def _parse(code: str) -> ast.Module:
    with warnings.catch_warnings():
        # Such as invalid escapes: they would go to the log, and become errors under -W error.
        warnings.simplefilter("ignore")
        return ast.parse(textwrap.dedent(code))


_parsed_once = functools.lru_cache(maxsize=4)(_parse)


def _python_error_line(code: str) -> int | None:
    if len(code) > MAX_PARSED_CHARS or _NEWER_SYNTAX.search(code) or _SESSION.search(code):
        return None
    try:
        _parsed(code)
    except SyntaxError as error:
        # Python 3.12 reads f-strings that earlier versions refuse.
        return None if str(error.msg).startswith("f-string") else error.lineno or 1
    except _TOO_DEEP:
        return None
    return None


@functools.cache
def _grammar(module: str, function: str) -> tree_sitter.Language:
    return tree_sitter.Language(getattr(importlib.import_module(module), function)())


def _error_line(module: str, reading: _Reading, code: str) -> int | None:
    """Line of the first error in one reading; None without one, or when it takes too long to say."""
    tree = _tree(module, reading, code)
    if tree is None or not tree.root_node.has_error:
        return None
    return _first_error(tree.root_node) - reading[1].count("\n")


def _tree(module: str, reading: _Reading, code: str) -> tree_sitter.Tree | None:
    """The tree of one reading; None when it takes too long."""
    grammar, before, after = reading
    source = f"{before}{code}{after}".encode("utf-8", "replace")
    steps = 0

    def is_enough(_offset: int, _has_error: bool) -> bool:
        nonlocal steps
        steps += 1
        return steps > MAX_STEPS

    parser = tree_sitter.Parser(_grammar(module, grammar))
    try:
        return parser.parse(
            lambda offset, _: source[offset : offset + 4096], progress_callback=is_enough
        )
    except ValueError:  # given up
        return None


def _first_error(node: tree_sitter.Node) -> int:
    """The line of the first error below a node that holds one, however deep it lies."""
    cursor = node.walk()
    while True:
        here = cursor.node
        assert here is not None  # noqa: S101 -- a walk begins at a node
        if here.is_error or here.is_missing:
            return here.start_point[0] + 1
        if here.has_error and cursor.goto_first_child():
            continue
        while not cursor.goto_next_sibling():
            if not cursor.goto_parent():
                return node.start_point[0] + 1
