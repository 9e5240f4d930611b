"""Waiting in tests: until a condition holds, never for a fixed time."""

from __future__ import annotations

import time
from collections.abc import Callable


def wait_until(condition: Callable[[], object], *, description: str, seconds: float = 20) -> None:
    """Wait until a condition holds; fails with its description when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {description}"
        time.sleep(0.02)
