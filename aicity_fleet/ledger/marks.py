"""Marks of a fleet that belong to no job: whose turn it is to poll and to sweep, what a poll saw."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import redis

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.models import JsonObject

POLL_NOTE_SECONDS = 300
"""How long the summary of a poll stays readable, in seconds."""


class Marks:
    """The short-lived marks of one fleet.

    Raises from every method:
        LedgerUnavailableError: Redis does not answer.
    """

    def __init__(self, client: redis.Redis, keys: Keys, scripts: Scripts) -> None:
        self._client, self._keys, self._scripts = client, keys, scripts

    @contextmanager
    def only_poll(self, seconds: float) -> Iterator[Callable[[], bool] | None]:
        """Hold the right to poll, at most this long at a time.

        Yields:
            A function that prolongs it, and says whether it is still ours; None while another poll is
            under way.
        """
        token = secrets.token_hex(8)
        if not self._take_turn("poll", token, seconds):
            yield None
            return
        try:
            yield lambda: self._take_turn("poll", token, seconds)
        finally:
            self._scripts.run("end_turn", "poll", token)

    def may_sweep(self, seconds: float) -> bool:
        """Whether this process is the first to sweep within this tick."""
        return self._take_turn("sweep", "", seconds)

    def note_poll(self, poll_id: str, summary: JsonObject) -> None:
        """Keep what a poll saw for whoever asked for it."""
        with wrapped("note a poll"):
            self._client.set(self._keys.poll(poll_id), json.dumps(summary), ex=POLL_NOTE_SECONDS)

    def poll_summary(self, poll_id: str) -> JsonObject | None:
        """What a poll saw; None while it has not ended, or ended long ago."""
        with wrapped("read a poll"):
            text = self._client.get(self._keys.poll(poll_id))
        return dict(json.loads(str(text))) if text else None

    def _take_turn(self, name: str, token: str, seconds: float) -> bool:
        return bool(self._scripts.run("take_turn", name, token, max(1, int(seconds * 1000))))
