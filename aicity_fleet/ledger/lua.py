"""The ledger's Lua scripts: loaded once, run with the fleet's prefix, redis-py's errors made ours."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import redis

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import Keys


class Scripts:
    """Runs the scripts of ``ledger/scripts`` on one connection.

    Args:
        client: A connection with ``decode_responses``.
        keys: The fleet's keys.
        texts: The scripts by name; those of the package by default.
    """

    def __init__(
        self, client: redis.Redis, keys: Keys, texts: Mapping[str, str] | None = None
    ) -> None:
        self._prefix = keys.prefix
        self._scripts = {
            name: client.register_script(text) for name, text in (texts or script_texts()).items()
        }

    def run(self, name: str, *args: str | int) -> Any:
        """Run a script.

        Raises:
            LedgerUnavailableError: Redis is down, loading, read-only, full or unreachable.
            LedgerError: The script failed.
        """
        with wrapped(name.replace("_", " ")):
            return self._scripts[name](keys=[self._prefix], args=list(args))


@cache
def script_texts() -> Mapping[str, str]:
    """Every script by its name, the prelude before it."""
    folder = resources.files(__package__).joinpath("scripts")
    prelude = folder.joinpath("prelude.lua").read_text("utf-8")
    return {
        entry.name.removesuffix(".lua"): prelude + entry.read_text("utf-8")
        for entry in folder.iterdir()
        if entry.name.endswith(".lua") and entry.name != "prelude.lua"
    }
