"""A forge on loopback: answers from a script, in whatever bad way a test wants, and counts.

The downloader is led to it by a transport, for it connects to public addresses on port 443 alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import io
import ssl
import tarfile
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import httpx

from aicity_fleet.team.tools.download import Resolve

PUBLIC = "140.82.121.3"
REPO = "https://github.com/owner/name"
ARCHIVE = "/owner/name/archive/HEAD.tar.gz"
HOSTS = frozenset({"github.com", "codeload.github.com"})
CODE = "import os\n\n\ndef run(name):\n    os.system(name)\n"


def archive(*members: tuple[str, bytes | str | tarfile.TarInfo], root: str = "name-HEAD/") -> bytes:
    """A .tar.gz of files by name; a TarInfo stands for itself."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in members:
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(root + name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return packed.getvalue()


def special(
    name: str, kind: bytes, target: str = "", root: str = "name-HEAD/"
) -> tuple[str, tarfile.TarInfo]:
    """A member that is no plain file."""
    info = tarfile.TarInfo(root + name)
    info.type, info.linkname = kind, target
    return name, info


def zeros(megabytes: int) -> bytes:
    """A .tar.gz with one file of zeros."""
    info = tarfile.TarInfo("name-HEAD/zeros")
    info.size = megabytes * 2**20
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=6) as stream:
        stream.write(info.tobuf())
        for _ in range(megabytes):
            stream.write(bytes(2**20))
        stream.write(bytes(1024))
    return packed.getvalue()


class Forge:
    """The server. Each answer is the bytes of a whole response, or pieces with pauses between."""

    def __init__(self) -> None:
        self.answers: dict[str, bytes | Iterable[bytes]] = {}
        self.asked: list[tuple[str, str]] = []
        """Host header and path of each request."""
        self.heads: list[str] = []
        """Each whole head of a request."""
        self.pause_seconds = 0.05
        self.port = 0
        """Where it listens, for a fixture to set."""

    def will(self, path: str, body: bytes = b"", status: int = 200, **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        if "content_length" not in headers and "transfer_encoding" not in headers:
            lines.append(f"Content-Length: {len(body)}")
        self.answers[path] = "\r\n".join([*lines, "", ""]).encode() + body

    @contextlib.asynccontextmanager
    async def serve(self, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
        server = await asyncio.start_server(self._answer, "127.0.0.1", 0, ssl=tls)
        async with server:
            yield server.sockets[0].getsockname()[1]

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            self.heads.append(head)
            path = head.split(" ")[1]
            host = next(
                line[6:] for line in head.split("\r\n") if line.lower().startswith("host: ")
            )
            self.asked.append((host, path))
            answer = self.answers.get(path, b"HTTP/1.1 404 X\r\nContent-Length: 0\r\n\r\n")
            for piece in [answer] if isinstance(answer, bytes) else answer:
                writer.write(piece)
                await writer.drain()
                if not isinstance(answer, bytes):
                    await asyncio.sleep(self.pause_seconds)
        writer.close()


class ToForge(httpx.AsyncBaseTransport):
    """Leads every request to the forge, and remembers where it wanted to go."""

    def __init__(
        self, port: int, *, scheme: str = "http", verify: ssl.SSLContext | bool = True
    ) -> None:
        self.port, self.scheme = port, scheme
        self.wanted: list[tuple[str, str, str]] = []
        """Scheme and address of each request, and the name that its certificate has to have."""
        self.unreachable: set[str] = set()
        self._inner = httpx.AsyncHTTPTransport(verify=verify, trust_env=False)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        self.wanted.append((url.scheme, url.host, request.extensions["sni_hostname"]))
        if url.host in self.unreachable:
            raise httpx.ConnectError("unreachable")
        request.url = url.copy_with(scheme=self.scheme, host="127.0.0.1", port=self.port)
        return await self._inner.handle_async_request(request)

    async def aclose(self) -> None:
        await self._inner.aclose()


def known(**hosts: Sequence[str] | Sequence[list[str]]) -> Resolve:
    """A resolver that knows these hosts; ``_`` stands for a dot. Each look-up takes the next answer."""
    answers: dict[str, list[Any]] = {
        name.replace("_", "."): list(addresses) for name, addresses in hosts.items()
    }

    async def resolve(host: str) -> list[str]:
        found = answers.get(host, [])
        if found and isinstance(found[0], list):
            return found.pop(0) if len(found) > 1 else found[0]
        return found

    return resolve
