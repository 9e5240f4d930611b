"""The leases of one process. A thread renews all in one call; a busy event loop cannot starve it.

A process that cannot renew stops its jobs before their leases end: by then another may own them.
"""

import dataclasses
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import structlog

from aicity_fleet.background import Background
from aicity_fleet.errors import FleetError
from aicity_fleet.ledger import Lease, Ledger
from aicity_fleet.stop_switch import StopSwitch

FENCE_SHARE = 0.7
"""The share of a lease after which its run is stopped without a renewal. Several were missed by then."""

MOST_RENEWAL_SECONDS = 2.0
"""The longest time between two renewals, in seconds. A process sees within it that a job was cancelled."""

log = structlog.get_logger(__name__)


class LeaseKeeper:
    """Renews every lease of this process, and stops the runs of cancelled jobs.

    Args:
        background: Where it repeats its renewals and looks for late ones.
    """

    def __init__(self, ledger: Ledger, lease_seconds: float, background: Background) -> None:
        self._ledger, self._lease_seconds, self._background = ledger, lease_seconds, background
        self._held: dict[str, tuple[Lease, StopSwitch, float]] = {}
        self._guard = threading.Lock()
        self._draining = False
        renewal_seconds = min(lease_seconds / 3, MOST_RENEWAL_SECONDS)
        background.repeat("leases", self.renew, renewal_seconds, is_needed=self._holds_any)
        # In a thread of its own: a renewal that hangs must not delay this.
        background.repeat("fence", self.fence, lease_seconds / 20, is_needed=self._holds_any)

    @property
    def is_draining(self) -> bool:
        """Whether this process has stopped claiming jobs."""
        return self._draining

    @contextmanager
    def keep(self, lease: Lease, stop_switch: StopSwitch, *, claimed_at: float) -> Iterator[None]:
        """Renew this lease while the block runs.

        An earlier one on the same job is lost by that: its run is stopped. It may still be on its way out
        here when the job comes back, after a sleep of the machine for instance.

        Args:
            stop_switch: Stops the job's run when the lease is lost.
            claimed_at: ``time.monotonic()`` from before the claim was sent.
        """
        with self._guard:
            before = self._held.get(lease.job_id)
            is_first = not self._held
            self._held[lease.job_id] = (lease, stop_switch, claimed_at)
            draining = self._draining
        if is_first:
            self._background.wake()
        if before is not None:
            log.warning("lease.lost", job_id=lease.job_id, attempt=before[0].token)
            before[1].abort("lease_lost")
        if draining:
            stop_switch.drain()
        try:
            yield
        finally:
            with self._guard:
                if self._is_held(lease):
                    del self._held[lease.job_id]

    def drain(self, grace_seconds: float) -> None:
        """Stop every run before its next model call, and those that still run after the grace.

        Quick and free of locks that its caller may hold: it runs within a signal handler.
        """
        self._draining = True
        self._background.later("drain", self._drain_all, 0)
        self._background.later("drain", self._abort_all, grace_seconds)

    def stop(self) -> None:
        """Stop the background threads; leases that are still held lapse."""
        self._background.stop()

    def renew(self) -> None:
        """Renew all leases once, with the progress of each run; stop the runs whose lease is lost."""
        with self._guard:
            held = list(self._held.values())
        if not held:
            return
        asked_at = time.monotonic()
        try:
            renewal = self._ledger.renew(
                [lease for lease, _, _ in held],
                lease_seconds=self._lease_seconds,
                # Piggybacked on the renewal: no extra round trip, and fenced like it.
                progress={
                    lease.job_id: dataclasses.asdict(stop_switch.progress)
                    for lease, stop_switch, _ in held
                    if stop_switch.progress is not None
                },
            )
        except FleetError as error:
            log.warning("leases.not_renewed", jobs=len(held), message=str(error))
            return
        with self._guard:
            for lease, stop_switch, _ in held:
                if lease.job_id in renewal.lost:
                    log.warning("lease.lost", job_id=lease.job_id, attempt=lease.token)
                    stop_switch.abort("lease_lost")
                    continue
                if lease.job_id in renewal.cancelled:
                    stop_switch.abort("cancelled")
                if self._is_held(lease):
                    self._held[lease.job_id] = (lease, stop_switch, asked_at)

    def _holds_any(self) -> bool:
        """Whether this process holds a lease: without one, its threads need not wake up."""
        return bool(self._held)

    def _is_held(self, lease: Lease) -> bool:
        """Whether this lease, and no later one on its job, is held. Call it under the lock."""
        held = self._held.get(lease.job_id)
        return held is not None and held[0] is lease

    def fence(self) -> None:
        """Stop every run whose lease was not renewed in time."""
        limit = time.monotonic() - self._lease_seconds * FENCE_SHARE
        with self._guard:
            late = [
                (lease, stop_switch)
                for lease, stop_switch, at in self._held.values()
                if at <= limit
            ]
        for lease, stop_switch in late:
            if stop_switch.abort_reason is not None:
                continue
            log.warning("lease.fenced", job_id=lease.job_id, attempt=lease.token)
            stop_switch.abort("lease_lost")

    def _drain_all(self) -> None:
        for stop_switch in self._stop_switches():
            stop_switch.drain()

    def _abort_all(self) -> None:
        for stop_switch in self._stop_switches():
            stop_switch.abort("drain")

    def _stop_switches(self) -> list[StopSwitch]:
        with self._guard:
            return [stop_switch for _, stop_switch, _ in self._held.values()]
