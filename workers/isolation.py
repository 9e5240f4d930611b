"""Runs each isolated job in a child process that runs nothing else. This is the worker's side.

Every worker can do that, so no deployment needs a queue or a service more. And only a parent sees that
the process ended under this very job, which proves the job guilty; a whole worker that is killed from
outside proves nothing. The child's side is ``workers/isolated.py``; called by ``run_job``.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import structlog

from aicity_fleet import tracing
from aicity_fleet.errors import LedgerError
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.leases import read_run_fence
from aicity_fleet.messaging.messages import Messages
from aicity_fleet.models import JobState, JsonObject

CHILD = (sys.executable, "-m", "workers.isolated")
"""The program of the child. It reads one job id and answers in JSON lines."""

AT_ONCE = 3
"""How many isolated jobs one worker runs at once, each in a process of about 110 MB. Several, because jobs
that ran beside a poison job twice are innocent, and should not wait for it."""

END_SECONDS = 5.0
"""How long a child may take to end after its answer, or beyond the grace of a drain, in seconds."""

START_SECONDS = 20.0
"""How long a child may take to claim its job before another message is sent for it, in seconds."""

REST_SECONDS = 30.0
"""How long to wait after a child that could not start, in seconds."""

log = structlog.get_logger(__name__)


class Isolation:
    """Runs isolated jobs, a few at a time, each in a fresh process of its own.

    No process runs a second job: what the first one left behind could end it as well.

    Args:
        messages: Sends the message that reports an outcome.
        grace_seconds: How long a draining child may let its model call in flight finish.
    """

    def __init__(
        self,
        ledger: Ledger,
        messages: Messages,
        *,
        grace_seconds: float,
        program: Sequence[str] = CHILD,
    ) -> None:
        self._ledger, self._messages = ledger, messages
        self._grace_seconds, self._program = grace_seconds, program
        self._room = threading.BoundedSemaphore(AT_ONCE)
        self._children: set[subprocess.Popen[str]] = set()
        self._draining = False
        self._rests_until = 0.0

    def run(self, job_id: str) -> JsonObject:
        """Run an isolated job if there is room, and wait for its end.

        The refused claim that led here has the ledger send another message soon: nothing is lost when
        the job does not run now.

        Returns:
            What ``run_job`` said in the child, or why nothing came of it.

        Raises:
            LedgerUnavailableError: Redis went away; the lease of the dead child lapses.
        """
        if self._draining:
            return _nothing(job_id, "drain")
        if not self._room.acquire(blocking=False):
            return _nothing(job_id, "isolation_busy")
        try:
            if time.monotonic() < self._rests_until:
                return _nothing(job_id, "isolation_rests")
            return self._run(job_id)
        finally:
            self._room.release()

    def drain(self) -> None:
        """Hand running jobs back, and claim no more.

        Quick and free of locks that its caller may hold: it runs within a signal handler.
        """
        self._draining = True
        threading.Thread(target=self._end_children, name="drain-isolated", daemon=True).start()

    def stop(self) -> None:
        """End the children, and return when they are gone."""
        self._draining = True
        self._end_children()

    def _run(self, job_id: str) -> JsonObject:
        try:
            child = subprocess.Popen(  # noqa: S603 - our own argument list
                self._program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        except OSError as error:
            log.error("isolation.not_started", job_id=job_id, message=str(error))  # noqa: TRY400
            return self._rest(job_id)
        self._children.add(child)
        log.info("job.isolated", job_id=job_id, child=child.pid)
        began_ms = tracing.now_ms()
        try:
            with contextlib.suppress(
                LedgerError
            ):  # at worst, a second child finds that the job is taken
                self._ledger.defer(job_id, delay_seconds=START_SECONDS)
            if self._draining:  # the drain began while this child was starting
                child.terminate()
            fence, answer = _talk(child, job_id)
            status = _wait(child)
        finally:
            self._children.discard(child)
        if answer is not None:
            return answer
        if self._draining:
            log.warning("isolation.cut_off", job_id=job_id, status=status, why="drain")
            return _nothing(job_id, "drain")
        if not fence:
            log.error("isolation.not_started", job_id=job_id, status=status)
            return self._rest(job_id)
        return self._blame(job_id, fence, status, began_ms)

    def _rest(self, job_id: str) -> JsonObject:
        self._rests_until = time.monotonic() + REST_SECONDS
        with contextlib.suppress(LedgerError):  # another worker may be able to start it
            self._ledger.defer(job_id, delay_seconds=2.0)
        return _nothing(job_id, "isolation_failed")

    def _blame(self, job_id: str, fence: str, status: int, began_ms: int) -> JsonObject:
        """Count the death of the process that ran only this job.

        Args:
            began_ms: When the process was started, see ``tracing.now_ms``.
        """
        state = self._ledger.died(job_id, fence)
        if state is not None:  # else the sweep was first
            attempt, nonce = read_run_fence(fence)
            tracing.lost_run(job_id, nonce, attempt=attempt, began_ms=began_ms, why="process_died")
        log.error("job.killed_its_process", job_id=job_id, status=status, now=state and str(state))
        if state is not JobState.FINISHED:
            return {"job_id": job_id, "did": "died", "why": str(state or "lease_lost")}
        self._messages.report(job_id)
        return {"job_id": job_id, "did": "fail", "why": "poison"}

    def _end_children(self) -> None:
        """Ask the children to hand their jobs back, and kill those that take too long."""
        children = list(self._children)
        for child in children:
            child.terminate()
        deadline = time.monotonic() + self._grace_seconds + END_SECONDS
        for child in children:
            try:
                child.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def _talk(child: subprocess.Popen[str], job_id: str) -> tuple[str, JsonObject | None]:
    """Send the child its job, and read until it answers or ends.

    Returns:
        The fence of the lease that it took, if it took one; and its answer, if it gave one.
    """
    assert child.stdin is not None  # noqa: S101 - both asked for
    assert child.stdout is not None  # noqa: S101
    fence = ""
    try:
        # Stays open: the child sees its end when the parent is gone.
        child.stdin.write(json.dumps(job_id) + "\n")
        child.stdin.flush()
    except BrokenPipeError:  # the child could not start
        return "", None
    for line in child.stdout:
        said = _parse(line)
        fence = str(said.get("claimed") or fence)
        if "answer" in said:
            return fence, dict(said["answer"])
    return fence, None


def _parse(line: str) -> JsonObject:
    try:
        said = json.loads(line)
    except ValueError:  # it died in the middle of a line
        return {}
    return said if isinstance(said, dict) else {}


def _wait(child: subprocess.Popen[str]) -> int:
    """Wait until a child that has closed its output ends, and return its exit status."""
    for pipe in (child.stdin, child.stdout):
        with contextlib.suppress(BrokenPipeError):
            if pipe is not None:
                pipe.close()
    try:
        return child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _nothing(job_id: str, why: str) -> JsonObject:
    return {"job_id": job_id, "did": "nothing", "why": why}
