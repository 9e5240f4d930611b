"""The tool ``fetch_repository``: the text files of a public repository that the order names.

It downloads the archive that a forge makes of one ref. There is no git, and so there are no hooks, no
submodules and no credentials. A repository that the order does not name is not fetched: no text within
a file may send a specialist anywhere.
"""

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aicity_fleet.errors import ToolError
from aicity_fleet.models import AssignedTask
from aicity_fleet.team.tools import Described, arguments
from aicity_fleet.team.tools.confined import PYTHON, Confinement
from aicity_fleet.team.tools.download import Downloader
from aicity_fleet.team.tools.job_files import JobFile, JobFiles

UNPACK = Path(__file__).with_name("unpack.py")

SECONDS = 10
"""How long unpacking may take, in seconds."""

MAX_URL_CHARS = 500
"""Longest URL that is read, in characters."""

MAX_LISTED = 400
"""Most files that are listed after a fetch."""

DEFAULT_REF = "HEAD"
"""The forges' word for the newest commit of the default branch."""

DESCRIBED = Described(
    "fetch_repository",
    "Fetches the text files of the public repository that the order names, read-only, so that the other "
    "tools can look into them. Gives the list of files. Nothing of it is run.",
    {
        "url": {
            "type": "string",
            "description": "https://HOST/OWNER/NAME; what the order gives when left out.",
        },
        "ref": {
            "type": "string",
            "description": "A branch, tag or commit; the newest when left out.",
        },
    },
)

_OWNER_AND_NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}(?:/[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}){1,5}"
_URL = re.compile(
    rf"https://(?P<host>[^/@?#\s]{{1,253}})/(?P<path>{_OWNER_AND_NAME})/?(?P<rest>.*)"
)
_FOR_SSH = re.compile(rf"git@(?P<host>[A-Za-z0-9.-]{{1,253}}):(?P<path>{_OWNER_AND_NAME})/?")
_REF = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.+-]|/(?=[A-Za-z0-9_])){0,199}")


@dataclasses.dataclass(frozen=True, slots=True)
class Repository:
    """Where a repository is."""

    host: str
    path: str
    """Owner and name; GitLab has groups within groups."""
    ref: str

    @property
    def archive_url(self) -> str:
        """Where its host gives out archives.

        Source: docs.github.com, "Downloading source code archives"; docs.gitlab.com, "Repository"
        (``/-/archive/``); Bitbucket's ``/get/``. Forgejo and Gitea have GitHub's form.
        """
        url = f"https://{self.host}/{self.path}"
        if self.host.startswith("gitlab."):
            name = self.path.rpartition("/")[2]
            return f"{url}/-/archive/{self.ref}/{name}-{self.ref.replace('/', '-')}.tar.gz"
        if self.host == "bitbucket.org":
            return f"{url}/get/{self.ref}.tar.gz"
        return f"{url}/archive/{self.ref}.tar.gz"


def read_repository(url: str, ref: str) -> Repository:
    """Read what a model or a buyer gave.

    Raises:
        ToolError: It is no repository that can be fetched; the message says what one looks like.
    """
    url = url.strip()
    found = _URL.fullmatch(url) or _FOR_SSH.fullmatch(url)
    if found is None:
        raise ToolError("Only https://HOST/OWNER/NAME is fetched, without user, password or port.")
    path, rest = found["path"], found.groupdict().get("rest") or ""
    path, tree, of_url = path.partition("/tree/")  # as a browser shows a branch
    if not tree and rest.startswith("-/tree/"):
        of_url, rest = rest.removeprefix("-/tree/"), ""
    path = path.removesuffix(".git")
    segments, host = path.split("/"), found["host"].lower()
    if rest or len(segments) < 2 or (len(segments) > 2 and not host.startswith("gitlab.")):
        raise ToolError("Only https://HOST/OWNER/NAME is fetched, without anything behind it.")
    ref = ref.strip() or of_url or DEFAULT_REF
    if not _REF.fullmatch(ref) or ".." in ref:
        raise ToolError("ref must be the name of a branch or tag, or a commit.")
    return Repository(host, path, ref)


async def fetch(
    given: Mapping[str, Any], files: JobFiles, confinement: Confinement, downloader: Downloader
) -> str:
    """Fetch a repository.

    Raises:
        ToolError: It is not allowed, not there, too large, or no archive.
    """
    url = arguments.text(given, "url", max_chars=MAX_URL_CHARS) or files.task.repo
    ref = arguments.text(given, "ref", max_chars=MAX_URL_CHARS)
    if not url.strip():
        raise ToolError("The order names no repository.")
    repository = read_repository(url[: MAX_URL_CHARS + 1], ref)
    if repository.host not in downloader.hosts:
        raise ToolError(f"Fetching from there is not allowed. {downloader.told_hosts()}")
    if not is_named(repository, files.task):
        raise ToolError("Only a repository that the order names is fetched.")
    archive = files.place("archive")
    try:
        await downloader.download(repository.archive_url, archive)
        told = await _unpack(archive, files, confinement)
    finally:
        archive.unlink(missing_ok=True)
    taken = files.take_repository(
        (name, files.folder / path, chars) for name, path, chars in told["files"]
    )
    return _tell(repository, taken, told["left_out"])


def is_named(repository: Repository, task: AssignedTask) -> bool:
    """Whether the order names this very repository, in whatever form."""
    order = "\n".join(
        (task.repo, task.description, json.dumps(dict(task.details), default=str), task.code)
    )
    host, path = re.escape(repository.host), re.escape(repository.path)
    return re.search(rf"(?<![\w.-]){host}[:/]{path}(?![\w-])", order, re.I) is not None


async def _unpack(archive: Path, files: JobFiles, confinement: Confinement) -> Mapping[str, Any]:
    first = files.next_number
    program = [*PYTHON, "-S", str(UNPACK), str(archive), str(files.folder), str(first)]
    try:
        ran = await confinement.run(program, folder=files.folder, seconds=SECONDS)
    finally:
        files.skip_numbers()  # what the program began is never written over
    try:
        told = json.loads(ran.output) if ran.ending == "ended" else {}
    except ValueError:
        told = {}
    if not isinstance(told, dict) or "files" not in told:
        files.discard_from(first)
        why = told.get("refused") if isinstance(told, dict) else None
        raise ToolError(f"The archive was not taken: {why or 'it could not be unpacked'}.")
    return told


def _tell(repository: Repository, taken: list[JobFile], left_out: Mapping[str, int]) -> str:
    kilobytes = sum(file.chars for file in taken) // 1000
    lines = [
        f"Fetched {repository.host}/{repository.path} at {repository.ref}: "
        f"{len(taken)} text files, {kilobytes} kB."
    ]
    if left_out:
        left = "; ".join(f"{why}: {count}" for why, count in sorted(left_out.items()))
        lines.append(f"Left out: {left}.")
    lines += [file.name for file in taken[:MAX_LISTED]]
    if len(taken) > MAX_LISTED:
        lines.append(f"... and {len(taken) - MAX_LISTED} more.")
    return "\n".join(lines)
