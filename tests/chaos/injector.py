"""Does each fault of a plan to a stage, and puts right later what does not pass by itself."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import signal
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import redis
from chaos.plan import BY_NAME, Event
from chaos.stage import Stage
from chaos.victims import Process
from support.sentinel_set import Node

VICTIM_SECONDS = 20.0
"""How long a kill waits for a process that holds a job, in seconds; then it takes any."""

REDIS_DOWN_SECONDS = (0.2, 2.0)
FULL_SECONDS = 3.0
PERSON_SECONDS = 8.0
"""How long it takes until a person says that the key works after all, in seconds."""

LATENCY_SECONDS = 4.0

PROMOTION_SECONDS = 4.0
"""How long a primary that was killed stays away, in seconds; longer if no replica was promoted by then."""

UNSERVABLE_CALLS = 100
"""How many model calls for one job fail, which is more than the fleet may buy for it."""


class Injector:
    """Breaks things.

    Args:
        stage: What is broken.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.done: Counter[str] = Counter()
        """Faults of processes and of Redis that happened, by kind; the marketplace counts its own."""
        self.kills_that_hit = 0
        """Kills of a worker that held at least one job."""
        self.flushed_at: list[float] = []
        self.lasting: list[dict[str, Any]] = []
        """Faults of the marketplace that outlast the others: the jobs that are never served."""
        self._later: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._waiting_since: float | None = None

    def try_to(self, event: Event) -> bool:
        """Let an event happen; False when its victim is not there yet: ask again soon."""
        role = event.kind.partition("-")[2]
        match BY_NAME[event.kind].group:
            case "kill":
                return self._kill(role, event)
            case "stop":
                return self._stop(role, event)
            case "redis":
                return self._redis(event)
            case _:
                faults = city_faults(event)
                if event.kind == "model-unservable":
                    (task_id,) = self.stage.market.submit([True])
                    faults = [{**fault, "taskId": task_id} for fault in faults]
                    self.lasting += faults
                self.stage.market.install(*faults)
                if event.kind == "city-401":
                    self._after(PERSON_SECONDS, self.stage.eyes.lift_stop)
                return True

    def put_right_what_is_due(self) -> None:
        """Do what was planned for now."""
        while self._later and self._later[0][0] <= time.monotonic():
            heapq.heappop(self._later)[2]()

    def put_everything_right(self) -> None:
        """The end of all faults."""
        for _, _, repair in self._later:
            repair()
        self._later.clear()
        self.stage.proxy.delay_seconds = 0.0
        self.stage.processes.resume()
        self.stage.market.clear_faults()
        self.stage.market.install(*self.lasting)

    def _after(self, seconds: float, repair: Callable[[], None]) -> None:
        heapq.heappush(self._later, (time.monotonic() + seconds, next(self._numbers), repair))

    def _victim(self, role: str, pick: float) -> Process | None:
        """One process of a role; of workers one that holds a job, while there is time to wait."""
        found = self.stage.processes.of(role)
        least = self.stage.options.least_uptime_seconds
        if least:
            found = [one for one in found if time.monotonic() - one.started_at >= least]
        elif role == "worker":
            busy = [one for one in found if self.stage.eyes.held_by(one.pid)]
            if self._waiting_since is None:
                self._waiting_since = time.monotonic()
            found = busy or (found if self._has_waited() else [])
        if not found:
            return None
        self._waiting_since = None
        return found[int(pick * len(found))]

    def _has_waited(self) -> bool:
        since = self._waiting_since
        return since is not None and time.monotonic() - since > VICTIM_SECONDS

    def _kill(self, role: str, event: Event) -> bool:
        victim = self._victim(role, event.pick)
        if victim is None:
            return False
        at = time.time()
        pid = victim.kill()
        self.done[event.kind] += 1
        self.kills_that_hit += bool(self.stage.eyes.note_hit(pid, "killed", at))
        return True

    def _stop(self, role: str, event: Event) -> bool:
        if any(one.is_stopped and one.name.startswith(role) for one in self.stage.processes.all):
            return False  # one of a role at a time
        victim = self._victim(role, event.pick)
        if victim is None:
            return False
        at = time.time()
        victim.signal(signal.SIGSTOP)
        victim.is_stopped = True
        self.done[event.kind] += 1
        self.stage.eyes.note_hit(victim.pid, "stopped", at)

        def resume() -> None:
            victim.signal(signal.SIGCONT)
            victim.is_stopped = False

        self._after(self.stage.options.lease_seconds + self.stage.options.hold_seconds, resume)
        return True

    def _redis(self, event: Event) -> bool:
        stage = self.stage
        if event.kind == "redis-reset":
            stage.proxy.reset()
        elif event.kind == "redis-latency":
            stage.proxy.delay_seconds = 0.05 + 0.25 * event.pick
            self._after(LATENCY_SECONDS, self._no_delay)
        elif not stage.redis_answers():
            return False
        elif event.kind == "failover":
            if stage.sentinels is None or not stage.sentinels.is_whole():
                return False
            dead = stage.sentinels.kill_primary()
            self._after(PROMOTION_SECONDS, lambda: self._bring_back(dead))
        elif event.kind == "redis-kill":
            stage.redis.kill()
            least, most = REDIS_DOWN_SECONDS
            self._after(least + (most - least) * event.pick, stage.redis.start)
        elif event.kind == "flushall":
            stage.eyes.forget_hits()
            self.flushed_at.append(time.time())
            stage.eyes.client.flushall()
        elif event.kind == "redis-full":
            stage.eyes.client.config_set("maxmemory", 1)
            self._after(FULL_SECONDS, self._has_room)
        self.done[event.kind] += 1
        return True

    def _bring_back(self, dead: Node) -> None:
        assert self.stage.sentinels is not None
        self.stage.sentinels.until_promoted(dead)  # else it would go on as the primary
        self.stage.sentinels.restart(dead)

    def _no_delay(self) -> None:
        self.stage.proxy.delay_seconds = 0.0

    def _has_room(self) -> None:
        # A Redis that was killed meanwhile comes back without the limit.
        with contextlib.suppress(redis.RedisError):
            self.stage.eyes.client.config_set("maxmemory", 0)


def city_faults(event: Event) -> list[dict[str, Any]]:  # noqa: PLR0912 - one flat list
    """What is installed in the marketplace for an event; it counts the firings under the kind."""
    few = 1 + int(event.pick * 3)
    either = "complete" if event.pick < 0.7 else "fail"

    def fault(operation: str, kind: str, **fields: Any) -> dict[str, Any]:
        return {"operation": operation, "kind": kind, "label": event.kind, **fields}

    def status(operation: str, number: int, **fields: Any) -> dict[str, Any]:
        return fault(operation, "status", status=number, **fields)

    match event.kind:
        case "city-reply-lost":
            return [fault(either, "reply_lost_after_commit", count=few)]
        case "city-5xx":
            late = {"afterCommit": event.pick > 0.5}
            return [
                status("any", 503, count=few),
                status("complete", 502, count=few, **late),
                status("fail", 500, **late),
            ]
        case "city-429":
            return [status("any", 429, retryAfter=few, count=2)]
        case "city-429-date":
            return [status("any", 429, retryAfter="date", seconds=3)]
        case "city-429-absent":
            return [status("complete", 429), status("fail", 429)]
        case "city-429-huge":
            return [status("any", 429, retryAfter="huge")]
        case "city-401":
            return [status("any", 401)]
        case "city-410":
            return [status("list", 410)]
        case "city-410-report":
            return [status(either, 410)]
        case "city-garbage":
            late = {"afterCommit": event.pick > 0.5}
            return [fault("list", "garbage"), fault(either, "garbage", **late)]
        case "model-hang":
            return [fault("model", "hang", seconds=60)]
        case "model-endless":
            return [fault("model", "endless", seconds=60)]
        case "model-cut":
            return [fault("model", "cut", count=few)]
        case "model-empty":
            return [fault("model", "empty_content", count=few)]
        case "model-unservable":
            unservable = [
                *(fault("model", kind, seconds=60) for kind in ("hang", "endless", "reset")),
                *(fault("model", kind) for kind in ("garbage", "no_choices")),
                *(status("model", number) for number in (429, 500, 529)),
            ]
            return [{**unservable[int(event.pick * len(unservable))], "count": UNSERVABLE_CALLS}]
        case _:
            return [status("model", 500, count=few), status("model", 503)]
