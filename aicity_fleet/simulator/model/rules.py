"""The linter's findings in the words of a reviewer: severity, reason and fix by rule."""

from __future__ import annotations

from aicity_fleet.simulator.model.findings import Finding
from aicity_fleet.simulator.model.linter import Diagnostic

SAME_TOPIC = {
    "S608": "sql", "B006": "default", "E722": "except", "S110": "except", "BLE001": "except",
    "SIM105": "except", "S602": "shell", "S605": "shell", "S307": "eval", "S324": "hash",
    "S311": "random", "DTZ003": "utcnow", "F632": "identity", "SIM115": "open", "PLR1704": "except",
    "PLE4703": "mutation", "B909": "mutation", "PLC0206": "mutation", "S604": "shell",
    "PLC0200": "short_range", "S607": "shell", "PLW1510": "shell", "PERF203": "retry", "S112": "except",
}  # fmt: skip
"""Linter rules that say what a finding of the syntax tree says better."""

EXPLAINED = {
    "F401": ("low", "An import that nobody uses costs start-up time and misleads the reader."),
    "F541": ("low", "The f-string has no placeholder: a value was probably forgotten."),
    "F821": ("critical", "The name is not defined; the line raises NameError when it is reached."),
    "F841": ("low", "The value is computed and never read: a result was probably forgotten."),
    "E711": ("low", "Comparing with None by `==` calls foreign code; `is` is exact."),
    "B007": ("low", "The loop variable is not used: either the loop is wrong or its name is."),
    "B904": ("medium", "Without `from` the original cause is lost for whoever reads the log."),
    "PLW1514": ("medium", "Without an encoding the file reads differently on another machine."),
    "UP031": ("low", "Percent formatting hides type errors that an f-string shows."),
    "C901": ("medium", "The function has too many paths to be tested one by one."),
    "PLR0913": ("low", "So many parameters are mixed up at the first occasion."),
    "RET503": ("medium", "Some paths return a value and one silently returns None."),
    "S105": ("critical", "A secret in the source is known to everybody who can read the source."),
    "S108": ("medium", "A fixed name in a shared folder can be read or replaced by others."),
}
"""Severity and reason for rules that deserve their own words."""

FAMILIES = {
    "F": ("medium", "The code does not do what its names promise."),
    "E9": ("critical", "The text is not valid Python; nothing of it runs."),
    "S": ("high", "This pattern is a known way into a system."),
    "B": ("medium", "This construct is a well-known source of surprising behaviour."),
    "PERF": ("low", "The same can be had with less work per element."),
    "PL": ("low", "It is harder to read and to test than it has to be."),
    "RET": ("low", "The paths of the function end in different ways."),
    "TRY": ("medium", "The error handling hides where a failure came from."),
    "DTZ": ("medium", "Times without a zone are compared and converted wrongly."),
}
"""Severity and reason by rule family, for every other rule."""


def in_words(diagnostic: Diagnostic) -> Finding:
    """A finding of the linter as a reviewer would tell it."""
    rule = diagnostic.rule
    family = max((name for name in FAMILIES if rule.startswith(name)), key=len, default="")
    fallback = FAMILIES.get(family, ("low", "It makes the next change harder."))
    severity, why = EXPLAINED.get(rule, fallback)
    message = diagnostic.message.rstrip(".")
    return Finding(
        topic=SAME_TOPIC.get(rule, rule),
        line=diagnostic.line,
        severity=severity,
        title=f"{message[:1].lower()}{message[1:]} ({rule})",
        why=why,
        fix=_fix(diagnostic),
    )


def _fix(diagnostic: Diagnostic) -> str:
    remedies = {
        "F401": "remove the import.",
        "F541": "remove the `f`, or add the missing value.",
        "F841": "use the value or remove the assignment.",
        "E711": "use `is None` or `is not None`.",
        "UP031": "use an f-string.",
        "RET503": "return or raise explicitly at the end of the function.",
        "B007": "rename it to `_` if the count alone matters.",
        "BLE001": "catch the errors that are expected here by name, and raise the rest.",
        "B904": "raise it `from` the error that was caught.",
        "C901": "split the function where its branches part.",
        "PLR0912": "split the function where its branches part.",
        "PLW1514": 'pass `encoding="utf-8"`.',
        "PLW0603": "return the value, and pass it on as an argument.",
        "F821": "define or import the name before this line.",
        "S105": "move the value into the environment, and rotate it.",
        "PERF401": "use a list comprehension.",
        "RUF012": "annotate it with `ClassVar`, or create it in `__init__`.",
        "ARG001": "remove the parameter, or use it.",
        "ARG002": "remove the parameter, or use it.",
        "S108": "use the `tempfile` module.",
    }
    return remedies.get(
        diagnostic.rule, f"change the line as the rule {diagnostic.rule} of ruff suggests."
    )
