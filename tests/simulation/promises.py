"""The fleet's promises, checked at every effect: an independent model of who may do what.

It sees each script's arguments and reply at the moment of its effect, each report as it is sent, each
ending as it is accepted, and each model call as it is bought. It never touches the fleet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

RESCUE_SECONDS = 20.0
"""How soon after its worker was killed a job is runnable again, in seconds."""

ONE_ENDING = "never a fail after a complete was tried"
SAME_REPORT = "a repeated report has the same key and body"
GUARD = "no third failure in a row is sent"
RUN_AGAIN = "a job whose ending stands is not run again"
ONE_OWNER = "only the holder of the lease writes"
BOUGHT_ONCE = "no journaled model call is bought again"
RESCUE = f"a job is rescued within {RESCUE_SECONDS:.0f} s"
REST = "everything comes to rest, for a reason"
UNKNOWN_ERROR = "no process meets an error that it does not know"
RELEASED = "what is held goes as successes come"
LEARNED = "what AI City changes after a report is learned"


NEVER = 1e9
"""Stands for the place of what no report that was taken so far could foresee."""


class BrokenPromiseError(BaseException):
    """The fleet broke a promise; no ``except Exception`` of the fleet's may swallow that.

    Args:
        promise: Which.
        details: How.
    """

    def __init__(self, promise: str, details: str) -> None:
        super().__init__(promise, details)  # positional, so that it survives pickling
        self.promise, self.details = promise, details

    def __str__(self) -> str:
        return f"{self.promise}: {self.details}"


class Promises:
    """What is known of the fleet from outside.

    Args:
        journal_length: How many entries a job's journal has right now.
    """

    def __init__(self, journal_length: Callable[[str], int]) -> None:
        self._journal_length = journal_length
        self.epoch = 0
        """How often the ledger was wiped."""
        self.owner: dict[str, str] = {}
        """Job to the fence of the lease that stands."""
        self.owning_process: dict[str, str] = {}
        self._claim_of: dict[str, tuple[str, str]] = {}
        """Job to the process and the call that claimed it last."""
        self.lapses: Counter[str] = Counter()
        self.bought = 0
        self.bought_in_vain = 0
        """Calls of holders that had lost their lease and did not know yet."""
        self._finished_by: dict[str, str] = {}
        self._journaled: dict[str, int] = {}
        self._sent: dict[tuple[int, str], tuple[str, str, str]] = {}
        self.complete_tried: set[tuple[int, str]] = set()
        self._accepted: set[tuple[int, str]] = set()
        self._strays: set[str] = set()
        """Ended by reports that were under way while the ledger was wiped, and not known to it yet: nobody
        can hold anything back for them."""
        self._failed_checks: dict[str, float] = {}
        """Completions of this row, with their place in ``_taken``: one that was sent after a failure was,
        and then failed AI City's own check, could not be foreseen when that failure was sent."""
        self._taken: dict[tuple[int, str], int] = {}
        """In which order reports were first taken."""
        self._ended_in: dict[str, int] = {}
        """The epoch in which a completion was accepted."""

    def flushed(self) -> None:
        """The ledger was wiped: what the fleet knew of the past is gone."""
        self.epoch += 1
        for known in (self.owner, self.owning_process, self._finished_by, self._journaled):
            known.clear()
        self.lapses.clear()

    def saw(self, process: str, name: str, args: list[Any], reply: Any) -> None:
        """A script ran; called before anybody learns its reply."""
        look = getattr(self, f"_saw_{name}", None)
        if look is not None:
            look(process, args, reply)

    @classmethod
    def looks_at(cls, name: str) -> bool:
        """Whether a script means anything to the promises."""
        return hasattr(cls, f"_saw_{name}")

    def reports(self, epoch: int, job_id: str, kind: str, key: str, body: str) -> None:
        """A report is about to be sent, out of an outbox of this epoch."""
        if kind == "fail" and (epoch, job_id) in self.complete_tried:
            raise BrokenPromiseError(ONE_ENDING, job_id)
        if kind == "complete":
            self.complete_tried.add((epoch, job_id))
        before = self._sent.setdefault((epoch, job_id), (kind, key, body))
        if before != (kind, key, body):
            raise BrokenPromiseError(SAME_REPORT, f"{job_id}: {before}, then {kind, key, body}")

    def ended(self, epoch: int, job_id: str, kind: str, row: int) -> None:
        """AI City accepted an ending after this many failures in a row."""
        self._accepted.add((epoch, job_id))
        mine = self._taken.get((epoch, job_id), -1)
        if row == 0:
            self._strays.clear()
            self._failed_checks.clear()
        if epoch < self.epoch:
            self._strays.add(job_id)
        elif kind == "complete":
            self._ended_in[job_id] = epoch
            self._failed_checks[job_id] = mine  # no matter when it passed
        else:
            unforeseen = sum(order > mine for order in self._failed_checks.values())
            if row - len(self._strays) - unforeseen >= 2:
                raise BrokenPromiseError(GUARD, f"{job_id} is failure {row + 1} in a row")

    def changed_later(self, job_id: str, status: str, row: int, *, was_in_check: bool) -> None:
        """AI City judged a delivery, or took it back, after this many failures in a row."""
        if row == 0 or status == "completed":
            self._strays.clear()
            self._failed_checks.clear()
        if status == "completed":
            return
        # A delivery in check may fail: the ledger that settled it has to expect that. That a completed one
        # was taken back, it learns when it reads.
        epoch = self._ended_in.get(job_id, -1)
        is_expected = was_in_check and epoch == self.epoch
        order = self._taken.get((epoch, job_id), -1) if is_expected else NEVER
        self._failed_checks[job_id] = order

    def buys(self, job_id: str, fence: str, ordinal: int) -> None:
        """A run gets an answer of the model."""
        self.bought += 1
        if self.owner.get(job_id) != fence:
            self.bought_in_vain += 1
        elif ordinal < self._journaled.get(job_id, 0):
            raise BrokenPromiseError(BOUGHT_ONCE, f"{job_id}, call {ordinal}")

    # --- below: what each script's reply means --------------------------------------------------------

    def _holds(self, job_id: str, fence: str, deed: str) -> None:
        if self.owner.get(job_id) != fence:
            owner = self.owner.get(job_id, "nobody")
            raise BrokenPromiseError(ONE_OWNER, f"{deed} of {job_id} by {fence}, owner is {owner}")

    def _saw_claim(self, process: str, args: list[Any], reply: Any) -> None:
        if not reply[0]:
            return
        text = dict(zip(args[1::2], args[2::2], strict=True))["call"]
        job_id, fence, call = args[0], f"{reply[0]}:{reply[2]}:{text}", (process, text)
        if job_id in self.owner:
            # The client may send a claim again, and gets the lease that it was given.
            if self._claim_of.get(job_id) == call and self.owner[job_id] == fence:
                return
            raise BrokenPromiseError(ONE_OWNER, f"{job_id} was claimed from its holder")
        if (self.epoch, job_id) in self._accepted:
            raise BrokenPromiseError(RUN_AGAIN, job_id)
        self.owner[job_id], self._claim_of[job_id] = fence, call
        self.owning_process[job_id] = process

    def _saw_renew(self, _process: str, args: list[Any], reply: Any) -> None:
        for job_id, fence in zip(args[1::3], args[2::3], strict=True):
            if job_id not in reply[0]:
                self._holds(job_id, fence, "renewal")

    def _saw_journal_append(self, _process: str, args: list[Any], reply: Any) -> None:
        if reply == 1:
            self._holds(args[0], args[1], "journal entry")
            self._journaled[args[0]] = args[2] + 1

    def _saw_journal_truncate(self, _process: str, args: list[Any], reply: Any) -> None:
        if reply:
            raise BrokenPromiseError(BOUGHT_ONCE, f"the journal of {args[0]} was discarded")

    def _saw_release(self, _process: str, args: list[Any], reply: Any) -> None:
        if reply:
            self._holds(args[0], args[1], "release")
            del self.owner[args[0]]

    def _saw_finish(self, _process: str, args: list[Any], reply: Any) -> None:
        if reply[0] and self._finished_by.get(args[0]) != args[1]:
            self._holds(args[0], args[1], "outcome")
            del self.owner[args[0]]
            self._finished_by[args[0]] = args[1]

    def _saw_take_report(self, _process: str, _args: list[Any], reply: Any) -> None:
        if reply[0]:
            order = max(self._taken.values(), default=-1) + 1
            self._taken.setdefault((self.epoch, reply[-1]), order)

    def _saw_settle(self, _process: str, args: list[Any], _reply: Any) -> None:
        self._strays.discard(args[0])

    def _saw_note_read_back(self, _process: str, args: list[Any], reply: Any) -> None:
        named = dict(zip(args[2::2], args[3::2], strict=True))
        is_taken_back = named["standing"] in {"failed", "refunded"}
        if reply and is_taken_back and self._failed_checks.get(args[0]) == NEVER:
            self._failed_checks[args[0]] = max(self._taken.values(), default=-1) + 0.5

    def _saw_died(self, _process: str, args: list[Any], reply: Any) -> None:
        if reply:
            self._holds(args[0], args[1], "death")
            del self.owner[args[0]]
            self.lapses[args[0]] += 1

    def _saw_sweep(self, _process: str, _args: list[Any], reply: Any) -> None:
        for job_id in reply[0]:
            self.owner.pop(job_id, None)
            self.lapses[job_id] += 1

    def _saw_rerun(self, _process: str, args: list[Any], reply: Any) -> None:
        if reply[0]:
            job_id = args[0]
            self._journaled[job_id] = self._journal_length(job_id)
            self._sent.pop((self.epoch, job_id), None)
            self._taken.pop((self.epoch, job_id), None)
            self._finished_by.pop(job_id, None)
            self.lapses[job_id] = 0
