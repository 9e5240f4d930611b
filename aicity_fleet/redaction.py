"""The fleet's secrets: which exist, which process may hold which, and how texts lose them.

Settings, the embedded fleet, logs, errors, transcripts, exports and deliverables all use this module.
It lies below ``settings`` and imports neither the team, the ledger nor the AI City client.
"""

import functools
import json
import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote, quote_plus, unquote, urlsplit

from aicity_fleet.errors import SettingsError
from aicity_fleet.models import JsonObject

# --- Which secrets exist, and who may hold them ---------------------------------------------------------


class Process(StrEnum):
    """A process of the fleet that holds secrets."""

    BEAT = "beat"
    """Sends messages, so it needs Redis and nothing else."""
    DISPATCHER = "dispatcher"
    """The only process that talks to AI City and to the owner's webhook."""
    WORKER = "worker"
    """The only process that talks to a model."""
    FLOWER = "flower"
    """Reads events from Redis."""
    CLI = "cli"
    """A command that a person runs: it may hold whatever that person has set."""


_EVERY_PROCESS = frozenset(Process)

HOLDERS: Mapping[str, frozenset[Process]] = MappingProxyType(
    {
        "AGENT_CITY_API_KEY": frozenset({Process.DISPATCHER, Process.CLI}),
        "AGENT_CITY_OWNER_TOKEN": frozenset({Process.CLI}),
        "OPENAI_API_KEY": frozenset({Process.WORKER, Process.CLI}),
        "FLEET_ALERT_WEBHOOK": frozenset({Process.DISPATCHER, Process.CLI}),
        "OTEL_EXPORTER_OTLP_HEADERS": frozenset({Process.DISPATCHER, Process.WORKER, Process.CLI}),
        "REDIS_URL": _EVERY_PROCESS,
        "REDIS_PASSWORD": _EVERY_PROCESS,
    }
)
"""The processes that may hold each secret of the settings. Each may also come from ``NAME_FILE``."""

MODEL_KEY_HOLDERS = frozenset({Process.WORKER, Process.CLI})
"""The processes that may hold a key that only ``FLEET_MODELS_FILE`` names."""

MODELS_FILE = "FLEET_MODELS_FILE"
"""The variable with the path of the owner's models file."""

KEY_VARIABLE = r"^[A-Z][A-Z0-9_]{0,99}$"
"""The pattern of a variable that the models file may name as a key."""

NOT_FOR_MODELS = ("AGENT_CITY_", "REDIS_")
"""Prefixes of variables whose secrets no model provider may get."""


def holders_of(environ: Mapping[str, str]) -> dict[str, frozenset[Process]]:
    """Return every secret variable of this environment with the processes that may hold it.

    Raises:
        SettingsError: The models file cannot be read, so its key names are unknown.
    """
    return {**dict.fromkeys(_model_keys(environ), MODEL_KEY_HOLDERS), **HOLDERS}


def environment_of(process: Process | None, environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment without the secrets that this process may not hold.

    Args:
        process: The process to start; None for one that needs no secret at all.
        environ: The environment of the whole fleet, with every secret.

    Raises:
        SettingsError: The models file cannot be read, so its key names are unknown.
    """
    held = holders_of(environ).items()
    hidden = {variable for variable, holders in held if process not in holders}
    hidden |= {f"{variable}_FILE" for variable in hidden}
    return {name: value for name, value in environ.items() if name not in hidden}


def _model_keys(environ: Mapping[str, str]) -> set[str]:
    """Return the variables that the models file names as keys; the team checks the rest of the file."""
    path = environ.get(MODELS_FILE, "").strip()
    if not path:
        return set()
    try:
        entries = tomllib.loads(Path(path).read_text(encoding="utf-8")).values()
    except (OSError, ValueError) as error:  # ValueError: neither UTF-8 nor TOML
        reason = getattr(error, "strerror", None) or "it is not a TOML file in UTF-8"
        raise SettingsError(
            f"{MODELS_FILE}: {path} cannot be read ({reason}). Check path, permissions and syntax."
        ) from error
    keys = (entry.get("key") for entry in entries if isinstance(entry, dict))
    return {key for key in keys if isinstance(key, str) and re.search(KEY_VARIABLE, key)}


# --- Their values ---------------------------------------------------------------------------------------


def read_secret(variable: str, environ: Mapping[str, str], faults: list[str]) -> str | None:
    """Return a secret from its variable or from the file that ``NAME_FILE`` names; None if unset.

    Args:
        variable: Its name, without ``_FILE``.
        environ: The variables. Blank values count as unset.
        faults: Receives a sentence with the remedy if the secret is set twice or its file is unusable.
    """
    value, path = environ.get(variable, ""), environ.get(f"{variable}_FILE", "")
    if not path.strip():
        return value if value.strip() else None
    if value.strip():
        faults.append(f"{variable}: is set twice, also by {variable}_FILE. Unset one of them.")
        return None
    try:
        text = Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not text"
        faults.append(f"{variable}_FILE: cannot be read ({reason}). Check path and permissions.")
        return None
    if not text:
        faults.append(f"{variable}_FILE: the file is empty. Put the secret into it.")
        return None
    return text


def secrets_in(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the value of every secret that can be read, by variable.

    Of ``REDIS_URL`` it is the password; of the headers for a collector each value is one more, by the
    variable and the header's name.
    """
    try:
        variables = set(holders_of(environ))
    except SettingsError:  # reported where the file is needed
        variables = set(HOLDERS)
    found = {}
    for variable in sorted(variables):
        value = (read_secret(variable, environ, []) or "").strip()
        if variable == "REDIS_URL":
            value = _password_in(value)
        if value:
            found[variable] = value
        if variable == "OTEL_EXPORTER_OTLP_HEADERS":
            found |= {f"{variable}:{name}": text for name, text in _headers_in(value).items()}
    return found


def foreign_secrets_in(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the values that look like keys of other programs: those of ``*_KEY`` and ``*_TOKEN``."""
    return {name: value for name, value in environ.items() if name.endswith(("_KEY", "_TOKEN"))}


def _headers_in(text: str) -> dict[str, str]:
    """Return the last word of each header, the key where a scheme such as Bearer comes first.

    Without those that may be honest words, such as the name of a tenant.
    """
    pairs = (pair.partition("=") for pair in text.split(","))
    words = {name.strip(): unquote(value).split()[-1:] for name, _, value in pairs}
    return {name: word for name, found in words.items() for word in worth_redacting(found, ())}


def _password_in(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:  # the settings report it
        return ""


# --- How texts lose them --------------------------------------------------------------------------------

REDACTED = "[redacted fleet secret]"
"""Replaces a secret; a text that holds it does not pass the gate."""

Redact = Callable[[JsonObject], JsonObject]
"""Returns a JSON object without the fleet's secrets."""

MIN_KEY_CHARS, MIN_SECRET_CHARS = 8, 12
"""Shorter keys and other secrets could occur in an honest text by chance, in characters."""

MIN_LOGGED_CHARS = 6
"""Logs lose every secret of at least this length, in characters: an honest word lost there does no harm."""


def worth_redacting(keys: Iterable[str], secrets: Iterable[str]) -> tuple[str, ...]:
    """Return the texts that cannot be mistaken for words.

    Args:
        keys: Keys of models; some are placeholders, such as a local server wants.
        secrets: Other secrets, such as passwords that a person may have made up.
    """
    found = {key for key in keys if len(key) >= MIN_KEY_CHARS}
    found |= {secret for secret in secrets if len(secret) >= MIN_SECRET_CHARS}
    return tuple(sorted(text for text in found if re.search(r"\d", text)))


def text_redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that removes these secrets from a text: plain, JSON-escaped or URL-quoted."""
    return _text_redactor(frozenset(secrets))


@functools.lru_cache(maxsize=32)  # all jobs of a process have the same few
def _text_redactor(secrets: frozenset[str]) -> Callable[[str], str]:
    forms = {form for secret in secrets for form in _forms(secret) if form}
    if not forms:
        return str
    ordered = sorted(forms, key=len, reverse=True)  # one may be part of another
    pattern = re.compile("|".join(map(re.escape, ordered)))
    return lambda text: pattern.sub(REDACTED, text)


def log_redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Return a function that removes these secrets from a line that people read, the shortest excepted."""
    return text_redactor(secret for secret in secrets if len(secret) >= MIN_LOGGED_CHARS)


def redactor(secrets: Iterable[str]) -> Redact:
    """Return a function that removes these secrets from every text of a JSON object."""
    clean_text = text_redactor(secrets)

    def clean(value: Any) -> Any:
        if isinstance(value, str):
            return clean_text(value)
        if isinstance(value, list):
            return [clean(item) for item in value]
        if isinstance(value, dict):
            return {clean(key): clean(item) for key, item in value.items()}
        return value

    def redact(answer: JsonObject) -> JsonObject:
        return {key: clean(value) for key, value in answer.items()}

    return redact


def variables_in(text: str, secrets: Mapping[str, str]) -> list[str]:
    """Return the variables whose secret occurs in a text; secrets that are too short do not count."""
    long = {name: value for name, value in secrets.items() if len(value) >= MIN_KEY_CHARS}
    return sorted(name for name, value in long.items() if text_redactor([value])(text) != text)


def _forms(secret: str) -> set[str]:
    plain = {secret, unquote(secret)}  # the password in a URL is already quoted
    escaped = {
        json.dumps(text, ensure_ascii=ascii_)[1:-1] for text in plain for ascii_ in (False, True)
    }
    quoted = {quoter(text) for text in plain for quoter in (quote, quote_plus)}
    return plain | escaped | quoted | {quote(text, safe="") for text in plain}
