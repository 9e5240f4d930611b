from __future__ import annotations

import asyncio
import threading

from aicity_fleet.team import Watch


async def test_abort_from_another_thread_wakes_the_loop():
    watch = Watch()
    waiting = asyncio.ensure_future(watch.wait_for_abort())
    await asyncio.sleep(0)
    threading.Thread(target=watch.abort, args=("lease_lost",)).start()
    assert await asyncio.wait_for(waiting, 5) == "lease_lost"


async def test_an_abort_that_came_first_is_seen_at_once():
    watch = Watch()
    watch.abort("cancelled")
    assert await watch.wait_for_abort() == "cancelled"


async def test_the_first_reason_stands():
    watch = Watch()
    watch.abort("drain")
    watch.abort("lease_lost")
    assert watch.abort_reason == "drain"


async def test_several_may_wait():
    watch = Watch()
    waiting = [asyncio.ensure_future(watch.wait_for_abort()) for _ in range(3)]
    await asyncio.sleep(0)
    watch.abort("cancelled")
    assert await asyncio.gather(*waiting) == ["cancelled"] * 3


async def test_who_stops_waiting_leaves_nothing_behind():
    watch = Watch()
    waiting = asyncio.ensure_future(watch.wait_for_abort())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    watch.abort("cancelled")
    assert watch.abort_reason == "cancelled"


def test_abort_after_the_loop_is_closed_does_not_raise():
    watch = Watch()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(watch.wait_for_abort())
    loop.run_until_complete(asyncio.sleep(0))
    lost = watch._waiters.copy()
    waiting.cancel()
    loop.run_until_complete(asyncio.wait({waiting}))
    loop.close()
    watch._waiters = lost
    watch.abort("cancelled")
    assert watch.abort_reason == "cancelled"


def test_drain_is_no_abort():
    watch = Watch()
    watch.drain()
    assert watch.is_draining
    assert watch.abort_reason is None
