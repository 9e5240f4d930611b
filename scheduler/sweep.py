"""The sweep: every few seconds, whatever is due in the ledger gets its message.

It runs in a thread of the dispatcher, so that rescue depends on no clock process and does not fill
Flower. Several dispatchers may run it: a tick is guarded in Redis, and a second one is harmless.
"""

import structlog

from aicity_fleet import tracing
from aicity_fleet.background import Background
from aicity_fleet.failpoints import Failpoint, reached
from aicity_fleet.ledger import Ledger, SweepResult
from aicity_fleet.messaging.messages import Messages

log = structlog.get_logger(__name__)


def sweep(
    *, ledger: Ledger, messages: Messages, max_running: int = 0, turn_seconds: float = 0
) -> SweepResult:
    """Walk over the ledger once and send what is due.

    A ledger that is new or was wiped asks for a poll, which fills it from AI City's list.

    Args:
        messages: Sends what is due. What is not sent is found due again.
        max_running: How many jobs the whole fleet may run at once; 0 for any number.
        turn_seconds: For how long no other process is to sweep; 0 to sweep even if another does.

    Raises:
        LedgerUnavailableError: Redis went away; the next sweep goes on.
    """
    found = ledger.sweep(max_running=max_running, turn_seconds=turn_seconds)
    reached(Failpoint.SWEPT)
    for job_id in found.rescued:
        log.warning("job.rescued", job_id=job_id)
        if tracing.is_on():
            _trace_lost_run(job_id, ledger)
    if found.is_new and not messages.poll():
        return found
    if not messages.run_jobs(found.to_run):
        return found
    ledger.sent(*found.to_run)
    for job_id in found.to_report:
        if not messages.report(job_id):
            return found
    return found


def _trace_lost_run(job_id: str, ledger: Ledger) -> None:
    """Write the span of the run whose lease lapsed: its process is gone, or it has dropped the job."""
    if run := ledger.latest_run(job_id):
        nonce, attempt, began_ms = run
        tracing.lost_run(job_id, nonce, attempt=attempt, began_ms=began_ms, why="lease_lapsed")


class Sweeper:
    """Repeats the sweep; of several dispatchers, one sweeps in each tick.

    Args:
        max_running: How many jobs the whole fleet may run at once; 0 for any number.
    """

    def __init__(
        self, ledger: Ledger, messages: Messages, every_seconds: float, *, max_running: int = 0
    ) -> None:
        self._ledger, self._messages = ledger, messages
        self._every_seconds, self._max_running = every_seconds, max_running
        self._has_swept = False

    def start(self, background: Background) -> None:
        """Begin to sweep in the background; call once."""
        background.repeat("sweep", self.tick, self._every_seconds)

    def tick(self) -> None:
        """Sweep, unless another dispatcher did within this tick.

        Raises:
            LedgerUnavailableError: Redis went away; the next tick goes on.
        """
        found = sweep(
            ledger=self._ledger,
            messages=self._messages,
            max_running=self._max_running,
            turn_seconds=self._every_seconds * 0.9,
        )
        if found.is_new and self._has_swept:
            log.error("ledger.wiped", then="it is filled from AI City's list of tasks")
        self._has_swept = True
