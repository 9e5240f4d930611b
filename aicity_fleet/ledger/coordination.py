"""The state of a fleet apart from its jobs: whose turn it is to poll, sweep or read back, and the polls."""

import json
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime

import redis

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.models import JsonObject

POLL_NOTE_SECONDS = 300
"""How long the summary of a poll stays readable under its id, in seconds."""

LAST_POLL_SECONDS = 86_400
"""How long the summary of the latest poll stays readable, in seconds."""


class Coordination:
    """The short-lived marks of one fleet."""

    def __init__(self, client: redis.Redis, keys: Keys, scripts: Scripts) -> None:
        self._client, self._keys, self._scripts = client, keys, scripts
        self._token = secrets.token_hex(8)
        self._locks = {name: threading.Lock() for name in ("poll", "read_back")}

    def only_poll(self, seconds: float) -> AbstractContextManager[Callable[[], bool] | None]:
        """Hold the right to poll, at most this long at a time.

        Yields:
            A function that prolongs it, and says whether it is still ours; None while another poll is
            under way.
        """
        return self._only("poll", seconds)

    def only_read_back(self, seconds: float) -> AbstractContextManager[Callable[[], bool] | None]:
        """Hold the right to read tasks back, as ``only_poll`` does for polls."""
        return self._only("read_back", seconds)

    @contextmanager
    def _only(self, name: str, seconds: float) -> Iterator[Callable[[], bool] | None]:
        # One token for each process: a turn that could not be given back, because Redis went away, is
        # ours to take again. Within one process, the lock decides.
        if not self._locks[name].acquire(blocking=False):
            yield None
            return
        try:
            if not self._take_turn(name, self._token, seconds):
                yield None
                return
            try:
                yield lambda: self._take_turn(name, self._token, seconds)
            finally:
                self._scripts.run("end_turn", name, self._token)
        finally:
            self._locks[name].release()

    def may_sweep(self, seconds: float) -> bool:
        """Whether this process is the first to sweep within this tick."""
        return self._take_turn("sweep", "", seconds)

    def note_poll(self, poll_id: str, summary: JsonObject) -> None:
        """Keep the summary of a poll for the process that asked for it, and as the latest with its time.

        A poll that only found another under way is not the latest: it saw nothing.
        """
        with wrapped("note a poll"):
            self._client.set(self._keys.poll(poll_id), json.dumps(summary), ex=POLL_NOTE_SECONDS)
            if summary.get("status") != "busy":
                seconds, microseconds = self._client.time()
                latest = {**summary, "at": seconds * 1000 + microseconds // 1000}
                self._client.set(self._keys.last_poll, json.dumps(latest), ex=LAST_POLL_SECONDS)

    def poll_summary(self, poll_id: str) -> JsonObject | None:
        """Return what a poll saw; None before it ended, or long after."""
        with wrapped("read a poll"):
            text = self._client.get(self._keys.poll(poll_id))
        return dict(json.loads(str(text))) if text else None

    def last_poll(self) -> JsonObject | None:
        """Return what the latest poll saw; None when none ended within a day. ``at`` is an aware time."""
        with wrapped("read the latest poll"):
            text = self._client.get(self._keys.last_poll)
        if not text:
            return None
        latest = dict(json.loads(str(text)))
        return {**latest, "at": datetime.fromtimestamp(latest["at"] / 1000, UTC)}

    def swept_at(self) -> datetime | None:
        """When the latest sweep's turn ended, which is within one tick of its beginning; None when no
        dispatcher has swept for a day. It may lie a moment ahead.
        """
        with wrapped("read the latest sweep"):
            until = self._client.hget(self._keys.turns, "sweep:until")
        return datetime.fromtimestamp(int(str(until)) / 1000, UTC) if until else None

    def _take_turn(self, name: str, token: str, seconds: float) -> bool:
        return bool(self._scripts.run("take_turn", name, token, max(1, int(seconds * 1000))))
