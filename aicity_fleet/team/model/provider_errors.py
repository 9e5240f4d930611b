"""From what stopped a run to its ending. Works on the original exception, never on messages.

The texts of providers name keys, prompts and hosts, and they change with every release; so only
types, statuses and machine-readable codes are read (but for two of Anthropic's), and none of their
words goes on.
"""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, cast

from aicity_fleet.models import Ending, Interrupted, ProviderFatal, ProviderTrouble, Rejected

if TYPE_CHECKING:  # half a second, and only its errors' names are needed
    import openai

MAX_RETRY_AFTER_SECONDS = 3600.0
"""A longer wait is not believed, in seconds."""

_SDKS = frozenset({"openai", "anthropic"})
"""Both SDKs come out of one generator: their errors have the same names and attributes. By name, since
Anthropic's costs half a second to import and few fleets use it."""

_NO_QUOTA = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated"}
)
_REFUSED = frozenset(
    {"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "invalid_prompt"}
)
_TOO_LONG = frozenset({"context_length_exceeded", "string_above_max_length", "request_too_large"})
_OUR_FAULT = frozenset(
    {"unsupported_parameter", "unsupported_value", "unknown_parameter", "model_not_found"}
)

_ANTHROPIC_NO_QUOTA, _ANTHROPIC_TOO_LONG = "credit balance is too low", "prompt is too long"
"""Anthropic gives the same code to every bad request, so two of its texts have to be told apart. The only
texts that are read, and none of their words goes on."""

REFUSED = Rejected("refused", "The model's provider declined this task under its content rules.")
TOO_LONG = Rejected("internal", "The task is larger than the model can take in.")
JOURNAL_FULL = Rejected(
    "journal_full", "The task needs more work than the agent can keep track of."
)
INTERNAL = Rejected("internal", "The work stopped on an internal error.")


class StoppedError(Exception):
    """Raised by the seam in place of a model call; holds the ending that it leads to."""

    def __init__(self, ending: Ending) -> None:
        super().__init__(type(ending).__name__)
        self.ending = ending


def draining() -> StoppedError:
    """The run stops before its next model call."""
    return StoppedError(Interrupted("drain"))


def over_budget() -> StoppedError:
    """The next model call would cross the job's bounds."""
    return StoppedError(Rejected("over_budget", "The task needs more work than its budget allows."))


def unprofitable() -> StoppedError:
    """The next model call would cost more than the job still earns."""
    message = "The task needs more work than its price covers."
    return StoppedError(Rejected("unprofitable", message))


def day_cap() -> StoppedError:
    """The fleet may spend no more today: the job waits."""
    return StoppedError(Interrupted("day_cap"))


def past_deadline() -> Rejected:
    """The run took longer than it may."""
    return Rejected("deadline", "The work was not finished in time.")


def classify(failure: BaseException) -> Ending:
    """The ending that an exception of a model call leads to."""
    if isinstance(failure, StoppedError):
        return failure.ending
    kinds = {kind.__name__ for kind in type(failure).__mro__ if kind.__module__ in _SDKS}
    if isinstance(failure, TimeoutError) or "APITimeoutError" in kinds:
        return ProviderTrouble("the model call timed out")
    if "APIStatusError" in kinds:
        return _classify_status(cast("openai.APIStatusError", failure))
    if "APIConnectionError" in kinds:
        return ProviderTrouble("the connection to the model's provider failed")
    # Whatever else comes out of the client: an answer that is not what the protocol says.
    return ProviderTrouble(f"the model's provider gave an unreadable answer ({_kind(failure)})")


def _classify_status(failure: openai.APIStatusError) -> Ending:
    status, codes = failure.status_code, _codes(failure)
    if "invalid_request_error" in codes and _says(failure, _ANTHROPIC_NO_QUOTA):
        return ProviderFatal("the model's provider reports that the credit is used up")
    if codes & _REFUSED:
        return REFUSED
    if codes & _NO_QUOTA:
        return ProviderFatal(f"the model's provider reports that the quota is used up ({status})")
    match status:
        case 401 | 403:
            return ProviderFatal(f"the model's provider refuses the key ({status})")
        case 402:
            return ProviderFatal("the model's provider wants payment (402)")
        case 404:
            return ProviderFatal("the model or its address is unknown to the provider (404)")
        case 408 | 409 | 425 | 429:
            return ProviderTrouble(
                f"the model's provider is busy ({status})",
                retry_after_seconds(failure.response.headers),
            )
        case 413:
            return TOO_LONG
        case _ if status >= 500:
            return ProviderTrouble(
                f"the model's provider is down ({status})",
                retry_after_seconds(failure.response.headers),
            )
    if codes & _TOO_LONG or _says(failure, _ANTHROPIC_TOO_LONG):
        return TOO_LONG
    if codes & _OUR_FAULT:
        return ProviderFatal(f"the model's provider refuses the form of our requests ({status})")
    return Rejected("internal", "The model's provider did not accept this task.")


def retry_after_seconds(headers: Mapping[str, str]) -> float | None:
    """How long a provider asks us to wait; None when it does not say or says nonsense.

    Source: RFC 9110 section 10.2.3 (seconds or a date); ``retry-after-ms`` is OpenAI's.
    """
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = headers.get(name, "").strip()
        try:
            seconds = float(value) * scale
        except ValueError:
            continue
        return _bounded(seconds)
    try:
        date = email.utils.parsedate_to_datetime(headers.get("retry-after", ""))
        return _bounded(date.timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _bounded(seconds: float) -> float | None:
    if not math.isfinite(seconds):
        return None
    return min(max(seconds, 0.0), MAX_RETRY_AFTER_SECONDS)


def _codes(failure: openai.APIStatusError) -> frozenset[str]:
    """The machine-readable codes of an error, wherever this provider puts them."""
    found = {str(getattr(failure, "code", None)), str(getattr(failure, "type", None))}
    body = failure.body
    while isinstance(body, dict):
        found |= {str(body.get("code")), str(body.get("type")), str(body.get("status"))}
        body = body.get("error") or body.get("innererror")
    return frozenset(code.lower() for code in found)


def _says(failure: openai.APIStatusError, words: str) -> bool:
    return words in str(failure.body).lower()


def _kind(failure: BaseException) -> str:
    return type(failure).__name__
