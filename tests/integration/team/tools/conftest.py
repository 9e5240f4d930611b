from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.forge import HOSTS, PUBLIC, REPO, Forge, ToForge, known
from support.samples import order

from aicity_fleet.team.tools import toolbox
from aicity_fleet.team.tools.arguments import MisCallError
from aicity_fleet.team.tools.download import Downloader
from aicity_fleet.team.tools.folders import PrivateFolders
from aicity_fleet.team.tools.toolbox import MAX_RESULT_CHARS, Toolbox

Call = Callable[..., Any]


@pytest.fixture
def folders(tmp_path: Path) -> Path:
    """Where the private folders are."""
    path = tmp_path / "private"
    path.mkdir()
    return path


@pytest.fixture
def job(folders: Path) -> Iterator[Callable[..., Call]]:
    """Opens the tools of a job, and gives what calls one of them: ``call("ruff", files=[...])``."""
    with contextlib.ExitStack() as stack:

        def open_job(downloader: Downloader | None = None, **parts: Any) -> Call:
            box = Toolbox(downloader or Downloader(frozenset()), PrivateFolders(folders))
            stack.callback(box.close)
            tools = stack.enter_context(box.tools_for(order("code_review", **parts)))

            async def call(tool: str, **arguments: Any) -> str:
                try:
                    told = await tools[tool].run(arguments)
                except MisCallError as error:
                    told = str(error)
                assert len(told) < MAX_RESULT_CHARS + 100
                assert str(folders.parent) not in told, "a path of this machine was told"
                return told

            return call

        yield open_job
    assert list(folders.iterdir()) == [], "a job's files are left behind"


@pytest.fixture
async def forge():
    server = Forge()
    async with server.serve() as server.port:
        yield server


@pytest.fixture
def fetch(forge, job):
    """Opens a job that names the repository, and gives what calls its tools and the transport."""

    def open_job(resolve=None, hosts=HOSTS, repo=REPO, **parts):
        to_forge = ToForge(forge.port)
        resolve = resolve or known(github_com=[PUBLIC], codeload_github_com=["140.82.121.9"])
        call = job(Downloader(hosts, resolve=resolve, transport=to_forge), repo=repo, **parts)
        return call, to_forge

    return open_job


@pytest.fixture
def change_linter(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Changes fields of one linter."""

    def change(name: str, **fields: Any) -> None:
        changed = [
            dataclasses.replace(linter, **fields) if linter.described.name == name else linter
            for linter in toolbox.LINTERS
        ]
        monkeypatch.setattr(toolbox, "LINTERS", changed)

    return change
