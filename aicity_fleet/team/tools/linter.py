"""Runs a linter over files of a job, and shows what it found: by file and line, and never too much."""

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

from aicity_fleet.errors import ToolError
from aicity_fleet.models import JsonObject
from aicity_fleet.team.tools import Described, arguments
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

Found = tuple[str, int, str]
"""One finding: the path that the linter names, the line, and the message."""


class Checked:
    """The files that one call checks."""

    def __init__(self, files: Sequence[JobFile]) -> None:
        self.files = files
        self._places = {file.path.parent.name: place for place, file in enumerate(files)}

    def place(self, path: str) -> int:
        """Return which of the files a linter's path means; -1 for none."""
        return self._places.get(PurePosixPath(path).parent.name, -1)

    def name(self, path: str) -> str:
        """Return the name of the file that a linter's path means; empty for none."""
        place = self.place(path)
        return self.files[place].name if place >= 0 else ""


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Linter:
    """A linter: the program, the files that it reads, and how its output is read."""

    described: Described
    program: Sequence[str]
    """The command, without the files."""
    suffixes: Collection[str]
    draft_suffix: str
    """The suffix of a file with the model's own text."""
    seconds: int
    """How long one run may take, in seconds."""
    read: Callable[[bytes, Checked], Iterable[Found]]
    """Reads the output; may raise ValueError, KeyError or TypeError."""
    is_by_line: bool = False
    """Whether the beginning of an output that is too long is of use."""

    async def check(
        self, given: Mapping[str, Any], files: JobFiles, confinement: Confinement
    ) -> str:
        """Run the linter over the files that a call names, and return what it found.

        Raises:
            ToolError: There is nothing to check, or the linter did not end as it should.
        """
        picked, left = self._pick(given, files)
        output = await self._run(picked, files, confinement)
        checked = Checked(picked)
        try:
            found = list(self.read(output, checked))
        except (ValueError, KeyError, TypeError):
            raise ToolError(f"These files could not be read by {self.described.name}.") from None
        return self._text(found, checked, left)

    def _pick(self, given: Mapping[str, Any], files: JobFiles) -> tuple[list[JobFile], int]:
        """Return the files that a call asks for, and how many of them are too many for one call."""
        draft = arguments.text(given, "code", max_chars=arguments.MAX_DRAFT_CHARS)
        if draft.strip():
            return [files.add_draft(draft, self.draft_suffix)], 0
        asked = files.pick(arguments.names(given, "files"), self.suffixes)
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

    async def _run(
        self, picked: Sequence[JobFile], files: JobFiles, confinement: Confinement
    ) -> bytes:
        paths = [f"./{file.path.relative_to(files.folder)}" for file in picked]
        ran = await confinement.run(
            [*self.program, *paths], folder=files.folder, seconds=self.seconds
        )
        if ran.ending != "ended" and not (self.is_by_line and ran.ending == "flooded"):
            raise ToolError(self._why(ran))
        if ran.ending == "ended" and ran.exit_code != 0:
            # The silence of a linter that did not run does not mean that it found nothing.
            raise ToolError(f"The check broke off and gave no readable answer. {LESS}")
        return ran.output

    def _why(self, ran: Ran) -> str:
        reason = {
            "crashed": "The check broke off: a file is nested too deep, or too large for it.",
            "timed out": f"The check took longer than {self.seconds} seconds.",
            "flooded": "The check found more than can be told.",
        }[ran.ending]
        return f"{reason} {LESS}"

    def _text(self, found: Iterable[Found], checked: Checked, left: int) -> str:
        placed = {(checked.place(path), line, text) for path, line, text in found}
        known = sorted(entry for entry in placed if entry[0] >= 0)
        total = len(checked.files)
        count = f"{total} file{'s' if total > 1 else ''}"
        head = f"{self.described.name}: {len(known) or 'nothing'} found in {count}."
        if left:
            head += f" {left} more were not checked; name them to have them checked."
        lines = [
            f"{checked.files[place].name}:{line}: {text[:MAX_MESSAGE_CHARS]}"
            for place, line, text in known[:MAX_SHOWN]
        ]
        if len(known) > MAX_SHOWN:
            lines.append(f"... and {len(known) - MAX_SHOWN} more, not shown.")
        return "\n".join([head, *lines])
