"""The switches of a fleet: pauses, a refused key, a wait that AI City asked for, the guard, breakers.

The scripts obey these by themselves, so that every process sees a change with its next move. This
module turns them on and off, and reads them for people. Called by the command line, the poll, the
reports and the workers.
"""

import dataclasses
import json
import random
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from aicity_fleet.ledger.lua import Scripts
from aicity_fleet.ledger.rules import MAX_FAILURES_IN_A_ROW
from aicity_fleet.models import JsonObject

Pausable = Literal["intake", "starts", "reports"]
PAUSABLES: tuple[Pausable, ...] = get_args(Pausable)
"""What a person can pause, in the order in which a job meets them: accepting tasks, starting jobs, sending
reports."""

JOBS_UNTIL_OPEN = 3
"""After how many different jobs with trouble, and no success between, nothing more starts there."""

RECENT_TROUBLE_SECONDS = 60.0
"""For how long the same trouble of another job confirms that an endpoint has trouble, in seconds."""

BREAKER_SECONDS = (5.0, 120.0)
"""First and longest time that a breaker stays open, in seconds; doubled each time."""

PROVIDER_FATAL_SECONDS = 300.0
"""How long nothing starts where only a person can make the provider serve us, in seconds."""

PROBE_SECONDS = 30.0
"""How long the one job that tries an endpoint again holds the others off, in seconds."""

OTHER_PROBE_SECONDS = 10.0
"""How long the job that failed there last leaves that to another, in seconds."""

UNAUTHORIZED_PROBE_SECONDS = (30.0, 600.0)
"""After how long one poll tries a refused key again, first and at the longest, in seconds; doubled each
time. A 401 may also be AI City's mistake."""

HAND_IN_SECONDS = 86_400.0
"""For how long a hand-in without the tool is told to people, in seconds."""

_HAND_IN = "hand_in:"


@dataclasses.dataclass(frozen=True, slots=True)
class Switch:
    """Something that is off, since when and why."""

    since_at: datetime
    why: str
    key: str = ""
    """The fingerprint of the refused key, where it is one."""


@dataclasses.dataclass(frozen=True, slots=True)
class Breaker:
    """The breaker of one model endpoint that has had trouble."""

    endpoint: str
    troubles: int
    """Runs in a row that had trouble there."""
    open_until: datetime | None
    """Until when nothing starts there; None while it is closed."""
    why: str
    is_fatal: bool
    """Whether only a person can fix it."""


@dataclasses.dataclass(frozen=True, slots=True)
class EndpointTrouble:
    """What the fleet knows of an endpoint after one more run had trouble there."""

    closed_seconds: float
    """For how many seconds nothing starts there; 0 while the breaker stays closed."""
    other_jobs: int
    """How many other jobs had the same trouble there within ``RECENT_TROUBLE_SECONDS``."""


@dataclasses.dataclass(frozen=True, slots=True)
class Controls:
    """How the switches of a fleet stand, by Redis's clock."""

    now: datetime
    paused: Mapping[str, Switch]
    stopped: Switch | None
    """Set after AI City refused our key: no intake and no reports until the key works."""
    quiet_seconds: float
    """How long AI City still wants to be left alone; 0 when it does not."""
    failures_in_a_row: int
    """Failures that stand, as far as the fleet saw."""
    failures_assumed: int
    """Failures that may stand besides, because the ledger does not know what was before it."""
    guard_is_new: bool
    """Whether the guard knows nothing yet, and has not assumed anything either."""
    jobs_in_hand: int
    """Jobs that go on by themselves: queued, running, or waiting for AI City's answer."""
    breakers: tuple[Breaker, ...]
    availability: str
    """What AI City was told last; empty when it was told nothing."""
    is_braked: bool = False
    """Whether jobs start one at a time, because too many of the latest failed."""
    recent_endings: tuple[str, ...] = ()
    """How the latest jobs ended, newest first: ``complete``, or ``fail`` with the team and the model."""
    day_is_over: bool = False
    """Whether the cap of the day keeps jobs back until the next day (UTC)."""
    ignores_tools: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """How the models hand in that were offered the tool and did not use it in the last day, by endpoint."""
    reputation: float | None = None
    """The agent's score as AI City's latest receipt showed it; None before one did."""

    @property
    def guard_is_closed(self) -> bool:
        """Whether jobs start one at a time, because as many failed in a row as may be reported."""
        return self.failures_in_a_row >= MAX_FAILURES_IN_A_ROW

    @property
    def holds_failures(self) -> bool:
        """Whether a further failure would be held."""
        return self.failures_in_a_row + self.failures_assumed >= MAX_FAILURES_IN_A_ROW


class ControlPanel:
    """Turns switches on and off."""

    def __init__(self, scripts: Scripts) -> None:
        self._scripts = scripts

    def read(self) -> Controls:
        """Return the current state of all switches."""
        now, fields, seen, assumed, breakers, *rest = self._scripts.run("read_controls")
        knows, in_hand, braked, endings, day_is_over = rest
        values = dict(zip(fields[::2], fields[1::2], strict=True))
        quiet_ms = int(values.get("quiet_until", 0)) - now
        return Controls(
            now=_moment(now),
            paused={
                name.removeprefix("pause:"): _switch(text)
                for name, text in sorted(values.items())
                if name.startswith("pause:")
            },
            stopped=_switch(values["stopped"]) if "stopped" in values else None,
            quiet_seconds=max(0.0, quiet_ms / 1000),
            failures_in_a_row=seen,
            failures_assumed=assumed,
            guard_is_new=not knows,
            jobs_in_hand=in_hand,
            breakers=tuple(
                _breaker(endpoint, json.loads(text), now)
                for endpoint, text in zip(breakers[::2], breakers[1::2], strict=True)
                if json.loads(text)["troubles"]
            ),
            availability=values.get("availability", ""),
            is_braked=bool(braked),
            recent_endings=tuple(endings),
            day_is_over=bool(day_is_over),
            ignores_tools=_ignores_tools(values, now),
            reputation=float(values["reputation"]) if "reputation" in values else None,
        )

    def pause(self, what: Pausable, why: str) -> bool:
        """Pause; False when it was paused already."""
        return bool(self._scripts.run("pause", what, why))

    def resume(self, what: Pausable) -> bool:
        """Take a pause back; False when there was none."""
        return bool(self._scripts.run("resume", what))

    def stop(self, why: str, key: str) -> bool:
        """AI City refused our key; False when that was known.

        Args:
            why: AI City's words.
            key: The key's fingerprint.
        """
        return bool(self._scripts.run("stop", why, key))

    def lift_stop(self) -> bool:
        """Take the stop back, and let requests go out again; False when there was none."""
        return bool(self._scripts.run("resume", "stopped"))

    def may_probe(self) -> bool:
        """Whether this poll is the one that tries a refused key again."""
        first, longest = UNAUTHORIZED_PROBE_SECONDS
        return bool(self._scripts.run("probe", int(first * 1000), int(longest * 1000)))

    def keep_quiet(self, seconds: float) -> None:
        """AI City asked this agent to wait; never shortens a longer wait."""
        self._scripts.run("keep_quiet", max(1, int(seconds * 1000)))

    def quiet_seconds(self) -> float:
        """Return how long AI City still asks the fleet to wait, in seconds; 0 when it does not."""
        return self.read().quiet_seconds

    def seed_guard(self, failures_in_a_row: int | None) -> bool:
        """Tell a new guard where it stands; False when it knew.

        Args:
            failures_in_a_row: What the agent's profile says; None when it says nothing, and then the
                worst is assumed until a success was accepted.
        """
        known = "" if failures_in_a_row is None else failures_in_a_row
        return bool(self._scripts.run("seed_guard", known))

    def set_row(self, failures_in_a_row: int) -> int:
        """Have the guard take a person's word for the failures in a row that stand at AI City.

        A failure that was sent and has no answer yet counts besides.

        Returns:
            How many it counted and assumed before.
        """
        seen, assumed = self._scripts.run("set_row", failures_in_a_row)
        return int(seen + assumed)

    def provider_trouble(
        self,
        endpoint: str,
        job_id: str,
        why: str,
        *,
        wait_seconds: float = 0,
        is_fatal: bool = False,
        still_serves: bool = False,
        confirms: bool = True,
    ) -> EndpointTrouble:
        """Count a run that had trouble with its model endpoint.

        Args:
            job_id: Whose run it was: the breaker opens when different jobs have trouble.
            why: One line without a text of the job.
            wait_seconds: What the provider itself asked for.
            is_fatal: Whether only a person can fix it.
            still_serves: Whether the endpoint passed a health check afterwards. Then nobody else waits.
            confirms: Whether this trouble confirms the same trouble of other jobs.
        """
        first, longest = BREAKER_SECONDS
        spread = random.uniform(0.8, 1.2)  # noqa: S311 - so that fleets do not come back in step
        longest = PROVIDER_FATAL_SECONDS if is_fatal else longest
        reply = self._scripts.run(
            "provider_trouble",
            *(endpoint, why),
            job=job_id,
            threshold=JOBS_UNTIL_OPEN,
            first_ms=int(first * spread * 1000),
            longest_ms=int(longest * spread * 1000),
            asked_ms=int(wait_seconds * 1000),
            recent_ms=int(RECENT_TROUBLE_SECONDS * 1000),
            is_fatal=int(is_fatal),
            still_serves=int(still_serves),
            confirms=int(confirms),
        )
        closed_ms, others = reply
        return EndpointTrouble(closed_ms / 1000, others)

    def provider_works(self, endpoint: str) -> bool:
        """Record a run that got its answers there; True when that ends a trouble."""
        recent_ms = int(RECENT_TROUBLE_SECONDS * 1000)
        return bool(self._scripts.run("provider_works", endpoint, recent_ms))

    def note_availability(self, availability: str) -> None:
        """Remember which availability AI City was told."""
        self._scripts.run("note_availability", availability)


def _ignores_tools(values: Mapping[str, str], now_ms: int) -> Mapping[str, str]:
    notes = {
        name.removeprefix(_HAND_IN): json.loads(text)
        for name, text in sorted(values.items())
        if name.startswith(_HAND_IN)
    }
    since_ms = now_ms - HAND_IN_SECONDS * 1000
    return {name: str(note["how"]) for name, note in notes.items() if note["at"] > since_ms}


def _switch(text: str) -> Switch:
    data: JsonObject = json.loads(text)
    return Switch(_moment(data["at"]), str(data["why"]), str(data.get("key", "")))


def _breaker(endpoint: str, data: Mapping[str, Any], now_ms: int) -> Breaker:
    open_until = data.get("open_until", 0)
    return Breaker(
        endpoint=endpoint,
        troubles=int(data["troubles"]),
        open_until=_moment(open_until) if open_until > now_ms else None,
        why=str(data.get("why", "")),
        is_fatal=bool(data.get("is_fatal")),
    )


def _moment(milliseconds: float) -> datetime:
    return datetime.fromtimestamp(milliseconds / 1000, UTC)
