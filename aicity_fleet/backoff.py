"""The wait before something that failed for a passing reason is tried again."""

import random


def backoff_seconds(first: float, longest: float, times: int) -> float:
    """Full jitter: anything from 0 to the doubled and capped wait, in seconds."""
    return random.uniform(0, min(longest, first * 2.0 ** min(times, 30)))  # noqa: S311
