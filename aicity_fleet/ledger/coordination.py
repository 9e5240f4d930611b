"""The state of a fleet apart from its jobs: whose turn it is to poll, sweep or read back, and the polls."""

from __future__ import annotations

import dataclasses
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


WANTED = 2
"""The reply of ``end_turn.lua`` when another process wanted the turn."""


@dataclasses.dataclass(slots=True)
class Turn:
    """The right to do what one process does at a time."""

    prolong: Callable[[], bool]
    """Keeps the turn, and says whether it is still ours."""
    is_wanted: bool = False
    """Whether it was refused to somebody meanwhile; known when it has been given back."""


class Coordination:
    """The short-lived marks of one fleet."""

    def __init__(self, client: redis.Redis, keys: Keys, scripts: Scripts) -> None:
        self._client, self._keys, self._scripts = client, keys, scripts
        self._token = secrets.token_hex(8)
        self._guard = threading.Lock()
        self._held: dict[str, bool] = {}
        """The turns of this process, each with whether it was refused to another of its threads."""

    def only_poll(self, seconds: float) -> AbstractContextManager[Turn | None]:
        """Hold the right to poll, at most this long at a time; None while another poll is under way."""
        return self._only("poll", seconds)

    def only_read_back(self, seconds: float) -> AbstractContextManager[Turn | None]:
        """Hold the right to read tasks back, as ``only_poll`` does for polls."""
        return self._only("read_back", seconds)

    def only_unlisted(self, seconds: float) -> AbstractContextManager[Turn | None]:
        """Hold the right to read tasks that left the list, as ``only_poll`` does for polls."""
        return self._only("unlisted", seconds)

    def only_archive(self, seconds: float) -> AbstractContextManager[Turn | None]:
        """Hold the right to archive, as ``only_poll`` does for polls."""
        return self._only("archive", seconds)

    def only_alert(self, seconds: float) -> AbstractContextManager[Turn | None]:
        """Hold the right to tell people what needs them, as ``only_poll`` does for polls."""
        return self._only("alert", seconds)

    @contextmanager
    def _only(self, name: str, seconds: float) -> Iterator[Turn | None]:
        # One token for each process: a turn that could not be given back, because Redis went away, is
        # ours to take again. Within one process, the lock decides.
        turn = Turn(lambda: self._take_turn(name, seconds))
        if not self._enter(name):
            yield None
            return
        try:
            if not turn.prolong():
                yield None
                return
            try:
                yield turn
            finally:
                turn.is_wanted = self._scripts.run("end_turn", name, self._token) == WANTED
        finally:
            turn.is_wanted |= self._leave(name)

    def _enter(self, name: str) -> bool:
        """Take the turn within this process, or let its holder know that it is wanted."""
        with self._guard:
            is_held = name in self._held
            self._held[name] = is_held
            return not is_held

    def _leave(self, name: str) -> bool:
        """Give it back; returns whether it was wanted."""
        with self._guard:
            return self._held.pop(name)

    def note_walk(self, seconds: float) -> None:
        """Record that the whole list of tasks was walked, and how long ago the walk began.

        From then on no job begins whose task it did not show; see ``Ledger.unlisted``.
        """
        self._scripts.run("note_walk", int(seconds * 1000))

    def note_poll(self, poll_id: str, summary: JsonObject) -> None:
        """Keep the summary of a poll for the process that asked for it, and as the latest with its time.

        A poll that only found another under way is not the latest: it saw nothing. The latest also says
        how many failed in a row, and since when.
        """
        status = str(summary.get("status", ""))
        at, before = self._scripts.run(
            "note_poll", poll_id, json.dumps(summary), POLL_NOTE_SECONDS, status
        )
        with wrapped("note a poll"):
            if status != "busy":
                latest = {**summary, "at": at, "failing": _failing(summary, at, before)}
                self._client.set(self._keys.last_poll, json.dumps(latest), ex=LAST_POLL_SECONDS)

    def poll_summary(self, poll_id: str) -> JsonObject | None:
        """Return what a poll saw; None before it ended, or long after."""
        with wrapped("read a poll"):
            text = self._client.get(self._keys.poll(poll_id))
        return dict(json.loads(str(text))) if text else None

    def last_poll(self) -> JsonObject | None:
        """Return what the latest poll saw; None when none ended within a day.

        ``at`` is an aware time. ``failing`` is None, or says how many ``polls`` failed in a row, ``since``
        when (an aware time), and the ``message`` of the last failure and whether it ``may_pass``.
        """
        with wrapped("read the latest poll"):
            text = self._client.get(self._keys.last_poll)
        if not text:
            return None
        latest = dict(json.loads(str(text)))
        if failing := latest.get("failing"):
            latest["failing"] = {**failing, "since": _moment(failing["since"])}
        return {"failing": None, **latest, "at": _moment(latest["at"])}

    def swept_at(self) -> datetime | None:
        """When the latest sweep's turn ended, which is within one tick of its beginning; None when no
        dispatcher has swept for a day. It may lie a moment ahead.
        """
        with wrapped("read the latest sweep"):
            until = self._client.hget(self._keys.turns, "sweep:until")
        return _moment(int(str(until))) if until else None

    def _take_turn(self, name: str, seconds: float) -> bool:
        return bool(self._scripts.run("take_turn", name, self._token, int(seconds * 1000)))


def _failing(summary: JsonObject, at: int, before: object) -> JsonObject | None:
    """Return the row of failed polls that stands after this one; None when there is none.

    Args:
        at: The present, in milliseconds.
        before: The note of the poll before, as JSON.
    """
    row: JsonObject | None = json.loads(str(before)).get("failing") if before else None
    match summary.get("status"):
        case "ok":
            return None
        case "error":
            return {
                "polls": row["polls"] + 1 if row else 1,
                "since": row["since"] if row else at,
                "message": summary.get("message", ""),
                "may_pass": summary.get("may_pass", True),
            }
        case _:  # AI City was not asked
            return row


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
