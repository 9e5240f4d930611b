"""Work in the background of a process, on threads."""

import threading
import time
from typing import cast

from support.waiting import wait_until

from aicity_fleet.background import JOIN_SECONDS, Threads
from aicity_fleet.ledger import Lease, Ledger
from aicity_fleet.ledger.leases import Renewal
from aicity_fleet.models import AssignedTask
from aicity_fleet.stop_switch import StopSwitch
from workers.lease_keeper import FENCE_SHARE, LeaseKeeper


def test_it_stops_while_another_thread_is_starting_work(monkeypatch):
    """As when a child is told to stop at the moment at which it ends by itself."""
    threads, may_start, is_starting = Threads(), threading.Event(), threading.Event()
    start = threading.Thread.start

    def start_late(thread: threading.Thread) -> None:
        if thread.name == "late":
            is_starting.set()
            may_start.wait(10)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_late)
    did: list[str] = []
    starter = threading.Thread(target=lambda: threads.later("late", lambda: did.append("it"), 60))
    starter.start()
    assert is_starting.wait(10)
    threads.stop()
    may_start.set()
    starter.join(10)
    threads.stop()
    assert did == ["it"], "what starts after the stop waits no more"


def test_what_is_not_needed_does_not_wake_up():
    threads, work = Threads(), threading.Event()
    looks, ticks = [], []

    def is_needed() -> bool:
        looks.append(work.is_set())
        return looks[-1]

    threads.repeat("tick", lambda: ticks.append(work.is_set()), 0.01, is_needed=is_needed)
    wait_until(lambda: looks, description="it looks")
    assert not threading.Event().wait(0.2), "twenty of its pauses"
    assert (looks, ticks) == ([False], [])
    work.set()
    threads.wake()
    wait_until(lambda: len(ticks) > 2, description="it ticks again and again")
    work.clear()
    wait_until(lambda: looks[-1] is False, description="it rests again")
    threads.stop()


def test_what_rests_stops_at_once():
    threads = Threads()
    threads.repeat("tick", lambda: None, 60, is_needed=lambda: False)
    began = time.monotonic()
    threads.stop()
    assert time.monotonic() - began < JOIN_SECONDS / 2
    assert "tick" not in {thread.name for thread in threading.enumerate()}


def test_a_lease_that_ends_a_rest_is_fenced_on_time(monkeypatch):
    """Its ledger hangs, so that only the fence can stop its run."""
    hangs, rests = threading.Event(), []
    holds_any = LeaseKeeper._holds_any

    def noted(keeper: LeaseKeeper) -> bool:
        rests.append(not holds_any(keeper))
        return not rests[-1]

    class Hanging:
        def renew(self, *_: object, **__: object) -> Renewal:
            hangs.wait(20)
            return Renewal()

    monkeypatch.setattr(LeaseKeeper, "_holds_any", noted)
    seconds = 1.0
    keeper = LeaseKeeper(cast("Ledger", Hanging()), seconds, Threads())
    wait_until(lambda: rests == [True, True], description="both threads rest")
    switch, claimed_at = StopSwitch(), time.monotonic()
    lease = Lease("a", 1, AssignedTask("a", "general", "Say something."), "nonce", 0)
    with keeper.keep(lease, switch, claimed_at=claimed_at):
        wait_until(lambda: switch.abort_reason == "lease_lost", description="the run is fenced")
        assert seconds * FENCE_SHARE <= time.monotonic() - claimed_at < seconds
    hangs.set()
    keeper.stop()
