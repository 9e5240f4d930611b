"""The alerts: every half minute, whatever needs a person and was not told yet goes to the owner's webhook.

It runs in a thread of the dispatcher with a Redis connection of its own, so that no poll, report or sweep
waits for a receiver. Several dispatchers may run it: one of them looks at a time, and what was told lies in
Redis. A problem is told at once. That it is over is told when it has stayed away for two minutes: so a
problem that comes and goes is told once. Without Redis, what another dispatcher has told is unknown, so
each tells that Redis fails.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import structlog

from aicity_fleet.background import Background
from aicity_fleet.backoff import backoff_seconds
from aicity_fleet.errors import AlertError, LedgerUnavailableError
from aicity_fleet.health.finding import Finding
from aicity_fleet.health.fleet import UNTIL_STARTED, WEBHOOK_FAILS, check_health
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.alerts import Told
from aicity_fleet.ledger.coordination import Turn
from aicity_fleet.ledger.overview import read_overview
from aicity_fleet.redis_faults import reason, remedy
from aicity_fleet.settings import Settings
from aicity_fleet.webhook import Webhook
from aicity_fleet.words import count

LOOK_SECONDS = 30.0
"""How often a dispatcher looks, in seconds."""

AWAY_SECONDS = 120.0
"""How long a problem must have been away until people are told that it is over, in seconds."""

TURN_SECONDS = 60.0
"""How long one look may take, in seconds, and so how long a look that died holds off others."""

BACKOFF_SECONDS = (30.0, 600.0)
"""The first and the longest wait after the webhook took no message, in seconds."""

NEW_SECONDS = 180.0
"""For how long a fleet that has just been started may not have polled, in seconds: that is not told."""

REDIS_SECONDS = 60.0
"""How long Redis must have failed until people are told, in seconds: a restart or a failover takes less."""

READ_SECONDS = 2.0
"""How long one try of a Redis command may take, in seconds."""

log = structlog.get_logger(__name__)


@dataclasses.dataclass(frozen=True, slots=True)
class Change:
    """What has changed since people were last told."""

    new: Sequence[Finding]
    over: Sequence[Told]
    told: Mapping[str, Told]
    """What stands as told once this change is."""
    untold: Mapping[str, Told]
    """The same if this change is not told: what is away, and since when."""


def compare(told: Mapping[str, Told], found: Sequence[Finding], now: datetime) -> Change:
    """Compare what people were told with what needs a person now.

    Args:
        told: What was told and is not over, by the name of the finding.
        found: What needs a person.
        now: The present, by Redis's clock.
    """
    standing = {finding.name for finding in found}
    kept = {
        name: Told(one.what, None if name in standing else min(one.gone_at or now, now))
        for name, one in told.items()
    }
    over = {
        name: one
        for name, one in kept.items()
        if one.gone_at is not None and now - one.gone_at >= timedelta(seconds=AWAY_SECONDS)
    }
    new = [finding for finding in found if finding.name not in told]
    after = {name: one for name, one in kept.items() if name not in over}
    after |= {finding.name: Told(_line(finding.what)) for finding in new}
    return Change(new, list(over.values()), after, kept)


def message(agent: str, change: Change) -> str:
    """Put a change into words: how the fleet stands, what is new and what to do, what is over."""
    standing = sum(one.gone_at is None for one in change.told.values())
    needs = f"needs you ({count(standing, 'problem')})" if standing else "no longer needs you"
    lines = [f"Fleet '{agent}' {needs}."]
    for finding in change.new:
        lines += _new(finding.what, finding.remedy)
    lines += [f"Over: {one.what}" for one in change.over]
    return "\n".join(lines)


def _new(what: str, to_do: str) -> list[str]:
    return [f"New: {_line(what)}", f"To do: {_line(to_do)}"]


def _line(text: str) -> str:
    """Return a text as one line without control characters: AI City wrote some of the words."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


class Alerter:
    """Looks again and again, and tells people through the webhook.

    Args:
        open_ledger: Connects to the ledger, when the first look needs it.
        poll_seconds: How often AI City should be polled.
    """

    def __init__(
        self,
        webhook: Webhook,
        open_ledger: Callable[[], Ledger],
        agent: str,
        *,
        poll_seconds: float,
    ) -> None:
        self._webhook, self._open_ledger, self._agent = webhook, open_ledger, agent
        self._poll_seconds = poll_seconds
        self._ledger: Ledger | None = None
        self._failures, self._again_at = 0, 0.0
        self._began_at = time.monotonic()
        self._failed_since: float | None = None
        """Since when each look at Redis has failed, by ``time.monotonic()``."""
        self._redis_fails = ""
        """How Redis fails, once people were told; empty while it works."""

    @classmethod
    def from_settings(cls, settings: Settings) -> Alerter:
        """Return the alerter of a fleet.

        Raises:
            SettingsError: ``FLEET_ALERT_WEBHOOK`` is not set.
        """
        return cls(
            Webhook.from_settings(settings),
            lambda: Ledger.from_settings(settings, timeout_seconds=READ_SECONDS, retries=1),
            settings.agent,
            poll_seconds=settings.poll_seconds,
        )

    def start(self, background: Background) -> None:
        """Begin to look in the background; call once."""
        background.repeat("alerts", self.tick, LOOK_SECONDS)

    def tick(self) -> None:
        """Look, unless another dispatcher does, or the webhook failed a short while ago.

        Raises:
            LedgerError: Redis went away; the next look goes on. When it stays away, people are told.
        """
        if time.monotonic() < self._again_at:
            self._failed_since = None  # nobody looks, so Redis may work meanwhile
            return
        try:
            if self._ledger is None:
                self._ledger = self._open_ledger()
            with self._ledger.coordination.only_alert(TURN_SECONDS) as turn:
                if turn is not None:
                    self._look(self._ledger, turn)
        except LedgerUnavailableError as error:
            self._without_redis(error)
            raise
        self._failed_since = None
        if turn is not None:  # to see that another looks, Redis need not take writes
            self._with_redis()

    def _without_redis(self, error: LedgerUnavailableError) -> None:
        self._failed_since = self._failed_since or time.monotonic()
        seconds = time.monotonic() - self._failed_since
        if self._redis_fails or seconds < REDIS_SECONDS:
            return
        what = f"Redis has failed for {seconds:.0f} s: {reason(error)}."
        head = f"Fleet '{self._agent}' needs you: it stands still, and nothing is lost."
        if self._post("\n".join([head, *_new(what, remedy(error))])) is None:
            self._redis_fails = _line(what)

    def _with_redis(self) -> None:
        if self._redis_fails and time.monotonic() >= self._again_at:
            text = f"Fleet '{self._agent}': Redis works again.\nOver: {self._redis_fails}"
            if self._post(text) is None:
                self._redis_fails = ""

    def _look(self, ledger: Ledger, turn: Turn) -> None:
        overview = read_overview(ledger, at_a_glance=True)
        now = overview.controls.now
        found = [
            finding
            for finding in check_health(overview, poll_seconds=self._poll_seconds)
            if finding.needs_person and finding.name != WEBHOOK_FAILS
        ]
        if time.monotonic() - self._began_at < NEW_SECONDS:
            found = [finding for finding in found if finding.name not in UNTIL_STARTED]
        before = ledger.alerts.told()
        change = compare(before, found, now)
        if not change.new and not change.over:
            ledger.troubles.end("alerts")  # what could not be told is away
            if before:
                ledger.alerts.note_told(change.told)
        elif turn.prolong():
            self._tell(ledger, change, now)

    def _tell(self, ledger: Ledger, change: Change, now: datetime) -> None:
        """Tell people, then note it: if the process dies between the two, the change is told again."""
        error = self._post(message(self._agent, change))
        if error is not None:
            ledger.alerts.note_told(change.untold)
            ledger.troubles.note("alerts", str(error), now)
            return
        ledger.alerts.note_told(change.told)
        ledger.troubles.end("alerts")
        log.info("alert.told", new=len(change.new), over=len(change.over))

    def _post(self, text: str) -> AlertError | None:
        """Post a message; gives why it was not taken, after which nobody looks for a while."""
        try:
            self._webhook.tell(text)
        except AlertError as error:
            self._again_at = time.monotonic() + backoff_seconds(*BACKOFF_SECONDS, self._failures)
            self._failures += 1
            log.warning("alert.not_told", message=str(error))
            return error
        self._failures = 0
        return None
