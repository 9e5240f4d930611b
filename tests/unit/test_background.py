"""Work in the background of a process, on threads."""

import threading

from aicity_fleet.background import Threads


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
