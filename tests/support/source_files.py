"""The project's own source files, and what each imports."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator, Mapping
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


def imported_modules(path: Path) -> set[str]:
    """Every module that a file may import: ``from a import b`` names ``a`` and, perhaps, ``a.b``."""
    found = set(imported_names(path))
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@functools.cache
def imports_of_files() -> Mapping[str, set[str]]:
    """The modules that each source file may import, by the file's path below the root."""
    return {path.relative_to(ROOT).as_posix(): imported_modules(path) for path in sources()}
