"""What goes wrong with an answer after its server said 200. No AutoGen here."""

from __future__ import annotations

from typing import Any


class CallError(Exception):
    """A model call without a whole answer. The message says why, and quotes nothing of the server."""


class TooSlowError(CallError):
    """A time limit of the fleet's own ran out."""


class ErrorObjectError(CallError):
    """The server sent an error object in place of an answer, or in the middle of one."""

    def __init__(self, error: Any) -> None:
        super().__init__("the model's provider reported an error in place of an answer")
        self.error = error
        """The object as the server sent it; some servers send a text."""


_STATUS_OF_CODE = {
    **dict.fromkeys(("rate_limit_exceeded", "rate_limit_error", "insufficient_quota"), 429),
    **dict.fromkeys(("server_error", "api_error", "internal_error"), 500),
    "overloaded_error": 503,
    **dict.fromkeys(("invalid_api_key", "authentication_error"), 401),
    **dict.fromkeys(("permission_error", "permission_denied"), 403),
    **dict.fromkeys(("model_not_found", "not_found_error"), 404),
    **dict.fromkeys(("invalid_request_error", "context_length_exceeded", "content_filter"), 400),
}


def status_of(error: Any) -> int | None:
    """Return the status that an error object stands for; None when it does not say."""
    if not isinstance(error, dict):
        return None
    for name in ("code", "status", "status_code"):
        number = str(error.get(name) or "")
        if len(number) == 3 and number.isdecimal() and "400" <= number <= "599":
            return int(number)
    names = (str(error.get(name)).lower() for name in ("code", "type"))
    return next((_STATUS_OF_CODE[name] for name in names if name in _STATUS_OF_CODE), None)
