"""Who may import what. AutoGen is in maintenance mode; one package is the wall around it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.source_files import ROOT, imported_modules, imported_names, imports_of_files, sources

AUTOGEN = ("autogen_core", "autogen_agentchat", "autogen_ext", "autogen")
TEAM = ROOT / "aicity_fleet" / "team"
FREE_OF_AUTOGEN = (
    *("declare", "review", "gate", "tools", "endings", "model/provider_errors"),
    *("replay/transcript", "replay/origin", "replay/fixture"),
)
"""Modules of the team that later engines keep."""


def imports_autogen(path: Path) -> bool:
    return any(name.split(".")[0] in AUTOGEN for name in imported_names(path))


def test_only_the_team_imports_autogen():
    inside = [path for path in sources() if imports_autogen(path)]
    assert inside, "the rule looks at the wrong files"
    assert [path for path in inside if not path.is_relative_to(TEAM)] == []


@pytest.mark.parametrize("name", FREE_OF_AUTOGEN)
def test_the_engine_free_part_of_the_team_imports_no_autogen(name):
    place = TEAM / name
    files = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    assert files
    assert [path for path in files if imports_autogen(path)] == []


UNSAFE = {
    "load_component": "runs code on foreign data",
    "UserProxyAgent": "reads stdin",
    "TextMentionTermination": "ends a run on a buyer's text",
    "LocalCommandLineCodeExecutor": "runs code with the worker's environment",
    "remaining_tokens": "AutoGen's own raises for unknown models",
}


def test_nothing_uses_the_parts_of_autogen_that_are_unsafe_here():
    for path in sources():
        tree = ast.parse(path.read_text("utf-8"))
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert not used & set(UNSAFE), path


def test_importing_the_team_package_brings_no_autogen_in():
    program = (
        "import sys; sys.path[:0] = sys.argv[1:]; import aicity_fleet.team as team, "
        "aicity_fleet.team.gate; team.team_for('general');"
        "import aicity_fleet.cli, aicity_fleet.cli.journal, aicity_fleet.team.replay.fixture;"
        "print([name for name in sys.modules if name.startswith(('autogen', 'openai'))])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(ROOT)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


WALLS = {
    "aicity_fleet": ("scheduler", "workers"),
    "scheduler": (
        *("workers", "aicity_fleet.cli", "aicity_fleet.team", "aicity_fleet.journal"),
        "aicity_fleet.simulator",
    ),
    "workers": ("scheduler", "aicity_fleet.aicity", "aicity_fleet.simulator"),
    "aicity_fleet/ledger": ("aicity_fleet.team", "aicity_fleet.aicity", "aicity_fleet.messaging"),
    "aicity_fleet/team": ("aicity_fleet.ledger", "aicity_fleet.aicity", "aicity_fleet.messaging"),
    "aicity_fleet/journal": ("aicity_fleet.ledger", "aicity_fleet.team"),
    "aicity_fleet/money": ("aicity_fleet.ledger", "aicity_fleet.team"),
    "aicity_fleet/aicity": ("aicity_fleet.ledger", "aicity_fleet.team", "aicity_fleet.simulator"),
    "aicity_fleet/health": ("aicity_fleet.cli", "aicity_fleet.aicity", "aicity_fleet.team"),
    "aicity_fleet/doctor": ("aicity_fleet.cli", "aicity_fleet.messaging", "aicity_fleet.simulator"),
    "aicity_fleet/messaging": ("aicity_fleet.ledger", "aicity_fleet.team", "aicity_fleet.aicity"),
    "aicity_fleet/celery_app.py": ("aicity_fleet.team", "aicity_fleet.aicity"),
}
"""What each part of the tree may not import, not even within a function."""


def breaches(place: str, forbidden: tuple[str, ...], imports: Mapping[str, set[str]]) -> list[str]:
    """Return the files of a part of the tree that import across a wall.

    Args:
        place: A folder or a file.
        forbidden: Packages that it may not import.
        imports: The modules that each file imports.
    """
    return [
        f"{file} imports {name}"
        for file, names in imports.items()
        if file == place or file.startswith(f"{place}/")
        for name in sorted(names)
        if any(name == wall or name.startswith(f"{wall}.") for wall in forbidden)
    ]


@pytest.mark.parametrize("place", WALLS)
def test_no_part_of_the_tree_imports_across_its_walls(place):
    imports = imports_of_files()
    assert any(file == place or file.startswith(f"{place}/") for file in imports)
    assert breaches(place, WALLS[place], imports) == []


@pytest.mark.parametrize("place", WALLS)
def test_a_breach_of_each_wall_is_noticed(place):
    file = place if place.endswith(".py") else f"{place}/anything.py"
    for wall in WALLS[place]:
        for name in (wall, f"{wall}.inner"):
            assert breaches(place, WALLS[place], {file: {name}}) == [f"{file} imports {name}"]


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("import workers.run_job", "workers.run_job"),
        ("from workers import run_job", "workers.run_job"),
        ("def f():\n    from aicity_fleet.team.run import run_team", "aicity_fleet.team.run"),
        ("from aicity_fleet import team", "aicity_fleet.team"),
    ],
)
def test_every_form_of_an_import_is_read(tmp_path, text, name):
    path = tmp_path / "module.py"
    path.write_text(text)
    assert name in imported_modules(path)


MAY_KNOW_THE_SIMULATOR = {
    "aicity_fleet/cli/demo.py",
    "aicity_fleet/cli/simulator.py",
    "aicity_fleet/cli/try_team.py",  # --simulated
}


def know_the_simulator(imports: Mapping[str, set[str]]) -> set[str]:
    """Return the files outside the simulator that import it."""
    outside = {
        f: names for f, names in imports.items() if not f.startswith("aicity_fleet/simulator")
    }
    return {file for file in outside if breaches(file, ("aicity_fleet.simulator",), outside)}


def test_three_command_files_alone_know_the_simulator():
    assert know_the_simulator(imports_of_files()) == MAY_KNOW_THE_SIMULATOR
    breach = {"aicity_fleet/settings.py": {"aicity_fleet.simulator.access"}}
    assert know_the_simulator(breach) == set(breach), "a breach is noticed"


FOREIGN = {
    "httpx": {
        *("aicity_fleet/aicity", "aicity_fleet/simulator", "aicity_fleet/team"),
        "aicity_fleet/webhook.py",
    },
    "httpx2": {"aicity_fleet/team/model/direct_transport.py"},
    "aiohttp": {"aicity_fleet/team/model/direct_transport.py"},
    "redis": {
        "aicity_fleet/ledger",
        "aicity_fleet/messaging/broker.py",
        "aicity_fleet/doctor/redis_probe.py",
        "aicity_fleet/messaging/queue_monitor.py",
        "aicity_fleet/redis_clients.py",
        "aicity_fleet/redis_faults.py",
    },
    "celery": {
        "aicity_fleet/messaging/broker.py",
        "aicity_fleet/celery_app.py",
        "aicity_fleet/embedded/celery_process.py",
        "aicity_fleet/messaging/consumer_watch.py",
        "aicity_fleet/messaging/event_batches.py",
        "aicity_fleet/messaging/memory_limit.py",
        "aicity_fleet/messaging/task_class.py",
        "scheduler/clock.py",
        "scheduler/tasks.py",
        "workers/tasks.py",
    },
    "kombu": {"aicity_fleet/messaging/broker.py", "aicity_fleet/celery_app.py"},
    "starlette": {"aicity_fleet/simulator"},
    "uvicorn": {"aicity_fleet/simulator"},
    "typer": {"aicity_fleet/cli"},
    "opentelemetry": {"aicity_fleet/tracing/otlp.py"},
}
"""Where each library may be imported: the module that wraps it."""


@pytest.mark.parametrize("library", FOREIGN)
def test_a_library_is_imported_only_where_it_is_wrapped(library):
    users = [
        path.relative_to(ROOT).as_posix()
        for path in sources()
        if library in {name.split(".")[0] for name in imported_names(path)}
    ]
    assert users, "the rule looks at the wrong files"
    for where in users:
        assert any(where == spot or where.startswith(f"{spot}/") for spot in FOREIGN[library]), (
            where
        )


def test_no_module_has_a_name_that_says_nothing():
    empty = {"utils", "helpers", "common", "misc", "manager", "base", "util", "helper"}
    for path in [*sources(), *(ROOT / "tests").rglob("*.py")]:
        assert path.stem not in empty, path
