"""Whatever our code imports is declared: an environment without the dev tools has it as well."""

import importlib.metadata
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import pytest
from support.source_files import PACKAGES, ROOT, imported_names, sources


def declared(path: Path) -> set[str]:
    """What a file may import: the dependencies, and those of an extra in the part that needs it."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    texts = list(project["dependencies"])
    for part, extra in (("simulator", "simulator"), ("tracing", "otel")):
        if path.is_relative_to(ROOT / "aicity_fleet" / part):
            texts += project["optional-dependencies"][extra]
    return {normal(re.split(r"[\[<>=!~; ]", text)[0]) for text in texts}


@cache
def installed() -> Mapping[str, list[str]]:
    """The distributions that bring each top-level module; reading them takes 0.3 s."""
    return importlib.metadata.packages_distributions()


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


BROUGHT_BY = {"click": "celery", "kombu": "celery", "yarl": "aiohttp"}
"""Libraries that come with another and belong to its interface."""


@pytest.mark.parametrize("path", sources(), ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_import_is_declared(path):
    distributions = installed()
    for name in imported_names(path):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top in PACKAGES or top == "__future__":
            continue
        names = {normal(found) for found in distributions[top]} | {BROUGHT_BY.get(top, "")}
        assert names & declared(path), f"{top} is not in pyproject.toml"
