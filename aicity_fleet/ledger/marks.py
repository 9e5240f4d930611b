"""Marks of a fleet that belong to no job: who polls, who sweeps, whether AI City wants quiet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import redis
from redis.exceptions import LockError

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.models import JsonObject

POLL_NOTE_SECONDS = 300
"""How long the summary of a poll stays readable, in seconds."""


class Marks:
    """The short-lived marks of one fleet; every one of them has a TTL."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys

    @contextmanager
    def only_poll(self, seconds: float) -> Iterator[bool]:
        """Hold the right to poll, at most this long; yields False while another poll is under way.

        Raises:
            LedgerUnavailableError: Redis does not answer.
        """
        lock = self._client.lock(self._keys.poll_lock, timeout=seconds, blocking=False)
        with wrapped("start a poll"):
            mine = lock.acquire()
        try:
            yield mine
        finally:
            if mine:
                with wrapped("end a poll"), suppress(LockError):  # it took longer than its right
                    lock.release()

    def may_sweep(self, seconds: float) -> bool:
        """Whether this process is the first to sweep within this tick.

        Raises:
            LedgerUnavailableError: Redis does not answer.
        """
        milliseconds = max(1, int(seconds * 1000))
        with wrapped("start a sweep"):
            return bool(self._client.set(self._keys.sweep_lock, "1", nx=True, px=milliseconds))

    def keep_quiet(self, seconds: float) -> None:
        """Note that AI City asked this agent to wait; never shortens a longer wait.

        Raises:
            LedgerUnavailableError: Redis does not answer.
        """
        milliseconds = max(1, int(seconds * 1000))
        with wrapped("note a wait"):
            if self._client.pttl(self._keys.quiet) < milliseconds:
                self._client.set(self._keys.quiet, "429", px=milliseconds)

    def quiet_seconds(self) -> float:
        """How long AI City still wants to be left alone; 0 when it does not.

        Raises:
            LedgerUnavailableError: Redis does not answer.
        """
        with wrapped("read a wait"):
            return max(0.0, self._client.pttl(self._keys.quiet) / 1000)

    def note_poll(self, poll_id: str, summary: JsonObject) -> None:
        """Keep what a poll saw for whoever asked for it.

        Raises:
            LedgerUnavailableError: Redis does not answer.
        """
        with wrapped("note a poll"):
            self._client.set(self._keys.poll(poll_id), json.dumps(summary), ex=POLL_NOTE_SECONDS)

    def poll_summary(self, poll_id: str) -> JsonObject | None:
        """What a poll saw; None while it has not ended, or ended long ago.

        Raises:
            LedgerUnavailableError: Redis does not answer.
        """
        with wrapped("read a poll"):
            text = self._client.get(self._keys.poll(poll_id))
        return dict(json.loads(str(text))) if text else None
