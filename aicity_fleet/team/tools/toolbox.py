"""All tools, and how a job gets its own. Called by the code that runs a team.

Whatever a tool is asked for and whatever it looks at, it answers with a text: bounded, in time, and without
a path or a variable of this machine.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

from aicity_fleet.errors import ToolError
from aicity_fleet.models import AssignedTask, JsonObject
from aicity_fleet.team.review.brief import readable
from aicity_fleet.team.tools import Described, Tool, repository, search
from aicity_fleet.team.tools.arguments import MisCallError
from aicity_fleet.team.tools.bandit import BANDIT
from aicity_fleet.team.tools.confined import Confinement
from aicity_fleet.team.tools.download import Downloader
from aicity_fleet.team.tools.folders import PrivateFolders
from aicity_fleet.team.tools.javascript import JAVASCRIPT
from aicity_fleet.team.tools.job_files import JobFiles, job_files
from aicity_fleet.team.tools.linter import Linter
from aicity_fleet.team.tools.ruff import RUFF

logger = logging.getLogger(__name__)

SECONDS = 28.0
"""How long one call may take, waiting for its turn included, in seconds: a little less than a team's
default limit, so that the specialist is told why."""

MAX_RESULT_CHARS = 20_000
"""Longest result of a tool, in characters."""

LINTERS = (RUFF, BANDIT, JAVASCRIPT)

DESCRIBED: Mapping[str, Described] = MappingProxyType(
    {
        described.name: described
        for described in (
            *(linter.described for linter in LINTERS),
            search.SEARCH,
            search.READ_FILE,
            repository.DESCRIBED,
        )
    }
)
"""The description of each tool in ``TOOL_NAMES`` that a model sees."""

Work = Callable[[Mapping[str, Any]], Awaitable[str]]
"""What a tool does with its arguments."""


class Toolbox:
    """What one worker has for its tools; each job gets tools of its own from it."""

    def __init__(self, downloader: Downloader, folders: PrivateFolders | None = None) -> None:
        self._downloader = downloader
        self._folders = PrivateFolders() if folders is None else folders
        self._confinement = Confinement()

    @contextlib.contextmanager
    def tools_for(self, task: AssignedTask) -> Iterator[Mapping[str, Tool]]:
        """Yield the tools of one job, by name; its files are gone at the end of the block."""
        with contextlib.ExitStack() as stack:
            opened: list[JobFiles] = []

            def files() -> JobFiles:
                """Return the job's files, written when the first tool is called: most jobs call none."""
                if not opened:
                    opened.append(stack.enter_context(job_files(task, self._folders)))
                return opened[0]

            yield {name: _Bounded(DESCRIBED[name], work) for name, work in self._works(files)}

    def close(self) -> None:
        """Remove what is left of any job."""
        self._folders.close()

    def _works(self, files: Callable[[], JobFiles]) -> list[tuple[str, Work]]:
        confinement, downloader = self._confinement, self._downloader

        def lint(linter: Linter, given: Mapping[str, Any]) -> Awaitable[str]:
            return linter.check(given, files(), confinement)

        return [
            *((linter.described.name, partial(lint, linter)) for linter in LINTERS),
            ("search", lambda given: search.search(given, files())),
            ("read_file", lambda given: search.read_file(given, files())),
            (
                "fetch_repository",
                lambda given: repository.fetch(given, files(), confinement, downloader),
            ),
        ]


class _Bounded:
    """A tool as the team sees it."""

    def __init__(self, described: Described, work: Work) -> None:
        self.name = described.name
        self.description = described.description
        self.parameters: JsonObject = described.parameters
        self._work = work

    async def run(self, arguments: Mapping[str, Any]) -> str:
        """Do it in time, and answer with a text whatever happens.

        Raises:
            MisCallError: The arguments are not what the tool takes.
        """
        try:
            async with asyncio.timeout(SECONDS):
                text = await self._work(arguments)
        except MisCallError:
            raise
        except ToolError as trouble:
            text = str(trouble)
        except TimeoutError:
            text = f"The tool took longer than {SECONDS:g} seconds."
        except Exception as error:  # noqa: BLE001 -- a tool's fault costs no job; its text may hold paths
            logger.error("tool.broken name=%s kind=%s", self.name, type(error).__name__)  # noqa: TRY400
            text = "The tool failed; go on without it."
        text = readable(text)
        if len(text) > MAX_RESULT_CHARS:
            return f"{text[:MAX_RESULT_CHARS]}\n... cut off here; ask for less."
        return text
