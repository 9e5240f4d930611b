"""Whether tests check anything: on the syntax tree of Python, by their calls in other languages."""

import ast
import dataclasses
import re

from aicity_fleet.team.gate.patterns import compile_fast
from aicity_fleet.team.gate.syntax import python_tree, statements

MAX_COUNTED_CHARS = 25_000
"""How much of a block in another language is looked at, in characters from its start."""

_REMARK = re.compile(r"^[ \t]*+(?://|#(?!\[)).*$|(?<=[;{}] )//.*$|/\*[\s\S]*?(?:\*/|\Z)", re.M)
_CHECKING_CALL = re.compile(
    r"assert|expect|verify|raises|warns|\bfail\b|should|ensure|check|approve|snapshot|match_", re.I
)
_TEST_CASE = re.compile(
    r"\b(?:it|test|specify)(?:\.(?:each|only|skip|concurrent|todo)[^'\"`\n]{0,80})?\(\s{0,20}['\"`]"
    r"|^func Test\w|@(?:Parameterized)?Test\b|#\[(?:tokio::)?test\]|\bTEST(?:_F|_P)?\(|^[ \t]*it ['\"]"
    r"|^[ \t]*(?:func|def) test\w*|^[ \t]*test ['\"][^'\"\n]{1,200}['\"](?:, .{0,80})? do\b|\btest_that\("
    r"|\[(?:Fact|Theory|Test|TestMethod)\b|^@test |function test\w*\(|\bfun `",
    re.M,
)
ASSERTION = compile_fast(
    r"\bexpect\w*\s{0,3}[({]|\bassert\w*|\bshould\b|\bt\.(?:Error|Fatal|Fail)|\brequire\.|\bverify\w*\("
    r"|\bthen\(|\bEXPECT_|\bASSERT_|\bcheck\(|\.to\(|\bmust_|should_panic|\bcmp\.Diff"
    r"|\bXCT\w+|\[ .{1,80} \]|\bt\.(?:is|deepEqual|throws)\b|\btoThrow|\bStepVerifier|\bcy\.contains"
    r"|\brun_fails|\bfail\(",
    re.M,
)
_TRIVIAL = re.compile(
    r"\bexpect\(\s{0,3}(true|1|false|null|undefined|'[^'\n]{0,20}')\s{0,3}\)\.\w+\(\s{0,3}\1?\s{0,3}\)"
    r"|\bexpect\(true\)\.(?:toBeTruthy|toBeDefined|toEqual|toBe|to\.be\.true)\b(?:\(true\)|\(\))?"
    r"|\bassert(?:True|That)?\(\s{0,3}true\s{0,3}\)|\bassert!\(true\)"
    r"|\bassert_eq!\(\s{0,3}(\w+),\s{0,3}\2\s{0,3}\)"
    r"|\bassert(?:Equals?|\.(?:equal|strictEqual))?\(\s{0,3}(\w+),\s{0,3}\3\s{0,3}\)"
    r"|\bassert\.(?:ok\()?true\b"
    r"|\bassert\.(?:True|ok)\((?:t,\s{0,3})?true\)|\bassert\(1\)",
)


@dataclasses.dataclass(slots=True)
class TestCount:
    """How many tests there are, and how many of them check nothing."""

    tests: int = 0
    idle: int = 0


def count_python(code: str) -> TestCount | None:
    """Count the tests of Python and those that check nothing; None when it does not parse.

    A test checks something when it asserts, expects an error, or calls something that by its name, or by
    its body in the same code, does so. An assertion of a constant, or of a value against itself, is none.
    """
    tree = python_tree(code)
    if tree is None:
        return None
    functions = [
        node
        for node in statements(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    tests = [node for node in functions if node.name.startswith("test") and not _is_fixture(node)]
    if not tests:
        return TestCount()
    helpers = frozenset(
        node.name
        for node in functions
        if not node.name.startswith("test") and _checks(node, frozenset())
    )
    return TestCount(len(tests), sum(not _checks(node, helpers) for node in tests))


def count_other(code: str) -> TestCount:
    """Count the tests of another language; when there are fewer assertions than tests, the rest is idle."""
    text = _REMARK.sub("", _TRIVIAL.sub(" ", code[:MAX_COUNTED_CHARS]))
    tests = len(_TEST_CASE.findall(text))
    return TestCount(tests, max(0, tests - len(ASSERTION.findall(text))))


def _is_fixture(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    decorators = [getattr(item, "func", item) for item in node.decorator_list]
    return any(getattr(item, "attr", getattr(item, "id", "")) == "fixture" for item in decorators)


def _checks(node: ast.AST, helpers: frozenset[str]) -> bool:
    nested: set[ast.AST] | None = None
    for part in ast.walk(node):
        if isinstance(part, ast.Assert) and not _is_trivial(part.test):
            return True
        if isinstance(part, ast.Raise):
            nested = _nested(node) if nested is None else nested
            if part not in nested:
                return True  # a helper within a test may raise for the code to catch
        if isinstance(part, ast.Call):
            name = _called(part)
            if name in helpers:
                return True
            is_idle = name.startswith("assert") and part.args and all(map(_is_constant, part.args))
            if _CHECKING_CALL.search(name) and not is_idle:
                return True
    return False


def _nested(node: ast.AST) -> set[ast.AST]:
    """What stands in functions within a function."""
    return {
        inner
        for part in ast.walk(node)
        if part is not node
        and isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for inner in ast.walk(part)
    }


def _called(call: ast.Call) -> str:
    function = call.func
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _is_constant(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant)


def _is_trivial(test: ast.expr) -> bool:
    """Whether an assertion holds whatever the code does."""
    if isinstance(test, ast.UnaryOp):
        test = test.operand
    if isinstance(test, ast.Constant | ast.Tuple):
        return True
    if isinstance(test, ast.Compare) and len(test.comparators) == 1:
        left, right = test.left, test.comparators[0]
        if _is_constant(left) and _is_constant(right):
            return True
        return isinstance(left, ast.Name) and isinstance(right, ast.Name) and left.id == right.id
    return False
