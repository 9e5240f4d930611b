"""Reads TOML files, and says everything that is wrong with a declared or received value at once."""

import tomllib
from collections.abc import Iterable
from importlib.resources.abc import Traversable
from pathlib import Path

from pydantic import ValidationError

from aicity_fleet.errors import FleetError
from aicity_fleet.models import JsonObject


def read_toml(file: Path | Traversable, source: str, error: type[FleetError]) -> JsonObject:
    """Read a TOML file.

    Args:
        source: What the message calls it.
        error: What to raise.

    Raises:
        FleetError: The file cannot be read, or is not TOML. It is an instance of ``error``.
    """
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as failure:
        reason = failure.strerror or type(failure).__name__
        raise error(f"{source}: cannot be read ({reason}). Check path and permissions.") from None
    except ValueError as failure:  # neither UTF-8 nor TOML
        raise error(f"{source}: is not TOML in UTF-8 ({failure}). Correct it.") from None


def faults_of(error: ValidationError, *place: str) -> list[str]:
    """Return a sentence for each fault that a model found, without the faulty value.

    Args:
        place: What comes before the name of the field, such as the table that it is in.
    """
    faults = []
    for fault in error.errors(include_url=False, include_input=False, include_context=False):
        field = ".".join(map(str, (*place, *fault["loc"])))
        is_unknown = fault["type"] == "extra_forbidden"
        reason = (
            "is not a known field" if is_unknown else fault["msg"].removeprefix("Value error, ")
        )
        faults.append(f"{field}: {reason}" if field else reason)
    return faults


def fault_list(headline: str, faults: Iterable[str]) -> str:
    """Return a message with one line for each fault."""
    return "\n".join([f"{headline}:", *(f"  - {fault}" for fault in faults)])
