"""Whether the time for a text grows only with the length of the text."""

import functools
import gc
import time
from collections.abc import Callable, Iterable
from typing import Any

from aicity_fleet.models import AssignedTask
from aicity_fleet.team.gate.verdict import Submission
from aicity_fleet.team.review.brief import OUR_TEXTS

SMALL_SECONDS = 0.1
"""Below this a text of the tests' length is dealt with at once, whatever its time grows with."""


def cpu_seconds(work: Callable[[Any], object], given: Any) -> float:
    """What `work` takes of the processor: what else the machine does then is not counted."""
    started = time.process_time()
    work(given)
    return time.process_time() - started


def assert_grows_with_the_length(work: Callable[[str], object], text: str) -> None:
    """Compares a text with its first quarter: four times the length may take eight times as long.

    Where the time grows with the square of the length, it is sixteen times as long. The least of three
    measurements leaves out what other work on the machine does to caches and clock.

    Raises:
        AssertionError: it takes more.
    """
    if cpu_seconds(work, text) < SMALL_SECONDS:
        return
    quarter = text[: len(text) // 4] + text[-5:]  # the end closes what the text opened
    gc.collect()
    gc.disable()  # its time grows with the heap of the whole test process
    try:
        whole, part = (min(cpu_seconds(work, given) for _ in range(3)) for given in (text, quarter))
    finally:
        gc.enable()
    assert whole <= 8 * part + SMALL_SECONDS, (
        f"{len(text)} characters: {whole:.2f} s, {len(quarter)}: {part:.2f} s"
    )


def assert_no_check_is_slow(
    rules: Iterable[Callable[[Submission], Iterable[object]]],
    text: str,
    order_of: Callable[[str], AssignedTask],
) -> None:
    """Looks through a text with each check, as a hand-in and as what `order_of` makes of it."""

    def submission_of(text: str) -> Submission:
        return Submission(text, order_of(text), "stop", ("z" * 60,), OUR_TEXTS)

    def look(rule: Callable[[Submission], Iterable[object]], text: str) -> None:
        list(rule(submission_of(text)))

    shared = submission_of(text)  # what all checks need is worked out once
    for rule in rules:
        if cpu_seconds(lambda rule: list(rule(shared)), rule) >= SMALL_SECONDS:
            assert_grows_with_the_length(functools.partial(look, rule), text)
