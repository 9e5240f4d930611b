"""The real ruff, the real bandit and the real parser, over honest and over hostile files."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest
from conftest import wait_until
from integration.team.scripted_provider import until

from aicity_fleet.team.tools import confined, findings, javascript

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
    arguments = {
        "prose": {"files": ["code"]},
        "empty": {"code": " "},
        "binary": {"files": ["b.py"]},
        "no such file": {"files": ["/etc/passwd", "../../x.py", "--config=x"]},
        "wrong arguments": {"files": {"a": 1}, "code": 7},
    }[what]
    told = await call(tool, **arguments)
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


@pytest.fixture
def stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """Puts a program of the test's in the place of the JavaScript reader."""

    def put(code: str) -> None:
        path = tmp_path / "stand_in.py"
        path.write_text(code)
        monkeypatch.setattr(javascript, "READER", path)

    return put


async def test_a_program_learns_nothing_of_this_machine(job, stand_in, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-for-tools")
    stand_in(
        "import json, os, sys\n"
        "folder = sys.argv[1].split('/')[-2]\n"
        "print(json.dumps([[f'{folder}/x', 1, name, '.'] for name in os.environ]))\n"
    )
    told = await job()("javascript", code="x")
    learnt = set(re.findall(r":1: (\w+) \.", told))
    assert learnt - {"LC_CTYPE"} == {"PATH", "HOME", "TMPDIR", "LANG", "RAYON_NUM_THREADS"}


async def test_a_program_that_hangs_is_killed_with_all_it_started(
    job, stand_in, monkeypatch, tmp_path
):
    stand_in(
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pid')!r}, 'w').write(str(child.pid))\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setattr(javascript, "SECONDS", 2)
    assert "longer than 2 seconds" in await job()("javascript", code="x")
    assert is_gone(int((tmp_path / "pid").read_text()))


def is_gone(pid: int) -> bool:
    """Whether a process ends soon; one that only waits to be noticed counts as gone."""

    def ended() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    wait_until(ended, description=f"process {pid} ends")
    return True


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("while True: print('x' * 100_000)", "more than can be told"),
        ("x = bytearray(2 * 2**30)", "no readable answer|could not be read"),
        ("while True: pass", "longer than|broke off"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", "broke off"),
        ("open('big', 'wb').write(bytes(100 * 2**20))", "broke off|could not be read"),
        ("print('{}')", "nothing found|could not be read"),
        ("print('[[1, 2], 3]')", "could not be read"),
    ],
    ids=["floods", "eats memory", "burns", "crashes", "fills the disk", "odd answer", "odder"],
)
async def test_whatever_a_program_does_is_told_in_a_sentence(
    job, stand_in, monkeypatch, code, told
):
    stand_in(code)
    monkeypatch.setattr(javascript, "SECONDS", 3)
    assert re.search(told, await job()("javascript", code="x"))


async def test_cancelling_a_call_kills_its_program(job, stand_in, tmp_path):
    stand_in(
        f"import os, time\nopen({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    )
    running = asyncio.ensure_future(job()("javascript", code="x"))
    await until((tmp_path / "pid").exists, "the program runs")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert is_gone(int((tmp_path / "pid").read_text()))


async def test_a_few_at_a_time(job, stand_in, tmp_path):
    stand_in(
        "import os, sys, time, json, glob\n"
        f"place = {str(tmp_path)!r}\n"
        "open(f'{place}/on-{os.getpid()}', 'w').close()\n"
        "count = len(glob.glob(f'{place}/on-*'))\n"
        "open(f'{place}/most', 'a').write(f'{count}\\n')\n"
        "time.sleep(0.3)\n"
        "os.remove(f'{place}/on-{os.getpid()}')\n"
        "print('[]')\n"
    )
    call = job()
    told = await asyncio.gather(*(call("javascript", code="x") for _ in range(6)))
    assert all("nothing found" in text for text in told)
    assert max(map(int, (tmp_path / "most").read_text().split())) <= confined.AT_ONCE


async def test_countless_findings_are_counted_and_the_first_ones_told(job):
    told = await job(code="def f(): return nothing\n" * 3500)("ruff")
    assert "code.py:1: F821" in told
    assert "more, not shown" in told


async def test_too_many_files_are_said(job, monkeypatch):
    monkeypatch.setattr(findings, "MAX_CHECKED", 3)
    told = await job(details={f"{n}.py": "x = 1\n" for n in range(5)})("ruff")
    assert "in 3 files. 2 more were not checked" in told


@pytest.mark.parametrize("name", ["limits", "unpack", "javascript_reader"])
def test_a_program_of_its_own_imports_nothing_of_the_fleet(name):
    """So that it starts fast, and knows nothing."""
    text = Path(confined.__file__).with_name(f"{name}.py").read_text("utf-8")
    assert "aicity_fleet" not in text
