"""Loads the ledger's Lua scripts once and runs them with the fleet's prefix."""

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import redis

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.rules import lua_rules

SHARED = (
    "prelude.lua",
    "turns.lua",
    "metrics.lua",
    "breakers.lua",
    "jobs.lua",
    "guard.lua",
    "starts.lua",
    "spending.lua",
)
"""What scripts share, in this order: a local function is known only below its definition."""


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
    """Return every script by its name, each after what it uses of the rules and the shared files.

    Redis makes every function again each time that a script runs: the shared files as a whole would be a
    quarter of what a script costs.
    """
    folder = resources.files(__package__).joinpath("scripts")
    files = [folder.joinpath("shared", name).read_text("utf-8") for name in SHARED]
    shared = _definitions(lua_rules() + "".join(files))
    texts = {}
    for entry in folder.iterdir():
        if entry.name.endswith(".lua"):
            text = entry.read_text("utf-8")
            texts[entry.name.removesuffix(".lua")] = _used(shared, text) + text
    return texts


def _definitions(text: str) -> list[tuple[str, str, set[str]]]:
    """Return the name of each definition, its text without comments, and the words in that."""
    bare = re.sub(r"--.*", "", text)
    parts = re.split(r"^(?=local )", bare, flags=re.MULTILINE)[1:]
    names = re.findall(r"^local (?:function )?(\w+)", bare, re.MULTILINE)
    return [(name, part, _words(part)) for name, part in zip(names, parts, strict=True)]


def _used(shared: list[tuple[str, str, set[str]]], text: str) -> str:
    """Return the definitions that a script uses, itself or through others, in their order."""
    used: list[str] = []
    words = _words(text)
    for name, definition, its_words in reversed(shared):
        if name in words:
            words |= its_words
            used.insert(0, definition)
    return "".join(used)


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))
