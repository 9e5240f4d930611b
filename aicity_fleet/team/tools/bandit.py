"""The tool ``bandit``: weaknesses in Python files. They are parsed, never imported or run.

Source: bandit.readthedocs.io (man page: ``--ignore-nosec``, ``--exit-zero``; a ``.bandit`` file is looked
for in folders alone, and no folder is named here).
"""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from aicity_fleet.team.tools import Described
from aicity_fleet.team.tools.confined import PYTHON
from aicity_fleet.team.tools.linter import PROPERTIES, Checked, Found, Linter
from aicity_fleet.team.tools.ruff import PYTHON_SUFFIXES

ASSERTS = "B101"
"""The test that finds ``assert``, which is what a test file is made of."""

_SECRET = re.compile(r"(Possible hardcoded password).*", re.S)

_TEST_FILE = re.compile(r"test_.*|.*_test\.py|conftest\.py")


def _read(output: bytes, checked: Checked) -> Iterator[Found]:
    report = json.loads(output)
    for entry in report["results"]:
        name = PurePosixPath(checked.name(entry["filename"])).name
        if entry["test_id"] != ASSERTS or not _TEST_FILE.fullmatch(name):
            yield entry["filename"], entry["line_number"], _message(entry)
    for entry in report["errors"]:
        yield entry["filename"], 1, "could not be read as Python"


def _message(entry: Mapping[str, Any]) -> str:
    severity, confidence = entry["issue_severity"].lower(), entry["issue_confidence"].lower()
    # Never repeat a secret; the reader finds it at the line.
    text = _SECRET.sub(r"\1", entry["issue_text"])
    return f"{entry['test_id']} severity {severity}, confidence {confidence}: {text}"


BANDIT = Linter(
    described=Described(
        "bandit",
        "Checks Python files of the order, or a draft of yours, for security weaknesses, without running "
        "them. Gives one line per finding: file, line, test, severity, confidence and message. It also "
        "reports what is harmless here: see for yourself whether a stranger can reach it.",
        PROPERTIES,
    ),
    program=[
        *(*PYTHON, "-m", "bandit", "--format", "json", "--quiet", "--ignore-nosec"),
        *("--exit-zero", "--number", "1", "--exclude", "", "--"),
    ],
    suffixes=PYTHON_SUFFIXES,
    draft_suffix=".py",
    seconds=25,
    read=_read,
)
