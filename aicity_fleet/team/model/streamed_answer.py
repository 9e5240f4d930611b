"""Asks for one answer as a stream, and reads it in whichever form it comes: both protocols do it so."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any, NamedTuple, Protocol

from aicity_fleet.team.model.call_errors import CallError, ErrorObjectError
from aicity_fleet.team.model.dialect import Dialect
from aicity_fleet.team.model.event_stream import Clock, Pace, as_status_error, read_answer, timed


class Terms(NamedTuple):
    """How one model is asked."""

    client: Any
    """The SDK's client, which makes its exceptions."""
    dialect: Dialect
    pace: Pace


class Assembly(Protocol):
    """One answer that grows event by event, in the form of one protocol."""

    clock: Clock

    @property
    def is_finished(self) -> bool:
        """Whether the server said that the answer is whole."""
        ...

    def take(self, data: str) -> bool:
        """Take the data of one event; returns whether more is wanted."""
        ...

    def answer(self) -> dict[str, Any]:
        """Return the whole answer.

        Raises:
            CallError: The stream ended before the answer was whole.
        """
        ...


Ask = Callable[[dict[str, Any]], AbstractAsyncContextManager[Any]]
"""Sends a request through an SDK, and gives the block the HTTP response, whose body is not yet read."""


async def streamed_answer(
    ask: Ask,
    asked: dict[str, Any],
    assembly: Assembly,
    read_whole: Callable[[bytes], dict[str, Any]],
    terms: Terms,
) -> dict[str, Any]:
    """Return an answer in the protocol's form.

    Args:
        asked: The request, with ``stream``.
        read_whole: Reads an answer that came in one piece.

    Raises:
        CallError: The answer is late, broken off, or no answer.
        openai.APIError, anthropic.APIError: The server refused, or the connection failed.
    """
    dialect, pace = terms.dialect, terms.pace
    if dialect.answers_whole or not asked["stream"]:
        pace = pace._replace(first_token=pace.total)
    try:
        async with timed(pace) as clock, ask(asked) as response:
            assembly.clock = clock
            try:
                whole = await read_answer(response.aiter_bytes(), assembly.take)
                dialect.answers_whole = whole is not None
                return assembly.answer() if whole is None else read_whole(whole)
            except ErrorObjectError as found:
                raise as_status_error(found, terms.client, response) from found
    except CallError:
        if not assembly.is_finished:  # else only its token counts are missing
            raise
        return assembly.answer()
