"""What the dispatcher does beside its work and cannot do now, for ``status``: since when, and why."""

import dataclasses
import json
from datetime import UTC, datetime
from typing import Literal

import redis

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import Keys

TROUBLE_SECONDS = 1_200
"""How long a failure is shown after a try, in seconds: longer than until the next one."""

What = Literal["alerts", "archive"]


@dataclasses.dataclass(frozen=True, slots=True)
class Trouble:
    """That something fails."""

    since_at: datetime
    """When the first of the failures in a row was."""
    why: str


class Troubles:
    """The notes of one fleet about what fails. They end by themselves when nobody tries any more."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client, self._keys = client, keys

    def note(self, what: What, why: str, now: datetime) -> None:
        """Record a failure.

        Args:
            now: The present by Redis's clock.
        """
        before = self.read(what)
        since = before.since_at if before else now
        row = {"since_ms": round(since.timestamp() * 1000), "why": why}
        with wrapped("note a trouble"):
            self._client.set(self._keys.trouble(what), json.dumps(row), ex=TROUBLE_SECONDS)

    def end(self, what: What) -> None:
        """Record that it works."""
        with wrapped("note a trouble"):
            self._client.delete(self._keys.trouble(what))

    def read(self, what: What) -> Trouble | None:
        """Return what fails; None when it works, or nobody has tried lately."""
        with wrapped("read a trouble"):
            text = self._client.get(self._keys.trouble(what))
        if not text:
            return None
        row = json.loads(str(text))
        return Trouble(datetime.fromtimestamp(row["since_ms"] / 1000, UTC), row["why"])
