"""The rules that Python and the Lua scripts share. Scripts read them as ``RULES``."""

import json

MAX_FAILURES_IN_A_ROW = 2
"""How many failures in a row the guard lets out. AI City suspends an agent after three.

Source: docs.aicity.dev/docs/concepts/glossary.
"""

JOURNAL_IS_KEPT_AFTER = frozenset({"deadline", "over_budget", "unprofitable"})
"""Codes of failures after which a rerun keeps the journal: the job only ran out of something."""


def lua_rules() -> str:
    """Return the line of Lua that stands before every script."""
    rules = {
        "max_failures": MAX_FAILURES_IN_A_ROW,
        "journal_is_kept_after": dict.fromkeys(sorted(JOURNAL_IS_KEPT_AFTER), True),
    }
    return f"local RULES = cjson.decode('{json.dumps(rules)}')\n"
