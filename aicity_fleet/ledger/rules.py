"""The rules that Python and the Lua scripts share. Scripts read them as ``RULES``."""

import json

from aicity_fleet.money.earnings import AGENT_SHARE, MAX_CENTS

MAX_FAILURES_IN_A_ROW = 2
"""How many failures in a row the guard lets out. AI City suspends an agent after three.

Source: docs.aicity.dev/docs/concepts/glossary.
"""

RECENT_ENDINGS = 20
"""How many endings of jobs the fleet remembers for the brake."""

UNPROVEN_WIDTH = 16
"""How many jobs run at once in a fleet of which no success is remembered; each success adds as many."""

PROVEN_SUCCESSES = 8
"""How many remembered successes lift that bound."""

JOURNAL_IS_KEPT_AFTER = frozenset({"deadline", "over_budget", "provider", "unprofitable"})
"""Codes of failures after which a rerun keeps the journal: the job only ran out of something."""

DECISIONS = {"malformed": 1, "cancelled": 2, "acknowledged": 3, "withdrawn": 4}
"""Why a job in quarantine waits for nobody, with its score in the index of these jobs: its task is
malformed, which only AI City can correct; a person cancelled it; a person leaves it as it is; AI City
assigned its task to nobody any more before it began."""


FIRST_BUCKET_MS, LAST_BUCKET_MS = 250, 250 * 2**18
"""The first and the last bound of the buckets in which times are counted, in milliseconds. Each bound is
twice the one before."""


def bucket_bounds_ms() -> tuple[int, ...]:
    """Return the bounds of all these buckets but the last, which has none."""
    steps = (LAST_BUCKET_MS // FIRST_BUCKET_MS).bit_length()
    return tuple(FIRST_BUCKET_MS * 2**step for step in range(steps))


def lua_rules() -> str:
    """Return the line of Lua that defines ``RULES``."""
    rules = {
        "max_failures": MAX_FAILURES_IN_A_ROW,
        "recent_endings": RECENT_ENDINGS,
        "unproven_width": UNPROVEN_WIDTH,
        "proven_successes": PROVEN_SUCCESSES,
        "decisions": DECISIONS,
        "agent_share_percent": int(AGENT_SHARE * 100),
        "max_cents": MAX_CENTS,
        "first_bucket_ms": FIRST_BUCKET_MS,
        "last_bucket_ms": LAST_BUCKET_MS,
        "journal_is_kept_after": dict.fromkeys(sorted(JOURNAL_IS_KEPT_AFTER), True),
    }
    return f"local RULES = {_literal(rules)}\n"


def _literal(value: object) -> str:
    """Return a value as a literal of Lua, which a script has at once: decoding JSON takes longer."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name} = {_literal(each)}" for name, each in value.items()) + "}"
    return json.dumps(value)
