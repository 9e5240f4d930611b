"""What the span of a model call says, in the words of OpenTelemetry's conventions for GenAI.

It holds no prompt and no answer.
"""

from urllib.parse import urlsplit

from aicity_fleet import tracing
from aicity_fleet.journal import Entry
from aicity_fleet.team.model.clients import Model, address
from aicity_fleet.tracing.conventions import (
    AGENT,
    FINISH_REASONS,
    INPUT_TOKENS,
    OPERATION,
    OUTPUT_TOKENS,
    PROVIDER,
    PROVIDERS,
    REQUEST_MODEL,
    RESPONSE_MODEL,
    SERVER,
)
from aicity_fleet.tracing.spans import NO_SPAN, Attributes, Noting, Value

MAX_NAME_CHARS = 100
"""The most that is kept of a provider's own word, in characters."""


def call_span(model: Model, member: str) -> Noting:
    """Return the span of a call.

    Args:
        member: Whose call it is.
    """
    if not tracing.is_on():
        return NO_SPAN
    provider = model.config.provider
    attributes: Attributes = {
        OPERATION: "chat",
        PROVIDER: PROVIDERS.get(provider, provider),
        REQUEST_MODEL: model.name,
        SERVER: urlsplit(address(model.config)).hostname or "",
        AGENT: member,
    }
    return tracing.span(f"chat {model.name}", attributes, kind="client")


def note_model(name: str) -> None:
    """Note which model answered, as the provider says; empty where it does not."""
    if name:
        tracing.current().note({RESPONSE_MODEL: name[:MAX_NAME_CHARS]})


def facts_of(entry: Entry) -> Attributes:
    """Return what the answer adds. A provider that counts no tokens, and one without a price, adds less."""
    facts: dict[str, Value] = {"aicity_fleet.entry": entry.ordinal}
    if entry.finish_reason:
        facts[FINISH_REASONS] = (entry.finish_reason[:MAX_NAME_CHARS],)
    if entry.prompt_tokens or entry.completion_tokens:
        facts |= {INPUT_TOKENS: entry.prompt_tokens, OUTPUT_TOKENS: entry.completion_tokens}
    if entry.cost_usd is not None:
        facts["aicity_fleet.cost_usd"] = float(entry.cost_usd)
    return facts
