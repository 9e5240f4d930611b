"""Turns the exception of a model call into an ending. It reads types and codes, and a few known phrases.

The messages of providers name keys, prompts and hosts, and they change with every release. So types,
statuses and machine-readable codes are read, and of a message only its beginning, for phrases of servers
without codes: behind it a server may quote the order. No message is passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, cast

from aicity_fleet.models import Ending, ProviderFatal, ProviderTrouble, Rejected
from aicity_fleet.retry_after import retry_after_seconds
from aicity_fleet.team.endings import REFUSED, TOO_LONG, StoppedError
from aicity_fleet.team.model.call_errors import CallError, TooSlowError

if TYPE_CHECKING:  # half a second, and only its errors' names are needed
    import openai

MAX_RETRY_AFTER_SECONDS = 3600.0
"""The longest wait that a provider can impose, in seconds."""

READ_CHARS = 300
"""How much of an error's message is read, in characters."""

_SDKS = frozenset({"openai", "anthropic"})
"""One generator makes both SDKs, so their errors have the same names and attributes. They are compared by
name because Anthropic's SDK takes half a second to import, and few fleets use it."""

_NO_QUOTA = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated"}
)
_REFUSED = frozenset(
    {"content_filter", "content_policy_violation", "responsibleaipolicyviolation", "invalid_prompt"}
)
_TOO_LONG = frozenset(
    {
        *("context_length_exceeded", "string_above_max_length", "request_too_large"),
        "exceed_context_size_error",  # llama.cpp, with the status 400 or 500: its pull request 15780
    }
)
_OUR_FAULT = frozenset(
    {"unsupported_parameter", "unsupported_value", "unknown_parameter", "model_not_found"}
)

_MISCALLED = frozenset({"tool_use_failed"})  # Groq's: console.groq.com/docs/tool-use

_NO_QUOTA_TEXT = "credit balance is too low"
_TOO_LONG_TEXTS = (
    *("prompt is too long", "exceed context limit"),  # Anthropic
    *("maximum context length", "context length is only"),  # OpenAI, vLLM, OpenRouter, Mistral
    "available context size",  # older llama.cpp
    "exceeds the maximum number of tokens allowed",  # Google
    "request too large for",  # OpenAI, with the status 429: it is longer than a minute's quota
)
_NO_TOOLS_TEXTS = (
    "does not support tools",  # Ollama
    "--enable-auto-tool-choice",  # vLLM
    *("requires --jinja", "unsupported param: tools"),  # llama.cpp, with the status 500
    "support tool use",  # OpenRouter, with the status 404
)
_CUT_TEXT = "could not finish the message because max_tokens"  # OpenAI and Azure
_MOST_LEVELS = 5
"""How deep an error's objects are nested, and how many of a list are read."""

_MISCALLED_TEXTS = (  # llama.cpp, in its releases of 2025 and of 2026
    *("failed to parse input at pos", "failed to parse tool call"),
    "produced output that does not match the expected",
)
"""Parts of messages, in lower case: these servers have no code for them. No other message is read, and none
is passed on."""


def classify(failure: BaseException) -> Ending:
    """Return the ending that an exception of a model call leads to."""
    if isinstance(failure, StoppedError):
        return failure.ending
    if isinstance(failure, CallError):
        return ProviderTrouble(str(failure), is_silence=isinstance(failure, TooSlowError))
    kinds = {kind.__name__ for kind in type(failure).__mro__ if kind.__module__ in _SDKS}
    if isinstance(failure, TimeoutError) or "APITimeoutError" in kinds:
        return ProviderTrouble("the model call timed out", is_silence=True)
    if "APIStatusError" in kinds:
        return _classify_status(cast("openai.APIStatusError", failure))
    if "APIConnectionError" in kinds:
        return ProviderTrouble("the connection to the model's provider failed")
    # Anything else that the client raises means an answer that breaks the protocol.
    return ProviderTrouble(
        f"the model's provider gave an unreadable answer ({type(failure).__name__})"
    )


def may_cost(failure: BaseException) -> bool:
    """Whether a provider may charge for the call that failed so: it was sent, and no error came back."""
    kinds = {kind.__name__ for kind in type(failure).__mro__}
    if isinstance(failure, StoppedError) or "APIStatusError" in kinds:
        return False
    causes = {type(failure.__cause__).__name__, type(failure.__context__).__name__}
    return not causes & {"ConnectError", "ConnectTimeout", "UnsupportedProtocol", "PoolTimeout"}


def _classify_status(failure: openai.APIStatusError) -> Ending:
    told = _classify_words(failure)
    if told is not None:
        return told
    status = failure.status_code
    match status:
        case 401 | 403:
            return ProviderFatal(f"the model's provider refuses the key ({status})")
        case 402:
            return ProviderFatal("the model's provider wants payment (402)")
        case 404:
            return ProviderFatal("the model or its address is unknown to the provider (404)")
        case 408 | 409 | 425 | 429 | 503 | 529:
            state = "busy" if status < 500 else "down"
            message = f"the model's provider is {state} ({status})"
            return ProviderTrouble(message, _wait_seconds(failure), is_busy=True)
        case 413:
            return TOO_LONG
        case _ if status >= 500:
            message = f"the model's provider is down ({status})"
            return ProviderTrouble(message, _wait_seconds(failure))
    if _codes(failure) & _OUR_FAULT:
        return ProviderFatal(
            f"the model's provider refuses the form of our requests ({status})", is_of_setup=True
        )
    return Rejected("internal", "The model's provider did not accept this task.")


def _classify_words(failure: openai.APIStatusError) -> Ending | None:
    """Return the ending that the error's codes or words lead to, whatever its status; None without one."""
    status, codes = failure.status_code, _codes(failure)
    if "invalid_request_error" in codes and _says(failure, _NO_QUOTA_TEXT):
        return ProviderFatal("the model's provider reports that the credit is used up")
    if codes & _REFUSED:
        return REFUSED
    if codes & _NO_QUOTA:
        return ProviderFatal(f"the model's provider reports that the quota is used up ({status})")
    if codes & _MISCALLED or any(_says(failure, text) for text in _MISCALLED_TEXTS):
        return ProviderTrouble(
            "the provider could not read the model's own tool call", is_of_job=True
        )
    if codes & _TOO_LONG or says_too_long(failure.body):
        return TOO_LONG
    if any(_says(failure, text) for text in _NO_TOOLS_TEXTS):
        return ProviderFatal(
            "the model's server does not let it call tools: turn tools on there, or set "
            "function_calling (FLEET_MODEL_TOOLS) to false",
            is_of_setup=True,
        )
    return None


def _wait_seconds(failure: openai.APIStatusError) -> float | None:
    return retry_after_seconds(
        failure.response.headers, status=failure.status_code, at_most=MAX_RETRY_AFTER_SECONDS
    )


def _codes(failure: openai.APIStatusError) -> frozenset[str]:
    """Return the machine-readable codes of an error, wherever this provider puts them."""
    found = {str(getattr(failure, "code", None)), str(getattr(failure, "type", None))}
    body = failure.body
    while isinstance(body, dict):
        found |= {str(body.get("code")), str(body.get("type")), str(body.get("status"))}
        body = body.get("error") or body.get("innererror")
    return frozenset(code.lower() for code in found)


def says_too_long(error: object) -> bool:
    """Return whether an error's text says that the prompt does not fit into the model's context."""
    text = message_of(error)
    return any(words in text for words in _TOO_LONG_TEXTS)


def is_cut_answer(error: object) -> bool:
    """Return whether an error says that the model spent the limit of its answer before it wrote a word.

    OpenAI and Azure say so of their reasoning models, with the status 400.
    """
    return message_of(error).startswith(_CUT_TEXT)


def message_of(error: object) -> str:
    """Return the beginning of an error's message, in lower case.

    Args:
        error: The body of the answer, or the error object in it. What a server quotes beside its message,
            such as the input that it refuses, is left out.
    """
    return " ".join(_messages(error))[:READ_CHARS].lower()


def parameters_of(error: object) -> frozenset[str]:
    """Return the parameters that an error names in its fields ``param`` (OpenAI) and ``loc`` (FastAPI)."""
    found: set[str] = set()
    for part in _objects(error):
        if part.get("param") and isinstance(part["param"], str):
            found.add(part["param"])
        if isinstance(part.get("loc"), list):
            found |= {name for name in part["loc"] if isinstance(name, str) and name != "body"}
    return frozenset(found)


def _messages(error: object) -> Iterator[str]:
    if isinstance(error, str):
        yield error
    for part in _objects(error):
        for name in ("message", "msg", "detail", "error", "raw"):
            if isinstance(part.get(name), str):
                yield part[name][:READ_CHARS]


def _objects(error: object) -> Iterator[dict[str, Any]]:
    """Yield the objects of an error that hold its messages, each provider's way.

    ``metadata`` is OpenRouter's, and holds the error of the provider behind it. Google sends a list.
    """
    level = [error]
    for _ in range(_MOST_LEVELS):
        objects = [
            part
            for found in level
            for part in (found[:_MOST_LEVELS] if isinstance(found, list) else [found])
            if isinstance(part, dict)
        ]
        yield from objects
        level = [
            part.get(name)
            for part in objects
            for name in ("error", "message", "detail", "metadata")
        ]


def _says(failure: openai.APIStatusError, words: str) -> bool:
    return words in message_of(failure.body)
