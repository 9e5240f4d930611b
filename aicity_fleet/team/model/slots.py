"""How many calls a process makes to one model at a time: further ones wait here, and not in its server."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from autogen_core import CancellationToken

from aicity_fleet.stop_switch import StopSwitch
from aicity_fleet.team.declare.spec import ModelConfig
from aicity_fleet.team.endings import DRAINING, StoppedError

OWN_SERVER_CALLS = 4
"""How many calls a server of one's own gets at once from one process, unless its alias says otherwise.
Ollama and llama.cpp work on one to four at a time and let the others wait, unanswered."""


class Slots:
    """The calls of one model on one event loop."""

    def __init__(self, config: ModelConfig) -> None:
        most = config.max_concurrent_calls
        if most is None:
            most = OWN_SERVER_CALLS if config.is_own_server else 0
        self._free = asyncio.Semaphore(most) if most else None
        self.waiting = 0
        """How many calls wait for a slot."""

    @contextlib.asynccontextmanager
    async def one(
        self, stop_switch: StopSwitch, token: CancellationToken | None
    ) -> AsyncIterator[None]:
        """Hold a slot for the block. No time limit of the call runs before.

        Raises:
            StoppedError: The worker drains before a slot is free.
            asyncio.CancelledError: The token was cancelled before.
        """
        if self._free is None:
            yield
            return
        if self._free.locked():
            self.waiting += 1
            try:
                await self._wait(self._free, stop_switch, token)
            finally:
                self.waiting -= 1
        else:
            await self._free.acquire()
        try:
            yield
        finally:
            self._free.release()

    @staticmethod
    async def _wait(
        free: asyncio.Semaphore, stop_switch: StopSwitch, token: CancellationToken | None
    ) -> None:
        turn = asyncio.ensure_future(free.acquire())
        drain = asyncio.ensure_future(stop_switch.wait_for_drain())
        if token is not None:
            token.link_future(turn)
        is_wanted = False
        try:
            await asyncio.wait({turn, drain}, return_when=asyncio.FIRST_COMPLETED)
            is_wanted = not stop_switch.is_draining
        finally:
            for future in (turn, drain):
                future.cancel()
            await asyncio.wait({turn, drain})
            has_slot = not turn.cancelled()
            if has_slot and not is_wanted:
                free.release()
        if not is_wanted:
            raise StoppedError(DRAINING)
        if not has_slot:
            raise asyncio.CancelledError
