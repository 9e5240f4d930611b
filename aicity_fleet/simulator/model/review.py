"""Writes code reviews: the linter's findings and those of the syntax tree, by severity and line."""

from __future__ import annotations

import ast
import re
from collections import Counter

from aicity_fleet.simulator.measures import fences, parses
from aicity_fleet.simulator.model.brief import Brief
from aicity_fleet.simulator.model.findings import SEVERITIES, Finding, find_defects
from aicity_fleet.simulator.model.linter import Linter
from aicity_fleet.simulator.model.rules import in_words
from aicity_fleet.simulator.model.wording import shortened

MOST_FINDINGS = 14
"""How many findings a review tells in full."""

FEW_FINDINGS = 2
"""With fewer findings a review also says what can be improved."""

TEXT_DEFECTS = (
    (r"\beval\(", "critical", "text is run as code", "parse it instead, e.g. with `JSON.parse`."),
    (r"\.innerHTML\s*=", "high", "foreign text becomes markup", "set `textContent` instead."),
    (r"[^=!]==[^=]", "low", "a comparison that converts types", "use `===` instead."),
    (r"(?i)(password|secret|api_?key)\s*[:=]\s*[\"']\w", "critical", "a secret in the source",
     "move it into the environment and rotate it."),
    (r"catch\s*\([^)]*\)\s*\{\s*\}", "high", "an error is swallowed", "log it or raise it again."),
    (r"\bvar\s", "low", "a variable without block scope", "use `const` or `let`."),
    (r"(?i)\b(TODO|FIXME|XXX)\b", "low", "unfinished work", "finish it or file an issue."),
)  # fmt: skip
"""What can be seen in a text of any language: pattern, severity, title, fix."""


def code_of(brief: Brief) -> str:
    """The code that a brief is about: its own block, or a fence within the description."""
    if brief.code.strip():
        return brief.code
    return "\n".join(content for _, content in fences(brief.description))


async def code_review(brief: Brief, linter: Linter) -> str:
    """A review with a summary, every finding, and a verdict."""
    code = code_of(brief)
    findings = await find_all(code, linter)
    lines = code.splitlines()
    counts = Counter(finding.severity for finding in findings)
    tally = ", ".join(f"{counts[level]} {level}" for level in SEVERITIES if counts[level])
    parts = ["# Code review", "", "## Summary", ""]
    parts.append(_summary(code, findings, tally))
    if is_hostile(brief.material):
        parts.append("")
        parts.append(
            "The request also holds sentences that address the reviewer as if they were orders. "
            "They were read as part of the material and not followed; nothing but this review is "
            "handed in."
        )
    parts += ["", "## Findings", ""]
    for number, finding in enumerate(findings[:MOST_FINDINGS], 1):
        parts += _told(number, finding, lines)
    if len(findings) > MOST_FINDINGS:
        rest = ", ".join(f"line {finding.line}" for finding in findings[MOST_FINDINGS:])
        parts += [f"Smaller remarks of the same kinds: {rest}.", ""]
    parts += ["## Verdict", "", _verdict(counts, findings)]
    return "\n".join(parts)


async def find_all(code: str, linter: Linter) -> list[Finding]:
    """Every finding about a text, the worst first; Python is also seen by the linter."""
    if not parses(code) and not re.search(r"^\s*(def |import |from \w+ import )", code, re.M):
        return by_severity(find_in_text(code) or observations(code))
    own = find_defects(code) if parses(code) else []
    seen = {(finding.topic, finding.line) for finding in own}
    told = [in_words(diagnostic) for diagnostic in await linter.check(code)]
    for finding in told:
        near = any((finding.topic, finding.line + step) in seen for step in range(-2, 3))
        pasted = finding.topic.startswith("UP03") and any(
            (topic, finding.line + step) in seen
            for topic in ("sql", "shell")
            for step in (-1, 0, 1)
        )
        if not near and not pasted:
            own.append(finding)
            seen.add((finding.topic, finding.line))
    return by_severity(own if len(own) >= FEW_FINDINGS else own + observations(code))


def observations(code: str) -> list[Finding]:
    """What can be improved in a text without defects: what its readers and callers have to guess."""
    lines = code.splitlines()
    written = [number for number, line in enumerate(lines, 1) if line.strip()]
    first, last = (written[0], written[-1]) if written else (1, 1)
    nodes = ast.walk(ast.parse(code)) if parses(code) else ()
    found = [
        Finding(
            "described",
            node.lineno,
            "low",
            f"`{node.name}` does not say what it promises",
            "Without a docstring the caller has to read the body, and nobody can tell a bug from "
            "an intention.",
            "add one sentence that names the result, and annotate arguments and result.",
        )
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and not ast.get_docstring(node)
    ]
    why = "A reader who meets this text first has to find out by himself what it is for."
    fix = "add one sentence at the top that says what it is for and who uses it."
    found.append(Finding("purpose", first, "low", "the text does not say its purpose", why, fix))
    why = (
        "Nothing shows what happens with empty, missing or wrong values when this line is reached."
    )
    fix = "add a test with an empty and with a wrong value, and validate what comes from outside."
    found.append(Finding("tested", last, "info", "no test goes with this text", why, fix))
    return found


def find_in_text(code: str) -> list[Finding]:
    """What can be said about a text that is not Python."""
    found = []
    for number, line in enumerate(code.splitlines(), 1):
        for pattern, severity, title, fix in TEXT_DEFECTS:
            if re.search(pattern, line):
                why = "It is a known source of failures in code of this kind."
                found.append(Finding(title, number, severity, title, why, fix))
    return found


def by_severity(findings: list[Finding]) -> list[Finding]:
    """The findings with the worst first, and by line among equals."""
    return sorted(findings, key=lambda item: (SEVERITIES.index(item.severity), item.line))


def is_hostile(text: str) -> bool:
    """Whether a text speaks to the one who works on it."""
    return bool(re.search(r"ignore (all |your |previous )*instructions|system prompt", text, re.I))


def _told(number: int, finding: Finding, lines: list[str]) -> list[str]:
    quoted = lines[finding.line - 1].strip() if 0 < finding.line <= len(lines) else ""
    return [
        f"### {number}. [{finding.severity}] Line {finding.line}: {finding.title}",
        "",
        f"`{shortened(quoted.replace('`', chr(39)), 110)}`",
        "",
        f"- **Severity:** {finding.severity}",
        f"- **Why it matters:** {finding.why}",
        f"- **Fix:** {finding.fix}",
        "",
    ]


def _summary(code: str, findings: list[Finding], tally: str) -> str:
    size = len(code.splitlines())
    worst = findings[0]
    return (
        f"{size} lines were read and checked with ruff and by a walk over the syntax tree. "
        f"There are {len(findings)} findings ({tally}). The most urgent one is in line "
        f"{worst.line}: {worst.title}. Nothing of the submitted code was run."
    )


def _verdict(counts: Counter[str], findings: list[Finding]) -> str:
    if counts["critical"]:
        urgent = ", ".join(
            f"line {finding.line}" for finding in findings if finding.severity == "critical"
        )
        return f"Do not ship it yet: fix the critical findings ({urgent}) first, then ask again."
    if counts["high"] or counts["medium"]:
        return "Ship it after the high and medium findings are fixed; the others can wait."
    return "It can be shipped; the remarks above are improvements, not conditions."
