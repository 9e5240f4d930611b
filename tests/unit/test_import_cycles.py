"""No module imports itself through others, not even in a function or for type checking alone."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest
from support.source_files import ROOT, imported_modules, sources


def module_name(path: Path, root: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def import_graph(root: Path, paths: list[Path]) -> dict[str, set[str]]:
    known = {module_name(path, root): path for path in paths}
    return {name: imported_modules(path, known) & known.keys() for name, path in known.items()}


def find_circle(graph: Mapping[str, set[str]]) -> list[str]:
    """Return the modules of one circle, of which the first is also the last; empty when there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


@pytest.fixture(scope="module")
def tree() -> dict[str, set[str]]:
    return import_graph(ROOT, sources())


def test_no_module_imports_itself_through_others(tree):
    assert len(tree) > 100, "the rule looks at the wrong files"
    assert tree["aicity_fleet.ledger.ledger"] >= {
        "aicity_fleet.ledger.runs",
        "aicity_fleet.models",
    }
    assert find_circle(tree) == []


@pytest.mark.parametrize(
    ("low", "high"),
    [
        ("aicity_fleet.money.cost", "aicity_fleet.ledger.ledger"),
        ("aicity_fleet.team.declare.spec", "aicity_fleet.team.run"),
        ("workers.lease_keeper", "workers.worker"),
    ],
)
def test_a_circle_in_the_tree_is_found(tree, low, high):
    circle = find_circle({**tree, low: tree[low] | {high}})
    assert {low, high} <= set(circle)
    assert circle[0] == circle[-1]


IMPORTS_BACK = {
    "at the top": "from pack.a import thing\n",
    "as a module": "import pack.a\n",
    "from its package": "from pack import a\n",
    "in a function": "def late():\n    from pack.a import thing\n",
    "for type checking": "if TYPE_CHECKING:\n    from pack.a import thing\n",
}


@pytest.mark.parametrize("how", IMPORTS_BACK)
def test_a_circle_is_found_however_it_is_imported(tmp_path, how):
    texts = {"__init__": "", "a": "from pack.b import c\n", "b": "from pack.c import d\n"}
    pack = tmp_path / "pack"
    pack.mkdir()
    for name, text in {**texts, "c": IMPORTS_BACK[how]}.items():
        (pack / f"{name}.py").write_text(text, "utf-8")
    circle = find_circle(import_graph(tmp_path, sorted(pack.glob("*.py"))))
    assert set(circle) == {"pack.a", "pack.b", "pack.c"}
