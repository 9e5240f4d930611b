"""Withholds our own secrets from whatever a model or a tool says, before it is used or written down.

No model is ever told a key, but its provider sees one in every request, and a tool runs beside others.
What is withheld here stands in no journal and no transcript, and the gate sends nothing that had it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from aicity_fleet.models import JsonObject

REDACTED = "[a secret of the agent was withheld here]"
"""Stands where a secret stood; a text that holds it does not pass the gate."""

Redact = Callable[[JsonObject], JsonObject]
"""Gives an answer without our secrets."""


MIN_KEY_CHARS, MIN_SECRET_CHARS = 8, 12
"""Shorter keys and other secrets could stand in an honest text by chance, in characters."""


def worth_redacting(keys: Iterable[str], secrets: Iterable[str]) -> tuple[str, ...]:
    """Those of our texts that are secrets and no words.

    Args:
        keys: Of the models; some are placeholders, such as a local server wants.
        secrets: Further ones, such as passwords that a person may have made up.
    """
    found = {key for key in keys if len(key) >= MIN_KEY_CHARS}
    found |= {secret for secret in secrets if len(secret) >= MIN_SECRET_CHARS}
    return tuple(sorted(text for text in found if re.search(r"\d", text)))


def redactor(secrets: Iterable[str]) -> Redact:
    """How answers lose these secrets, in their plain form and as JSON writes them."""
    forms = {form for secret in secrets for form in (secret, json.dumps(secret)[1:-1]) if form}
    ordered = sorted(forms, key=len, reverse=True)  # one may be part of another

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            for form in ordered:
                value = value.replace(form, REDACTED)
            return value
        if isinstance(value, list):
            return [clean(item) for item in value]
        if isinstance(value, dict):
            return {clean(key): clean(item) for key, item in value.items()}
        return value

    def redact(answer: JsonObject) -> JsonObject:
        return {key: clean(value) for key, value in answer.items()}

    return redact
