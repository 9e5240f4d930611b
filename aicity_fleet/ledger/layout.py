"""The mark that says which layout a ledger has, and whether this version of the fleet can work on it."""

from __future__ import annotations

import redis

from aicity_fleet.errors import LedgerError
from aicity_fleet.ledger.connection import wrapped
from aicity_fleet.ledger.keys import OLDEST_READABLE_VERSION, SCHEMA_VERSION, Keys


def check_layout(client: redis.Redis, keys: Keys) -> int:
    """Read the mark; a ledger that has none gets ours.

    Returns:
        The layout that the ledger is marked with.

    Raises:
        LedgerUnavailableError: Redis is down, loading, read-only, full or unreachable.
        LedgerError: The layout is too new for this version of the fleet, or too old.
    """
    with wrapped("read the ledger's version"):
        client.set(keys.schema, SCHEMA_VERSION, nx=True)
        found = int(str(client.get(keys.schema) or SCHEMA_VERSION))
    whose = f"The ledger of agent '{keys.agent}' has layout {found}, and this version of the fleet"
    if found > SCHEMA_VERSION:
        raise LedgerError(f"{whose} knows {SCHEMA_VERSION}. Upgrade this process.")
    if found < OLDEST_READABLE_VERSION:
        raise LedgerError(
            f"{whose} reads {OLDEST_READABLE_VERSION} to {SCHEMA_VERSION}. Let the version before "
            "this one finish its jobs first."
        )
    return found


def mark_layout(client: redis.Redis, keys: Keys) -> None:
    """Mark a ledger as this version's."""
    with wrapped("write the ledger's version"):
        client.set(keys.schema, SCHEMA_VERSION)
