"""Loads the ledger's Lua scripts once and runs them with the fleet's prefix."""

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import redis

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.rules import lua_rules

SHARED = ("prelude.lua", "breakers.lua", "jobs.lua", "guard.lua", "starts.lua", "spending.lua")
"""What stands before every script, in this order: a local function is known only below its definition."""


class Scripts:
    """Runs the scripts of ``ledger/scripts`` on one connection.

    Args:
        client: A connection with ``decode_responses``.
        texts: The scripts by name; by default those of the package.
    """

    def __init__(
        self, client: redis.Redis, keys: Keys, texts: Mapping[str, str] | None = None
    ) -> None:
        self._prefix = keys.prefix
        self._scripts = {
            name: client.register_script(text) for name, text in (texts or script_texts()).items()
        }

    def run(self, script: str, /, *args: str | int, **named: str | int | None) -> Any:
        """Run a script.

        Args:
            args: The arguments that it takes by position.
            named: The arguments that it takes by name; None arrives as an empty text.

        Raises:
            LedgerUnavailableError: Redis is down, loading, read-only, full or unreachable.
            LedgerError: The script failed.
        """
        pairs = [
            part for name, value in named.items() for part in (name, "" if value is None else value)
        ]
        with wrapped(script.replace("_", " ")):
            return self._scripts[script](keys=[self._prefix], args=[*args, *pairs])


@cache
def script_texts() -> Mapping[str, str]:
    """Return every script by its name, each after the rules and the shared files."""
    folder = resources.files(__package__).joinpath("scripts")
    shared = folder.joinpath("shared")
    prelude = lua_rules() + "".join(shared.joinpath(name).read_text("utf-8") for name in SHARED)
    return {
        entry.name.removesuffix(".lua"): prelude + entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".lua")
    }
