"""The way of a model call's bytes: aiohttp's connections do what those of the SDK's own client do."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import shutil
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from support.raw_server import ANSWER, HEAD, Talk, asking, saying, serving

from aicity_fleet.team.model.call_errors import CallError
from aicity_fleet.team.model.direct_transport import DirectTransport, HTTPClient
from aicity_fleet.team.model.event_stream import Pace, timed
from aicity_fleet.team.model.provider_errors import may_cost


@pytest.fixture(params=[HTTPClient, openai.DefaultAsyncHttpxClient], ids=["direct", "of the SDK"])
def kind(request: pytest.FixtureRequest) -> Any:
    return request.param


async def hang_up(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reset the connection."""
    linger = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


async def fall_silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"

FAULTS: dict[str, tuple[Talk, type[Exception], type[Exception]]] = {
    "no answer": (fall_silent, openai.APITimeoutError, httpx2.ReadTimeout),
    "closed": (saying(b""), openai.APIConnectionError, httpx2.RemoteProtocolError),
    "closed in the headers": (
        *(saying(HEAD), openai.APIConnectionError, httpx2.RemoteProtocolError),
    ),
    "reset": (hang_up, openai.APIConnectionError, httpx2.ReadError),
    "not HTTP": (saying(b"SSH-2.0-x\r\n"), openai.APIConnectionError, httpx2.RemoteProtocolError),
    "body cut": (
        saying(HEAD + b"Content-Length: 11\r\n\r\n{"),
        *(httpx2.RemoteProtocolError, httpx2.RemoteProtocolError),
    ),
    "chunk cut": (
        *(saying(CHUNKED + b"b\r\n{"), httpx2.RemoteProtocolError, httpx2.RemoteProtocolError),
    ),
    "last chunk missing": (
        saying(CHUNKED + b"1\r\n{\r\n"),
        *(httpx2.RemoteProtocolError, httpx2.RemoteProtocolError),
    ),
    "body stops": (
        saying(HEAD + b"Content-Length: 11\r\n\r\n{", closes=False),
        *(httpx2.ReadTimeout, httpx2.ReadTimeout),
    ),
}
"""What a server does, the error that comes of it, and that error or its cause in httpx2."""


@pytest.mark.parametrize("fault", FAULTS)
async def test_each_fault_of_a_server_is_the_error_that_it_always_was(kind, fault):
    talk, expected, meaning = FAULTS[fault]
    async with serving(talk) as port, asking(kind, port) as ask:
        with pytest.raises(expected) as caught:
            await (await ask()).aread()
    cause = caught.value.__cause__ if expected is not meaning else caught.value
    assert type(cause) is meaning
    assert may_cost(caught.value)


async def test_the_clock_ends_a_call_whose_chunks_are_none(kind):
    """aiohttp itself closes the connection, and would wait forever."""
    talk = saying(CHUNKED, b"zz\r\n{\r\n", closes=False)
    async with serving(talk) as port, asking(kind, port) as ask:
        with pytest.raises(CallError):
            async with timed(Pace(0.3, 0.3, 0.3)):
                await (await ask()).aread()


async def test_a_server_that_is_not_there_costs_nothing(kind):
    async with serving(fall_silent) as port:
        pass
    async with asking(kind, port) as ask:
        with pytest.raises(openai.APIConnectionError) as caught:
            await ask()
    assert type(caught.value.__cause__) is httpx2.ConnectError
    assert not may_cost(caught.value)


async def test_a_name_that_is_not_found_in_time_costs_nothing(kind, monkeypatch):
    async def hang(*_: object, **__: object) -> None:
        await asyncio.sleep(30)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", hang)
    limits = openai.Timeout(5, connect=0.2)
    async with asking(kind, 1, base_url="http://model.example/v1", timeout=limits) as ask:
        with pytest.raises(openai.APITimeoutError) as caught:
            await ask()
    assert type(caught.value.__cause__) is httpx2.ConnectTimeout
    assert not may_cost(caught.value)


@pytest.mark.parametrize("began", [False, True], ids=["before an answer", "within one"])
async def test_a_cancelled_call_closes_its_connection(kind, began):
    asked, closed = asyncio.Event(), asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if began:
            writer.write(HEAD + b"Content-Length: 11\r\n\r\n{")
        asked.set()
        assert await reader.read() == b""
        closed.set()

    async with serving(talk) as port, asking(kind, port, timeout=5) as ask:

        async def call() -> None:
            await (await ask()).aread()

        calling = asyncio.create_task(call())
        await asked.wait()
        await asyncio.sleep(0.05)
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        await asyncio.wait_for(closed.wait(), 5)


async def test_a_call_cancelled_in_the_moment_of_its_answer_closes_its_connection(monkeypatch):
    closed, kept = asyncio.Event(), []
    send = DirectTransport._send

    async def send_and_cancel(*request: Any) -> Any:
        response = await send(*request)
        kept.append(response)  # else aiohttp closes it as garbage
        asyncio.get_running_loop().call_soon(calling.cancel)
        return response

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 11\r\n\r\n{")
        assert await reader.read() == b""
        closed.set()

    monkeypatch.setattr(DirectTransport, "_send", send_and_cancel)
    async with serving(talk) as port, asking(HTTPClient, port) as ask:
        calling = asyncio.create_task(ask())
        with pytest.raises(asyncio.CancelledError):
            await calling
        await asyncio.wait_for(closed.wait(), 5)


async def test_an_answer_that_is_left_unread_closes_its_connection(kind):
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 11\r\n\r\n{")
        assert await reader.read() == b""
        closed.set()

    async with serving(talk) as port, asking(kind, port) as ask:
        await (await ask()).aclose()
        await asyncio.wait_for(closed.wait(), 5)


@pytest.fixture
def closing_server() -> Iterator[tuple[int, list[int]]]:
    """A server in a thread that closes each connection after one answer; its port, and its answers."""
    answers: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection:
                        connection.recv(65536)
                        connection.sendall(ANSWER)
                        answers.append(1)
                        time.sleep(0.02)  # so that the end comes after the client has read

        thread = threading.Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1], answers
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


async def test_a_connection_closed_between_two_calls_fails_neither(kind, closing_server):
    port, answers = closing_server
    async with asking(kind, port) as ask:
        for _ in range(5):
            assert (await (await ask()).aread()) == b'{"word": 1}'
            time.sleep(0.05)  # noqa: ASYNC251 -- a busy loop has not heard of the end
    assert len(answers) == 5


async def test_a_connection_serves_one_call_after_another(kind):
    connections = set()

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(writer)
        writer.write(ANSWER)

    async with serving(talk) as port, asking(kind, port) as ask:
        for _ in range(3):
            await (await ask()).aread()
    assert len(connections) == 1


async def test_no_call_waits_for_another(kind):
    waiting, all_asked = [], asyncio.Event()

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        waiting.append(writer)
        if len(waiting) == 150:
            all_asked.set()
        await all_asked.wait()
        writer.write(ANSWER)

    async with serving(talk) as port, asking(kind, port, timeout=20) as ask:
        answers = await asyncio.gather(*(ask() for _ in range(150)))
        assert {await answer.aread() for answer in answers} == {b'{"word": 1}'}


async def test_a_server_is_held_back_when_nobody_reads(kind):
    sent = 0

    async def talk(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(HEAD + b"Content-Length: 64000000\r\n\r\n")
        for _ in range(64):
            writer.write(bytes(1_000_000))
            await writer.drain()
            sent += 1

    async with serving(talk) as port, asking(kind, port) as ask:
        answer = await ask()
        pieces = answer.aiter_bytes()
        await anext(pieces)
        await asyncio.sleep(0.3)
        assert sent < 40
        await pieces.aclose()
        await answer.aclose()


async def test_odd_answers_and_long_prompts_go_through(kind):
    packed = gzip.compress(b'{"word": 1}')
    long = HEAD + b"X-Policy: " + b"p" * 20_000 + b"\r\nContent-Encoding: gzip\r\n"
    talk = saying(b"HTTP/1.1 103 Early Hints\r\n\r\n" + long + b"\r\n" + packed)
    async with serving(talk) as port, asking(kind, port, timeout=5) as ask:
        assert await (await ask("x" * 3_000_000)).aread() == b'{"word": 1}'


async def test_a_request_is_the_same_to_the_byte():
    """Paths keep their escapes, a name in the address becomes a header, and a redirect is followed."""
    seen: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in (b"HTTP/1.1 307 -\r\nLocation: /v2\r\nContent-Length: 0\r\n\r\n", ANSWER):
            seen.append(await reader.readuntil(b"}"))
            writer.write(answer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        address = f"http://user:pw@127.0.0.1:{server.sockets[0].getsockname()[1]}/v%2F1/%7Ea?x=%3D"
        for kind in (HTTPClient, openai.DefaultAsyncHttpxClient):
            async with asking(kind, 0, base_url=address) as ask:
                await (await ask()).aread()
    assert len(seen) == 4
    assert seen[:2] == seen[2:]


async def test_a_proxy_of_the_environment_is_asked(kind, monkeypatch):
    seen = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append((await reader.readline()).split()[1])
        writer.write(ANSWER)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as proxy, serving(fall_silent):
        port = proxy.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        for host in ("model.example", f"127.0.0.1:{port}"):
            async with asking(kind, 0, base_url=f"http://{host}/v1") as ask:
                await (await ask()).aread()
    path = b"/v1/chat/completions"
    assert seen == [b"http://model.example" + path, path], "the second directly"


@pytest.fixture
def own_certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """The file of a certificate for localhost that is its own authority, and a server's side of it."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    name = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    made: list[Any] = [
        "openssl",
        "req",
        "-x509",
        *curve,
        *name,
        "-keyout",
        key,
        "-out",
        certificate,
    ]
    subprocess.run(made, check=True, capture_output=True)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate, key)
    return certificate, tls


async def test_a_certificate_of_ones_own_is_trusted_by_its_file(kind, monkeypatch, own_certificate):
    certificate, tls = own_certificate
    async with serving(saying(ANSWER), tls) as port:
        address = f"https://localhost:{port}/v1"
        async with asking(kind, 0, base_url=address, timeout=5) as ask:
            with pytest.raises(openai.APIConnectionError) as caught:
                await ask()
        assert not may_cost(caught.value)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        async with asking(kind, 0, base_url=address, timeout=5) as ask:
            assert await (await ask()).aread() == b'{"word": 1}'
