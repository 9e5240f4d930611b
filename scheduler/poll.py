"""The poll: one look at AI City, every new assigned task accepted into the ledger.

AI City's list changes while it is walked. What the fleet completes meanwhile may leave it, and then each
later page begins further on than the last one ended. So a list of several pages is walked again until one
walk brings nothing new.

It decides nothing about running or reporting. Polls may overlap, repeat and stop half-way: accepting
is idempotent, and the next poll sees what this one missed.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Sequence
from typing import Literal

import structlog

from aicity_fleet import tracing
from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.task import MAX_TASK_ID_CHARS, parse_task
from aicity_fleet.errors import (
    AICityError,
    AICityRateLimitedError,
    AICityUnauthorizedError,
    ContractError,
    TaskRefusedError,
)
from aicity_fleet.failpoints import Failpoint, reached
from aicity_fleet.ledger import Ledger, RefusedTask
from aicity_fleet.ledger.controls import Controls
from aicity_fleet.ledger.coordination import Turn
from aicity_fleet.ledger.ledger import new_nonce
from aicity_fleet.messaging.messages import Messages
from aicity_fleet.models import AssignedTask, JsonObject
from scheduler.availability import UNREAD, tell_availability

POLL_TURN_SECONDS = 45.0
"""How long one page of a poll may take, in seconds, and so how long a poll that died holds off others: a
little more than the longest request."""

MAX_WALKS = 20
"""How often one poll walks the list at most; the next poll goes on."""

CLOCK_MARGIN_SECONDS = 1.0
"""By how much more a walk is dated back, in seconds: this process and Redis count the time apart."""

DEFAULT_WAIT_SECONDS = 60.0
"""How long AI City is left alone after a 429 that names no time, in seconds."""

UNIDENTIFIED = "unidentified-"
"""Begins the id of an entry that has none. Another look at the same entry may give another id."""

log = structlog.get_logger(__name__)


@dataclasses.dataclass(slots=True)
class PollSummary:
    """What one poll saw. Flower shows it, and ``aicity-fleet poll`` prints it."""

    status: Literal["ok", "busy", "quiet", "paused", "stopped", "error"] = "ok"
    """``busy``: another poll was under way. ``quiet``: AI City asked us to wait. ``paused``: a person
    paused intake. ``stopped``: AI City refuses our key."""
    seen: int = 0
    """Different entries listed, whatever they were."""
    accepted: int = 0
    """New jobs."""
    known: int = 0
    """Tasks that the ledger knew already."""
    refused: int = 0
    """Malformed entries, new or known."""
    not_runnable: int = 0
    """Tasks in a status that is not ours to run."""
    pages: int = 0
    """Pages read, those of repeated walks included."""
    seconds: float = 0.0
    message: str = ""
    """Why it ended early, where it did."""
    may_pass: bool = True
    """Of an error: whether it can end by itself, see ``AICityError.may_pass``."""

    def pause(self) -> None:
        """Intake was paused while this poll was under way."""
        self.status, self.message = "paused", "Intake was paused meanwhile; the next poll goes on."

    def to_json(self) -> JsonObject:
        """This summary as a JSON object."""
        return dataclasses.asdict(self)


def poll(
    *, client: AICityClient, ledger: Ledger, messages: Messages, max_input_chars: int
) -> PollSummary:
    """Look at AI City once.

    Args:
        messages: Sends the message of a new job. The sweep sends what is not sent here.
        max_input_chars: Longer tasks are refused.

    Raises:
        LedgerUnavailableError: Redis went away; the next poll goes on.
    """
    summary, began = PollSummary(), time.monotonic()
    intake = _Intake(client, ledger, messages, max_input_chars, summary, began)
    for _ in range(MAX_WALKS):
        with ledger.coordination.only_poll(POLL_TURN_SECONDS) as turn:
            hindrance = (
                PollSummary(status="busy", message="Another poll is under way.")
                if turn is None
                else _look(client, ledger, intake, turn)
            )
        if hindrance is not None and summary.pages == 0:
            return hindrance
        # What was assigned after the last walk, somebody may have asked for in vain.
        if hindrance or turn is None or not turn.is_wanted or summary.status != "ok":
            break
    summary.seconds = round(time.monotonic() - began, 3)
    if summary.accepted or summary.refused:
        log.info("poll.done", **summary.to_json())
    return summary


def _look(client: AICityClient, ledger: Ledger, intake: _Intake, turn: Turn) -> PollSummary | None:
    """Take what AI City lists; returns why it must not be asked now, if that is so."""
    controls = ledger.controls.read()
    if hindrance := _hindrance(controls, ledger):
        if hindrance.status == "paused":
            tell_availability(client, ledger.controls)  # busy: nothing is to be assigned
        return hindrance
    try:
        if controls.guard_is_new or controls.availability == UNREAD:
            _begin_ledger(client, ledger)
        for _ in range(MAX_WALKS):
            if not intake.walk(turn.prolong):
                break
        if intake.is_whole:
            # An entry counts as listed since this poll saw it first, so the walk began with the poll.
            age = time.monotonic() - intake.began_at + CLOCK_MARGIN_SECONDS
            ledger.coordination.note_walk(age)
    except AICityError as error:
        intake.summary.status, intake.summary.message = "error", str(error)
        intake.summary.may_pass = error.may_pass
        leave_alone(error, client, ledger)
        log.warning("poll.failed", error=type(error).__name__, message=str(error))
    else:
        if controls.stopped and ledger.controls.lift_stop():
            log.warning("aicity.accepts_key_again")
        tell_availability(client, ledger.controls)
    return None


def _hindrance(controls: Controls, ledger: Ledger) -> PollSummary | None:
    """Return why AI City must not be asked now, or None."""
    if controls.stopped is not None and not ledger.controls.may_probe():
        return PollSummary(
            status="stopped",
            message=f"AI City refuses the agent's key: {controls.stopped.why} Correct the key and "
            "restart the dispatcher, or run 'aicity-fleet resume' once the key works.",
        )
    if "intake" in controls.paused and controls.stopped is None:
        why = controls.paused["intake"].why
        return PollSummary(
            status="paused", message=f"Intake is paused: {why} ('aicity-fleet resume intake')."
        )
    if controls.quiet_seconds > 0:
        wait = controls.quiet_seconds
        return PollSummary(status="quiet", message=f"AI City is left alone for {wait:.0f} s more.")
    return None


def _begin_ledger(client: AICityClient, ledger: Ledger) -> None:
    """Tell a new ledger what the agent's profile shows: the failures in a row, and whether it is busy.

    Nothing of the profile's shape is documented. The guard assumes the worst where it shows no failures.
    An agent that is busy counts as told so by the fleet, before its ledger was lost: the fleet ends that.

    Raises:
        AICityError: What says no to every request of ours.
    """
    try:
        profile = client.profile()
    except (AICityUnauthorizedError, AICityRateLimitedError):
        raise
    except (AICityError, ContractError) as error:
        may_pass = isinstance(error, AICityError) and error.may_pass
        ledger.controls.note_availability(UNREAD if may_pass else "")
        profile = {}
    else:
        ledger.controls.note_availability(
            "busy" if profile.get("availability") == "busy" else "available"
        )
    failures = profile.get("consecutiveFailures")
    is_count = isinstance(failures, int) and not isinstance(failures, bool) and failures >= 0
    ledger.controls.seed_guard(failures if is_count else None)  # the first time counts


@dataclasses.dataclass(slots=True)
class _Intake:
    """Takes what AI City lists, each entry once in a poll."""

    client: AICityClient
    ledger: Ledger
    messages: Messages
    max_input_chars: int
    summary: PollSummary
    began_at: float
    """``time.monotonic()`` of the poll's begin."""
    is_whole: bool = False
    """Whether the latest walk showed every task that the list held when it began."""
    _tasks: set[str] = dataclasses.field(default_factory=set)
    _malformed: set[str] = dataclasses.field(default_factory=set)
    _new: int = 0
    """How many tasks with an id of their own became jobs, or were refused for the first time."""

    def walk(self, prolong: Callable[[], bool]) -> bool:
        """Walk the list once; returns whether another walk may bring more.

        Args:
            prolong: Keeps the turn of this poll; False when it took too long.
        """
        pages, before, self.is_whole = 0, self._new, False
        in_all, names, asked_ms = None, set[str](), tracing.now_ms()
        for page in self.client.assigned_pages():
            reached(Failpoint.POLLED)
            if self.summary.status == "paused" or not prolong():
                return False
            self.summary.pages += 1
            pages += 1
            if pages == 1:
                in_all = page.in_all
            names.update(map(refused_id, page))
            found = [task for entry in page if (task := self._read(entry)) is not None]
            self._accept(found, asked_ms)
            asked_ms = tracing.now_ms()
        brought_new = self._new > before
        # Each task that leaves the list meanwhile moves another to a page that was read before.
        self.is_whole = pages <= 1 or (
            not brought_new and in_all is not None and len(names) >= in_all
        )
        return pages > 1 and brought_new

    def _read(self, entry: object) -> AssignedTask | RefusedTask | None:
        """Return what the ledger is to know of one listed entry; None when that is nothing new."""
        try:
            task = _parse(entry, self.max_input_chars)
        except TaskRefusedError as error:
            refused = RefusedTask(refused_id(entry), str(error))
            if refused.task_id in self._malformed:
                return None
            self._malformed.add(refused.task_id)
            self.summary.seen += 1
            self.summary.refused += 1
            return refused
        if task.task_id in self._tasks:
            return None
        self._tasks.add(task.task_id)
        self.summary.seen += 1
        if self.client.contract.is_runnable(task.status):
            return task
        self.summary.not_runnable += 1
        return None

    def _accept(self, tasks: Sequence[AssignedTask | RefusedTask], asked_ms: int) -> None:
        """Have the ledger take a page of tasks, and send the messages of those that are new.

        Args:
            asked_ms: When the page was asked for, see ``tracing.now_ms``.
        """
        nonces = {task.task_id: new_nonce() for task in tasks}
        answers = self.ledger.accept_all(tasks, [nonces[task.task_id] for task in tasks])
        new = []
        for task, answer in zip(tasks, answers, strict=True):
            if answer == "paused":
                self.summary.pause()
            elif isinstance(task, RefusedTask):
                if answer == "refused":
                    self._new += not task.task_id.startswith(UNIDENTIFIED)
                    log.warning("poll.refused", job_id=task.task_id, reason=task.reason)
            elif answer == "known":
                self.summary.known += 1
            else:
                new.append(task.task_id)
        self.summary.accepted += len(new)
        self._new += len(new)
        for job_id in new:
            reached(Failpoint.ACCEPTED, job_id)
        if self.messages.run_jobs(new):
            for job_id in new:
                reached(Failpoint.SENT, job_id)
            self.ledger.sent(*new)
        tracing.accepted([(job_id, nonces[job_id]) for job_id in new], began_ms=asked_ms)


def _parse(entry: object, max_input_chars: int) -> AssignedTask:
    """Parse an entry, and refuse it whatever goes wrong: one bad task never stops another."""
    try:
        return parse_task(entry, max_input_chars=max_input_chars)
    except TaskRefusedError:
        raise
    except Exception as error:
        raise TaskRefusedError(f"the entry cannot be read ({type(error).__name__})") from error


def refused_id(entry: object) -> str:
    """Return the id under which a malformed entry is recorded: its own, or one made from its content."""
    task_id = entry.get("id") if isinstance(entry, dict) else None
    if (
        isinstance(task_id, str)
        and 0 < len(task_id) <= MAX_TASK_ID_CHARS
        and all("!" <= char <= "~" for char in task_id)
    ):
        return task_id
    try:
        text = json.dumps(entry, sort_keys=True)
    except RecursionError:
        text = "too deep"
    digest = hashlib.sha256(text.encode()).hexdigest()
    return f"{UNIDENTIFIED}{digest[:16]}"


def leave_alone(error: AICityError, client: AICityClient, ledger: Ledger) -> None:
    """Send nothing more for now where AI City asked us to wait, or refuses our key."""
    if isinstance(error, AICityRateLimitedError):
        ledger.controls.keep_quiet(error.retry_after_seconds or DEFAULT_WAIT_SECONDS)
    elif isinstance(error, AICityUnauthorizedError) and ledger.controls.stop(
        str(error), client.key_fingerprint
    ):
        log.error("aicity.stopped", message=str(error))
