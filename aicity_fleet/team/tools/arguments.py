"""Reads what a model passes to a tool. Models pass all kinds of things."""

from collections.abc import Mapping
from typing import Any

from aicity_fleet.errors import ToolError

MAX_NAMES = 50
"""Most file names that are taken from one call."""

MAX_DRAFT_CHARS = 100_000
"""Longest text of its own that a model may have checked, in characters."""


class MisCallError(ToolError):
    """A tool was called with arguments that it does not take."""


def text(arguments: Mapping[str, Any], name: str, *, max_chars: int) -> str:
    """Return a text, or an empty one where there is none.

    Raises:
        MisCallError: It is something else, or too long.
    """
    value = arguments.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise MisCallError(f"{name} must be a text.")
    if len(value) > max_chars:
        raise MisCallError(f"{name} is longer than {max_chars} characters.")
    return value


def names(arguments: Mapping[str, Any], name: str) -> list[str]:
    """Return a list of texts; one text alone counts as a list of one.

    Raises:
        MisCallError: It is something else, or too long.
    """
    value = arguments.get(name)
    if value is None or value == "":
        return []
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MisCallError(f"{name} must be a list of file names.")
    if len(value) > MAX_NAMES:
        raise MisCallError(f"{name} has more than {MAX_NAMES} names.")
    return value


def number(arguments: Mapping[str, Any], name: str, *, default: int, low: int, high: int) -> int:
    """Return a whole number, brought within its bounds.

    Raises:
        MisCallError: It is something else.
    """
    value = arguments.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 -- not a number
        raise MisCallError(f"{name} must be a whole number.")
    return int(min(max(value, low), high))
