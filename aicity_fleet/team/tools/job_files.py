"""The files of one job: what the order brought, and a repository once it was fetched.

On disk every file has a name of ours, so that no name of a stranger's is ever a path, an option or a
configuration; the names that they gave are for showing and for asking.
"""

import contextlib
import dataclasses
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

from aicity_fleet.errors import ToolError
from aicity_fleet.models import AssignedTask
from aicity_fleet.team.review.brief import readable
from aicity_fleet.team.tools.folders import PrivateFolders
from aicity_fleet.team.tools.submitted import CODE, MAX_NAME_CHARS, submitted_files

FILE = "file"
"""What a file is called within its own folder, before its suffix."""

SUFFIXES = frozenset({".py", ".pyi", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".mts", ".cts", ".tsx"})
"""Suffixes that a file keeps on disk; every other one becomes ``.txt``."""

PACKAGE = "__init__.py"
"""The one name that a file keeps on disk, for it says what the file is to Python's linters."""

UNGUESSED = f"{CODE}.txt"
"""The order's code where nothing tells what it is written in."""

LISTED_NAMES = 20
"""How many names are listed to a model that asked for one that does not exist."""


@dataclasses.dataclass(frozen=True, slots=True)
class JobFile:
    """One file."""

    name: str
    """As its author calls it, on one line, without what hides or reorders."""
    path: Path
    """Where it is, below the job's folder: the folder's name is its number."""
    chars: int

    @property
    def suffix(self) -> str:
        """The name's suffix, in lower case."""
        return PurePosixPath(self.name).suffix.lower()

    def read(self) -> str:
        """Return the text, with line feeds alone between its lines."""
        text = self.path.read_text("utf-8", errors="replace")
        return text.replace("\r\n", "\n").replace("\r", "\n")


class JobFiles:
    """The files of one job, by name. Made by ``job_files``, which removes them as well.

    Args:
        folder: Private to the job.
    """

    def __init__(self, task: AssignedTask, folder: Path) -> None:
        self.folder = folder
        self.task = task
        self._by_name: dict[str, JobFile] = {}
        self._of_repository: list[str] = []
        self._next = 0
        for name, text in submitted_files(task):
            self._add(shown(name), text)

    def __iter__(self) -> Iterator[JobFile]:
        return iter(self._by_name.values())

    def place(self, name: str) -> Path:
        """Return a path on disk for a file of this name; nothing is there yet."""
        folder = self.folder / f"{self._next:05}"
        self._next += 1
        folder.mkdir()
        return folder / disk_name(name)

    @property
    def next_number(self) -> int:
        """The number of the folder that the next file gets."""
        return self._next

    def skip_numbers(self) -> None:
        """Go on behind whatever another program put into the folder."""
        self._next = max(self._numbers(), default=-1) + 1

    def discard_from(self, number: int) -> None:
        """Remove what another program put into the folder, from this number on."""
        for found in self._numbers():
            if found >= number:
                shutil.rmtree(self.folder / f"{found:05}", ignore_errors=True)

    def _numbers(self) -> list[int]:
        return [int(path.name) for path in self.folder.iterdir() if path.name.isdecimal()]

    def add_draft(self, text: str, suffix: str) -> JobFile:
        """Return a text of the model's own as a file that only the caller knows of."""
        name = f"draft{suffix}"
        path = self.place(name)
        path.write_text(text, "utf-8", errors="replace")
        return JobFile(name, path, len(text))

    def take_repository(self, files: Iterable[tuple[str, Path, int]]) -> list[JobFile]:
        """Take in a repository's files instead of those of the one before.

        Args:
            files: Name, place on disk and length of each.
        """
        for name in self._of_repository:
            self._by_name.pop(name).path.unlink(missing_ok=True)
        self._of_repository = []
        taken = []
        for name, path, chars in files:
            name = shown(name)  # noqa: PLW2901 -- the name as it is shown from here on
            if name in self._by_name:
                name = f"repository/{name}"  # noqa: PLW2901
            if name in self._by_name:
                continue
            self._by_name[name] = JobFile(name, path, chars)
            self._of_repository.append(name)
            taken.append(self._by_name[name])
        return taken

    def pick(self, names: Iterable[str], suffixes: Iterable[str]) -> list[JobFile]:
        """Return the files of these names, or all with one of these suffixes where none is named.

        Raises:
            ToolError: A name is not there, or there is no such file at all.
        """
        picked = [self.find(name) for name in names]
        if picked:
            return list(dict.fromkeys(picked))
        picked = [file for file in self if file.suffix in suffixes]
        if not picked and UNGUESSED in self._by_name:  # the caller knows its language
            picked = [self._by_name[UNGUESSED]]
        if not picked:
            raise ToolError(f"There is no such file to look at. {self.overview()}")
        return picked

    def find(self, name: str) -> JobFile:
        """Return the file of this name, or the only one whose name ends or begins so.

        Raises:
            ToolError: There is none, or there are several.
        """
        name = shown(name).removeprefix("./")
        if name in self._by_name:
            return self._by_name[name]
        close = [
            file
            for file in self
            if file.name.endswith(f"/{name}") or PurePosixPath(file.name).stem == name
        ]
        if len(close) == 1:
            return close[0]
        what = "Several files have that name" if close else "There is no file of that name"
        raise ToolError(f"{what}: {name}. {self.overview()}")

    def overview(self) -> str:
        """Return what files there are, in one or two sentences."""
        names = list(self._by_name)
        more = f" and {len(names) - LISTED_NAMES} more" if len(names) > LISTED_NAMES else ""
        text = f"The files are: {', '.join(names[:LISTED_NAMES])}{more}."
        if not names:
            text = "There are no files."
        if self.task.repo.strip() and not self._of_repository:
            # Also after a move to another worker, which has the answers of the journal alone.
            text += " Those of the repository are not here now: call fetch_repository (again)."
        return text

    def _add(self, name: str, text: str) -> None:
        if name in self._by_name:
            return
        path = self.place(name)
        path.write_text(text, "utf-8", errors="replace")
        self._by_name[name] = JobFile(name, path, len(text))


@contextlib.contextmanager
def job_files(task: AssignedTask, folders: PrivateFolders) -> Iterator[JobFiles]:
    """Yield the files of a job until the end of the block."""
    with folders.folder() as folder:
        yield JobFiles(task, folder)


def shown(name: str) -> str:
    """Return a stranger's file name on one line, without what hides or reorders, and not too long."""
    name = readable(name[: 2 * MAX_NAME_CHARS]).replace("\n", "<U+000A>").replace("\t", "<U+0009>")
    return name.strip()[:MAX_NAME_CHARS] or "unnamed"


def disk_name(name: str) -> str:
    """Return the name on disk of a file with this name."""
    path = PurePosixPath(name)
    if path.name == PACKAGE:
        return PACKAGE
    suffix = path.suffix.lower()
    return FILE + (suffix if suffix in SUFFIXES else ".txt")
