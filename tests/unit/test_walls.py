"""Who may import whom: scheduler -> core <- workers, and the edges never each other."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def modules(package: str) -> list[Path]:
    found = sorted((ROOT / package).rglob("*.py"))
    assert found, package
    return found


def imported(path: Path) -> set[str]:
    """The modules that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def tops(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


@pytest.mark.parametrize(
    ("package", "forbidden"),
    [
        ("aicity_fleet", {"scheduler", "workers", "tests"}),
        ("scheduler", {"workers"}),
        ("workers", {"scheduler"}),
    ],
)
def test_the_edges_import_the_core_and_never_each_other(package, forbidden):
    for path in modules(package):
        assert not tops(path) & forbidden, path


FOREIGN = {
    "httpx": {"aicity_fleet/aicity", "aicity_fleet/embedded", "aicity_fleet/team"},
    "redis": {"aicity_fleet/ledger"},
    "celery": {"aicity_fleet/celery_app.py", "scheduler/tasks.py", "workers/tasks.py"},
    "kombu": {"aicity_fleet/celery_app.py"},
    "starlette": {"aicity_fleet/simulator"},
    "uvicorn": {"aicity_fleet/simulator"},
    "typer": {"aicity_fleet/cli"},
}
"""Where each library may be imported: the module that wraps it."""


@pytest.mark.parametrize("library", FOREIGN)
def test_a_library_is_imported_only_where_it_is_wrapped(library):
    for package in ("aicity_fleet", "scheduler", "workers"):
        for path in modules(package):
            where = path.relative_to(ROOT).as_posix()
            if library in tops(path):
                assert any(
                    where == spot or where.startswith(f"{spot}/") for spot in FOREIGN[library]
                ), f"{where} imports {library}"


def test_no_module_has_a_name_that_says_nothing():
    empty = {"utils", "helpers", "common", "misc", "manager", "base", "util", "helper"}
    for package in ("aicity_fleet", "scheduler", "workers", "tests"):
        for path in modules(package):
            assert path.stem not in empty, path
