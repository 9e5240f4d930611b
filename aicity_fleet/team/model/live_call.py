"""A model call under way: what the client that reads the answer tells the one that journals it.

AutoGen stands between the two and hands on neither, so both find it by a context variable.
"""

from __future__ import annotations

import contextvars
from collections.abc import Callable

from aicity_fleet.journal import estimated_tokens

_CALL: contextvars.ContextVar[LiveCall | None] = contextvars.ContextVar("live_call", default=None)


class LiveCall:
    """One model call. Within its ``with`` block, ``current`` returns it.

    Args:
        on_piece: Called with this at every piece of the answer. It does not know this from elsewhere:
            what refers to itself is memory until the garbage collector comes.
    """

    def __init__(self, on_piece: Callable[[LiveCall], None] = lambda _call: None) -> None:
        self.finish_reason = ""
        """Why the fleet itself ended the answer; empty when it did not."""
        self.tokens = 0
        """An estimate of the tokens of the answer that came so far."""
        self._on_piece = on_piece

    def took(self, text: str) -> None:
        """Count a piece of the answer."""
        self.tokens += estimated_tokens(text)
        self._on_piece(self)

    def __enter__(self) -> LiveCall:
        self._token = _CALL.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _CALL.reset(self._token)
        del self._token  # it holds the context, and so the run


def current() -> LiveCall:
    """Return the call under way; outside of any, one that nothing reads."""
    return _CALL.get() or LiveCall()
