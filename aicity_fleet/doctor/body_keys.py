"""Which keys a server wants in a report, read from the faults that it names, and a template that has them.

A server's faults are a stranger's text: only what looks like the name of a field is taken. No I/O.
"""

import dataclasses
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from aicity_fleet.models import JsonObject

BodyName = Literal["complete_body", "fail_body"]

MOST_KEYS, MOST_LEVELS = 30, 10
"""How many keys are read from one answer, and how many levels of it."""

_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_PLACES = frozenset({"body", "query", "params", "path", "header", "headers"})

Kind = Literal["", "object", "text"]
"""What the server says belongs under a key; empty where it does not say, or for anything else."""

_KIND_WORDS: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("object", re.compile(r"\b(?:object|dict|dictionary|dict_type|record|mapping)\b")),
    ("text", re.compile(r"\b(?:string|str|text|string_type)\b")),
)

SYNONYMS: Mapping[BodyName, Mapping[str, tuple[str, ...]]] = {
    "complete_body": {
        "text": (
            *(
                "text",
                "result",
                "output",
                "deliverable",
                "content",
                "answer",
                "response",
                "delivery",
            ),
            *("resultText", "outputText", "markdown", "work"),
        ),
        "execution_time_ms": (
            *("executionTimeMs", "durationMs", "elapsedMs", "timeMs", "runtimeMs", "executionMs"),
            *("tookMs", "latencyMs"),
        ),
        "model": ("model", "modelName", "modelId"),
        "agents": ("agents", "agentNames"),
        "team_size": ("teamSize", "agentCount"),
    },
    "fail_body": {
        "code": ("code", "errorCode", "reasonCode", "failureCode", "errorType", "kind", "reason"),
        "message": (
            *("message", "errorMessage", "reasonText", "description", "explanation", "comment"),
            *("note", "error", "details", "detail", "text", "reason"),
        ),
        "execution_time_ms": ("executionTimeMs", "durationMs", "elapsedMs", "timeMs"),
    },
}
"""The names under which a server may want each value of a report; for the time, only those with its unit.
A key gets the first value that has its name and is still free."""


@dataclasses.dataclass(frozen=True, slots=True)
class Key:
    """One key that a server requires."""

    path: tuple[str, ...]
    kind: Kind = ""

    def __str__(self) -> str:
        return ".".join(self.path)


@dataclasses.dataclass(frozen=True, slots=True)
class BodyReport:
    """What is known of one body."""

    required: tuple[Key, ...] = ()
    """What the server requires; empty where it did not say."""
    missing: tuple[Key, ...] = ()
    """What our template lacks of it."""
    template: JsonObject | None = None
    """A template with all that is known; None where ours needs no change."""
    unmapped: tuple[Key, ...] = ()
    """Keys of which we do not know what belongs there; the template lacks them."""


def required_keys(details: object) -> tuple[Key, ...]:
    """Return the keys that a validation error names, in the server's order.

    Args:
        details: Faults as zod, pydantic, ajv and others shape them: a list of objects with ``path``,
            ``loc``, ``field`` or ``instancePath``; or an object from the key to its faults.
    """
    found: dict[tuple[str, ...], Key] = {}
    for parts, fault in _faults(details, (), MOST_LEVELS):
        path = _cleaned(parts)
        if path and len(found) < MOST_KEYS:
            kind = _kind(fault)
            found[path] = Key(path, kind or (found[path].kind if path in found else ""))
    return tuple(found.values())


def _faults(
    value: object, place: tuple[str, ...], levels: int
) -> Iterator[tuple[tuple[str, ...], object]]:
    if not levels:
        return
    if isinstance(value, list):
        for item in value[:MOST_KEYS]:
            if isinstance(item, dict):
                yield from _fault(item, place)
            elif isinstance(item, str) and place:
                yield place, item
    elif isinstance(value, dict):
        if _is_fault(value):
            yield from _fault(value, place)
            return
        for name, inner in list(value.items())[:MOST_KEYS]:
            yield from _faults_under(str(name), inner, place, levels)


def _faults_under(
    name: str, inner: object, place: tuple[str, ...], levels: int
) -> Iterator[tuple[tuple[str, ...], object]]:
    parts = (*place, *name.split("."))
    if name in {"fieldErrors", "properties", "errors", "issues"}:
        yield from _faults(inner, place, levels - 1)
    elif name in {"formErrors", "_errors"}:
        if place and inner:
            yield place, inner
    elif isinstance(inner, str):
        yield parts, inner
    else:
        yield from _faults(inner, parts, levels - 1)


_PATH_NAMES = ("path", "loc", "field", "instancePath", "dataPath", "param", "property")


def _is_fault(item: Mapping[str, Any]) -> bool:
    words = ("message", "msg", "code", "type", "keyword", "expected", "params", "error")
    return any(name in item for name in _PATH_NAMES) and any(name in item for name in words)


def _fault(
    item: Mapping[str, Any], place: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], object]]:
    for name in _PATH_NAMES:
        value = item.get(name)
        if isinstance(value, list):
            parts = tuple(str(part) for part in value)
        elif isinstance(value, str):
            parts = tuple(part for part in re.split(r"[./]", value) if part)
        else:
            continue
        params = item.get("params")
        if isinstance(params, dict) and isinstance(params.get("missingProperty"), str):
            parts = (*parts, params["missingProperty"])
        yield (*place, *parts), item
        return


def _cleaned(parts: tuple[str, ...]) -> tuple[str, ...]:
    """Return the path of a key; empty where it is none, or one of the path or the query of the request."""
    if parts and parts[0] in _PLACES:
        if parts[0] != "body":
            return ()
        parts = parts[1:]
    good = bool(parts) and len(parts) <= 4 and all(_KEY.fullmatch(part) for part in parts)
    is_id = good and parts[-1].lower().replace("_", "") in {"id", "taskid", "jobid"}
    return parts if good and not is_id else ()


def _kind(fault: object) -> Kind:
    """Return what a fault says belongs there: from its type if it has one, else from its words."""
    texts = [fault]
    if isinstance(fault, dict):
        params = fault.get("params")
        typed = params.get("type") if isinstance(params, dict) else None
        texts = [
            fault.get("expected"),
            typed,
            fault.get("type"),
            fault.get("message"),
            fault.get("msg"),
        ]
    for text in texts:
        for kind, words in _KIND_WORDS:
            if text is not None and words.search(str(text)[:300].lower()):
                return kind
    return ""


def judge_body(
    name: BodyName, template: Mapping[str, Any], required: tuple[Key, ...]
) -> BodyReport:
    """Compare what a server requires with our template, and build another one where ours lacks a key."""
    missing = tuple(key for key in required if not _fits(_at(template, key.path), key.kind))
    if not missing:
        return BodyReport(required)
    built: JsonObject = {}
    unmapped: list[Key] = []
    free = {value: list(names) for value, names in SYNONYMS[name].items()}
    deepest = [
        key for key in required if not any(_is_above(key.path, other.path) for other in required)
    ]
    # A key with only one possible meaning chooses before one that may have two, such as "reason".
    for key in sorted(deepest, key=lambda key: _meanings(name, key)):
        value = _template_for(key, _at(template, key.path), free)
        if value is None:
            unmapped.append(key)
        else:
            _put(built, key.path, value)
    ordered = _in_order(built, [key.path[0] for key in required])
    for essential in ("text",) if name == "complete_body" else ("message",):
        if f"{{{essential}}}" not in str(ordered):
            ordered |= {
                key: part for key, part in template.items() if f"{{{essential}}}" in str(part)
            }
    return BodyReport(required, missing, ordered, tuple(unmapped))


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _meanings(name: BodyName, key: Key) -> int:
    last = _plain(key.path[-1])
    return sum(last in map(_plain, names) for names in SYNONYMS[name].values()) or 9


def _template_for(key: Key, ours: Any, free: dict[str, list[str]]) -> Any:
    """Return what belongs under a key: our own object, a value with its name, or what we had there."""
    if isinstance(ours, Mapping) and _fits(ours, key.kind):
        _value_for(key, free)
        return ours
    value = _value_for(key, free)
    if value is None:
        return ours if _fits(ours, key.kind) else None
    return {"result": f"{{{value}}}"} if key.kind == "object" else f"{{{value}}}"


def _fits(ours: Any, kind: Kind) -> bool:
    if ours is None or (kind == "text" and isinstance(ours, Mapping)):
        return False
    return kind != "object" or isinstance(ours, Mapping)


def _value_for(key: Key, free: dict[str, list[str]]) -> str | None:
    """Return the value that belongs to a key, and take it out of those that are free."""
    last = _plain(key.path[-1])
    for value, names in free.items():
        if last in map(_plain, names):
            free[value] = []
            return value
    return None


def _is_above(path: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return len(path) < len(other) and other[: len(path)] == path


def _at(template: object, path: tuple[str, ...]) -> Any:
    for part in path:
        if not isinstance(template, Mapping) or part not in template:
            return None
        template = template[part]
    return template


def _put(built: JsonObject, path: tuple[str, ...], value: object) -> None:
    for part in path[:-1]:
        inner = built.get(part)
        if not isinstance(inner, dict):
            inner = built[part] = {}
        built = inner
    built[path[-1]] = value


def _in_order(built: JsonObject, names: list[str]) -> JsonObject:
    return {name: built[name] for name in dict.fromkeys(names) if name in built}
