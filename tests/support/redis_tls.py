"""A real redis-server behind TLS, with an authority and certificates that openssl makes for one test."""

from __future__ import annotations

import asyncio
import dataclasses
import shutil
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from support.waiting import wait_until

from aicity_fleet.embedded.ports import LOOPBACK, free_port
from aicity_fleet.embedded.redis_server import RedisServer, new_redis_server


@dataclasses.dataclass(frozen=True)
class TlsRedis:
    """A running server.

    Args:
        server: Without TLS.
        port: With TLS.
        ca_file: The authority that signed its certificate, which names 127.0.0.1 alone.
        is_its_own: Whether the server itself speaks TLS; else a program in front of it does.
    """

    server: RedisServer
    port: int
    ca_file: Path
    is_its_own: bool

    def url(self, host: str = LOOPBACK) -> str:
        """Return its address with TLS and the password."""
        return f"rediss://:{self.server.password}@{host}:{self.port}/0"


def make_authority(folder: Path, name: str) -> Path:
    """Make a certificate authority and return its certificate; its key lies beside it."""
    path = folder / f"{name}.pem"
    _openssl(path, "-subj", f"/CN={name}", "-addext", "keyUsage=critical,keyCertSign")
    return path


def _make_certificate(authority: Path) -> Path:
    path = authority.with_name("server.pem")
    signed_by = ("-CA", str(authority), "-CAkey", str(authority.with_suffix(".key")))
    names = ("-addext", f"subjectAltName=IP:{LOOPBACK}", "-addext", "basicConstraints=CA:FALSE")
    _openssl(path, "-subj", "/CN=redis", *signed_by, *names)
    return path


def _openssl(path: Path, *args: str) -> None:
    program = shutil.which("openssl")
    assert program, "openssl is not on PATH"
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    out = ("-days", "1", "-keyout", str(path.with_suffix(".key")), "-out", str(path))
    command = [program, "req", "-x509", *key, *out, *args]
    subprocess.run(command, check=True, capture_output=True)


@contextmanager
def redis_with_tls(folder: Path) -> Iterator[TlsRedis]:
    """Run a redis-server with TLS. One that was built without it gets a program in front of it."""
    authority = make_authority(folder, "authority")
    certificate = _make_certificate(authority)
    server, port = new_redis_server(folder / "data"), free_port()
    tls = (
        f"tls-port {port}\ntls-auth-clients no\ntls-ca-cert-file {authority}\n"
        f"tls-cert-file {certificate}\ntls-key-file {certificate.with_suffix('.key')}\n"
    )
    process = _start(server, tls)
    is_its_own = process is not None
    process = process or _start(server, "")
    assert process is not None
    try:
        if is_its_own:
            yield TlsRedis(server, port, authority, is_its_own)
        else:
            with _terminator(certificate, server.port) as port:
                yield TlsRedis(server, port, authority, is_its_own)
    finally:
        process.kill()
        process.wait()


def _start(server: RedisServer, further: str) -> subprocess.Popen[str] | None:
    """Start a server; None when it refuses its configuration."""
    process = subprocess.Popen(
        server.argv,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdin is not None
    process.stdin.write(server.config + further)
    process.stdin.close()
    wait_until(
        lambda: server.answers() or process.poll() is not None,
        description="the redis-server answers",
    )
    return process if process.poll() is None else None


@contextmanager
def _terminator(certificate: Path, target: int) -> Iterator[int]:
    """Speak TLS at a port of its own, which this yields, and pass everything on to another port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while chunk := await source.read(65536):
                sink.write(chunk)
                await sink.drain()
        sink.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_connection(LOOPBACK, target)
        await asyncio.gather(pump(reader, before), pump(behind, writer))

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)  # clients that refuse the certificate
    listening = asyncio.start_server(serve, LOOPBACK, 0, ssl=context)
    listener = loop.run_until_complete(listening)
    thread = threading.Thread(target=loop.run_forever, name="tls", daemon=True)
    thread.start()
    yield int(listener.sockets[0].getsockname()[1])
    listener.close()
    for task in asyncio.all_tasks(loop):
        loop.call_soon_threadsafe(task.cancel)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    loop.close()
