"""The tool ``javascript``: syntax errors and dangerous constructs in JavaScript and TypeScript files.

``javascript_reader`` parses them, in a process of its own. The grammars are those of the tree-sitter
project itself: the linters on PyPI are repackaged binaries of third parties, or need node.
"""

import json
from collections.abc import Iterator
from pathlib import Path

from aicity_fleet.team.tools import Described
from aicity_fleet.team.tools.confined import PYTHON
from aicity_fleet.team.tools.linter import PROPERTIES, Checked, Found, Linter

READER = Path(__file__).with_name("javascript_reader.py")


def _read(output: bytes, _checked: Checked) -> Iterator[Found]:
    for path, line, rule, message in json.loads(output):
        yield path, line, f"{rule} {message}"


JAVASCRIPT = Linter(
    described=Described(
        "javascript",
        "Checks JavaScript and TypeScript files of the order, or a draft of yours, for syntax errors and "
        "for dangerous or doubtful constructs (eval, markup from text, shell commands and SQL made of "
        "parts, loose comparison, empty catch), without running them. It knows no types and no imports. "
        "Gives one line per finding: file, line, rule and message.",
        PROPERTIES,
    ),
    program=[*PYTHON, str(READER)],
    suffixes=(".js", ".jsx", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx"),
    draft_suffix=".txt",
    seconds=20,
    read=_read,
)
