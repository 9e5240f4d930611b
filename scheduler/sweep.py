"""The sweep: every few seconds, whatever is due in the ledger gets its message.

It runs in a thread of the dispatcher, so that rescue depends on no clock process and does not fill
Flower. Several dispatchers may run it: a tick is guarded in Redis, and a second one is harmless.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from aicity_fleet.celery_app import REPORT, RUN_JOB
from aicity_fleet.errors import FleetError, QueueUnavailableError
from aicity_fleet.failpoints import Failpoint, reached
from aicity_fleet.ledger import Ledger, SweepResult

log = structlog.get_logger(__name__)


def sweep(
    *,
    ledger: Ledger,
    send: Callable[[str, str], None],
    poll_now: Callable[[], None],
    max_running: int = 0,
) -> SweepResult:
    """Walk over the ledger once and send what is due.

    Args:
        ledger: Where the jobs stand.
        send: Sends a job's id to a task, by the task's name.
        poll_now: Asks for a poll: a ledger that was wiped is filled again from AI City's list.
        max_running: How many jobs the whole fleet may run at once; 0 for any number.

    Raises:
        LedgerUnavailableError: Redis went away; the next sweep goes on.
    """
    found = ledger.sweep(max_running=max_running)
    reached(Failpoint.SWEPT)
    for job_id in found.rescued:
        log.warning("job.rescued", job_id=job_id)
    try:
        if found.is_new:
            poll_now()
        for job_id in found.to_run:
            send(RUN_JOB, job_id)
            ledger.sent(job_id)
        for job_id in found.to_report:
            send(REPORT, job_id)
    except QueueUnavailableError as error:  # what was not sent is found due again
        log.warning("sweep.not_sent", message=str(error))
    return found


class Sweeper:
    """Runs the sweep in a thread until it is stopped.

    Args:
        ledger: Where the jobs stand.
        sweep_once: One sweep.
        every_seconds: The tick.
    """

    def __init__(
        self, ledger: Ledger, sweep_once: Callable[[], SweepResult], every_seconds: float
    ) -> None:
        self._ledger, self._sweep_once, self._every = ledger, sweep_once, every_seconds
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="sweep", daemon=True)

    def start(self) -> None:
        """Begin; call once."""
        self._thread.start()

    def stop(self) -> None:
        """End after the sweep under way, and wait for it."""
        self._stopping.set()
        self._thread.join(timeout=10)

    def _loop(self) -> None:
        has_swept = False
        while not self._stopping.wait(self._every):
            try:
                if self._ledger.coordination.may_sweep(self._every * 0.9):
                    found = self._sweep_once()
                    if found.is_new and has_swept:
                        log.error("ledger.wiped", then="it is filled from AI City's list of tasks")
                    has_swept = True
            except FleetError as error:
                log.warning("sweep.failed", error=type(error).__name__, message=str(error))
            except Exception:
                log.exception("sweep.broken")
