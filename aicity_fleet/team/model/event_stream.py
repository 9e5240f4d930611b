"""Reads a model's answer as it comes: server-sent events, or one whole body, within time limits.

It decodes the bytes itself. httpx ends a line at characters that a server may send within one, and the
SDKs hide how a stream ended.

Source: html.spec.whatwg.org/multipage/server-sent-events.html.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

from aicity_fleet.team.model.call_errors import CallError, ErrorObjectError, TooSlowError, status_of
from aicity_fleet.team.model.provider_errors import says_too_long

MAX_ANSWER_BYTES = 64_000_000
"""The longest answer that is read, in bytes, with everything that the protocol adds."""

USAGE_SECONDS = 5.0
"""How long a finished answer waits for its token counts, in seconds."""

_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b":")
"""How a line of an event stream begins; no JSON text and no web page begins like that."""

T = TypeVar("T")


class Pace(NamedTuple):
    """How slow an answer may be, in seconds."""

    first_token: float
    """Until its first token."""
    idle: float
    """Between two pieces of it afterwards."""
    total: float
    """From the request to the end; what counts for a server that does not stream."""


class Clock:
    """The clock of one answer: it runs out when nothing comes for too long."""

    def __init__(self, limit: asyncio.Timeout, pace: Pace) -> None:
        self._limit, self._pace = limit, pace
        self.has_begun = False
        """Whether a token came."""
        self._has_finished = False

    def start(self) -> None:
        """Grant the time until the first token."""
        self._grant(self._pace.first_token)

    def begin(self) -> None:
        """Note the first token: from here on pauses count."""
        if not self.has_begun:
            self.has_begun = True
            self.go_on()

    def go_on(self) -> None:
        """Note any sign of life. Before the first token it grants no more time."""
        if self.has_begun and not self._has_finished:
            self._grant(self._pace.idle)

    def finish(self) -> None:
        """Note that the answer is whole: only its token counts may follow."""
        self._has_finished = True
        self._grant(min(USAGE_SECONDS, self._pace.idle))

    def _grant(self, seconds: float) -> None:
        until, due = asyncio.get_running_loop().time() + seconds, self._limit.when()
        # Exact to a hundredth: a timer for each token would cost as much as reading it.
        if due is None or abs(until - due) > seconds / 100:
            _end_at(self._limit, until)

    def unfinished(self) -> CallError:
        """Return the error of an answer that ended before it was whole."""
        broke_off = "the model's answer broke off"
        return CallError(broke_off if self.has_begun else "the model's answer held nothing")

    def problem(self) -> str:
        """Return what to say when the clock ran out."""
        if self.has_begun:
            return f"the model stopped in mid-answer (no token for {self._pace.idle:g} s)"
        return f"the model did not begin to answer within {self._pace.first_token:g} s"


def _end_at(limit: asyncio.Timeout, until: float) -> None:
    """Set a limit. The loop keeps a cancelled timer with its context, and a run's would hold its team."""
    contextvars.Context().run(limit.reschedule, until)


async def within(seconds: float, call: Awaitable[T]) -> T:
    """Wait for a call. The SDK's own timeout counts between two bytes: a trickle never reaches it.

    Raises:
        TooSlowError: It took longer.
    """
    limit = asyncio.timeout(None)
    try:
        async with limit:
            _end_at(limit, asyncio.get_running_loop().time() + seconds)
            return await call
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise TooSlowError(f"the model took longer than {seconds:g} s") from error


@contextlib.asynccontextmanager
async def timed(pace: Pace) -> AsyncIterator[Clock]:
    """Give the block a clock, and turn its end, or a lost connection, into a ``CallError``.

    Raises:
        CallError: Nothing came for too long, or the connection broke.
    """
    limit = asyncio.timeout(None)
    clock = Clock(limit, pace)
    try:
        async with limit:
            clock.start()
            yield clock
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise TooSlowError(clock.problem()) from error
    except Exception as error:
        # The SDKs wrap what httpx raises before the headers, and not what it raises within the body.
        if type(error).__module__.partition(".")[0] not in ("httpx", "httpx2"):
            raise
        if clock.has_begun:
            raise CallError("the connection broke in mid-answer") from error
        raise CallError("the connection to the model's provider failed") from error


async def read_answer(pieces: AsyncIterator[bytes], take: Callable[[str], bool]) -> bytes | None:
    """Read an answer until its end, or until no more of it is wanted.

    Args:
        pieces: The body, as the bytes come.
        take: Called with the data of each event; returns whether more is wanted.

    Returns:
        The whole body when it is not an event stream, else None.

    Raises:
        CallError: The answer is too large.
    """
    whole: list[bytes] | None = None
    is_stream = False
    async for line in _lines(pieces):
        if whole is not None:
            whole.append(line)
        elif line.startswith(_FIELDS):
            is_stream = True
            # Each line of data is a JSON text: not all servers put an empty line after each event.
            if line.startswith(b"data:") and not take(line[5:].decode("utf-8", "replace").strip()):
                return None
        elif line.strip() and not is_stream:
            whole = [line]
    return None if is_stream else b"\n".join(whole or ())


async def _lines(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    begun: list[bytes] = []
    read = 0
    async for piece in pieces:
        read += len(piece)
        if read > MAX_ANSWER_BYTES:
            raise CallError("the model's answer is too large")
        *ends, rest = piece.split(b"\n")
        for end in ends:
            yield b"".join((*begun, end)).rstrip(b"\r")
            begun.clear()
        if rest:
            begun.append(rest)
    if begun:
        yield b"".join(begun)


def json_object(text: str | bytes) -> dict[str, Any]:
    """Return an answer, or a piece of one, as a JSON object.

    Raises:
        ErrorObjectError: It holds an error object.
        CallError: It is something else.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        is_page = text.lstrip()[:1] in ("<", b"<")
        what = "a web page" if is_page else "text that is not JSON"
        raise CallError(f"the model's address answered with {what}") from error
    if not isinstance(found, dict):
        raise CallError("the model's address answered with JSON that is not an answer")
    if found.get("error"):
        raise ErrorObjectError(found["error"])
    return found


def as_status_error(found: ErrorObjectError, client: Any, response: Any) -> Exception:
    """Return an error object as the exception that its status would have raised.

    Args:
        client: The SDK's client, which makes the exception.
        response: The response that held the object, which had the status 200.
    """
    status = status_of(found.error) or (400 if says_too_long(found.error) else None)
    if status is None:
        return found
    failed = type(response)(status, headers=response.headers, request=response.request)
    made: Exception = client._make_status_error(
        str(found), body={"error": found.error}, response=failed
    )
    return made
