"""How well the gate tells work from junk, over labelled texts: ``python -m gate.evaluation [FOLDER ...]``.

A set is a folder of files ``TASKTYPE.toml`` (or ``TASKTYPE-PART.toml``), each of which holds ``[[text]]``
tables. It is data: a text is judged by its label alone, and nothing in the gate may know its id.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from aicity_fleet.models import AssignedTask
from aicity_fleet.team import gate

HERE = Path(__file__).parent
FIELDS = frozenset(("id", "label", "kind", "origin", "description", "text"))
OPTIONAL_FIELDS = frozenset(("code", "details"))


@dataclasses.dataclass(frozen=True, slots=True)
class LabelledText:
    """One text of a set, with the order that it answers."""

    id: str
    task: AssignedTask
    label: Literal["accept", "reject"]
    kind: str
    """Of a reject, the kind of junk; of an accept, what makes it tempting to reject, or ``plain``."""
    origin: str
    """Where the text comes from, such as ``written for this set``."""
    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Judged:
    """A labelled text and what the gate said."""

    labelled: LabelledText
    verdict: gate.Verdict

    @property
    def is_right(self) -> bool:
        """Whether the gate agrees with the label."""
        return self.verdict.has_passed == (self.labelled.label == "accept")


@dataclasses.dataclass(slots=True)
class Counts:
    """One row of the confusion matrix."""

    accepts: int = 0
    accepts_rejected: int = 0
    rejects: int = 0
    rejects_accepted: int = 0

    def add(self, judged: Judged) -> None:
        """Count one text."""
        if judged.labelled.label == "accept":
            self.accepts += 1
            self.accepts_rejected += not judged.is_right
        else:
            self.rejects += 1
            self.rejects_accepted += not judged.is_right

    @property
    def rejected_share(self) -> float:
        """Share of the rejects that the gate rejects, 0 to 1; 1 without any."""
        return 1 - self.rejects_accepted / self.rejects if self.rejects else 1.0

    @property
    def false_share(self) -> float:
        """Share of the accepts that the gate rejects, 0 to 1; 0 without any."""
        return self.accepts_rejected / self.accepts if self.accepts else 0.0


def load(folder: Path) -> list[LabelledText]:
    """Read all texts of a set, or of all sets, below a folder.

    Raises:
        ValueError: A field is missing, unknown or has an unknown value, or an id is used twice in a file.
    """
    found: list[LabelledText] = []
    for path in sorted(folder.rglob("*.toml")):
        tables = tomllib.loads(path.read_text("utf-8"))["text"]
        texts = [_labelled(path, table) for table in tables]
        if len({text.id for text in texts}) < len(texts):
            raise ValueError(f"{path.name}: an id is used twice")
        found += texts
    return found


def _labelled(path: Path, table: Mapping[str, Any]) -> LabelledText:
    fields = set(table)
    if not FIELDS <= fields <= FIELDS | OPTIONAL_FIELDS or table["label"] not in (
        "accept",
        "reject",
    ):
        raise ValueError(f"{path.name}: {table.get('id')}: a field is missing, unknown or wrong")
    task = AssignedTask(
        task_id=table["id"],
        task_type=path.stem.partition("-")[0],
        description=table["description"],
        code=table.get("code", ""),
        details=table.get("details", {}),
    )
    return LabelledText(
        table["id"], task, table["label"], table["kind"], table["origin"], table["text"]
    )


def judge(texts: Iterable[LabelledText]) -> list[Judged]:
    """Ask the gate about each text."""
    return [Judged(text, gate.check(text.task.task_type, text.text, text.task)) for text in texts]


def matrix(judged: Iterable[Judged], by: Literal["type", "kind"] = "type") -> dict[str, Counts]:
    """Return the confusion matrix: one row per task type, or per kind, and ``all``."""
    rows: dict[str, Counts] = {}
    total = Counts()
    for one in judged:
        name = one.labelled.task.task_type if by == "type" else one.labelled.kind
        rows.setdefault(name, Counts()).add(one)
        total.add(one)
    return {**dict(sorted(rows.items())), "all": total}


def wrong(judged: Iterable[Judged]) -> list[str]:
    """Return one line per text that the gate gets wrong, with what it found."""
    lines = []
    for one in judged:
        if not one.is_right:
            labelled = one.labelled
            found = ", ".join(f"{f.check} {f.cost}" for f in one.verdict.findings) or "nothing"
            lines.append(
                f"{labelled.task.task_type}: {labelled.id}: should {labelled.label} "
                f"({labelled.kind}); found {found}"
            )
    return lines


def _print_matrix(rows: Mapping[str, Counts]) -> None:
    width = max(map(len, rows))
    head = ("accepts", "of them rejected", "rejects", "of them accepted")
    print(" " * width, *head, sep="  ")
    for name, row in rows.items():
        values = dataclasses.astuple(row)
        cells = [str(value).rjust(len(title)) for value, title in zip(values, head, strict=True)]
        print(name.ljust(width), *cells, sep="  ")


def main(arguments: list[str]) -> None:
    """Print the confusion matrix, and which texts the gate gets wrong."""
    parser = argparse.ArgumentParser(prog="python -m gate.evaluation", description=__doc__)
    parser.add_argument("folders", nargs="*", type=Path, default=[HERE])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--kinds", action="store_true", help="one row per kind, not per task type")
    options = parser.parse_args(arguments)
    judged = judge(text for folder in options.folders for text in load(folder))
    rows = matrix(judged, "kind" if options.kinds else "type")
    lines = wrong(judged)
    if options.json:
        table = {name: dataclasses.asdict(row) for name, row in rows.items()}
        print(json.dumps({"matrix": table, "wrong": lines}, indent=2))
    else:
        _print_matrix(rows)
        total = rows["all"]
        print(f"\n{total.rejected_share:.1%} of the rejects are rejected, ", end="")
        print(f"{total.false_share:.1%} of the accepts.")
        print("\n".join(["", *lines]) if lines else "")


if __name__ == "__main__":
    main(sys.argv[1:])
