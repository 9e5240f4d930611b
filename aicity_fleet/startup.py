"""Loads the code of a process, and ends one that cannot go on with one readable message."""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from aicity_fleet.errors import FleetError
from aicity_fleet.redaction import secrets_in, text_redactor, worth_redacting

NEW_OBJECTS = 20_000
"""After how many new objects the garbage collector looks for cycles. At Python's 700 it did so several
times in each run of a team, a tenth of a busy worker's time. 20,000 objects are some megabytes."""


@contextmanager
def exit_on_fleet_error() -> Iterator[None]:
    """Turn a ``FleetError`` into one message on stderr and an exit code.

    Raises:
        SystemExit: With the error's own exit code: 2 for settings, 1 for anything else.
    """
    try:
        yield
    except FleetError as error:
        redact = text_redactor(worth_redacting(secrets_in(os.environ).values(), ()))
        sys.stderr.write(f"aicity-fleet: {redact(str(error))}\n")
        raise SystemExit(error.exit_code) from None


@contextmanager
def loading_for_good() -> Iterator[None]:
    """Import modules that stay until the process ends, and keep them out of the garbage collector.

    It would go through their objects over and over: while they are loaded, which takes a fifth of a
    worker's start, at each full collection, which pauses the event loop for 80 ms, and at exit.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)
