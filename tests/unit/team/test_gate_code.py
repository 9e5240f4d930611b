"""The gate's checks of code: languages, stubs, fixes, diffs, and tests that check something."""

from __future__ import annotations

import pytest
from support.samples import order

from aicity_fleet.team.gate import check
from aicity_fleet.team.gate import diffs as the_diffs
from aicity_fleet.team.gate.assertions import count_other, count_python
from aicity_fleet.team.gate.fixes import is_same_code
from aicity_fleet.team.gate.language_looks import guess
from aicity_fleet.team.gate.markdown import Block
from aicity_fleet.team.gate.programming import (
    asked_languages,
    language_of,
    mentioned_languages,
)
from aicity_fleet.team.gate.stubs import count_stubs


def names(text, task):
    return {finding.check for finding in check(task.task_type, text, task).findings}


# --- languages --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_text", "languages"),
    [
        ("Write a function in Rust that sorts.", {"rust"}),
        ("Port this Python function to Go.", {"go"}),
        ("Rewrite this script as a Bash one-liner", {"shell"}),
        ("TypeScript: write a debounce", {"typescript"}),
        ("C99 ring buffer", {"c"}),
        ("a C++ class and nothing in C#", {"c++", "c#"}),
        ("Go through this code and fix it", set()),
        ("Write it in one go, please", set()),
        ("Ein Skript auf Python", {"python"}),
        ("Explain what a lighthouse is", set()),
        ("show me the R you used", {"r"}),
    ],
)
def test_an_order_asks_for_a_language(request_text, languages):
    assert asked_languages(request_text) == languages


def test_a_tool_names_its_language():
    assert mentioned_languages("pytest tests for the parser") == {"python"}
    assert mentioned_languages("our Java service, called from a Kotlin app") == {"java", "kotlin"}


LOOKS = {
    "python": "from a import b\n\n\ndef f(x):\n    return self.x\n",
    "javascript": "const a = require('a');\nmodule.exports = (b) => a === b;\n",
    "typescript": "interface A {\n  b: string;\n}\nexport const c = (d: number) => d;\n",
    "go": "package a\n\nfunc F() error {\n\tb, err := g()\n\tif err != nil {\n\t\treturn err\n\t}\n}\n",
    "rust": "pub fn f(a: &str) -> usize {\n    let mut b = a.len();\n    b\n}\n",
    "java": "public class A {\n    private final int b = 1;\n    @Override\n    public String c() {}\n}\n",
    "c": '#include <stdio.h>\n\nint main(void)\n{\n    printf("a");\n}\n',
    "c++": "#include <vector>\n\nstd::vector<int> a;\nauto b = a.begin();\n",
    "ruby": "require 'a'\n\ndef b\n  puts 'c'\nend\n",
    "shell": '#!/bin/sh\nset -e\nif [ -f "$1" ]; then\n  echo a\nfi\n',
    "sql": "SELECT a\nFROM b\nWHERE c = 1\nORDER BY a;\n",
    "php": "<?php\n$a = 1;\n$this->b = $a;\n",
}


@pytest.mark.parametrize("language", LOOKS)
def test_code_without_a_label_is_known_by_its_looks(language):
    assert language in guess(LOOKS[language])


@pytest.mark.parametrize("text", ["", "A word about ships.", "x", "{}", "a: 1\nb: 2\n"])
def test_what_shows_no_language_is_not_guessed(text):
    assert guess(text) == frozenset()


def test_a_diff_is_in_the_language_of_its_file():
    diff = "--- a/x.py\n+++ b/x.py\n@@ -1 +1 @@\n-a\n+b\n"
    assert language_of(Block("diff", diff, is_closed=True)) == {"python"}


@pytest.mark.parametrize(
    ("description", "label", "is_wrong"),
    [
        ("Write it in Python.", "js", True),
        ("Write it in Python.", "python", False),
        ("Write it in Python, and call our Java server.", "java", False),
        ("Convert the Python to Java.", "python", True),
        ("Write it in whatever you like.", "rust", False),
        ("Write it in JavaScript.", "ts", False),
    ],
)
def test_code_in_another_language_is_no_delivery(description, label, is_wrong):
    text = f"This is what you asked for, for example.\n\n```{label}\n" + "a = b\n" * 8 + "```"
    found = names(text, order("code_generation", description))
    assert ("wrong_language" in found) is is_wrong


# --- stubs ------------------------------------------------------------------------------------------------

STUBS = {
    "pass": ("python", "def f(a):\n    pass\n"),
    "ellipsis": ("python", 'def f(a):\n    """Do it."""\n    ...\n'),
    "raise": ("python", "def f(a):\n    raise NotImplementedError('later')\n"),
    "none": ("python", "def f(a):\n    # logic\n    return None\n"),
    "print": ("python", "def f(a):\n    print('TODO')\n"),
    "js throw": ("js", "function f(a) {\n  throw new Error('not implemented');\n}\n"),
    "js empty": ("js", "function f(a) {\n  // step one\n}\n"),
    "ts method": ("ts", "class A {\n  f(a: string): void {\n    // TODO\n  }\n}\n"),
    "go panic": ("go", 'func F(a int) int {\n\tpanic("not implemented")\n}\n'),
    "go nil": ("go", "func F(a []int) []int {\n\treturn nil\n}\n"),
    "rust": ("rust", "fn f(a: u8) -> u8 {\n    todo!()\n}\n"),
    "java": ("java", "int f(int a) {\n    // logic\n    return 0;\n}\n"),
    "c#": ("csharp", "int F(int a)\n{\n    throw new NotImplementedException();\n}\n"),
    "php": ("php", "function f($a): string\n{\n    // TODO\n    return '';\n}\n"),
    "ruby": ("ruby", "def f(a)\n  # TODO: write\nend\n"),
    "kotlin": ("kotlin", 'fun f(a: Int): Int {\n    TODO("later")\n}\n'),
}


@pytest.mark.parametrize("name", STUBS)
def test_a_function_without_a_body_is_a_stub(name):
    count = count_stubs(*STUBS[name])
    assert (count.functions, count.marked + count.hollow) == (1, 1)


WRITTEN = {
    "abstract": "class A(ABC):\n    @abstractmethod\n    def f(self): ...\n",
    "protocol": "class A(Protocol):\n    def f(self) -> int: ...\n",
    "generic protocol": "class A(typing.Protocol[T]):\n    def f(self) -> T: ...\n",
    "exception": "class AError(Exception):\n    pass\n",
    "base class": "class A:\n    def f(self):\n        raise NotImplementedError\n\n\nclass B(A):\n"
    "    def f(self):\n        return 1 + 1\n",
    "overload": "@overload\ndef f(a: int) -> int: ...\n",
    "no arguments": "def nothing():\n    return None\n",
    "dunder": "class A:\n    def __exit__(self, *error):\n        pass\n",
}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_open_by_design_is_no_stub(name):
    count = count_stubs("python", WRITTEN[name])
    assert count.marked + count.hollow == 0


@pytest.mark.parametrize(
    ("description", "is_found"),
    [
        ("Write a cache class.", True),
        ("Write the skeleton of a cache class.", False),
        ("Write an interface for a cache.", False),
        ("Write a command line interface for a cache.", True),
        ("Write a cache class, leave the methods without implementation.", False),
    ],
)
def test_the_order_decides_whether_stubs_are_work(description, is_found):
    text = "A cache, for example.\n\n```python\nclass Cache:\n    def get(self, key):\n        pass\n```"
    assert ("stubs" in names(text, order("code_generation", description))) is is_found


# --- fixes ------------------------------------------------------------------------------------------------

BEFORE = """def mean(xs):
    total = sum(xs)
    return total / len(xs)


def top(xs):
    return max(xs)
"""
PROSE = "The mean of an empty list divided by zero, which the corrected version no longer does at all.\n\n"


@pytest.mark.parametrize(
    ("language", "before", "after", "is_same"),
    [
        ("python", BEFORE, BEFORE.replace("    total", "    # add up\n    total"), True),
        ("python", BEFORE, BEFORE.partition("\n\n\n")[0], True),
        ("python", BEFORE, BEFORE.replace("len(xs)", "max(1, len(xs))"), False),
        ("python", BEFORE, BEFORE.replace("total", "amount"), False),
        ("python", "def f(:", "def f():\n    pass\n", False),
        ("c", "int a = 1; // one", "int  a=1;", True),
        ("c", "int a = 1;", "int a = 2;", False),
        ("javascript", "get('http://a');", "get('http://b');", False),
        ("sql", "select a -- b\nfrom c", "select a from c", True),
        ("go", "a := 1", "", False),
    ],
)
def test_comments_and_blanks_are_no_change(language, before, after, is_same):
    assert is_same_code(language, before, after) is is_same


def test_a_fix_that_fixes_nothing_fails():
    text = f"{PROSE}```python\n{BEFORE}```"
    assert "unchanged" in names(text, order("bug_fix", "mean([]) crashes", code=BEFORE))
    asking = order("bug_fix", "Is there a bug? If there is none, return it.", code=BEFORE)
    assert "unchanged" not in names(text, asking)


DIFF = """--- a/stats.py
+++ b/stats.py
@@ -1,3 +1,5 @@
 def mean(xs):
+    if not xs:
+        return 0.0
     total = sum(xs)
     return total / len(xs)
"""


@pytest.mark.parametrize("text", [f"```diff\n{DIFF}```", DIFF, f"{PROSE}```python\n{DIFF}```"])
def test_a_fix_may_be_a_diff(text):
    verdict = check("bug_fix", text, order("bug_fix", "mean([]) crashes", code=BEFORE))
    assert verdict.has_passed, verdict


def test_a_diff_of_other_code_or_to_broken_code_fails():
    task = order("bug_fix", "mean([]) crashes", code=BEFORE)
    other = DIFF.replace("mean", "mode").replace("total", "count")
    assert "other_code" in names(f"{PROSE}```diff\n{other}```", task)
    broken = DIFF.replace("if not xs:", "if not xs")
    assert "syntax" in names(f"{PROSE}```diff\n{broken}```", task)
    idle = "\n".join(line for line in DIFF.split("\n") if not line.startswith("+ "))
    assert "unchanged" in names(f"{PROSE}```diff\n{idle}```", task)


def test_a_diff_is_applied_by_its_lines():
    patched = the_diffs.apply(DIFF.replace("-1,3", "-90,3"), BEFORE)
    assert patched == BEFORE.replace(
        "    total", "    if not xs:\n        return 0.0\n    total", 1
    )
    assert the_diffs.apply(DIFF, "other\n") is None
    two = "@@ @@\n-a\n+b\n@@ @@\n-c\n+d\n"
    assert the_diffs.apply(two, "a\nx\nc\n") == "b\nx\nd\n"
    assert the_diffs.apply("@@ @@\n-a\n", "a\nb\n") == "b\n"


# --- tests ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "is_idle"),
    [
        ("assert f() == 1", False),
        ("assert f()", False),
        ("self.assertEqual(f(), 1)", False),
        ("with pytest.raises(ValueError):\n        f()", False),
        ("check_it(f())", False),
        ("mock.assert_called_once()", False),
        ("np.testing.assert_allclose(f(), 1)", False),
        ("if f():\n        pytest.fail('no')", False),
        ("f()", True),
        ("print(f())", True),
        ("pass", True),
        ("assert True", True),
        ("assert 1 == 1", True),
        ("assert a == a", True),
        ("self.assertTrue(True)", True),
        ("assert (f() == 1, 'no')", True),
    ],
)
def test_a_test_checks_something_or_is_idle(body, is_idle):
    count = count_python(f"def test_a():\n    {body}\n")
    assert count is not None
    assert (count.tests, count.idle) == (1, int(is_idle))


def test_a_helper_may_hold_the_assertion():
    code = "def same(a):\n    assert a == 1\n\n\ndef test_a():\n    same(f())\n"
    count = count_python(code)
    assert count is not None
    assert count.idle == 0


@pytest.mark.parametrize(
    ("code", "tests", "idle"),
    [
        ("it('a', () => { expect(f()).toBe(1); });", 1, 0),
        ("it('a', () => { expect(true).toBe(true); });", 1, 1),
        ("it('a', () => { f(); });\ntest('b', () => {});", 2, 2),
        ("func TestA(t *testing.T) {\n\tif f() {\n\t\tt.Error(1)\n\t}\n}", 1, 0),
        ("func TestA(t *testing.T) {\n\tfmt.Println(f())\n}", 1, 1),
        ("@Test\nvoid a() { assertEquals(1, f()); }", 1, 0),
        ("@Test\nvoid a() { f(); }", 1, 1),
        ("#[test]\nfn a() { assert_eq!(f(), 1); }", 1, 0),
        ("#[test]\nfn a() { f(); }", 1, 1),
        ("x = 1", 0, 0),
    ],
)
def test_tests_of_other_languages_are_counted(code, tests, idle):
    count = count_other(code)
    assert (count.tests, count.idle) == (tests, idle)


@pytest.mark.parametrize("code", ["(" * 5_000, "x = " + "-" * 20_000 + "1", "a" + ".b" * 20_000])
def test_deep_code_breaks_no_check(code):
    text = f"{PROSE}```python\n{code}\n```\n\n```python\ndef test_a():\n    {code}\n```"
    for task_type in ("testing", "bug_fix", "code_generation"):
        check(task_type, text, order(task_type, "Write tests.", code=code))
