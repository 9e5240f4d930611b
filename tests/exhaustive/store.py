"""The ledger in Redis as a plain value: taken out, reduced to what matters, and put back.

The clock stands still; time passes by making one thing due. So a time is either due or not, and two
states that differ in nothing else are one. What only people read (trails, times, usage) is left out,
and so is what decides when a message is sent: here any message may come at any time, and again.
"""

from __future__ import annotations

from typing import Any

from exhaustive.programs import KEYS
from simulation.wire import Wire, packed
from simulation.world import CLOCK

NOW_MS = 1_700_000_000_000
LATER_MS = NOW_MS + 1000
"""Stands for any time that has not come."""

TIMES = frozenset(
    {
        *("not_before", "report_due", "report_lease_until", "poll:until", "sweep:until"),
        "changed_at",
    }
)
MATTERS = TIMES | frozenset(
    {
        *("state", "nonce", "attempt", "lapses", "isolated", "cancel", "task"),
        *(
            "outcome",
            "outcome_kind",
            "finish_token",
            "complete_tried",
            "guard_mark",
            "tried",
            "refused",
        ),
        *("despite_guard", "report_attempt", "failed", "cleared", "assumed", "poll:token"),
        *(
            "standing",
            "counted",
            "may_succeed",
            "failure_counted",
            "failure_number",
            "read_backs",
            "cleared_by",
            "cleared_from",
            "assumed_from",
        ),
    }
)
"""The fields of hashes that decide anything."""

DUMP = """
local found = {}
for i, name in ipairs(redis.call('KEYS', KEYS[1] .. '*')) do
  local kind = redis.call('TYPE', name).ok
  local value
  if kind == 'hash' then value = redis.call('HGETALL', name)
  elseif kind == 'zset' then value = redis.call('ZRANGE', name, 0, -1, 'WITHSCORES')
  elseif kind == 'set' then value = redis.call('SMEMBERS', name)
  elseif kind == 'list' then value = redis.call('LRANGE', name, 0, -1)
  else value = {redis.call('GET', name)} end
  found[i] = {string.sub(name, #KEYS[1] + 1), kind, value}
end
return found
"""

Snapshot = tuple[tuple[str, str, tuple[Any, ...]], ...]
"""Names without the prefix, kinds and contents, sorted."""

PUT = {"hash": "HSET", "zset": "ZADD", "set": "SADD", "list": "RPUSH", "string": "SET"}


class Store:
    """Runs scripts on snapshots.

    Args:
        wire: A Redis that nobody else uses.
        shas: The scripts, by name.
    """

    def __init__(self, wire: Wire, shas: dict[str, str]) -> None:
        self._wire, self._shas = wire, shas
        self._dump = packed("EVALSHA", wire.call("SCRIPT", "LOAD", DUMP), 1, KEYS.prefix)
        self._begin = packed("FLUSHALL") + packed("SET", CLOCK, NOW_MS * 1000)
        self._packed: dict[Snapshot, tuple[int, bytes]] = {}

    def run(self, before: Snapshot, name: str, args: tuple[Any, ...]) -> tuple[Any, Snapshot]:
        """Run a script; gives its reply and what it left."""
        many, putting = self._putting(before)
        script = packed("EVALSHA", self._shas[name], 1, KEYS.prefix, *args)
        replies = self._wire.send_raw(self._begin + putting + script + self._dump, many + 4)
        return replies[-2], reduced(replies[-1])

    def _putting(self, snapshot: Snapshot) -> tuple[int, bytes]:
        known = self._packed.get(snapshot)
        if known is None:
            if len(self._packed) > 20_000:
                self._packed.clear()
            commands = []
            for name, kind, content in snapshot:
                values = (
                    [part for pair in content for part in pair]
                    if kind in {"hash", "zset"}
                    else content
                )
                if kind == "zset":
                    values = [part for pair in content for part in (pair[1], pair[0])]
                commands.append(packed(PUT[kind], KEYS.prefix + name, *values))
            known = self._packed[snapshot] = (len(commands), b"".join(commands))
        return known


def reduced(found: list[Any]) -> Snapshot:
    """What was found, without what does not matter."""
    kept = []
    for name, kind, value in found:
        # Who stands beside whom decides only where a job runs, never how it ends.
        if name.startswith(
            (
                "audit:",
                "unsent",
                "decided",
                "lapsed",
                "state:reported",
                "schema",
                "suspects",
                "record",
                "taken_back",
                "metrics",
            )
        ):
            continue
        content: tuple[Any, ...]
        if kind == "hash":
            pairs = zip(value[::2], value[1::2], strict=True)
            content = tuple(
                sorted((f, _time(v) if f in TIMES else v) for f, v in pairs if f in MATTERS)
            )
        elif kind == "zset":
            # Of the indexes, only these two say when something may happen.
            due = _time if name in {"state:running", "read_backs"} else lambda _score: str(NOW_MS)
            pairs = zip(value[::2], value[1::2], strict=True)
            content = tuple(sorted((member, due(score)) for member, score in pairs))
        else:
            content = tuple(sorted(value)) if kind == "set" else tuple(value)
        if content:
            kept.append((name, kind, content))
    return tuple(sorted(kept))


def changed(snapshot: Snapshot, name: str, field: str, value: str) -> Snapshot:
    """The snapshot with one field or score set."""
    return tuple(
        (n, kind, tuple((f, value if f == field else v) for f, v in content))
        if n == name and kind in {"hash", "zset"}
        else (n, kind, content)
        for n, kind, content in snapshot
    )


def look(snapshot: Snapshot, name: str) -> dict[str, str]:
    """A hash or a sorted set of the snapshot."""
    for n, kind, content in snapshot:
        if n == name and kind in {"hash", "zset"}:
            return dict(content)
    return {}


def _time(text: str) -> str:
    return str(LATER_MS if float(text or 0) > NOW_MS else NOW_MS)
