"""One asyncio event loop per worker process, in a thread of its own.

A model call is mostly waiting, so one process runs many jobs at once: each Celery thread hands its
coroutine to the loop and waits for the result.
"""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

STOP_SECONDS = 5.0
"""How long the remaining tasks of the loop may take to end, in seconds."""


TURN_SECONDS = 10.0
"""How often the loop shows that it turns, in seconds: about as often as the worker looks."""


class EventLoopThread:
    """An asyncio event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self.turns = 0
        """How often the loop has turned, which it notes every ``TURN_SECONDS``."""
        self._thread = threading.Thread(target=self._serve, name="event-loop", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine on the loop and wait for it. Do not call it from the loop itself."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()

    def stop(self) -> None:
        """Cancel what still runs, then stop the loop and its thread."""
        if not self._thread.is_alive():
            return
        try:
            asyncio.run_coroutine_threadsafe(_cancel_rest(), self._loop).result(STOP_SECONDS)
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(STOP_SECONDS)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.call_soon(self._turn)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()

    def _turn(self) -> None:
        self.turns += 1
        self._loop.call_later(TURN_SECONDS, self._turn)


async def _cancel_rest() -> None:
    rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
