"""The loop_thread between threads and the loop."""

import asyncio
import subprocess
import sys
import threading
from concurrent.futures import CancelledError, ThreadPoolExecutor

import pytest

from workers import worker
from workers.event_loop import EventLoopThread


@pytest.fixture
def loop_thread():
    loop_thread = EventLoopThread()
    yield loop_thread
    loop_thread.stop()


def test_many_threads_wait_on_one_loop(loop_thread):
    together = threading.Barrier(21)
    loops = []

    async def job() -> None:
        loops.append(asyncio.get_running_loop())
        await asyncio.to_thread(together.wait, 10)

    threads = [threading.Thread(target=lambda: loop_thread.run(job())) for _ in range(20)]
    # One more waits at the barrier, so that all twenty must be under way at once.
    executor_size = 20

    async def widen() -> None:
        asyncio.get_running_loop().set_default_executor(ThreadPoolExecutor(executor_size))

    loop_thread.run(widen())
    for thread in threads:
        thread.start()
    together.wait(10)
    for thread in threads:
        thread.join()
    assert len(set(loops)) == 1


def test_an_error_comes_back_to_its_caller(loop_thread):
    async def fail() -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        loop_thread.run(fail())


def test_stopping_cancels_what_still_runs_and_may_be_repeated():
    loop_thread = EventLoopThread()
    started, cancelled = threading.Event(), threading.Event()

    async def forever() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    def wait() -> None:
        with pytest.raises(CancelledError):
            loop_thread.run(forever())

    thread = threading.Thread(target=wait)
    thread.start()
    started.wait(5)
    loop_thread.stop()
    loop_thread.stop()
    thread.join(5)
    assert cancelled.is_set()
    assert not thread.is_alive()


STUCK = """
import asyncio, threading, time
from workers import event_loop, worker

event_loop.TURN_SECONDS = 0.05
thread = event_loop.EventLoopThread()
check = worker.LoopCheck(thread)

async def work():
    {deed}

threading.Thread(target=lambda: thread.run(work()), daemon=True).start()
for _ in range(10):
    time.sleep(0.3)
    check.look()
print("done")
"""


@pytest.mark.parametrize(
    ("deed", "status"),
    [("while True: pass", worker.STUCK_EXIT_CODE), ("await asyncio.sleep(60)", 0)],
    ids=["a run that never pauses", "a run that waits"],
)
def test_a_process_whose_loop_is_kept_by_one_run_ends(deed, status):
    """Its leases are renewed by another thread, so nobody else would run its jobs."""
    ended = subprocess.run(
        [sys.executable, "-c", STUCK.format(deed=deed)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == status, ended.stderr
    assert ("event_loop.stuck" in ended.stdout) is bool(status)
    assert ("in work" in ended.stderr) is bool(status), "it shows where"
