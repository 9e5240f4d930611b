"""A server of raw bytes on the loopback, and a client of the SDK that asks it."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import httpx
import openai

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[Any]]
"""What a server does on a connection after each request's headers."""

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
ANSWER = HEAD + b'Content-Length: 11\r\n\r\n{"word": 1}'
SHORT = openai.Timeout(5, read=0.2)


@contextlib.asynccontextmanager
async def serving(talk: Talk, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on the loopback; its port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, ssl.SSLError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                if b"ontent-" in head:
                    size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
                    await reader.readexactly(size)
                await talk(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls, backlog=500)
    async with server:
        yield server.sockets[0].getsockname()[1]


@contextlib.asynccontextmanager
async def asking(kind: Any, port: int, **options: Any) -> AsyncIterator[Callable[..., Any]]:
    """A client of the SDK; gives a function that asks once, for an answer that is not yet read."""
    address = {"base_url": f"http://127.0.0.1:{port}/v1", "timeout": SHORT, **options}
    made = {"api_key": "sk-x", "max_retries": 0, "http_client": kind()}

    async with openai.AsyncOpenAI(**address, **made) as client:

        async def ask(prompt: str = "x") -> Any:
            return await client.post(
                "/chat/completions",
                body={"prompt": prompt},
                cast_to=httpx.Response,
                stream=True,
                stream_cls=openai.AsyncStream[Any],
            )

        yield ask


def saying(*pieces: bytes, closes: bool = True) -> Talk:
    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await asyncio.sleep(0.03)
        if closes:
            writer.close()

    return talk
