"""One-line breakages of the production code, each of which the simulation has to notice."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from unittest import mock

from simulation.profiles import Profile, profile_of
from simulation.promises import (
    BOUGHT_ONCE,
    GUARD,
    LEARNED,
    ONE_ENDING,
    ONE_OWNER,
    RELEASED,
    RESCUE,
    REST,
    RUN_AGAIN,
    SAME_REPORT,
)
from simulation.run import Result, run_seed
from simulation.wire import Wire
from simulation.world import virtual_texts

from aicity_fleet.errors import AICityError, AICityUnavailableError
from aicity_fleet.models import Failed
from scheduler import report as report_module
from workers.ledger_journal import LedgerJournal

EVERY_SCRIPT = "*"
"""Stands for the shared files: every script that uses the text is changed."""


@dataclasses.dataclass(frozen=True, slots=True)
class Mutation:
    """One breakage."""

    name: str
    promises: tuple[str, ...]
    """What may be found broken."""
    kinds: tuple[str, ...]
    """The kinds of seeds that are tried."""
    lua: tuple[str, str, str] | None = None
    """Script, text, and what it is replaced by."""
    patch: Callable[[], AbstractContextManager[Any]] = nullcontext
    """Breaks Python."""
    seeds: int = 200
    """How many seeds are tried at most."""
    changes: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """What differs in the world of each seed, where the drawn worlds seldom show the breakage."""

    def profile(self, seed: int) -> Profile:
        """The profile of one seed's world."""
        changes: Any = self.changes
        return dataclasses.replace(profile_of(seed)[1], **changes)


def mutated_texts(script: str, old: str, new: str) -> Mapping[str, str]:
    """The scripts with one text replaced, which has to be there."""
    texts = dict(virtual_texts())
    users = [name for name in texts if old in texts[name] and script in (EVERY_SCRIPT, name)]
    assert users, f"{script} has no {old!r}"
    for name in users:
        assert texts[name].count(old) == 1, f"{name} has no single {old!r}"
        texts[name] = texts[name].replace(old, new)
    return texts


def seeds_of(kinds: tuple[str, ...]) -> Iterator[int]:
    """Seeds whose world is of one of these kinds."""
    return (seed for seed in itertools.count() if profile_of(seed)[0] in kinds)


def hunt(mutation: Mutation, wire: Wire) -> tuple[list[int], Result | None]:
    """Run seeds until one breaks a promise; gives the seeds that were run, and that one's result."""
    texts = mutated_texts(*mutation.lua) if mutation.lua else None
    tried = []
    with mutation.patch():
        for seed in itertools.islice(seeds_of(mutation.kinds), mutation.seeds):
            tried.append(seed)
            result = run_seed(seed, wire, texts=texts, profile=mutation.profile(seed))
            if result.broken is not None:
                return tried, result
    return tried, None


def _fail_after_a_timeout() -> AbstractContextManager[Any]:
    honest = report_module._answered

    def answered(error: AICityError, held: Any, parts: Any) -> Any:
        if isinstance(error, AICityUnavailableError) and held.outcome.kind == "complete":
            key = report_module.idempotency_key(parts.agent, held.job_id, "fail")
            answer = parts.client.report(held.job_id, Failed("timeout", "No answer."), key)
            return report_module._settle(held, parts, "accepted", {"answer": answer})
        return honest(error, held, parts)

    return mock.patch.object(report_module, "_answered", answered)


def _gone_is_nothing() -> AbstractContextManager[Any]:
    honest = report_module._meaning

    def meaning(held: Any, verdict: str, details: Any) -> Any:
        return "nothing" if verdict == "gone" else honest(held, verdict, details)

    return mock.patch.object(report_module, "_meaning", meaning)


def _another_body() -> AbstractContextManager[Any]:
    honest = report_module.idempotency_key
    numbers = itertools.count()
    return mock.patch.object(
        report_module, "idempotency_key", lambda *args: f"{honest(*args)}-{next(numbers)}"
    )


def _nothing_recorded() -> AbstractContextManager[Any]:
    return mock.patch.object(LedgerJournal, "recorded", return_value=None)


OWNER_CHECK = (
    "return fields[1] == 'running' and "
    "table.concat({fields[2], fields[3], fields[4] or ''}, ':') == token"
)

MUTATIONS = (
    Mutation(
        "writes without the token",
        (ONE_OWNER, BOUGHT_ONCE),
        ("crashes", "everything"),
        (EVERY_SCRIPT, OWNER_CHECK, "return fields[1] == 'running'"),
    ),
    Mutation(
        "any claim gets the lease that stands",
        (ONE_OWNER,),
        ("crashes", "everything"),
        (
            "claim",
            "if state == 'running' and claim == arg.call then",
            "if state == 'running' then",
        ),
    ),
    Mutation(
        "a fail after a complete without an answer",
        (ONE_ENDING,),
        ("city",),
        patch=_fail_after_a_timeout,
    ),
    Mutation(
        "failures under way do not count",
        (GUARD,),
        ("failures",),
        ("take_report", "redis.call('SADD', GUARD_PENDING, id)", ""),
    ),
    Mutation(
        "accepted failures do not count",
        (GUARD,),
        ("failures",),
        ("settle", "redis.call('HINCRBY', GUARD, 'failed', 1)", ""),
    ),
    Mutation(
        "completions without an answer do not count",
        (GUARD,),
        ("failures",),
        ("take_report", "redis.call('SADD', GUARD_UNSURE, id)", ""),
    ),
    Mutation(
        "a known id is accepted again",
        (ONE_OWNER, BOUGHT_ONCE, SAME_REPORT, ONE_ENDING),
        ("calm", "messages", "crashes"),
        ("accept", "if state then", "if false then"),
    ),
    Mutation(
        "no rescue",
        (RESCUE, REST),
        ("crashes",),
        ("sweep", "local rescued = due(key('state', 'running'))", "local rescued = {}"),
    ),
    Mutation(
        "a late rescue",
        (RESCUE,),
        ("crashes",),
        (
            "sweep",
            "local rescued = due(key('state', 'running'))",
            "local rescued = redis.call('ZRANGEBYSCORE', key('state', 'running'), 0, NOW - 8000)",
        ),
    ),
    Mutation(
        "a fence of the number alone",
        (ONE_OWNER, BOUGHT_ONCE),
        ("flushes", "everything"),
        (
            EVERY_SCRIPT,
            OWNER_CHECK,
            "return fields[1] == 'running' and fields[2] == string.match(token, '^%d+')",
        ),
    ),
    Mutation(
        "the guard begins at nought after a wipe",
        (GUARD,),
        ("flushes",),
        (
            "seed_guard",
            "redis.call('HSET', GUARD, 'failed', ARGV[1])",
            "redis.call('HSET', GUARD, 'failed', 0)",
        ),
    ),
    Mutation(
        "a failure goes out before the row is known",
        (GUARD,),
        ("flushes",),
        ("take_report", "if guard_is_unknown() and not fields[8] then", "if false then"),
    ),
    Mutation(
        "anybody appends to the journal",
        (ONE_OWNER, BOUGHT_ONCE),
        ("crashes", "everything"),
        ("journal_append", "if not owns_run(id, ARGV[2]) then", "if false then"),
    ),
    Mutation(
        "what is gone counts for nothing",
        (GUARD,),
        ("failures", "city"),
        patch=_gone_is_nothing,
    ),
    Mutation(
        "a new key for every report",
        (SAME_REPORT,),
        ("city",),
        patch=_another_body,
    ),
    Mutation(
        "the journal is not read",
        (BOUGHT_ONCE,),
        ("crashes",),
        patch=_nothing_recorded,
    ),
    Mutation(
        "the last outcome wins",
        (ONE_OWNER, SAME_REPORT, ONE_ENDING),
        ("crashes", "everything"),
        ("finish", "if not owns_run(id, token) then", "if false then"),
        changes={"stops": 8, "fault_seconds": 200, "jobs": 30},
    ),
    Mutation(
        "a rerun of what may be accepted",
        (RUN_AGAIN,),
        ("people",),
        ("rerun", "if fields[4] and not fields[5] then", "if false then"),
    ),
    Mutation(
        "reports that are due are not sent",
        (REST,),
        ("messages",),
        ("sweep", "reports = due(key('state', 'finished'))", "reports = {}"),
    ),
    Mutation(
        "a success lets nothing go",
        (RELEASED,),
        ("failures",),
        (EVERY_SCRIPT, "if held and failures_in_a_row()", "if false and failures_in_a_row()"),
    ),
    Mutation(
        "reported tasks are not read back",
        (LEARNED,),
        ("failures",),
        ("settle", "redis.call('ZADD', READ_BACKS, NOW + arg.read_back_ms, id)", ""),
    ),
    Mutation(
        "deliveries that are taken back do not count",
        (GUARD,),
        ("failures",),
        ("note_read_back", "      count_taken_back(id)", ""),
        changes={"taken_back": 0.8, "fault_seconds": 200, "jobs": 30, "rejects": 0.4},
    ),
    Mutation(
        "deliveries in check do not count",
        (GUARD,),
        ("failures",),
        ("settle", "if arg.standing ~= 'quality_check' or", "if true or"),
        changes={"fault_seconds": 200, "jobs": 30, "rejects": 0.6},
    ),
)
