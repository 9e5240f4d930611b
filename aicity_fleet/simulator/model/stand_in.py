"""Stand-in deliverables for every task without a recorded answer.

The text says that it is a stand-in, has the form that the fleet's gate and the simulator's quality check
require of its category, and quotes the request. Code is never run.
"""

import re
import statistics
import textwrap
from collections.abc import Callable, Mapping

from aicity_fleet.simulator.measures import numbers, numeric_columns, parses
from aicity_fleet.simulator.model.brief import Brief

MOST_QUOTED_CHARS = 1500
"""The longest quotation from a request, in characters."""

FORM = """\
# Stand-in: {name}

This text is a stand-in from the simulator. No language model has worked on the request: the text only
shows how a deliverable travels through the fleet, and what a deliverable of this category looks like. It
has the headings, lists and length that both quality checks look for, and it quotes the request at the end.
The statements below are general and true of almost any task; nothing in them was found out for this one.
To get a real answer, run the same task with a model: set OPENAI_API_KEY, and OPENAI_BASE_URL and
FLEET_MODEL where they differ from the defaults. The same team then works on the task with that model.

{section}

## The request

The request reads: “{request}” End of the request.
"""

STEPS = """\
## Steps

1. Write down in one sentence what a finished result is, so that another person can check it.
2. Give each part one name and one date, and begin with the part that the others wait for.
3. Leave a day of reserve at the end, test the result before any user relies on it, and keep a backup."""

RESEARCH = """\
## Findings

- The request is the only material; the simulator looks nothing up and opens no link.
- A reliable answer compares at least two independent sources, and names the year and the size of each.
- Statements without a source belong in a section of their own, marked as assumptions.

## Sources

- The text of the request, quoted at the end.
- This stand-in, which adds no knowledge to it."""

PROGRAM = """\
## Program and tests

The program is a stand-in for the one that was ordered. Save it as `stand_in.py`:

```python
def numbered(lines: list[str]) -> list[str]:
    return [f"{number}. {line}" for number, line in enumerate(filter(str.strip, lines), 1)]
```

```python
from stand_in import numbered


def test_lines_are_numbered():
    assert numbered(["a", " ", "b"]) == ["1. a", "2. b"]


def test_an_empty_list_stays_empty():
    assert numbered([]) == []
```"""

REVIEW = """\
## Findings

1. **Severity: medium.** Line {first}: nothing shows what happens with empty or wrong values here. Fix:
   validate what comes from outside, and add a test with an empty value.
2. **Severity: low.** Line {last}: no test is part of the submission. Fix: add one that fails when this line
   is removed."""

FIX = """\
## Corrected code

The code is returned unchanged; the simulator looks for no fault in it. The test below only shows where a
regression test belongs.

```{language}
{code}
```

```python
import importlib


def test_the_module_can_be_imported():
    assert importlib.import_module("module")
```"""

SUITE = """\
## Tests

The suite imports the module, finds no public name missing, and checks that an invalid module name raises
an error. Save it beside the module.

```python
import importlib

import pytest

MODULE = {module!r}


def test_no_public_name_is_missing():
    module = importlib.import_module(MODULE)
    assert [name for name in {names!r} if not hasattr(module, name)] == []


def test_an_invalid_module_is_rejected():
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(MODULE + "_missing")
```"""

FIGURES = """\
## Figures

| Column | Count | Sum | Mean | Median | Least | Most |
|---|---|---|---|---|---|---|
{rows}

## Method

The figures were computed from the numbers in the request alone. The mean is the sum divided by the count,
and the median is the middle of the sorted values. Nothing was filled in or left out."""


def stand_in(brief: Brief) -> str:
    """Return a stand-in deliverable for a brief, in Markdown."""
    section = SECTIONS.get(brief.task_type, STEPS)
    request = textwrap.shorten(brief.material, MOST_QUOTED_CHARS, placeholder=" [...]")
    return FORM.format(
        name=brief.task_type.replace("_", " "),
        section=section if isinstance(section, str) else section(brief),
        request=request.replace("`", "'"),
    )


def _review(brief: Brief) -> str:
    """Return two findings, at the first and the last line of the code."""
    written = [n for n, line in enumerate(brief.source.splitlines(), 1) if line.strip()]
    return REVIEW.format(first=written[0], last=written[-1])


def _fix(brief: Brief) -> str:
    """Return the submitted code unchanged, and a test that it can be imported."""
    code = brief.source.strip("\n").replace("```", "'''")
    return FIX.format(code=code, language="python" if parses(code) else "text")


def _suite(brief: Brief) -> str:
    """Return a test suite that runs against any Python module."""
    module = re.search(r"\b([a-z_]\w*)\.py\b", brief.description)
    names = re.findall(r"^(?:async )?(?:def|class) ([A-Za-z]\w*)", brief.source, re.MULTILINE)
    return SUITE.format(module=module[1] if module else "module", names=names)


def _figures(brief: Brief) -> str:
    """Return the figures of each numeric column, or of all numbers when there is no table."""
    columns = numeric_columns(brief.material) or {"all numbers": numbers(brief.material)}
    rows = []
    for heading, values in columns.items():
        middle = (statistics.fmean(values), statistics.median(values))
        figures = (sum(values), *middle, min(values), max(values))
        shown = " | ".join(f"{figure:.2f}" for figure in figures)
        rows.append(f"| {heading.strip().replace('|', '/')} | {len(values)} | {shown} |")
    return FIGURES.format(rows="\n".join(rows))


SECTIONS: Mapping[str, str | Callable[[Brief], str]] = {
    "code_review": _review,
    "security": _review,
    "bug_fix": _fix,
    "code_generation": PROGRAM,
    "testing": _suite,
    "data_analysis": _figures,
    "research": RESEARCH,
}
"""What each category adds; every other category gets ``STEPS``."""
