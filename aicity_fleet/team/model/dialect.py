"""The parameters that one endpoint accepts: what it refuses is left out or renamed, and remembered.

Servers that speak one protocol differ in small things, and say so with a 400 that costs nothing. Only the
parameter's name and limits are read from such an error, and from its text only where it names no parameter:
a text may quote the order.
"""

from __future__ import annotations

import logging
import re
from typing import Any

from aicity_fleet.team.declare.spec import ModelConfig
from aicity_fleet.team.model.provider_errors import (
    is_cut_answer,
    message_of,
    parameters_of,
    says_too_long,
)

LIMIT, NEW_LIMIT = "max_tokens", "max_completion_tokens"
"""The two names of the limit of an answer. OpenAI's own models take the second, and its reasoning models
nothing else; most other servers take the first.
Source: platform.openai.com/docs/api-reference/chat/create."""

OPTIONAL = ("stream_options", "temperature", "stream")
"""What a request can do without."""

NAME_CHARS = 200
"""How much of an error's text is searched for parameters and limits, in characters."""

LEAST_LIMIT = 256
"""No server allows only so few tokens of an answer: a lower limit in an error is no lesson."""

_REFUSALS = frozenset({400, 422, 501})
_MOST = re.compile(r"(?:at most|maximum (?:value|allowed|of)[^0-9]{0,40}|<=|> )\s*(\d{2,9})(?!\d)")
"""Where an error says how long an answer may be: OpenAI "at most 16384 completion tokens", Anthropic
"64000 > 8192, which is the maximum allowed number of output tokens", Mistral and others "<= 8192"."""

_SUM = re.compile(r"(\d{1,9}) \+ (\d{1,9}) > (\d{1,9})")
"""Anthropic: "input length and `max_tokens` exceed context limit: 190000 + 16384 > 200000"."""

_UNSUPPORTED = re.compile(
    r"unsupported|unrecogni[sz]ed|unknown|unexpected|extra (?:input|field|param)"
    r"|not (?:supported|permitted|allowed)|use [^ ]{1,40} instead"
)
"""What an error says of a parameter that the server does not know."""

logger = logging.getLogger(__name__)


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
        if limit is not None:
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
        if status not in _REFUSALS or is_cut_answer(error):
            return False
        text, named = message_of(error), parameters_of(error)
        limit = next((name for name in (NEW_LIMIT, LIMIT) if name in asked), None)
        if says_too_long(error):
            return limit is not None and self._without_limit(text, options)
        text = text[:NAME_CHARS]
        found = named or frozenset(
            name for name in (LIMIT, NEW_LIMIT, *OPTIONAL) if _names(text, name)
        )
        if limit is not None and not found.isdisjoint((LIMIT, NEW_LIMIT)):
            most = _MOST.search(text)
            if most is not None and 0 < int(most[1]) < asked[limit]:
                return self._learn_most(int(most[1]))
            if limit in found and (named or _UNSUPPORTED.search(text)):
                return self._refuse_limit(limit, options)
        for name in OPTIONAL:
            if asked.get(name) not in (None, False) and name in found:
                self._refused.add(name)
                logger.info("model.dialect refused=%s", name)
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

    def _learn_most(self, most: int) -> bool:
        if most < LEAST_LIMIT:
            return False
        self._most_tokens = min(most, self._most_tokens or most)
        logger.info("model.dialect most_tokens=%d", self._most_tokens)
        return True

    def _refuse_limit(self, name: str, options: dict[str, Any]) -> bool:
        """Go on with the other name of the limit; if that was the last, this call alone has no limit."""
        if self._needs_limit:
            return False
        if name != self._limit_names[0]:
            return True  # another call has learnt it meanwhile
        if len(self._limit_names) == 1:
            del options[LIMIT]
            return True
        self._limit_names.pop(0)
        logger.info("model.dialect refused=%s", name)
        return True


def _names(text: str, parameter: str) -> bool:
    return re.search(rf"(?<![\w-]){parameter}(?![\w-])", text) is not None
