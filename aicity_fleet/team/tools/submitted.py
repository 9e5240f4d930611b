"""Finds the files in an order: its code, and the texts among its details that are files.

Nothing is parsed in here: what a text is written in is a guess from a few plain patterns.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from aicity_fleet.models import AssignedTask

CODE = "code"
"""What the order's code is called where the buyer gives no name; a suffix follows."""

MAX_FILES = 200
"""Most files that are taken from one order."""

MAX_NAME_CHARS = 200
"""Longest file name that is kept, in characters."""

GUESS_CHARS = 20_000
"""How much of a text is looked at for a guess, in characters."""

_NAME_KEYS = ("path", "filename", "fileName", "file_name", "file", "name")
_TEXT_KEYS = ("content", "contents", "code", "source", "text", "body")
_FILE_NAME = re.compile(r"[\s\S]{0,180}[^\s/\\.]\.[A-Za-z][A-Za-z0-9_+-]{0,11}|Dockerfile|Makefile")

_PYTHON = re.compile(
    r"^[ \t]*(?:(?:async )?def \w+[ \t]*\(|class \w+[^\n{]{0,200}:|import [\w.]+[ \t]*(?:$|,|as )"
    r"|from [\w.]+ import |elif |except\b|@\w)",
    re.M,
)
_JAVASCRIPT = re.compile(
    r"^[ \t]*(?:(?:export )?(?:const|let|var) |(?:export |async ){0,3}function\b"
    r"|export (?:default|class|interface|type)\b|interface \w+ \{|import [^\n]{1,200} from ['\"]"
    r"|\} else|\}\)?;)|=> ?\{|===",
    re.M,
)
_TYPESCRIPT = re.compile(
    r"^[ \t]*(?:export )?(?:interface \w+|type \w+ =|enum \w+)|: (?:string|number|boolean)\b", re.M
)
_LANGUAGES = {
    "python": ".py",
    "py": ".py",
    "python3": ".py",
    "javascript": ".js",
    "js": ".js",
    "jsx": ".jsx",
    "typescript": ".ts",
    "ts": ".ts",
    "tsx": ".tsx",
}


def submitted_files(task: AssignedTask) -> Iterator[tuple[str, str]]:
    """Return the files of an order, each as its name and its text; names may repeat."""
    if task.code.strip():
        yield _name_of_code(task), task.code
    for count, (name, text) in enumerate(_files_within(task.details)):
        if count == MAX_FILES:
            return
        yield name, text


def _name_of_code(task: AssignedTask) -> str:
    for key in _NAME_KEYS:
        name = task.details.get(key)
        if isinstance(name, str) and _FILE_NAME.fullmatch(name):
            return name
    return CODE + suffix_of(task.code, task.details.get("language"))


def suffix_of(text: str, language: object = None) -> str:
    """Return the suffix that fits a text: what the buyer says it is written in, or a guess."""
    said = _LANGUAGES.get(language.strip().lower()) if isinstance(language, str) else None
    if said is not None:
        return said
    head = text[:GUESS_CHARS]
    python, script = len(_PYTHON.findall(head)), len(_JAVASCRIPT.findall(head))
    if python == script == 0:
        return ".txt"
    if python >= script:
        return ".py"
    return ".ts" if _TYPESCRIPT.search(head) else ".js"


def _files_within(details: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Texts under a key that is a file's name, and objects with a name and a content."""
    level: list[Any] = [details]
    while level:  # level by level: the nesting is a stranger's
        inner: list[Any] = []
        for value in level:
            if isinstance(value, Mapping):
                yield from _named(value)
                inner += value.values()
            elif isinstance(value, list):
                inner += value
        level = [value for value in inner if isinstance(value, Mapping | list)]


def _named(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key, text in value.items():
        if isinstance(text, str) and text.strip() and _FILE_NAME.fullmatch(str(key)):
            yield str(key), text
    names = [value[key] for key in _NAME_KEYS if isinstance(value.get(key), str)]
    texts = [value[key] for key in _TEXT_KEYS if isinstance(value.get(key), str)]
    if names and _FILE_NAME.fullmatch(names[0]) and texts and texts[0].strip():
        yield names[0], texts[0]
