"""The real ruff, the real bandit and the real parser, over honest and over hostile files."""

from __future__ import annotations

import sys
import time
from typing import Any

import pytest

from aicity_fleet.team.tools import linter

BAD = 'import os\n\n\ndef run(name):\n    os.system("rm " + name)\n    return nothing\n'

SCRIPT = (
    "const fs = require('fs');\n"
    "function show(el, text) {\n"
    "  if (text == 1) { el.innerHTML = text; }\n"
    "  eval(text);\n"
    "  try { go(`SELECT ${text}`); } catch (e) {}\n"
    "}\n"
    "require('child_process').exec(`ls ${x}`);\n"
    "db.query('SELECT * FROM t WHERE id = ' + id);\n"
)


async def test_ruff_names_file_line_and_rule(job):
    call = job(details={"src/app.py": BAD, "ok.py": "x = 1\n"})
    told = await call("ruff")
    assert "src/app.py:6: F821" in told
    assert "in 2 files" in told


@pytest.mark.parametrize("tool", ["ruff", "bandit", "javascript"])
async def test_a_linter_that_could_not_run_has_found_nothing_out(job, tool, change_linter):
    change_linter(tool, program=(sys.executable, "-c", "raise SystemExit(2)"))
    assert await job(details={"a.py": BAD, "b.js": SCRIPT})(tool) == (
        "The check broke off and gave no readable answer. Name fewer files, or check a part as code."
    )


async def test_bandit_names_file_line_and_severity(job):
    call = job(code=BAD)
    told = await call("bandit", files=["code.py"])
    assert "code.py:5: B605 severity high" in told


@pytest.mark.parametrize("tool", ["ruff", "bandit"])
async def test_a_draft_is_checked_in_place_of_files(job, tool):
    told = await job()(tool, code="import telnetlib\n")
    assert "draft.py:1:" in told


async def test_javascript_finds_what_is_dangerous(job):
    told = await job(details={"a.js": SCRIPT})("javascript")
    for found in ("a.js:3: loose", "3: markup", "4: eval", "5: swallowed", "7: shell", "8: sql"):
        assert found in told


@pytest.mark.parametrize(
    ("name", "code", "line"),
    [
        ("a.js", "const a = ;\n", 1),
        ("a.ts", "interface A {\n  b: string;\n  c:;\n}\n", 3),
        ("a.tsx", "export const A = () => <b>{x}</i>;\n", 1),
    ],
)
async def test_javascript_finds_syntax_errors(job, name, code, line):
    assert f"{name}:{line}: syntax" in await job(details={name: code})("javascript")


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a.mjs", "export default async () => { for await (const x of y) z?.w ??= x; };\n"),
        ("a.ts", "export const f = <T,>(x: T): x is NonNullable<T> => x !== null;\n"),
        ("a.tsx", "export const A = ({ x }: { x: string }) => <p className='a'>{x}</p>;\n"),
    ],
)
async def test_javascript_accepts_what_is_right(job, name, code):
    assert "nothing found in 1 file" in await job(details={name: code})("javascript")


async def test_a_draft_in_any_of_the_dialects(job):
    call = job()
    assert "nothing found" in await call("javascript", code="const a: string = 'x';\n")
    assert "nothing found" in await call("javascript", code="const a = <b>x</b>;\n")
    assert "syntax" in await call("javascript", code="const a = ;\n")


@pytest.mark.parametrize("tool", ["ruff", "bandit", "javascript"])
@pytest.mark.parametrize("what", ["prose", "empty", "binary", "no such file", "wrong arguments"])
async def test_expected_trouble_is_a_sentence(job, tool, what):
    call = job(
        code="Dear Sir or Madam, I write to you.", details={"b.py": "\0\x01\ud800", "c.js": "\0("}
    )
    arguments: dict[str, dict[str, Any]] = {
        "prose": {"files": ["code"]},
        "empty": {"code": " "},
        "binary": {"files": ["b.py"]},
        "no such file": {"files": ["/etc/passwd", "../../x.py", "--config=x"]},
        "wrong arguments": {"files": {"a": 1}, "code": 7},
    }
    told = await call(tool, **arguments[what])
    assert told
    assert "failed" not in told


async def test_the_buyers_configuration_steers_nothing(job):
    quiet = "import os  # noqa\n# ruff: noqa\n# flake8: noqa\nos.system(input())  # nosec\n"
    call = job(
        details={
            "app.py": quiet + "undefined\n",
            "pyproject.toml": "[tool.ruff]\nexclude = ['*']\n[tool.bandit]\nskips = ['B605']\n",
            "ruff.toml": "exclude = ['*']\n",
            ".bandit": "[bandit]\nskips = B605\n",
            "x.bandit": "[bandit]\nexclude = *\n",
            "setup.cfg": "[bandit]\nskips = B605\n",
        }
    )
    assert "app.py:5: F821" in await call("ruff")
    assert "app.py:4: B605" in await call("bandit")


async def test_nothing_of_the_buyers_is_run_or_imported(job, tmp_path):
    trap = f"open({str(tmp_path / 'ran')!r}, 'w')\n"
    names = ("sitecustomize", "ruff", "bandit", "json", "conftest", "setup")
    call = job(details=dict.fromkeys((f"{name}.py" for name in names), trap))
    for tool in ("ruff", "bandit"):
        assert "in 6 files" in await call(tool)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "name",
    [
        "--config=evil.py",
        "-r.py",
        "a\nb.py",
        "../../../tmp/x.py",
        "/etc/x.py",
        "a\u202eb.py",
        "a b;c.py",
    ],
)
async def test_a_name_is_only_a_name(job, name):
    call = job(details={name: BAD})
    for tool in ("ruff", "bandit"):
        told = await call(tool)
        assert "in 1 file" in told
        assert "\u202e" not in told
        assert sum(line.count("F821") for line in told.splitlines()) <= 1
    assert "lines 1 to 7" in await call("read_file", file=name)


async def test_a_secret_of_the_buyers_is_not_repeated(job):
    told = await job(code="# A constant.\npassword = 'hunter2-hunter2'\n")("bandit")
    assert "B105" in told
    assert "hunter2" not in told


HOSTILE = {
    "deep brackets": "x = " + "[" * 90_000,
    "deep calls": "x = " + "f(" * 40_000 + ")" * 40_000,
    "deep blocks": "".join(" " * depth + "if x:\n" for depth in range(400)),
    "one long line": "x = '" + "a" * 150_000 + "'",
    "long sum": "x = " + "1+" * 80_000 + "1",
    "many findings": "import os\n" * 15_000,
    "not UTF-8": "\ud800" * 1000,
    "huge number": "x = " + "9" * 100_000,
    "deep functions": "a=>" * 50_000 + "1",
    "templates": "`${" * 30_000,
}


@pytest.mark.parametrize("tool", ["ruff", "bandit", "javascript"])
@pytest.mark.parametrize("kind", HOSTILE)
async def test_hostile_files_end_no_worker(job, tool, kind):
    call = job(details={"a.js": HOSTILE[kind], "a.py": HOSTILE[kind]})
    started = time.monotonic()
    assert await call(tool)
    assert time.monotonic() - started < 60
    assert "in 1 file" in await call(tool, code="x = 1\n"), "the tool works on"


async def test_countless_findings_are_counted_and_the_first_ones_told(job):
    told = await job(code="def f(): return nothing\n" * 3500)("ruff")
    assert "code.py:1: F821" in told
    assert "more, not shown" in told


async def test_too_many_files_are_said(job, monkeypatch):
    monkeypatch.setattr(linter, "MAX_CHECKED", 3)
    told = await job(details={f"{n}.py": "x = 1\n" for n in range(5)})("ruff")
    assert "in 3 files. 2 more were not checked" in told
