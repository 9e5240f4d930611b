"""Unified diffs: whether a text is one, and what results when it is applied. Nothing is run.

Source: gnu.org/software/diffutils/manual (Detailed Unified).
"""

import re

MAX_PATCHED_CHARS = 200_000
"""Code and diffs beyond this are not applied, in characters."""

_LABELS = frozenset({"diff", "patch", "udiff"})
_HUNK = re.compile(r"^@@(?: -\d|.{0,80}@@|\s*$)", re.M)
_OLD_FILE = re.compile(r"^--- \S", re.M)
_NEW_FILE = re.compile(r"^\+\+\+ \S", re.M)
_HEADER = re.compile(
    r"(?:--- |\+\+\+ |diff |index |\\ No newline|new file|deleted file|similarity )"
)


def is_diff(language: str, text: str) -> bool:
    """Whether a block is a diff: it is marked as one, or has the lines that only a diff has."""
    if language in _LABELS:
        return True
    has_files = _OLD_FILE.search(text) and _NEW_FILE.search(text)
    return bool((has_files or _HUNK.search(text)) and changed_lines(text))


def changed_lines(diff: str) -> tuple[list[str], list[str]] | None:
    """Return the removed and the added lines without their marks; None when nothing changes."""
    removed, added = [], []
    for line in diff.split("\n"):
        if _HEADER.match(line):
            continue
        if line.startswith("-"):
            removed.append(line[1:])
        elif line.startswith("+"):
            added.append(line[1:])
    return (removed, added) if removed or added else None


def new_side(diff: str) -> str:
    """Return the lines that a diff leaves or adds, without their marks."""
    lines = [line for line in diff.split("\n") if not _HEADER.match(line) and line[:2] != "@@"]
    return "\n".join(line[1:] for line in lines if not line.startswith("-"))


def mentions(diff: str, code: str) -> bool:
    """Whether a diff takes up lines of some code; always when it only adds."""
    known = {line.strip() for line in code.split("\n")}
    old = [
        line[1:].strip()
        for line in diff.split("\n")
        if line[:1] in {"-", " "} and not _HEADER.match(line)
    ]
    old = [line for line in old if len(line) > 3]
    return not old or any(line in known for line in old)


def apply(diff: str, code: str) -> str | None:
    """Return the code after a diff; None when the diff does not fit it.

    Hunks are found by their lines: the numbers of a model's hunks are often wrong.
    """
    if len(diff) + len(code) > MAX_PATCHED_CHARS:
        return None
    whole = "\n" + "\n".join(line.rstrip() for line in code.split("\n")) + "\n"
    done: list[str] = []
    at = 0
    for old, new in _hunks(diff):
        wanted = "\n" + "\n".join(old) + "\n" if old else ""
        found = whole.find(wanted, at)
        if found < 0:
            return None
        done += [whole[at:found], *(f"\n{line}" for line in new)]
        at = found + max(0, len(wanted) - 1)
    return ("".join(done) + whole[at:]).strip("\n") + "\n"


def _hunks(diff: str) -> list[tuple[list[str], list[str]]]:
    """The lines before and after, hunk by hunk."""
    hunks: list[tuple[list[str], list[str]]] = [([], [])]
    for line in diff.rstrip("\n").split("\n"):
        if line.startswith("@@"):
            hunks.append(([], []))
        elif _HEADER.match(line):
            continue
        elif line.startswith("+"):
            hunks[-1][1].append(line[1:].rstrip())
        elif line.startswith("-"):
            hunks[-1][0].append(line[1:].rstrip())
        else:
            for side in hunks[-1]:
                side.append(line[1:].rstrip())
    return [(old, new) for old, new in hunks if old != new]
