"""Which texts of an order are files, and what they are called: the names are a stranger's."""

from __future__ import annotations

from typing import Any

import pytest
from support.growth import assert_grows_with_the_length
from support.samples import CODE, order

from aicity_fleet.team.tools.submitted import MAX_FILES, submitted_files, suffix_of

SCRIPT = "const add = (a, b) => {\n  return a + b;\n};\n"
TYPED = "export interface User {\n  name: string;\n}\nconst a = (u: User): string => { return u.name };\n"


def files_of(**parts: Any) -> list[tuple[str, str]]:
    return list(submitted_files(order("code_review", **parts)))


@pytest.mark.parametrize(
    ("code", "name"),
    [(CODE, "code.py"), (SCRIPT, "code.js"), (TYPED, "code.ts"), ("Hi", "code.txt")],
)
def test_code_gets_the_suffix_of_its_language(code, name):
    assert files_of(code=code) == [(name, code)]


def test_what_the_buyer_says_goes_before_a_guess():
    assert files_of(code=CODE, details={"language": "TypeScript"})[0][0] == "code.ts"
    assert files_of(code=CODE, details={"filename": "src/app.py"})[0][0] == "src/app.py"


@pytest.mark.parametrize(
    "details",
    [
        {"app.py": CODE},
        {"files": {"app.py": CODE}},
        {"files": [{"path": "app.py", "content": CODE}]},
        {"project": {"sources": [{"name": "app.py", "code": CODE}]}},
    ],
)
def test_files_among_the_details_are_found_in_the_usual_forms(details):
    assert files_of(details=details) == [("app.py", CODE)]


@pytest.mark.parametrize(
    "details",
    [
        {"language": "python", "notes": "See app.py."},
        {"author": {"name": "Ada", "text": "hello"}},
        {"app.py": 7, "b.py": None, "c.py": ["x"], "d.py": "  "},
        {},
    ],
)
def test_other_details_are_no_files(details):
    assert files_of(details=details) == []


def test_however_deep_and_however_many(monkeypatch):
    deep: dict[str, object] = {"app.py": CODE}
    for _ in range(20_000):
        deep = {"in": deep}
    assert files_of(details=deep) == [("app.py", CODE)]
    assert len(files_of(details={f"{n}.py": CODE for n in range(1000)})) == MAX_FILES


@pytest.mark.parametrize("text", [" " * 200_000, "\n" * 200_000, "import " * 30_000, "=" * 200_000])
def test_a_guess_takes_no_time_on_any_text(text):
    assert_grows_with_the_length(suffix_of, text)
