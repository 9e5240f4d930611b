"""A TCP proxy of the tests' own on the loopback: it can reset connections and swallow bytes."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time

_CHUNK = 65536


class TcpProxy:
    """Passes bytes on to one port, until it is told otherwise.

    Args:
        target_port: Where to, on the loopback.
    """

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._swallowing = threading.Event()
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._guard = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.delay_seconds = 0.0
        """How long each chunk of bytes is held back, in seconds."""
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def reset_all(self) -> None:
        """Cut every connection with a RST."""
        with self._guard:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for side in pair:
                with contextlib.suppress(OSError):
                    linger = struct.pack("ii", 1, 0)
                    side.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                    side.shutdown(socket.SHUT_RDWR)
                with contextlib.suppress(OSError):
                    side.close()

    def swallow(self) -> None:
        """Keep every connection open, accept new ones, and pass nothing on: a half-open link."""
        self._swallowing.set()

    def pass_on(self) -> None:
        """Pass new connections on again. Those that lost bytes stay dead, as after a real cut."""
        self._swallowing.clear()

    def close(self) -> None:
        """Stop."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.reset_all()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            try:
                server = socket.create_connection(self._target, timeout=5)
            except OSError:
                client.close()
                continue
            server.settimeout(None)
            with self._guard:
                self._pairs.append((client, server))
            lost = threading.Event()
            for source, sink in ((client, server), (server, client)):
                threading.Thread(
                    target=self._pump, args=(source, sink, lost), name="pump", daemon=True
                ).start()

    def _pump(self, source: socket.socket, sink: socket.socket, lost: threading.Event) -> None:
        try:
            while chunk := source.recv(_CHUNK):
                if self._swallowing.is_set():
                    lost.set()
                if lost.is_set():
                    continue
                if self.delay_seconds:
                    time.sleep(self.delay_seconds)
                sink.sendall(chunk)
        except OSError:
            pass
        if not lost.is_set():
            for side in (source, sink):
                with contextlib.suppress(OSError):
                    side.shutdown(socket.SHUT_RDWR)
                with contextlib.suppress(OSError):
                    side.close()
