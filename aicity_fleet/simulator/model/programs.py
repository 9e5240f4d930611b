"""Writes small programs: ready modules for well-known wishes, or a parser of what a request lists.

Each module stands as a Python file among the package's data, with its tests behind a mark.
"""

from __future__ import annotations

import re
from importlib import resources

from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.wording import bullets, requirements, terms, title

TOPICS = (
    (r"duration|1h30m", "durations"),
    (r"rate.?limit|token bucket|throttl", "token_bucket"),
    (r"slug", "slugs"),
    (r"\bcache|memoi", "ttl_cache"),
    (r"\bcsv\b", "csv_table"),
)
"""What a request has to speak of, and the module that answers it."""

TEST_MARK = "# --- tests ---\n"
"""What parts a module from its tests in the stored file."""


def code_generation(brief: Brief) -> str:
    """A module with its tests, and how each requirement is met."""
    name = next((name for pattern, name in TOPICS if re.search(pattern, brief.material, re.I)), "")
    code, tests = stored(name) if name else derived(brief)
    name = name or "records"
    asked = requirements(brief.description)
    return "\n".join(
        [
            f"# {title(brief.description)}",
            "",
            "## What it does",
            "",
            f"The module `{name}.py` below uses the standard library only. It checks what it is "
            "given and raises an error that names the problem; it prints and stores nothing.",
            "",
            "```python",
            code.strip("\n"),
            "```",
            "",
            "## Tests",
            "",
            f"Save them as `test_{name}.py` and run `pytest`.",
            "",
            "```python",
            tests.strip("\n"),
            "```",
            "",
            "## How the request is met",
            "",
            *bullets(f'"{one}": see the code and the tests above.' for one in asked),
            "",
            "Edge cases that were considered: empty text, wrong types, zero and repeated parts.",
        ]
    )


def stored(name: str) -> tuple[str, str]:
    """A stored module and its tests."""
    folder = resources.files("aicity_fleet.simulator.model") / "modules"
    text = folder.joinpath(f"{name}.py.txt").read_text(encoding="utf-8")
    code, _, tests = text.partition(TEST_MARK)
    return code, tests


def derived(brief: Brief) -> tuple[str, str]:
    """A record with one field per term of the request, strict about what it is given."""
    fields = [term.replace("-", "_") for term in terms(brief.material, 4)] or ["value"]
    code, tests = stored("records")
    listed = "".join(f"    {field}: str\n" for field in fields)
    return code.replace("    FIELDS\n", listed), tests.replace("FIELDS", repr(fields))
