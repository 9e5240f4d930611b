"""Sends the requests of ``openai`` over aiohttp, for a fraction of the processor time of its own way.

Only what carries a request over a direct connection is replaced: redirects, decoding, and connections to
the proxies of the environment stay httpx2's. The reader of an answer has to limit the time, as ``timed`` in
``event_stream.py`` does: aiohttp waits forever after a chunk whose length is no number.
"""

import asyncio
import contextlib
import contextvars
import io
import ssl
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import httpx2
import openai
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.payload import TOO_LARGE_BYTES_BODY
from yarl import URL

IDLE_SECONDS = 5.0
"""How long an idle connection is kept, in seconds; httpx2's own default."""

MAX_HEADER_BYTES = 65_536
"""The longest header of an answer that is read, in bytes."""

_MEANINGS: tuple[tuple[type[Exception], type[httpx2.TransportError]], ...] = (
    (aiohttp.ConnectionTimeoutError, httpx2.ConnectTimeout),
    (aiohttp.ServerTimeoutError, httpx2.ReadTimeout),
    (aiohttp.ClientConnectorError, httpx2.ConnectError),
    (aiohttp.ClientOSError, httpx2.ReadError),
    (aiohttp.NonHttpUrlClientError, httpx2.UnsupportedProtocol),
    # Closed before the headers, broken off within the body, or not HTTP.
    (aiohttp.ClientError, httpx2.RemoteProtocolError),
    (HttpProcessingError, httpx2.RemoteProtocolError),
    (ValueError, httpx2.LocalProtocolError),  # a header that cannot be sent
)
"""What aiohttp's errors are in httpx2; the first that fits counts. Which one it is decides whether the call
may have cost something."""


class HTTPClient(openai.DefaultAsyncHttpxClient):
    """The SDK's HTTP client, with direct connections of aiohttp's."""

    def _init_transport(self, *_: Any, **options: Any) -> httpx2.AsyncBaseTransport:
        tls = (options[name] for name in ("verify", "cert", "trust_env"))
        return DirectTransport(httpx2.create_ssl_context(*tls))


class DirectTransport(httpx2.AsyncBaseTransport):
    """Carries requests without a proxy. Bound to the event loop that it is first used on."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        tls.set_alpn_protocols(["http/1.1"])
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and return the response as soon as its headers are there.

        Raises:
            httpx2.TransportError: There are none.
        """
        if self._session is None:
            self._session = _open_session(self._tls)
        # A connection keeps the context that it was opened in, and with a run's context its whole team.
        sending = asyncio.create_task(
            self._send(self._session, request), context=contextvars.Context()
        )
        try:
            with _as_httpx2():
                response = await sending
        except asyncio.CancelledError:
            sending.add_done_callback(_discard)
            raise
        return httpx2.Response(
            response.status, headers=response.raw_headers, stream=_Body(response)
        )

    async def _send(
        self, session: aiohttp.ClientSession, request: httpx2.Request
    ) -> aiohttp.ClientResponse:
        # A POST is never sent twice. So the loop hears first which idle connections the server has closed.
        await asyncio.sleep(0)
        limits = request.extensions["timeout"]
        return await session.request(
            request.method,
            _address(request.url),
            headers=[(name.decode(), value.decode()) for name, value in request.headers.raw],
            data=_as_data(await request.aread()),
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(connect=limits["connect"], sock_read=limits["read"]),
        )

    async def aclose(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()


def _open_session(tls: ssl.SSLContext) -> aiohttp.ClientSession:
    # No limit of connections: the fleet itself bounds its calls, and waiting would count as connecting.
    connector = aiohttp.TCPConnector(ssl=tls, limit=0, keepalive_timeout=IDLE_SECONDS)
    return aiohttp.ClientSession(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        max_field_size=MAX_HEADER_BYTES,
    )


class _Body(httpx2.AsyncByteStream):
    """The body of one response. An end before the last byte closes the connection."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx2():
            async for piece in self._response.content.iter_any():
                yield piece

    async def aclose(self) -> None:
        self._response.close()


def _as_data(body: bytes) -> bytes | io.BytesIO:
    """Return a body as aiohttp takes it without a warning, and without a copy unless it is long."""
    return body if len(body) <= TOO_LARGE_BYTES_BODY else io.BytesIO(body)


def _address(url: httpx2.URL) -> URL:
    """Return an address as it is, without the user's name, of which httpx2 has made a header."""
    return URL(str(url.copy_with(userinfo=b"") if url.userinfo else url), encoded=True)


def _discard(sending: asyncio.Task[aiohttp.ClientResponse]) -> None:
    """Close a response that came in the moment in which nobody waited for it any more."""
    if not sending.cancelled() and sending.exception() is None:
        sending.result().close()


@contextlib.contextmanager
def _as_httpx2() -> Iterator[None]:
    try:
        yield
    except tuple(kind for kind, _ in _MEANINGS) as error:
        meaning = next(meaning for kind, meaning in _MEANINGS if isinstance(error, kind))
        raise meaning(type(error).__name__) from error
