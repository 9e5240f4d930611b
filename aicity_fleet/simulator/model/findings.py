"""Defects that the syntax tree of a submitted Python text shows, each with its reason and its fix.

The text is parsed, never run. The linter's findings are told in the same form by ``rules``.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator

MONEY = re.compile(r"price|total|amount|cost|fee|discount|salary|balance|tax", re.I)
SECRETIVE = re.compile(r"token|password|secret|order_number|key|code|session", re.I)
SQL = re.compile(r"^\s*(SELECT|INSERT|UPDATE|DELETE)\b", re.I)
SEVERITIES = ("critical", "high", "medium", "low")


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """One defect."""

    topic: str
    """What kind it is; the linter's finding of the same kind on the same line is left out."""
    line: int
    severity: str
    title: str
    why: str
    fix: str


def find_defects(code: str) -> list[Finding]:
    """Every known kind of defect in a text that is valid Python, by line."""
    tree = ast.parse(code)
    found: list[Finding] = []
    for node in ast.walk(tree):
        found += _of_node(node)
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef):
            found += _of_function(scope)
    unique = {(finding.topic, finding.line): finding for finding in found}
    return sorted(unique.values(), key=lambda finding: finding.line)


def _of_node(node: ast.AST) -> Iterator[Finding]:
    match node:
        case ast.ExceptHandler(type=None):
            yield _swallowed(node, "bare `except:` also catches KeyboardInterrupt and typos")
        case ast.ExceptHandler(body=[ast.Pass()]):
            yield _swallowed(node, "the error is caught and thrown away")
        case ast.Call():
            yield from _of_call(node)
        case ast.For():
            yield from _of_loop(node)
        case ast.Compare(ops=[ast.Is() | ast.IsNot()], comparators=[ast.Constant(value=value)]) if (
            isinstance(value, int | str) and not isinstance(value, bool)
        ):
            yield Finding(
                "identity", node.lineno, "high", "a value is compared with `is`",
                "`is` compares identities; whether two equal numbers or texts are one object "
                "depends on the interpreter, so the branch is taken or not by chance.",
                f"compare with `== {value!r}` instead.",
            )  # fmt: skip
        case ast.JoinedStr() if _is_sql(node):
            yield _injection(node)
        case ast.BinOp(op=ast.Mod() | ast.Add(), left=ast.Constant(value=str() as text)) if (
            SQL.match(text)
        ):
            yield _injection(node)


def _of_call(node: ast.Call) -> Iterator[Finding]:
    name = ast.unparse(node.func)
    keywords = {keyword.arg: keyword.value for keyword in node.keywords}
    shell = keywords.get("shell")
    if name in {"eval", "exec"}:
        yield Finding(
            "eval", node.lineno, "critical", f"`{name}` runs text as code",
            "Whoever can influence the text runs code with the rights of this process.",
            f"call the function directly and remove `{name}`; for data use `ast.literal_eval` or "
            "`json.loads`.",
        )  # fmt: skip
    elif name == "os.system" or (isinstance(shell, ast.Constant) and shell.value is True):
        yield Finding(
            "shell", node.lineno, "critical", "a shell command is put together from text",
            "A file name such as `x; rm -rf ~` becomes a command of its own.",
            'pass a list without a shell: `subprocess.run(["gzip", "-c", path], check=True)`.',
        )  # fmt: skip
    elif name in {"hashlib.md5", "hashlib.sha1"}:
        yield Finding(
            "hash", node.lineno, "critical", f"`{name}` protects a password",
            "It is fast and unsalted here: a stolen table is reversed within hours.",
            "use `hashlib.scrypt` (or argon2) with a random salt per user, and compare with "
            "`hmac.compare_digest`.",
        )  # fmt: skip
    elif name.startswith("random.") and name != "random.Random":
        yield Finding(
            "random", node.lineno, "high", f"`{name}` for something that must not be guessed",
            "The generator is predictable and repeats; numbers from it collide and can be foretold.",
            "use the `secrets` module: `secrets.token_urlsafe(16)` or `secrets.choice`.",
        )  # fmt: skip
    elif name in {"datetime.utcnow", "datetime.datetime.utcnow"}:
        yield Finding(
            "utcnow", node.lineno, "low", "a time without a time zone",
            "`utcnow` returns a naive value; comparing or converting it shifts it by hours.",
            "use `datetime.now(UTC)` and keep aware times everywhere.",
        )  # fmt: skip


def _of_loop(node: ast.For) -> Iterator[Finding]:
    source = ast.unparse(node.iter)
    cut = re.fullmatch(r"range\(len\((\w+)\) - 1\)", source)
    if cut:
        yield Finding(
            "range", node.lineno, "high", "the last element is never reached",
            f"`range(len({cut[1]}) - 1)` stops one short, so the final entry is silently skipped.",
            f"iterate over the values: `for value in {cut[1]}:` (or `enumerate({cut[1]})`).",
        )  # fmt: skip
    whole = re.fullmatch(r"range\(len\((\w+)\)\)", source)
    if whole and f"{whole[1]}[{ast.unparse(node.target)} + 1]" in ast.unparse(node):
        yield Finding(
            "range", node.lineno, "high", "the index runs past the end",
            f"In the last round `{ast.unparse(node.target)} + 1` equals `len({whole[1]})`, which "
            "raises IndexError.",
            f"use `zip({whole[1]}, {whole[1]}[1:])` to walk over neighbours.",
        )  # fmt: skip
    if isinstance(node.iter, ast.Name):
        removals = [
            inner
            for inner in ast.walk(node)
            if isinstance(inner, ast.Delete)
            and any(ast.unparse(target).startswith(f"{source}[") for target in inner.targets)
        ]
        for removal in removals[:1]:
            yield Finding(
                "mutation", removal.lineno, "high", f"`{source}` changes while it is walked",
                "Deleting from a dict during iteration raises RuntimeError at the second round.",
                f"walk over a copy: `for key in list({source}):`.",
            )  # fmt: skip


def _of_function(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Finding]:
    defaults = [*node.args.defaults, *(item for item in node.args.kw_defaults if item)]
    for default in defaults:
        if isinstance(default, ast.List | ast.Dict | ast.Set):
            yield Finding(
                "default", default.lineno, "medium", f"`{node.name}` has a mutable default",
                "The default is made once, so every call and every object shares it, and what one "
                "request adds is still there in the next.",
                "take `None` as the default and create a new one inside the function.",
            )  # fmt: skip
    for inner in ast.walk(node):
        if isinstance(inner, ast.Assign) and ast.unparse(inner.value).startswith("open("):
            yield Finding(
                "open", inner.lineno, "medium", "a file is opened and never closed",
                "What was written may stay in the buffer, and handles run out under load.",
                'use `with open(..., encoding="utf-8") as handle:`.',
            )  # fmt: skip
        if isinstance(inner, ast.BinOp) and isinstance(inner.op, ast.Div):
            yield from _of_division(inner, node.name)
        if isinstance(inner, ast.Assign | ast.AugAssign) and _is_float_money(inner):
            yield Finding(
                "money", inner.lineno, "high", "money is computed in binary floating point",
                "0.1 + 0.2 is not 0.3 in floats; sums and percentages drift by a cent.",
                "count integer cents, or use `decimal.Decimal` and round once with "
                "`quantize(Decimal('0.01'))`.",
            )  # fmt: skip
        if isinstance(inner, ast.Subscript) and _is_unchecked_row(inner, node):
            yield Finding(
                "none", inner.lineno, "high", "a missing row is not handled",
                "The lookup gives None for an unknown name, and indexing None raises TypeError.",
                "return False (or raise your own error) when the row is None.",
            )  # fmt: skip
    yield from _of_retry(node)


def _of_division(node: ast.BinOp, name: str) -> Iterator[Finding]:
    divisor = ast.unparse(node.right)
    if divisor.startswith("len("):
        yield Finding(
            "division", node.lineno, "high", f"`{name}` divides by a length that can be zero",
            f"For an empty argument `{divisor}` is 0 and the call ends in ZeroDivisionError.",
            "decide what an empty argument means and return it before the division.",
        )  # fmt: skip


def _of_retry(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Iterator[Finding]:
    for loop in ast.walk(node):
        if isinstance(loop, ast.For) and any(isinstance(part, ast.Try) for part in loop.body):
            text = ast.unparse(loop)
            if re.search(r"\.(refund|charge|pay|transfer)\(", text):
                yield Finding(
                    "retry", loop.lineno, "critical", "a payment is repeated blindly",
                    "A timeout does not say that nothing happened: the first call may have gone "
                    "through, and the loop then pays again. After the third error the function "
                    "returns None, as if all were well.",
                    "pass the same idempotency key with every try, repeat only errors that are "
                    "known to be safe, and raise the last one.",
                )  # fmt: skip


def _swallowed(node: ast.ExceptHandler, title: str) -> Finding:
    return Finding(
        "except", node.lineno, "high", title,
        "A failure looks like success: nobody learns that data was not written or read.",
        "catch the one exception that is expected, and log or raise everything else.",
    )  # fmt: skip


def _injection(node: ast.expr) -> Finding:
    return Finding(
        "sql", node.lineno, "critical", "SQL injection: values are pasted into the statement",
        "A value such as `x' OR '1'='1` changes the statement itself, and reads or deletes all rows.",
        "pass the values separately: `execute(\"... WHERE name = ?\", (name,))`.",
    )  # fmt: skip


def _is_sql(node: ast.JoinedStr) -> bool:
    first = node.values[0] if node.values else None
    return (
        isinstance(first, ast.Constant)
        and bool(SQL.match(str(first.value)))
        and any(isinstance(part, ast.FormattedValue) for part in node.values)
    )


def _is_float_money(node: ast.Assign | ast.AugAssign) -> bool:
    target = node.target if isinstance(node, ast.AugAssign) else node.targets[0]
    if not MONEY.search(ast.unparse(target)):
        return False
    if isinstance(node.value, ast.Constant):
        return isinstance(node.value.value, float) and node.value.value == 0.0
    source = ast.unparse(node.value)
    return bool(MONEY.search(source)) and ("/ 100" in source or "* discount" in source)


def _is_unchecked_row(node: ast.Subscript, function: ast.AST) -> bool:
    if not isinstance(node.value, ast.Name) or not isinstance(node.slice, ast.Constant):
        return False
    name, source = node.value.id, ast.unparse(function)
    looked_up = re.search(rf"\b{name} = .*\.(find|fetchone|get|first)\w*\(", source)
    checked = re.search(rf"\b(if not {name}\b|{name} is (not )?None|if {name}\b)", source)
    return bool(looked_up) and not checked
