"""The tool ``javascript``: syntax errors and dangerous constructs in JavaScript and TypeScript files.

The parsing is ``javascript_reader``'s, in a process of its own. The grammars are those of the tree-sitter
project itself: the linters on PyPI are repackaged binaries of other people's, or need node.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
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
from aicity_fleet.team.tools.job_files import JobFiles

SCRIPT_SUFFIXES = (".js", ".jsx", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx")
"""The suffixes of files that are JavaScript or TypeScript."""

READER = Path(__file__).with_name("javascript_reader.py")

SECONDS = 20
"""How long one run may take, in seconds."""

DESCRIBED = Described(
    "javascript",
    "Checks JavaScript and TypeScript files of the order, or a draft of yours, for syntax errors and for "
    "dangerous or doubtful constructs (eval, markup from text, shell commands and SQL made of parts, "
    "loose comparison, empty catch), without running them. It knows no types and no imports. Gives one "
    "line per finding: file, line, rule and message.",
    PROPERTIES,
)


async def check(given: Mapping[str, Any], files: JobFiles, confinement: Confinement) -> str:
    """Read the files.

    Raises:
        ToolError: There is nothing to check, or the reader did not end as it should.
    """
    checked, left = to_check(given, files, SCRIPT_SUFFIXES, ".txt")
    program = [*PYTHON, str(READER)]
    output = await run_over(confinement, program, checked, files, SECONDS)
    known = places(checked)
    try:
        found = [
            Found(place_of(path, known), line, f"{rule} {message}")
            for path, line, rule, message in json.loads(output)
        ]
    except (ValueError, TypeError):
        raise ToolError("The files could not be read as JavaScript or TypeScript.") from None
    return tell("javascript", found, checked, left)
