"""The project's own source files, and what each imports."""

from __future__ import annotations

import ast
import functools
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("aicity_fleet", "scheduler", "workers")


def imported_names(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def sources() -> list[Path]:
    return [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]


def imported_modules(path: Path, known: Container[str] = ()) -> set[str]:
    """Return every module that a file may import anywhere in it.

    ``from a import b`` names ``a.b``, and also ``a`` unless ``a.b`` is known to be a module.
    """
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{path}: a relative import"  # noqa: PT018
            members = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= members
            if not all(member in known for member in members):
                found.add(node.module)
    return found


@functools.cache
def imports_of_files() -> Mapping[str, set[str]]:
    """The modules that each source file may import, by the file's path below the root."""
    return {path.relative_to(ROOT).as_posix(): imported_modules(path) for path in sources()}
