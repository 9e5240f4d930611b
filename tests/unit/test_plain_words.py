"""Words that confused readers do not come back, and a docstring names only parameters that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.source_files import PACKAGES, ROOT, sources

INSTEAD = {
    r"seams?": "wrapper, border",
    r"tapes?": "journal, cursor",
    r"purses?": "spending limiter",
    r"desks?": "hand-in slot",
    r"seats?": "participant, member",
    r"the lead|lead's": "the Coordinator",
    r"takings": "earnings",
    r"hear:|hears (?:from|the|of)": "the name of the parameter; gets, receives",
    r"withhold:|watch:": "the name of the parameter",
    r"told of": "called with, informed about",
    r"whoever(?:'s)?": "anyone who, the caller, the process that",
    r"nobody (?:knows|is there|was there|can tell)": "unknown; say what is missing",
    r"such a one": "such a job, such a file",
    r"of before": "from before, earlier",
    r"mend(?:s|ed|ing)?": "fix, correct, recover",
    r"what helps": "what to do",
    r"for ever": "forever",
    r"anew": "again",
    r"is like that|are like that": "matches, match",
}
"""Each pattern matches whole words, in any case. The value says what to write."""

PROSE = (
    *("README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"),
    *(".env.example", "docker-compose.yml", "Makefile", ".ci/run"),
)
FOLDERS = (*PACKAGES, "docs", "deploy", "examples", "scripts")
NOT_PROSE = {".svg", ".png", ".json", ".pyc"}
FOR_MODELS = (
    "aicity_fleet/team/declare/prompts/",
    *("aicity_fleet/simulator/answers/", "aicity_fleet/simulator/demo_tasks.toml"),
)
"""Prompts, answers and orders: not prose of the project."""

BANNED = re.compile(rf"(?<![\w-])({'|'.join(INSTEAD)})(?![\w-])", re.IGNORECASE)
SECTION = re.compile(r"^( *)Args:\n((?:\1 +.*\n| *\n)*)", re.MULTILINE)


def texts() -> list[Path]:
    found = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*") if path.is_file()]
    found = [path for path in found if path.suffix not in NOT_PROSE]
    return [
        path
        for path in (*found, *map(ROOT.joinpath, PROSE))
        if not name(path).startswith(FOR_MODELS)
    ]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def banned_words(text: str) -> list[str]:
    """Return each line with a banned word, and what to write instead."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for match in BANNED.finditer(line):
            (instead,) = (
                value
                for word, value in INSTEAD.items()
                if re.fullmatch(word, match[1], re.IGNORECASE)
            )
            found.append(f"{number}: {match[1]!r}; write {instead}")
    return found


@pytest.mark.parametrize("path", texts(), ids=name)
def test_no_banned_word_is_used(path):
    assert banned_words(path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("text", "is_found"),
    [
        ("Opens the purse.", True),
        ("The Lead speaks first.", True),
        ("        tape: The run's walk along its journal.", True),
        ("Whoever reads this.", True),
        ("leads its own group", False),
        ("recommended", False),
        ("a seamless upgrade", False),
    ],
)
def test_a_planted_word_is_found(text, is_found):
    assert bool(banned_words(f"Fine.\n{text}\n")) is is_found


# --- docstrings ------------------------------------------------------------------------------------------


def stale_arguments(text: str) -> list[str]:
    """Return the names under ``Args:`` that are no parameter of their function, or of their class."""
    return [
        f"{node.lineno}: {node.name}: {argument}"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        for argument in documented(ast.get_docstring(node) or "")
        if argument not in parameters(node)
    ]


def documented(docstring: str) -> Iterator[str]:
    for section in SECTION.finditer(f"{docstring}\n"):
        lines = [line for line in section[2].splitlines() if line.strip()]
        indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
        for line in lines:
            if line[indent] != " ":
                yield line.strip().split(":")[0].lstrip("*")


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> set[str]:
    """Return the parameters of a function; of a class, its fields and the parameters of its constructor."""
    if isinstance(node, ast.ClassDef):
        fields = {
            item.target.id
            for item in node.body
            if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name)
        }
        constructors = [
            item
            for item in node.body
            if isinstance(item, ast.FunctionDef) and item.name == "__init__"
        ]
        return fields.union(*(parameters(item) for item in constructors))
    return {item.arg for item in ast.walk(node.args) if isinstance(item, ast.arg)}


@pytest.mark.parametrize("path", sources(), ids=name)
def test_a_docstring_names_only_parameters_that_exist(path):
    assert stale_arguments(path.read_text("utf-8")) == []


STALE = '''
class Engine:
    """Run.

    Args:
        speed: In metres
            per second: fast.
        purse: Gone.
    """

    def __init__(self, speed): ...

    def go(self, *ways, **more):
        """Go.

        Args:
            ways: Where.
            more: Else.
            hear: Gone.

        Returns:
            Nothing: it just goes.
        """
'''


def test_a_stale_argument_is_found():
    assert stale_arguments(STALE) == ["2: Engine: purse", "13: go: hear"]
