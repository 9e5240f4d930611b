"""Stand-in deliverables for every task without a recorded answer.

One writer for all categories. The text says that it is a stand-in, has the form that the fleet's gate and
the simulator's quality check require of its category, and quotes the request. Code is never run.
"""

from __future__ import annotations

import re
import statistics
import textwrap
from collections.abc import Callable, Mapping

from aicity_fleet.simulator.measures import numbers, numeric_columns, parses
from aicity_fleet.simulator.model.brief import Brief

MOST_QUOTED_CHARS = 1500
"""The longest quotation from a request, in characters."""

OPENING = """\
This text is a stand-in from the simulator. No language model has worked on the request: the text only
shows how a deliverable travels through the fleet, and what a deliverable of this category looks like. It
has the headings, lists and length that both quality checks look for, and it quotes the request at the end.
The statements below are general and true of almost any task; nothing in them was found out for this one.

To get a real answer, run the same task with a model: set OPENAI_API_KEY, and OPENAI_BASE_URL and
FLEET_MODEL where they differ from the defaults. The same team then works on the task with that model."""

STEPS = """\
## Steps

1. Write down in one sentence what a finished result is, so that another person can check it.
2. Give each part one name and one date, and begin with the part that the others wait for.
3. Leave a day of reserve at the end, and test the result before anybody relies on it."""

CONTENT = """\
## What this is about

The subject is named in the request below. A finished piece says early on whom it is for, what is new, and
what the reader can do next. It keeps its sentences short and explains every term that a newcomer lacks.

## What to do next

Read the request again, collect the points that have to be mentioned, and give each of them a paragraph."""

RESEARCH = """\
## Findings

- The request is the only material; the simulator looks nothing up and opens no link.
- A reliable answer compares at least two independent sources, and names the year and the size of each.
- Statements without a source belong into a section of their own, marked as assumptions.

## Sources

- The text of the request, quoted at the end.
- This stand-in, which adds no knowledge to it."""

DESIGN = """\
## Layout and flow

- The user sees the most important action first, with enough contrast to read it everywhere.
- The layout is responsive: one column on a small screen, two on a large one.
- Every step of the flow can be undone, and the keyboard reaches all of it."""

DEVOPS = """\
## Procedure

- Keep secrets out of the configuration, and grant the least privilege that works.
- Deploy to one machine, check its health, and roll back when the check fails.
- Monitor errors and latency, and alert a person before the users notice.

```sh
set -eu
./deploy --machine one
./check-health || ./roll-back
```"""

PROGRAM = '''\
## Program and tests

The program is a stand-in for the one that was ordered. Save it as `stand_in.py`:

```python
def numbered(lines: list[str]) -> list[str]:
    """Return the lines that are not empty, numbered from 1."""
    if not isinstance(lines, list):
        raise TypeError("lines has to be a list")
    written = [line for line in lines if line.strip()]
    return [f"{number}. {line}" for number, line in enumerate(written, 1)]
```

```python
import pytest

from stand_in import numbered


def test_lines_are_numbered():
    assert numbered(["a", " ", "b"]) == ["1. a", "2. b"]


def test_an_empty_list_stays_empty():
    assert numbered([]) == []


def test_invalid_input_is_rejected():
    with pytest.raises(TypeError):
        numbered(None)
```'''

SUITE = """\
## Tests

The suite imports the module and checks its public names, a missing name and an invalid module name.
Save it beside the module.

```python
import importlib

import pytest

MODULE = {module!r}


def test_the_module_can_be_imported():
    assert importlib.import_module(MODULE) is importlib.import_module(MODULE)


def test_no_public_name_is_missing():
    module = importlib.import_module(MODULE)
    assert [name for name in {names!r} if not hasattr(module, name)] == []


def test_an_unknown_name_raises():
    with pytest.raises(AttributeError):
        getattr(importlib.import_module(MODULE), "no_such_name")


def test_an_invalid_module_is_rejected():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(MODULE + "_missing")
```"""


def stand_in(brief: Brief) -> str:
    """Return a stand-in deliverable for a brief, in Markdown."""
    section = SECTIONS.get(brief.task_type, STEPS)
    request = textwrap.shorten(brief.material, MOST_QUOTED_CHARS, placeholder=" [...]")
    request = request.replace("`", "'")
    parts = [
        f"# Stand-in: {brief.task_type.replace('_', ' ')}",
        OPENING,
        section if isinstance(section, str) else section(brief),
        f"## The request\n\nThe request reads: “{request}” End of the request.",
    ]
    return "\n\n".join(parts) + "\n"


def _review(brief: Brief) -> str:
    """Return two findings, at the first and the last line of the code."""
    written = [n for n, line in enumerate(brief.source.splitlines(), 1) if line.strip()]
    return (
        "## Findings\n\n"
        f"1. **Severity: medium.** Line {written[0]}: nothing shows what happens with empty or wrong "
        "values here. Fix: validate what comes from outside, and add a test with an empty value.\n"
        f"2. **Severity: low.** Line {written[-1]}: no test is part of the submission. Fix: add one that "
        "fails when this line is removed."
    )


def _fix(brief: Brief) -> str:
    """Return the submitted code unchanged, and a test that it can be imported."""
    code = brief.source.strip("\n").replace("```", "'''")
    language = "python" if parses(code) else "text"
    return (
        "## Corrected code\n\n"
        "The code is returned unchanged; the simulator looks for no fault in it. The test below only shows "
        "where a regression test belongs.\n\n"
        f"```{language}\n{code}\n```\n\n"
        "```python\n"
        "import importlib\n\n\n"
        "def test_the_module_can_be_imported():\n"
        '    module = importlib.import_module("module")\n'
        "    assert module is not None\n"
        '    again = importlib.import_module("module")\n'
        "    assert again is module\n"
        "```"
    )


def _suite(brief: Brief) -> str:
    """Return a test suite that runs against any Python module."""
    module = re.search(r"\b([a-z_]\w*)\.py\b", brief.description)
    names = re.findall(r"^(?:async )?(?:def|class) ([A-Za-z]\w*)", brief.source, re.MULTILINE)
    return SUITE.format(module=module[1] if module else "module", names=names)


def _figures(brief: Brief) -> str:
    """Return the figures of each numeric column, or of all numbers when there is no table."""
    columns = numeric_columns(brief.material) or {"all numbers": numbers(brief.material)}
    lines = [
        "| Column | Count | Sum | Mean | Median | Least | Most |",
        "|---|---|---|---|---|---|---|",
    ]
    for heading, values in columns.items():
        figures = (
            *(sum(values), statistics.fmean(values), statistics.median(values)),
            *(min(values), max(values)),
        )
        shown = " | ".join(f"{figure:.2f}" for figure in figures)
        lines.append(f"| {heading.strip().replace('|', '/')} | {len(values)} | {shown} |")
    return (
        "## Figures\n\n" + "\n".join(lines) + "\n\n## Method\n\n"
        "The figures were computed from the numbers in the request alone. The mean is the sum divided by "
        "the count, and the median is the middle of the sorted values. Nothing was filled in or left out."
    )


SECTIONS: Mapping[str, str | Callable[[Brief], str]] = {
    "code_review": _review,
    "security": _review,
    "bug_fix": _fix,
    "code_generation": PROGRAM,
    "testing": _suite,
    "data_analysis": _figures,
    "content_creation": CONTENT,
    "research": RESEARCH,
    "design": DESIGN,
    "devops": DEVOPS,
}
"""What each category adds; every other category gets ``STEPS``."""
