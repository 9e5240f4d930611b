"""A TCP proxy of our own between the fleet and Redis: it delays, and it resets every connection."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import threading

LOOPBACK = "127.0.0.1"

CHUNK_BYTES = 65536

RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""The linger option with which a close sends RST instead of FIN."""


class Proxy:
    """Passes bytes between a port of its own and another one on the loopback.

    Args:
        target: The port that is passed on to.
    """

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.delay_seconds = 0.0
        """How much later every answer arrives."""
        self.resets = 0
        """How many connections were reset."""
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        if not self._ready.wait(10):
            raise RuntimeError("the proxy did not start")

    def stop(self) -> None:
        """Close everything."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def reset(self) -> int:
        """Reset every connection that stands now, and tell how many."""
        return asyncio.run_coroutine_threadsafe(self._reset(), self._loop).result(10)

    async def _reset(self) -> int:
        writers = list(self._writers)
        for writer in writers:
            with contextlib.suppress(OSError):
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
            writer.transport.abort()
        self.resets += len(writers)
        return len(writers)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, LOOPBACK, 0))
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        self._loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self._loop)
        for task in tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self._loop.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        up_writer = None
        try:
            up_reader, up_writer = await asyncio.open_connection(LOOPBACK, self.target)
            there = asyncio.ensure_future(self._pump(reader, up_writer, answers=False))
            back = asyncio.ensure_future(self._pump(up_reader, writer, answers=True))
            await asyncio.wait({there, back}, return_when=asyncio.FIRST_COMPLETED)
            for task in (there, back):
                task.cancel()
            await asyncio.gather(there, back, return_exceptions=True)
        except OSError:  # Redis is down
            pass
        finally:
            self._writers.discard(writer)
            for end in (writer, up_writer):
                if end is not None:
                    end.close()

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, answers: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(CHUNK_BYTES):
                if answers and self.delay_seconds:
                    await asyncio.sleep(self.delay_seconds)
                sink.write(data)
                await sink.drain()
