"""What a linter found, as lines for the model: by file and line, and never too many."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from aicity_fleet.errors import ToolError
from aicity_fleet.models import JsonObject
from aicity_fleet.team.tools import arguments
from aicity_fleet.team.tools.confined import Confinement, Ran
from aicity_fleet.team.tools.job_files import JobFile, JobFiles

MAX_CHECKED = 300
"""Most files that one call checks."""

MAX_CHECKED_CHARS = 2_000_000
"""How long the files of one call may be together, in characters."""

MAX_SHOWN = 150
"""Most findings that one call shows."""

MAX_MESSAGE_CHARS = 300
"""Longest message of one finding, in characters."""

LESS = "Name fewer files, or check a part as code."

PROPERTIES: Mapping[str, JsonObject] = {
    "files": {
        "type": "array",
        "items": {"type": "string"},
        "description": "Names of the files to check; all that fit when left out.",
    },
    "code": {
        "type": "string",
        "description": "A text of your own to check instead of files, such as a draft.",
    },
}
"""The arguments that every linter takes."""


@dataclasses.dataclass(frozen=True, slots=True, order=True)
class Found:
    """One thing that a linter found."""

    place: int
    """Which of the checked files."""
    line: int
    text: str


def to_check(
    given: Mapping[str, Any], files: JobFiles, suffixes: Collection[str], draft_suffix: str
) -> tuple[list[JobFile], int]:
    """The files that a call asks for, and how many of them are too many for one call.

    Raises:
        ToolError: There is nothing to check.
    """
    draft = arguments.text(given, "code", max_chars=arguments.MAX_DRAFT_CHARS)
    if draft.strip():
        return [files.add_draft(draft, draft_suffix)], 0
    asked = files.pick(arguments.names(given, "files"), suffixes)
    picked: list[JobFile] = []
    chars = 0
    for file in asked:
        chars += file.chars
        if chars > MAX_CHECKED_CHARS or len(picked) == MAX_CHECKED:
            break
        picked.append(file)
    if not picked:
        raise ToolError("That file is too long to check.")
    return picked, len(asked) - len(picked)


async def run_over(
    confinement: Confinement,
    program: Sequence[str],
    checked: Sequence[JobFile],
    files: JobFiles,
    seconds: int,
    *,
    by_line: bool = False,
) -> bytes:
    """Run a linter over files, which it gets as relative paths behind its own arguments.

    Args:
        program: The linter and its own arguments.
        by_line: Whether the beginning of what it says is of use.

    Raises:
        ToolError: It did not end as it should.
    """
    paths = [f"./{file.path.relative_to(files.folder)}" for file in checked]
    ran = await confinement.run([*program, *paths], folder=files.folder, seconds=seconds)
    if ran.ending != "ended" and not (by_line and ran.ending == "flooded"):
        raise ToolError(_why(ran, seconds))
    if ran.ending == "ended" and ran.exit_code != 0:
        # Silence of a linter that did not run is no finding of nothing.
        raise ToolError(f"The check broke off and gave no readable answer. {LESS}")
    return ran.output


def _why(ran: Ran, seconds: int) -> str:
    reason = {
        "crashed": "The check broke off: a file is nested too deep, or too large for it.",
        "timed out": f"The check took longer than {seconds} seconds.",
        "flooded": "The check found more than can be told.",
    }[ran.ending]
    return f"{reason} {LESS}"


def places(checked: Sequence[JobFile]) -> Mapping[str, int]:
    """The place of each checked file, by the folder that it is in."""
    return {file.path.parent.name: place for place, file in enumerate(checked)}


def place_of(path: str, known: Mapping[str, int]) -> int:
    """Which of the checked files a linter's path means; -1 for none."""
    return known.get(PurePosixPath(path).parent.name, -1)


def tell(tool: str, found: Sequence[Found], checked: Sequence[JobFile], left: int) -> str:
    """All findings as a text.

    Args:
        left: How many were not.
    """
    known = sorted(entry for entry in set(found) if entry.place >= 0)
    count = f"{len(checked)} file{'s' if len(checked) > 1 else ''}"
    head = f"{tool}: {len(known) or 'nothing'} found in {count}."
    if left:
        head += f" {left} more were not checked; name them to have them checked."
    lines = [
        f"{checked[entry.place].name}:{entry.line}: {entry.text[:MAX_MESSAGE_CHARS]}"
        for entry in known[:MAX_SHOWN]
    ]
    if len(known) > MAX_SHOWN:
        lines.append(f"... and {len(known) - MAX_SHOWN} more, not shown.")
    return "\n".join([head, *lines])
