"""The tool ``ruff``: mistakes and bad habits in Python files. They are parsed, never imported or run.

Source: docs.astral.sh/ruff (configuration: ``--isolated`` ignores every file; ``--ignore-noqa``).
"""

import re
from collections.abc import Iterator

from aicity_fleet.team.tools import Described
from aicity_fleet.team.tools.confined import PYTHON
from aicity_fleet.team.tools.linter import PROPERTIES, Checked, Found, Linter

PYTHON_SUFFIXES = (".py", ".pyi")
"""The suffixes of files that are Python."""

RULES = "F,E7,E9,W6,B,BLE,ASYNC,C4,C90,DTZ,PERF,PLC,PLE,PLW,RET,RUF,SIM,TRY,ARG"
"""The rule families that find what a reviewer would tell."""

IGNORED = "TRY003,TRY300,RET505,RUF001,RUF002,RUF003,PLC0415"
"""Rules that are matters of taste in a review."""

_LINE = re.compile(r"^(\d+/[\w.]+):(\d{1,9}):\d+: (.+)$", re.M)


def _read(output: bytes, _checked: Checked) -> Iterator[Found]:
    for line in _LINE.finditer(output.decode("utf-8", "replace")):
        yield line[1], int(line[2]), line[3].replace("[*] ", "", 1)


RUFF = Linter(
    described=Described(
        "ruff",
        "Checks Python files of the order, or a draft of yours, for mistakes and bad habits, without "
        "running them. Gives one line per finding: file, line, rule and message. Syntax errors are "
        "findings too.",
        PROPERTIES,
    ),
    program=[
        *(*PYTHON, "-m", "ruff", "check", "--isolated", "--no-cache", "--quiet", "--exit-zero"),
        *("--ignore-noqa", "--no-respect-gitignore", "--target-version", "py313"),
        *("--output-format", "concise", "--select", RULES, "--ignore", IGNORED),
        # Python, whatever the name says: the model asked for it.
        *("--extension", "txt:python", "--"),
    ],
    suffixes=PYTHON_SUFFIXES,
    draft_suffix=".py",
    seconds=15,
    read=_read,
    is_by_line=True,
)
