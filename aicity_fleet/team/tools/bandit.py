"""The tool ``bandit``: weaknesses in Python files. They are parsed, never imported or run.

Source: bandit.readthedocs.io (man page: ``--ignore-nosec``, ``--exit-zero``; a ``.bandit`` file is looked
for in folders alone, and no folder is named here).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from aicity_fleet.errors import ToolError
from aicity_fleet.team.tools import Described
from aicity_fleet.team.tools.confined import PYTHON, Confinement
from aicity_fleet.team.tools.findings import (
    PROPERTIES,
    Found,
    place_of,
    places,
    run_over,
    tell,
    to_check,
)
from aicity_fleet.team.tools.job_files import JobFile, JobFiles
from aicity_fleet.team.tools.ruff import PYTHON_SUFFIXES

SECONDS = 25
"""How long one run may take, in seconds."""

ASSERTS = "B101"
"""The test that finds ``assert``, which is what a test file is made of."""

DESCRIBED = Described(
    "bandit",
    "Checks Python files of the order, or a draft of yours, for security weaknesses, without running them. "
    "Gives one line per finding: file, line, test, severity, confidence and message. It also reports "
    "what is harmless here: see for yourself whether a stranger can reach it.",
    PROPERTIES,
)

_SECRET = re.compile(r"(Possible hardcoded password).*", re.S)
_TEST_FILE = re.compile(r"test_.*|.*_test\.py|conftest\.py")


async def check(given: Mapping[str, Any], files: JobFiles, confinement: Confinement) -> str:
    """Run bandit.

    Raises:
        ToolError: There is nothing to check, or bandit did not end as it should.
    """
    checked, left = to_check(given, files, PYTHON_SUFFIXES, ".py")
    program = [*PYTHON, "-m", "bandit", "--format", "json", "--quiet", "--ignore-nosec"]
    program += ["--exit-zero", "--number", "1", "--exclude", "", "--"]
    output = await run_over(confinement, program, checked, files, SECONDS)
    known = places(checked)
    try:
        report = json.loads(output)
        found = [
            _found(entry, known) for entry in report["results"] if _counts(entry, checked, known)
        ]
        found += [
            Found(place_of(entry["filename"], known), 1, "could not be read as Python")
            for entry in report["errors"]
        ]
    except (ValueError, KeyError, TypeError):
        raise ToolError("bandit gave no readable answer for these files.") from None
    return tell("bandit", found, checked, left)


def _found(entry: Mapping[str, Any], known: Mapping[str, int]) -> Found:
    return Found(
        place_of(entry["filename"], known),
        entry["line_number"],
        f"{entry['test_id']} severity {entry['issue_severity'].lower()}, "
        f"confidence {entry['issue_confidence'].lower()}: "
        # Never repeat a secret; the reader finds it at the line.
        + _SECRET.sub(r"\1", entry["issue_text"]),
    )


def _counts(entry: Mapping[str, Any], checked: list[JobFile], known: Mapping[str, int]) -> bool:
    place = place_of(entry["filename"], known)
    if entry["test_id"] != ASSERTS or place < 0:
        return True
    return not _TEST_FILE.fullmatch(PurePosixPath(checked[place].name).name)
