from __future__ import annotations

import asyncio
import threading

from aicity_fleet.stop_switch import StopSwitch


async def test_abort_from_another_thread_wakes_the_loop():
    stop_switch = StopSwitch()
    waiting = asyncio.ensure_future(stop_switch.wait_for_abort())
    await asyncio.sleep(0)
    threading.Thread(target=stop_switch.abort, args=("lease_lost",)).start()
    assert await asyncio.wait_for(waiting, 5) == "lease_lost"


async def test_an_abort_that_came_first_is_seen_at_once():
    stop_switch = StopSwitch()
    stop_switch.abort("cancelled")
    assert await stop_switch.wait_for_abort() == "cancelled"


async def test_the_first_reason_stands():
    stop_switch = StopSwitch()
    stop_switch.abort("drain")
    stop_switch.abort("lease_lost")
    assert stop_switch.abort_reason == "drain"


async def test_several_may_wait():
    stop_switch = StopSwitch()
    waiting = [asyncio.ensure_future(stop_switch.wait_for_abort()) for _ in range(3)]
    await asyncio.sleep(0)
    stop_switch.abort("cancelled")
    assert await asyncio.gather(*waiting) == ["cancelled"] * 3


async def test_who_stops_waiting_leaves_nothing_behind():
    stop_switch = StopSwitch()
    waiting = asyncio.ensure_future(stop_switch.wait_for_abort())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait({waiting})
    stop_switch.abort("cancelled")
    assert stop_switch.abort_reason == "cancelled"


def test_abort_after_the_loop_is_closed_does_not_raise():
    stop_switch = StopSwitch()
    loop = asyncio.new_event_loop()
    waiting = loop.create_task(stop_switch.wait_for_abort())
    loop.run_until_complete(asyncio.sleep(0))
    lost = stop_switch._waiters.copy()
    waiting.cancel()
    loop.run_until_complete(asyncio.wait({waiting}))
    loop.close()
    stop_switch._waiters = lost
    stop_switch.abort("cancelled")
    assert stop_switch.abort_reason == "cancelled"


def test_drain_is_no_abort():
    stop_switch = StopSwitch()
    stop_switch.drain()
    assert stop_switch.is_draining
    assert stop_switch.abort_reason is None
