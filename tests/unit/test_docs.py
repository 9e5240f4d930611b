"""The documentation says what the code does: names, defaults, paths and promises are compared here."""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from pydantic import SecretStr
from support.source_files import ROOT, sources

from aicity_fleet.cli import app
from aicity_fleet.ledger.keys import KEYS_WITHOUT_TTL, Keys
from aicity_fleet.messaging.routes import QUEUE_OF
from aicity_fleet.metrics.page import PREFIX, UP
from aicity_fleet.metrics.table import COUNTERS, GAUGES, HISTOGRAMS
from aicity_fleet.models import Ending, JobState
from aicity_fleet.redaction import Process
from aicity_fleet.settings import Settings
from aicity_fleet.team import load_teams

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
READMES = ("README.md", "CONTRIBUTING.md", "deploy/README.md", "deploy/kubernetes/README.md")
TEXTS = [*PAGES, *(ROOT / name for name in READMES)]
SCRIPTS = ROOT / "aicity_fleet" / "ledger" / "scripts"
LUA = {path.stem: path.read_text("utf-8") for path in SCRIPTS.glob("*.lua")}
SHARED_LUA = "".join(path.read_text("utf-8") for path in (SCRIPTS / "shared").glob("*.lua"))
MOST_FILES_OF_A_JOB = 20
MOST_README_LINES = 120


def page(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


def rows(text: str) -> list[list[str]]:
    """The cells of every table row of a page, without headings' rules."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" |")] for line in lines]


def row_of(text: str, name: str) -> list[str]:
    """The one row whose first cell is this name in code style."""
    (found,) = [row for row in rows(text) if row[0] == f"`{name}`"]
    return found


def names(paths: list[Path]) -> list[str]:
    return [path.relative_to(ROOT).as_posix() for path in paths]


# --- states and transitions -----------------------------------------------------------------------------


def states_reached(text: str) -> set[str]:
    """The states into which a script moves a job, also through shared functions."""
    direct = r"\bmove\(\w+, '(\w+)'"
    reached = set(re.findall(direct, text))
    for function in re.split(r"^local function ", SHARED_LUA, flags=re.M)[1:]:
        found = re.match(r"\w+", function)
        assert found is not None
        name = found[0]
        if name != "move" and re.search(rf"\b{name}\(", text):
            reached |= states_reached(function.split("\nend\n")[0].split("\n", 1)[1])
    return reached


def methods_that_run() -> dict[str, set[str]]:
    """Every public method of the ledger's classes with the texts in it, those of its helpers included."""
    found = {}
    for path in (ROOT / "aicity_fleet" / "ledger").glob("*.py"):
        for owner in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(owner, ast.ClassDef):
                continue
            functions = {f.name: f for f in owner.body if isinstance(f, ast.FunctionDef)}
            for name, function in functions.items():
                found[f"{owner.name}.{name}"] = _texts(function, functions)
    return found


def _texts(function: ast.FunctionDef, others: dict[str, ast.FunctionDef]) -> set[str]:
    texts = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            texts.add(node.value)
        called = node.attr if isinstance(node, ast.Attribute) else ""
        if called.startswith("_") and called in others and others[called] is not function:
            texts |= _texts(others[called], others)
    return texts


def test_every_state_has_its_row():
    for state in JobState:
        assert row_of(page("states.md"), state.value)


def test_every_script_has_one_row_and_no_other_script_is_named():
    in_rows = re.findall(r"^\| `(\w+)\.lua` \|", page("states.md"), re.M)
    assert sorted(in_rows) == sorted(LUA)


@pytest.mark.parametrize("script", sorted(LUA))
def test_a_script_moves_jobs_where_its_row_says(script):
    row = row_of(page("states.md"), f"{script}.lua")
    said = set(re.findall(r"\w+", row[1])) if len(row) == 5 else set()
    assert said == states_reached(LUA[script])


@pytest.mark.parametrize("script", sorted(LUA))
def test_a_script_is_called_through_the_methods_that_its_row_names(script):
    row = row_of(page("states.md"), f"{script}.lua")
    called_through = re.findall(r"`(\w+\.\w+)`", row[2] if len(row) == 5 else row[1])
    assert called_through
    texts = methods_that_run()
    for method in called_through:
        assert script in texts[method], method


def test_the_states_of_a_script_are_really_read():
    assert states_reached("move(id, 'held', NOW)") == {"held"}
    assert states_reached("into_outbox(id, outcome, kind, due)") == {"finished", "quarantined"}


def test_every_ending_has_its_row():
    for ending in Ending.__args__:
        assert row_of(page("states.md"), ending.__name__)


# --- architecture ---------------------------------------------------------------------------------------


def test_the_life_of_a_job_goes_through_few_files():
    files = re.findall(r"^\| (\d+) \| `([\w/.]+)` \|", page("architecture.md"), re.M)
    assert [int(number) for number, _ in files] == list(range(1, len(files) + 1))
    assert len(files) == len({path for _, path in files}) <= MOST_FILES_OF_A_JOB
    assert all((ROOT / path).is_file() for _, path in files)


def test_every_task_is_named_with_its_queue():
    for task, queue in QUEUE_OF.items():
        assert row_of(page("architecture.md"), task)[1] == f"`{queue}`"


def test_every_process_has_its_row():
    first = [row[0] for row in rows(page("architecture.md"))]
    for process in Process:
        assert first.count(process.value) == 1, process


def keys_in_use() -> Iterator[str]:
    """The beginning of every key that a script or ``Keys`` builds, without ids."""
    for text in LUA.values():
        yield from re.findall(r"PREFIX \.\. '([\w:.]+)'", text)
        yield from (f"{name}:" for name in re.findall(r"\bkey\('(\w+)'", text))
    yield from KEYS_WITHOUT_TTL
    keys = Keys("a")
    for name, member in vars(Keys).items():
        if isinstance(member, property) and name != "prefix":
            yield getattr(keys, name).removeprefix(keys.prefix)
        elif callable(member) and not name.startswith("_") and name != "queue":
            yield member(keys, "0").removeprefix(keys.prefix).removesuffix("0")


@pytest.mark.parametrize("key", sorted(set(keys_in_use())))
def test_every_redis_key_is_in_the_table(key):
    table = page("architecture.md").split("## The Redis keys", 1)[1].split("\n## ", 1)[0]
    cells = " ".join(row[0] for row in rows(table))
    assert re.search(rf"`{re.escape(key)}(?:[A-Z]*|\w+:?\w*)`", cells), key


def test_every_package_is_in_the_list_of_folders():
    text = page("architecture.md")
    for path in (ROOT / "aicity_fleet").iterdir():
        if (path / "__init__.py").is_file() and path.name != "team":
            assert f"`aicity_fleet/{path.name}/`" in text, path.name
    for path in (ROOT / "aicity_fleet" / "team").iterdir():
        if (path / "__init__.py").is_file():
            assert f"`aicity_fleet/team/{path.name}/`" in text, path.name


# --- settings, commands, teams --------------------------------------------------------------------------


def _written(default: object) -> str:
    match default:
        case None:
            return ""
        case SecretStr():
            return f"`{default.get_secret_value()}`"
        case bool():
            return f"`{str(default).lower()}`"
    return f"`{default}`"


@pytest.mark.parametrize("field", sorted(Settings.model_fields))
def test_every_setting_has_its_row_with_its_default(field):
    setting = Settings.model_fields[field]
    assert row_of(page("settings.md"), str(setting.alias))[1] == _written(setting.default)


def test_no_setting_is_listed_that_does_not_exist():
    listed = re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", page("settings.md"), re.M)
    assert set(listed) == {str(field.alias) for field in Settings.model_fields.values()}


def commands(group: Any, prefix: str = "aicity-fleet") -> Iterator[str]:
    for name, command in group.commands.items():
        inner = getattr(command, "commands", None)
        yield from commands(command, f"{prefix} {name}") if inner else [f"{prefix} {name}"]


COMMANDS = sorted(commands(typer.main.get_command(app)))


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_its_row(command):
    assert re.search(rf"^\| `{command}[` ]", page("commands.md"), re.M)


def test_no_command_is_named_that_does_not_exist():
    words = {tuple(command.split()[1:]) for command in COMMANDS}
    known = {word[0] for word in words}
    for path in TEXTS:
        for name in re.findall(r"`aicity-fleet ([a-z-]+)", path.read_text("utf-8")):
            assert name in known, (path.name, name)


def test_every_team_of_several_members_is_named():
    for spec in load_teams(None).specs:
        if len(spec.members) > 1:
            (row,) = [row for row in rows(page("teams.md")) if f"`{spec.name}`" in row[0]]
            assert "specialist" not in row[1]


# --- the glossary ---------------------------------------------------------------------------------------


def test_every_name_of_the_glossary_is_in_the_code():
    code = "\n".join(path.read_text("utf-8") for path in sources())
    code += "\n".join(LUA.values()) + "\n".join(LUA)
    for row in rows(page("glossary.md")):
        for name in re.findall(r"`([^`]+)`", row[2] if len(row) > 2 else ""):
            is_path = (ROOT / name).exists() or (SCRIPTS / name).exists()
            words = re.findall(r"\w+", name)
            assert is_path or all(word in code for word in words), name


def test_no_term_of_the_glossary_is_explained_twice():
    terms = [row[0] for row in rows(page("glossary.md")) if row[0] != "Term"]
    assert len(terms) == len(set(terms)) > 60


# --- paths, tests and links -----------------------------------------------------------------------------


PATH = re.compile(r"`((?:[\w.-]+/)+[\w.-]*)`")


@pytest.mark.parametrize("text", names(TEXTS))
def test_every_path_that_is_named_exists(text):
    places = (ROOT, (ROOT / text).parent, ROOT / "aicity_fleet", SCRIPTS)
    for path in PATH.findall((ROOT / text).read_text("utf-8")):
        if path.startswith("build/"):
            continue
        assert any((place / path).exists() for place in places), path


@pytest.mark.parametrize("text", names(TEXTS))
def test_every_link_leads_somewhere(text):
    for target in re.findall(r"\]\(([^)#\s]+)", (ROOT / text).read_text("utf-8")):
        if not target.startswith("https://"):
            assert ((ROOT / text).parent / target).exists(), target


@pytest.mark.parametrize("text", names(TEXTS))
def test_every_test_that_is_named_exists(text):
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+|\*)`", (ROOT / text).read_text("utf-8"))
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        functions = ast.FunctionDef | ast.AsyncFunctionDef
        found = {node.name for node in ast.walk(tree) if isinstance(node, functions)}
        tests = {test for test in found if test.startswith("test_")}
        assert tests if name == "*" else name in tests, f"{file}::{name}"


def test_constants_that_are_named_are_where_the_pages_say():
    for path in PAGES:
        text = path.read_text("utf-8")
        for name, file in re.findall(r"`([A-Z][A-Z_]+)` in `([\w/]+\.py)`", text):
            assert re.search(rf"^{name}\b", (ROOT / file).read_text("utf-8"), re.M), (name, file)


# --- the promises and the README ------------------------------------------------------------------------


README = (ROOT / "README.md").read_text("utf-8")
STORIES = sorted(path.name for path in (ROOT / "tests" / "story").glob("test_*.py"))
FIRST_STORY = "test_the_life_of_a_job.py"
"""The story to read first tells no promise of its own."""


def test_every_promise_of_the_readme_has_its_story_and_every_story_its_promise():
    promised = README.split("## What is promised", 1)[1].split("\n## ", 1)[0]
    promises = [line for line in promised.splitlines() if line.startswith("- ")]
    linked = [re.search(r"\[story\]\(tests/story/(\w+\.py)\)$", line) for line in promises]
    assert all(linked)
    assert sorted([FIRST_STORY, *(link[1] for link in linked if link)]) == STORIES


def test_every_story_stands_beside_its_promise():
    held = set(re.findall(r"`tests/story/(\w+\.py)`", page("promises.md")))
    assert held == set(STORIES) - {FIRST_STORY}
    promised = page("promises.md").split("## Promised", 1)[1].split("\n## ", 1)[0]
    for row in rows(promised)[1:]:
        assert "`tests/" in row[1], row[0]


def test_the_readme_is_short():
    assert len(README.splitlines()) <= MOST_README_LINES


def test_the_screenshot_is_what_todays_display_shows():
    spec = importlib.util.spec_from_file_location("demo_svg", ROOT / "scripts" / "demo_svg.py")
    assert spec is not None
    assert spec.loader is not None
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    shown = (DOCS / "demo.svg").read_text("utf-8")
    assert script.render() == shown, "run .venv/bin/python scripts/demo_svg.py"
    assert re.findall(r"https?://[^\s\"']+", shown) == ["http://www.w3.org/2000/svg"]


# --- the metrics ----------------------------------------------------------------------------------------


def test_every_metric_has_its_row_and_no_other_is_listed():
    expected = [[f"`{UP}`", "gauge", "", "Whether the ledger could be read."]]
    kinds: tuple[tuple[str, str, Any], ...] = (
        ("gauge", "", GAUGES),
        ("counter", "_total", COUNTERS),
        ("histogram", "", HISTOGRAMS),
    )
    for kind, end, table in kinds:
        for metric in table:
            labels = ", ".join(f"`{label}`" for label in getattr(metric, "labels", ()))
            expected.append([f"`{PREFIX}{metric.name}{end}`", kind, labels, metric.help])
    assert [[cell.strip(" |") for cell in row] for row in rows(page("metrics.md"))[1:]] == expected


def test_every_count_of_the_scripts_is_in_the_table_and_none_besides():
    code = "\n".join(LUA.values()) + SHARED_LUA
    counted = set(re.findall(r"\bcount\('(\w+)", code))
    observed = set(re.findall(r"\bobserve\('(\w+)'", code))
    assert observed == {h.field for h in HISTOGRAMS} - {"score"}
    counted |= set(re.findall(r"\bcount\(earned and '(\w+)' or '(\w+)'", code)[0])
    assert counted == {c.field for c in COUNTERS} | {"score"}
