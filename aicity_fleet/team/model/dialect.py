"""The parameters that one endpoint accepts: what it refuses is left out or renamed, and remembered.

Servers that speak one protocol differ in small things, and say so with a 400 that costs nothing. Only the
parameter's name and limits are read from such an error.
"""

from __future__ import annotations

import re
from typing import Any

from aicity_fleet.team.declare.spec import ModelConfig
from aicity_fleet.team.model.provider_errors import says_too_long

LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
"""The two names of the limit of an answer. OpenAI's own models take the second, and its reasoning models
nothing else; most other servers take the first.
Source: platform.openai.com/docs/api-reference/chat/create."""

OPTIONAL = ("stream_options", "temperature", "stream")
"""What a request can do without."""

READ_CHARS = 2000
"""How much of an error's text is read, in characters."""

_REFUSALS = frozenset({400, 422, 501})
_MOST = re.compile(r"(?:at most|maximum (?:value|allowed|of)[^0-9]{0,40}|<=|> )\s*(\d{2,9})(?!\d)")
"""Where an error says how long an answer may be: OpenAI "at most 16384 completion tokens", Anthropic
"64000 > 8192, which is the maximum allowed number of output tokens", Mistral and others "<= 8192"."""

_SUM = re.compile(r"(\d{1,9}) \+ (\d{1,9}) > (\d{1,9})")
"""Anthropic: "input length and `max_tokens` exceed context limit: 190000 + 16384 > 200000"."""


class Dialect:
    """What one endpoint refuses. Shared by all calls of one model client.

    Args:
        needs_limit: Whether the protocol has no request without a limit.
    """

    def __init__(self, config: ModelConfig, *, needs_limit: bool = False) -> None:
        is_openai = config.provider == "openai" and not config.is_own_server
        self._limit_names = [NEW_LIMIT, LIMIT] if is_openai else [LIMIT, NEW_LIMIT]
        if needs_limit:
            self._limit_names = [LIMIT]
        self._needs_limit = needs_limit
        self._most_tokens: int | None = None
        self._refused: set[str] = set()
        self.answers_whole = False
        """Whether the latest answer came in one piece although a stream was asked for."""

    def request(self, options: dict[str, Any]) -> dict[str, Any]:
        """Return the options of a call in the form that the endpoint accepts.

        Args:
            options: The arguments of the SDK, with the limit as ``max_tokens``.
        """
        asked = {name: value for name, value in options.items() if name not in self._refused}
        limit = asked.pop(LIMIT, None)
        if limit is not None and self._limit_names:
            asked[self._limit_names[0]] = min(limit, self._most_tokens or limit)
        if "stream" in self._refused:
            asked["stream"] = False
        if not asked.get("stream"):
            asked.pop("stream_options", None)
        return asked

    def learn(
        self, status: int, error: Any, asked: dict[str, Any], options: dict[str, Any]
    ) -> bool:
        """Learn from a refusal; returns whether the call should be made again.

        Args:
            error: The error as the server sent it.
            asked: The request that was refused.
            options: The options that it was made of. Changed where the lesson holds for this call alone.
        """
        if status not in _REFUSALS:
            return False
        text = _text_of(error)
        limit = next((name for name in (NEW_LIMIT, LIMIT) if name in asked), None)
        if says_too_long(text):
            return limit is not None and self._without_limit(text, options)
        if limit is not None and (_names(text, LIMIT) or _names(text, NEW_LIMIT)):
            return self._learn_limit(text, asked[limit])
        for name in OPTIONAL:
            if asked.get(name) not in (None, False) and _names(text, name):
                self._refused.add(name)
                return True
        return False

    def _without_limit(self, text: str, options: dict[str, Any]) -> bool:
        """The prompt and the limit together do not fit: leave it to the server what is left."""
        found = _SUM.search(text)
        if found is not None:
            left = int(found[3]) - int(found[1])
            if not 0 < left < options[LIMIT]:
                return False
            options[LIMIT] = left
        elif self._needs_limit:
            return False
        else:
            del options[LIMIT]
        return True

    def _learn_limit(self, text: str, limit: int) -> bool:
        found = _MOST.search(text)
        if found is not None and 0 < int(found[1]) < limit:
            self._most_tokens = int(found[1])
            return True
        if self._needs_limit or not self._limit_names:
            return False
        self._limit_names.pop(0)
        return True


def _text_of(error: Any) -> str:
    """Return the part of an error that speaks of the request's form, in lower case.

    A named parameter says it all. The text may quote the prompt, so only its beginning is read.
    """
    if isinstance(error, dict):
        found = error.get("error")
        inner: dict[str, Any] = found if isinstance(found, dict) else error
        parts = [inner.get(name) for name in ("param", "message", "detail")]
        error = " ".join(str(part) for part in parts if part)
    return str(error)[:READ_CHARS].lower()


def _names(text: str, parameter: str) -> bool:
    return re.search(rf"(?<![\w-]){parameter}(?![\w-])", text) is not None
