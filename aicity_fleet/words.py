"""Puts plain values into words for people: times, durations, numbers, sizes, dollars."""

from datetime import UTC, datetime
from decimal import Decimal

HAND_IN_NAMES: dict[str, str] = {
    "tool": "with the tool",
    "marker": "with the marker",
    "plain": "as a plain answer",
}
"""How a model handed in, in words."""


def moment(value: datetime | None) -> str:
    """Format a time in UTC, to the second."""
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if value else "-"


def duration(seconds: float) -> str:
    """Format a duration in one or two units, for people."""
    whole = int(seconds)
    if whole < 120:
        return f"{whole} s"
    if whole < 2 * 3600:
        return f"{whole // 60} min"
    if whole < 48 * 3600:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} days"


def count(number: int, noun: str) -> str:
    """Format a number with its noun: 1 job, 2 jobs."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def megabytes(number: int) -> str:
    """Format a number of bytes in MB (of 1024 * 1024 bytes)."""
    return f"{number / 2**20:.1f} MB"


def usd(value: Decimal) -> str:
    """Format dollars with all their digits, and with at least two decimals."""
    text = f"{abs(value):f}"
    whole, _, fraction = text.partition(".")
    return f"{'-' if value < 0 else ''}${whole}.{fraction.rstrip('0').ljust(2, '0')}"
