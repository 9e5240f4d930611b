"""What people were told through the webhook, so that of all dispatchers one tells each change, once."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from datetime import UTC, datetime

import redis

from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import Keys

TOLD_SECONDS = 86_400
"""How long it is remembered what was told while no dispatcher looks, in seconds."""


@dataclasses.dataclass(frozen=True, slots=True)
class Told:
    """A problem that people were told."""

    what: str
    """The words in which they were told."""
    gone_at: datetime | None = None
    """Since when it is away; None while it stands."""


class Alerts:
    """The notes of one fleet about its webhook. ``Coordination.only_alert`` says who may write them."""

    def __init__(self, client: redis.Redis, keys: Keys) -> None:
        self._client, self._keys = client, keys

    def told(self) -> dict[str, Told]:
        """Return what people were told and is not over, by the name of the finding."""
        with wrapped("read the alerts"):
            text = self._client.get(self._keys.alerts)
        return {
            name: Told(one["what"], _moment(one["gone_ms"]))
            for name, one in json.loads(str(text or "{}")).items()
        }

    def note_told(self, told: Mapping[str, Told]) -> None:
        """Record what people were told and is not over; for the fleet, from now on."""
        rows = {
            name: {"what": one.what, "gone_ms": _milliseconds(one.gone_at)}
            for name, one in told.items()
        }
        with wrapped("note the alerts"):
            if rows:
                self._client.set(self._keys.alerts, json.dumps(rows), ex=TOLD_SECONDS)
            else:
                self._client.delete(self._keys.alerts)


def _moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)


def _milliseconds(moment: datetime | None) -> int | None:
    return None if moment is None else round(moment.timestamp() * 1000)
