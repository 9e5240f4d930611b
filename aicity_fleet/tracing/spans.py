"""A span under way, and which one is the current.

That is a context variable, which asyncio hands on to its tasks.
"""

from __future__ import annotations

import contextvars
import dataclasses
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Literal, Protocol, Self

from aicity_fleet.tracing.ids import Place, new_span_id

Value = str | int | float | bool | Sequence[str]
"""What an attribute may hold."""

Attributes = Mapping[str, Value]
"""The attributes of a span by name: those of the conventions, and ours as ``aicity_fleet.*``."""

Kind = Literal["internal", "client"]
"""Whether a span is about our own work, or waits for another service."""

NOTHING: Attributes = {}

_current: contextvars.ContextVar[Span | None] = contextvars.ContextVar("span", default=None)


@dataclasses.dataclass(frozen=True, slots=True)
class FinishedSpan:
    """A span that is over. Times are nanoseconds since 1970."""

    name: str
    kind: Kind
    place: Place
    began_ns: int
    ended_ns: int
    attributes: Attributes
    error: str = ""
    """The kind of error that it ended with; empty when it did not."""


class Writer(Protocol):
    """Takes spans that are over. It neither waits nor raises."""

    def write(self, span: FinishedSpan) -> None:
        """Have a span sent, some time later."""
        ...

    def close(self) -> None:
        """Send what is left, within a short time."""
        ...


class Noting(Protocol):
    """What traced code may say about the span that it runs in."""

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""
        ...

    def fail(self, error: str) -> None:
        """Let the span end as an error of this kind, one word."""
        ...

    def drop(self) -> None:
        """Write nothing of this span."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Span:
    """A span under way; it ends with its ``with`` block, and an exception that leaves it is its error.

    Args:
        holds: Whether the spans in it leave when it has ended. A process that dies within it then leaves no
            span whose parent nobody ever writes.
        drops_on_error: Whether nothing is written when an exception ends it.
    """

    def __init__(
        self,
        writer: Writer,
        name: str,
        place: Place,
        attributes: Attributes = NOTHING,
        *,
        kind: Kind = "internal",
        holds: bool = False,
        drops_on_error: bool = False,
    ) -> None:
        self._writer, self._name, self._place, self._kind = writer, name, place, kind
        self._attributes = dict(attributes)
        self._holds, self._drops_on_error = holds, drops_on_error
        self._held: list[FinishedSpan] = []
        self._holder: Span | None = None
        self._error = ""
        self._is_dropped = self._has_ended = False
        self._began_ns = time.time_ns()

    def note(self, attributes: Attributes) -> None:
        """Add attributes."""
        self._attributes.update(attributes)

    def fail(self, error: str) -> None:
        """Let the span end as an error of this kind, one word."""
        self._error = error

    def drop(self) -> None:
        """Write nothing of this span; what it held is written."""
        self._is_dropped = True

    def child(self, name: str, attributes: Attributes, *, kind: Kind, holds: bool) -> Span:
        """Return a span within this one."""
        place = Place(self._place.trace, new_span_id(), self._place.span)
        new = Span(self._writer, name, place, attributes, kind=kind, holds=holds)
        new._holder = self if self._holds else self._holder
        return new

    def __enter__(self) -> Self:
        self._began_ns = time.time_ns()
        self._token = _current.set(self)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _current.reset(self._token)
        del self._token  # it holds the context, and so the run
        if kind is not None:
            self._error = kind.__name__
            self._is_dropped |= self._drops_on_error
        self._end()

    def _end(self) -> None:
        self._has_ended = True
        if not self._is_dropped:
            self._held.append(
                FinishedSpan(
                    self._name,
                    self._kind,
                    self._place,
                    self._began_ns,
                    max(self._began_ns, time.time_ns()),
                    self._attributes,
                    self._error,
                )
            )
        if self._holder is not None and not self._holder._has_ended:
            self._holder._held += self._held
            return
        for span in self._held:
            self._writer.write(span)


class _NoSpan:
    """What code says into it goes nowhere."""

    def note(self, attributes: Attributes) -> None:
        """Ignore it."""

    def fail(self, error: str) -> None:
        """Ignore it."""

    def drop(self) -> None:
        """Nothing to do."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        return None


NO_SPAN: Noting = _NoSpan()
"""The span where nothing is traced."""


def current() -> Noting:
    """Return the span that this code runs in; outside of any, one that is never written."""
    return _current.get() or NO_SPAN


def span(
    name: str, attributes: Attributes = NOTHING, *, kind: Kind = "internal", holds: bool = False
) -> Noting:
    """Return a span within the current one; outside of any job's trace, one that is never written.

    Args:
        name: One of few: no text of a job.
        holds: See ``Span``.
    """
    within = _current.get()
    if within is None:
        return NO_SPAN
    return within.child(name, attributes, kind=kind, holds=holds)
