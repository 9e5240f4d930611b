"""What ``job`` shows of a failed job's model: words, not the syntax of a tool call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from aicity_fleet.cli.jobs import last_words


def entry(content: Any, kind: str = "model") -> str:
    fields = {"ordinal": 0, "kind": kind, "request_sha256": "x", "answer": {"content": content}}
    return json.dumps(fields)


def call(**arguments: Any) -> dict[str, str]:
    return {"id": "c", "name": "tool", "arguments": json.dumps(arguments)}


@pytest.mark.parametrize(
    ("journal", "words"),
    [
        ([], ""),
        ([entry("first"), entry(" last ")], "last"),
        ([entry("words"), entry("", "tool")], "words"),
        ([entry([call(content="handed in", x=1)])], "handed in"),
        ([entry("I could not finish."), entry([call(files=["a", "b"])])], "I could not finish."),
        ([entry([call(content="the deliverable"), call()])], "the deliverable"),
        ([entry([{"id": "c", "name": "tool", "arguments": '{"content": "cut'}])], ""),
    ],
)
def test_the_last_text_is_found(journal, words):
    assert last_words(journal) == words
