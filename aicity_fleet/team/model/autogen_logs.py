"""Silences AutoGen's logs, and reads from them what AutoGen reports nowhere else.

AutoGen logs whole prompts at INFO and tracebacks with server texts at ERROR; its runtime makes
dozens of trace spans per job. ``JournaledClient`` keeps the exceptions themselves, so nothing is lost.
"""

from __future__ import annotations

import contextvars
import logging
import os
import warnings
from typing import Any

# Read when a runtime is built. 65 spans per four-turn job become 7.
os.environ.setdefault("AUTOGEN_DISABLE_RUNTIME_TRACING", "true")

_CALL: contextvars.ContextVar[CallNotes | None] = contextvars.ContextVar("call", default=None)


class CallNotes:
    """What the provider said about one model call that AutoGen's answer does not carry."""

    def __init__(self) -> None:
        self.finish_reason = ""
        """The provider's own word; AutoGen makes ``function_calls`` of ``length`` in tool calls."""
        self.model = ""
        """The model that answered, in the provider's words; empty where it does not say."""
        self.refusal = ""
        """The model's refusal, which AutoGen drops."""
        self.reasoning = ""
        """The model's reasoning, where AutoGen drops it. It is no part of the answer, but is paid for."""

    def __enter__(self) -> CallNotes:
        self._token = _CALL.set(self)
        return self

    def __exit__(self, *_: object) -> None:
        _CALL.reset(self._token)


class _CallTap(logging.Filter):
    """Reads AutoGen's LLMCallEvent, which is logged within the call, and lets no event through."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Note what the event says, and drop it: events hold whole prompts."""
        self._note(record)
        return False

    def _note(self, record: logging.LogRecord) -> None:
        notes = _CALL.get()
        details = getattr(record.msg, "kwargs", None)
        if notes is None or not isinstance(details, dict) or details.get("type") != "LLMCall":
            return
        response = details.get("response")
        if isinstance(response, dict):
            notes.model = str(response.get("model") or "")
        if isinstance(response, dict) and "stop_reason" in response:  # Anthropic's form
            notes.finish_reason = str(response["stop_reason"] or "")
            return
        try:
            choice = details["response"]["choices"][0]
            notes.finish_reason = str(choice.get("finish_reason") or "")
            message = choice["message"]
            notes.refusal = str(message.get("refusal") or "")
            notes.reasoning = _dropped_reasoning(message)
        except (KeyError, IndexError, TypeError, AttributeError):
            return  # not the shape of an answer: the client itself will say so


def _dropped_reasoning(message: dict[str, Any]) -> str:
    """Return the reasoning in a message. AutoGen keeps ``reasoning_content``, but not beside calls.

    Source: openrouter.ai/docs and docs.vllm.ai (``reasoning``); api-docs.deepseek.com (the other).
    """
    if message.get("reasoning_content") and not message.get("tool_calls"):
        return ""
    return str(message.get("reasoning") or message.get("reasoning_content") or "")


def silence() -> None:
    """Set AutoGen's and the SDK's loggers so that no prompt and no server text reaches a log."""
    for name in ("autogen_core", "autogen_core.trace", "autogen_agentchat"):
        logging.getLogger(name).setLevel(logging.CRITICAL)
    for name in ("openai", "anthropic", "httpx2"):  # one line per request, with its URL
        logging.getLogger(name).setLevel(logging.WARNING)
    events = logging.getLogger("autogen_core.events")
    events.setLevel(logging.INFO)
    if not any(isinstance(entry, _CallTap) for entry in events.filters):
        events.addFilter(_CallTap())
    # Once per odd answer of a provider; ``JournaledClient`` deals with both.
    warnings.filterwarnings("ignore", message="Finish reason mismatch")
    warnings.filterwarnings("ignore", message="Resolved model mismatch")
    # Anthropic's SDK knows the day on which a model retires, and says so at each call.
    warnings.filterwarnings("ignore", message="The model '.*' is deprecated")
