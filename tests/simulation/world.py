"""One seed's world: every effect of every process goes through here, and may be lost, doubled or late.

It owns the seeded randomness, the stage, the marketplace, the broker's queues and the trace. The
processes themselves are in ``fleet.py``.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import redis
from simulation.marketplace import MarketClient, Marketplace, MarketTask
from simulation.profiles import Profile
from simulation.promises import Promises
from simulation.stage import Process, Stage
from simulation.wire import Wire, packed

from aicity_fleet.aicity.client import Page
from aicity_fleet.errors import (
    AICityRateLimitedError,
    AICityRefusedError,
    AICityUnauthorizedError,
    AICityUnavailableError,
)
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.ledger.lua import script_texts

T = TypeVar("T")

KEYS = Keys("sim")
CLOCK = "virtual:us"
"""The key that stands in for Redis's clock, in microseconds."""

TICKS = frozenset({"take_turn", "renew", "read_controls", "end_turn"})
"""What happens all the time: deaths there would crowd out those within a job's own steps."""

REAL_CLOCK = "redis.call('TIME')"


@cache
def virtual_texts() -> Mapping[str, str]:
    """The production scripts, with each one's read of Redis's clock replaced by a read of ``CLOCK``."""
    texts = script_texts()
    assert all(text.count("'TIME'") == text.count(REAL_CLOCK) <= 1 for text in texts.values())
    assert REAL_CLOCK in texts["claim"]
    return {
        name: text.replace(REAL_CLOCK, f"{{0, redis.call('GET', '{CLOCK}')}}")
        for name, text in texts.items()
    }


class SimulatedRedis:
    """The part of redis-py's client that the ledger uses, over the world's wire."""

    def __init__(self, world: World) -> None:
        self._world = world

    def register_script(self, text: str) -> Callable[..., Any]:
        """As redis-py's."""
        name, sha = self._world.scripts[text]

        def run(keys: list[str], args: list[str | int]) -> Any:
            return self._world.run_script(name, sha, keys[0], args)

        return run

    def __getattr__(self, name: str) -> Callable[..., Any]:
        commands = {"get": "GET", "hgetall": "HGETALL", "lrange": "LRANGE", "zrange": "ZRANGE"}

        def run(*args: str | int) -> Any:
            reply = self._world.redis_effect(
                name, lambda: self._world.wire.call(commands[name], *args)
            )
            return dict(zip(reply[::2], reply[1::2], strict=True)) if name == "hgetall" else reply

        return run

    def blpop(self, keys: list[str], seconds: float) -> list[str] | None:
        """As redis-py's, by looking again and again."""
        stage = self._world.stage
        deadline = stage.seconds + seconds
        while True:
            heard = self._world.redis_effect(
                "blpop", lambda: self._world.wire.call("LPOP", keys[0])
            )
            if heard is not None or stage.seconds >= deadline:
                return None if heard is None else [keys[0], heard]
            stage.sleep(0.05)

    def set(self, key: str, value: str | int, *, nx: bool = False) -> Any:
        """As redis-py's."""
        more = ("NX",) if nx else ()
        return self._world.redis_effect(
            "set", lambda: self._world.wire.call("SET", key, value, *more)
        )


class World:
    """Everything of one seed.

    Args:
        seed: Decides everything.
        profile: What happens.
        wire: An empty Redis.
        texts: The scripts; the production ones by default.
    """

    def __init__(
        self, seed: int, profile: Profile, wire: Wire, texts: Mapping[str, str] | None = None
    ) -> None:
        self.rng = random.Random(seed)  # noqa: S311
        self.profile, self.wire = profile, wire
        self.stage = Stage(self.rng)
        self.texts = texts or virtual_texts()
        loaded = wire.send([packed("SCRIPT", "LOAD", text) for text in self.texts.values()])
        self.scripts = {
            text: (name, sha) for (name, text), sha in zip(self.texts.items(), loaded, strict=True)
        }
        self.is_faulty = True
        self.key_is_refused = False
        self.refused_ids: set[str] = set()
        """Jobs of which a report was refused without a reason."""
        self.to_change: set[str] = set()
        """Delivered tasks that AI City will change."""
        self.trace: list[str] = []
        self.counts: Counter[str] = Counter()
        self.promises = Promises(lambda job_id: wire.call("LLEN", KEYS.journal(job_id)))
        self.market = Marketplace(self._passes_check, self._ended, self._is_checked_later)
        self.kill: Callable[[Process], None] = lambda _process: None
        self.stop: Callable[[Process], None] = lambda _process: None
        self.forget_messages: Callable[[], None] = lambda: None
        self._clock_us = 0
        wire.call("FLUSHALL")

    # --- what everybody uses --------------------------------------------------------------------------

    def note(self, text: str) -> None:
        """Add a line to the trace."""
        strand = self.stage.strand
        who = strand.process.name if strand else "-"
        self.trace.append(f"{self.stage.seconds:10.4f} {who:<12} {text}")

    def digest(self) -> str:
        """The trace in a few characters."""
        return hashlib.sha256("\n".join(self.trace).encode()).hexdigest()[:16]

    def happens(self, rate: float) -> bool:
        """Whether something of this rate happens now."""
        return self.is_faulty and rate > 0 and self.rng.random() < rate

    def passes_health_check(self) -> bool:
        """Whether an endpoint that just had trouble serves a call of the fleet's own."""
        passes = self.happens(self.profile.serves)
        if passes:
            self.count("own trouble")
        return passes

    def count(self, what: str) -> None:
        """Count a fault."""
        self.counts[what] += 1

    def new_ledger(self) -> Ledger:
        """The ledger as a process that starts now opens it."""
        client: Any = SimulatedRedis(self)
        week = 7 * 86400
        return Ledger(client, KEYS, retention_seconds=week, script_texts=self.texts)

    def new_client(self) -> Any:
        """AI City as a process reaches it."""
        return MarketClient(self.market, self._request, self._reports)

    def flush(self) -> None:
        """FLUSHALL."""
        self.wire.call("FLUSHALL")
        self._clock_us = 0
        self.forget_messages()
        self.note("FLUSHALL")
        self.count("flushes")
        self.promises.flushed()

    def query(self, *args: str | int) -> Any:
        """Look into Redis from outside, without any effect."""
        return self.wire.call(*args)

    # --- effects --------------------------------------------------------------------------------------

    def pause(self, label: str = "") -> None:
        """Let others go first; the process may be killed or stopped meanwhile."""
        strand = self.stage.strand
        if strand is None:
            return
        if self.is_faulty and label not in TICKS:
            fate, profile = self.rng.random() * 800, self.profile
            if fate < profile.kills:
                self.kill(strand.process)
            elif fate < profile.kills + profile.stops:
                self.stop(strand.process)
        slow = self.happens(self.profile.slow)
        self.stage.sleep(self.rng.random() * (2.0 if slow else 0.004))

    def redis_effect(self, label: str, deed: Callable[[], T]) -> T:
        """Something that a process does to Redis."""
        if self.stage.strand is None:
            return deed()
        self.pause(label)
        profile = self.profile
        fate = self.rng.random() if self.is_faulty else 1.0
        if fate < profile.redis_lost:
            self.count("redis_lost")
            self.note(f"{label}: not reached")
            raise redis.ConnectionError("lost")
        fate -= profile.redis_lost
        reply = deed()
        if 0 <= fate < profile.redis_doubled:
            self.count("redis_doubled")
            self.note(f"{label}: sent again by the client")
            self.pause(label)
            reply = deed()
        fate -= profile.redis_doubled
        self.pause(label)
        if 0 <= fate < profile.redis_reply_lost:
            self.count("redis_reply_lost")
            self.note(f"{label}: reply lost")
            raise redis.TimeoutError("lost")
        return reply

    def run_script(self, name: str, sha: str, prefix: str, args: list[str | int]) -> Any:
        """One script, at the virtual time of its effect."""

        def deed() -> Any:
            strand = self.stage.strand
            commands = [packed("EVALSHA", sha, 1, prefix, *args)]
            if self._clock_us != self.stage.now_us:
                self._clock_us = self.stage.now_us
                commands.insert(0, packed("SET", CLOCK, self._clock_us))
            reply = self.wire.send(commands)[-1]
            self.note(f"{name} {_brief(args)} -> {_brief(reply)}")
            self.promises.saw(strand.process.name if strand else "-", name, args, reply)
            if name == "take_report" and strand and reply[0]:
                strand.report_epoch = self.promises.epoch
            return reply

        return self.redis_effect(name, deed)

    def _request(self, name: str, task_id: str, deed: Callable[[], T]) -> T:
        """One request to AI City, with its faults."""
        self.pause()
        profile, label = self.profile, f"city {name} {task_id}"
        if self.key_is_refused:
            self.note(f"{label}: 401")
            raise AICityUnauthorizedError("401", 401, "INVALID_API_KEY")
        if self.happens(profile.city_lost):
            self._fault("city_lost", label)
            raise AICityUnavailableError("no answer")
        if self.happens(profile.city_down):
            self._fault("city_down", label)
            raise AICityUnavailableError("503", 503, "", self.rng.choice((None, None, 3.0)))
        if self.happens(profile.city_busy):
            self._fault("city_busy", label)
            raise AICityRateLimitedError(
                "429", 429, "RATE_LIMITED", self.rng.choice((None, 1.0, 8.0))
            )
        if name in {"complete", "fail"} and self.happens(self._refusals(task_id)):
            self._fault("city_refuses", label)
            self.refused_ids.add(task_id)
            status, code = self.rng.choice(
                (
                    (422, "VALIDATION_ERROR"),
                    (403, "ACCESS_DENIED"),
                    (404, "TASK_NOT_FOUND"),
                    (404, ""),
                )
            )
            if status == 422 and not self.market.tasks[task_id].is_open:
                status, code = 409, "CONFLICT"  # the same body was fine before
            raise AICityRefusedError(f"{status} {code}", status, code)
        try:
            answer = deed()
        except AICityRefusedError as error:
            self.note(f"{label}: {error}")
            self.pause()
            raise
        self.note(f"{label}: {_brief(answer)}")
        self.pause()
        if self.happens(profile.city_reply_lost):
            self._fault("city_reply_lost", label)
            raise AICityUnavailableError("no answer")
        if name == "list":
            answer = self._listing(answer)
        return answer

    def _listing(self, answer: Any) -> Any:
        """A listing as the fleet sees it: late, or with an entry twice."""
        if self.happens(self.profile.listing_stale):
            self.count("listing_stale")
            self.stage.sleep(self.rng.random() * 20)
        page, total = answer
        if page and self.happens(self.profile.listing_doubled):
            self.count("listing_doubled")
            page = Page([*page, page[0]], page.in_all)
        return page, total

    def _refusals(self, task_id: str) -> float:
        """How often a report is refused: more often where an earlier try was accepted, and harm is done."""
        return self.profile.city_refuses * (1 if self.market.tasks[task_id].is_open else 5)

    def _fault(self, kind: str, label: str) -> None:
        self.count(kind)
        self.note(f"{label}: {kind}")

    def _reports(self, task_id: str, kind: str, key: str, body: str) -> None:
        strand = self.stage.strand
        assert strand is not None
        self.promises.reports(strand.report_epoch, task_id, kind, key, body)

    def _passes_check(self, _task_id: str) -> bool:
        return not self.happens(self.profile.check_fails)

    def _is_checked_later(self, _task_id: str) -> bool:
        return self.happens(self.profile.checked_later)

    def _change_later(self, task: MarketTask) -> None:
        """Plan what AI City does to a delivery after it took it."""
        is_in_check = task.status == "quality_check"
        if is_in_check:
            status = "completed" if self._passes_check(task.task_id) else "failed"
        elif task.status == "completed" and self.happens(self.profile.taken_back):
            status = self.rng.choice(("failed", "refunded"))
        else:
            return

        def change() -> None:
            self.to_change.discard(task.task_id)
            row = self.market.change(task.task_id, status)
            self.note(f"AI City changes {task.task_id} to {status}, row was {row}")
            self.count("changed_later")
            self.promises.changed_later(task.task_id, status, row, was_in_check=is_in_check)

        self.to_change.add(task.task_id)
        self.stage.at(self.rng.uniform(1, 100), change)

    def _ended(self, task: MarketTask, kind: str, row: int) -> None:
        self.note(f"AI City accepts {kind} of {task.task_id}: {task.status}, row was {row}")
        strand = self.stage.strand
        assert strand is not None
        self.promises.ended(strand.report_epoch, task.task_id, kind, row)
        self._change_later(task)


def _brief(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 110 else f"{text[:107]}..."
