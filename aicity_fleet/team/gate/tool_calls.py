"""A check for the call of a tool, written out as text where the work should stand."""

import json
import re
from collections.abc import Iterator
from typing import Any

from aicity_fleet.team.gate.patterns import Finder, compile_fast
from aicity_fleet.team.gate.verdict import HARD, Check, Finding, Submission

MAX_TOOL_CALL_CHARS = 100_000
"""A longer text is not parsed as JSON: what a tool call looks like is seen at its start."""

MAX_LEAD_IN_CHARS = 160
"""A text that has more than this before its first call is work that shows a call."""

_CALL_MARKUP = compile_fast(
    r"</?tool_calls?>|<function=|</?function_calls?>|<invoke name=|</?tool_use>|\[/?TOOL_CALLS\]"
    r"|<\|(?:tool_calls?|python_tag|tool_calls?_begin|tool_call_start)\|>|<\uff5ctool"
    r"|\[TOOL_REQUEST\]"
    r"|<tool name=|<submit>|<\|channel\|>commentary to=|\bto=functions\.\w"
    r"|\bfunctions\.\w{1,40}\(\{"
    r"|</?(?:read|write|list|search|edit|create|apply|execute|run)_(?:to_)?(?:files?|dir\w{0,8}|command|diff)>"
    r"|^(?:Calling|Invoking|Using|Tool|Function)(?: (?:tool"
    r"|function))?: ?[`\w.]{1,60}\n+(?:Arguments|Parameters|Input|Args): ?"
    r"|^Action: ?\w{1,40}\n+Action Input:|<parameter=\w|<parameter name=",
    re.M,
)
_MARKUP_MARKS = (
    *("<", "TOOL_", "functions.", "Calling", "Invoking", "Using", "Tool", "Function", "Action"),
)
"""What is in such markup, each piece in some of it."""

_CALL_JSON = re.compile(
    r"\{\s{0,40}\"(?:name|tool|function|tool_name|action|function_name"
    r"|recipient_name)\"\s{0,9}:\s{0,9}\"[\w.-]{1,60}\"\s{0,9},\s{0,40}"
    r"\"(?:arguments|parameters|input|tool_input|args|action_input|params)\"\s{0,9}:\s{0,9}[{\"]"
)
_CALL_PYTHON = re.compile(
    r"^\[?(?:print\()?(?:default_api\.|functions\.|tools?\.)?(?:submit|hand_in|deliver"
    r"|final_answer|send_result|finish)"
    r"\(\s{0,9}(?:\w{1,20}\s?=\s?)?[rf]?[\"'{]"
)
_TAG = re.compile(r"<(/?)([A-Za-z][\w.:-]{0,60})(?:\s[^<>\n]{0,300})?/?>")
_CALL_TAG = re.compile(
    r"(?:^|[_:.-])(?:tool|function|mcp|api|plugin|action|agent|skill|command)s?[_-]?(?:calls?|use|invo\w+"
    r"|request|input|name|run|exec\w*|args|arguments|params|parameters?)$",
    re.I,
)
_CALL_PARTS = frozenset(
    """
    tool tools function functions call calls invoke invocation mcp api action actions method params param
    parameter
    parameters arguments argument args command execute exec request query input recipient operation
    endpoint payload toolname plugin search engine
    """.split()  # noqa: SIM905 -- easier to read
)
"""What the tags of a call speak of."""

MIN_CALL_PARTS = 2
"""So many different ones of these are in the tags of a call."""

_ASKS_MARKUP = Finder(
    r"\bxml\b|\bhtml\b|\bsvg\b|\bxsd\b|\bxslt\b|\bsoap\b|\brss\b|\bmarkup\b|\bjsx\b|\btags?\b|\bpom\b|\bmaven\b"
    r"|\bxaml\b|\bvue\b|\bsvelte\b|\bweb ?page\b|\bandroid\b|\bplist\b|\bwsdl\b|\btemplate\b"
)
_ORDERED_CALLS = Finder(
    r"tool[ _-]?(?:call|use|calling|schema|definition)|function[ _-]call"
    r"|\btools?\b[^.\n]{0,40}\bjson\b|\"arguments\"|\bmcp\b"
    r"|<invoke|tool_call|openai(?:['\u2019]s)? (?:api|function)|json-rpc|\breact (?:prompt"
    r"|agent)|\bagents?\b[^.\n]{0,60}\b(?:tools?|calls?)\b"
)
_NAMES = ("name", "tool", "function", "tool_name", "action", "function_name", "recipient_name")
_ARGUMENTS = ("arguments", "parameters", "input", "tool_input", "args", "action_input", "params")
_CODE_FENCES = frozenset(("", "json", "xml", "tool", "tool_call", "tool_code", "text", "plaintext"))


def tool_call(submission: Submission) -> Iterator[Finding]:
    """The call of a tool, written out as text, unless the order speaks of such calls.

    A short lead-in may stand before it. A longer text that ends with a call is work with an example.

    Source: the formats of Qwen and Hermes (``<tool_call>``), Llama (``<function=``), Mistral
    (``[TOOL_CALLS]``), ReAct prompts (``Action Input:``) and OpenAI (``name`` and ``arguments``).
    """
    looked_at = [submission.plain_prose]
    looked_at += [b.code for b in submission.blocks if b.language in _CODE_FENCES]
    is_call = (
        any(
            _begins_with(submission, pattern.search(part))
            for part in looked_at
            for pattern in _call_patterns(part)
        )
        or _is_markup_of_call(submission)
        or _is_call(submission.bare)
    )
    if is_call and not _ORDERED_CALLS.is_in(submission.order):
        yield Finding("tool_call", "The text is the call of a tool; hand in the work itself.", HARD)


def _call_patterns(part: str) -> Iterator[re.Pattern[str]]:
    """The patterns of calls that can be in a part of a text."""
    if any(mark in part for mark in _MARKUP_MARKS):
        yield _CALL_MARKUP
    yield _CALL_JSON


def _begins_with(submission: Submission, found: re.Match[str] | None) -> bool:
    """Whether a call was found, and no more than a lead-in stands before it."""
    if found is None:
        return False
    return len(submission.text.partition(found[0])[0].strip()) <= MAX_LEAD_IN_CHARS


def _is_markup_of_call(submission: Submission) -> bool:
    """Whether a text is, or holds, a call in tags of any name."""
    text = submission.bare
    if "<" not in text or _ASKS_MARKUP.is_in(submission.order):
        return False
    names = {match[2].lower() for match in _TAG.finditer(text[:MAX_TOOL_CALL_CHARS])}
    if any(map(_CALL_TAG.search, names)):
        prose = submission.plain_prose if submission.prose.strip() else text
        tags = (match for match in _TAG.finditer(prose) if _CALL_TAG.search(match[2]))
        return _begins_with(submission, next(tags, None))
    if not (text.startswith("<") and text.endswith(">")):
        return False
    parts = {part for name in names for part in re.split(r"[_:.-]", name)}
    return len(parts & _CALL_PARTS) >= MIN_CALL_PARTS


def _is_call(text: str) -> bool:
    """Whether a whole text is a call: JSON that names a tool and its arguments, or a line of Python."""
    if _CALL_PYTHON.match(text):
        return True
    value = json_value(text)
    if isinstance(value, list) and value:
        value = value[0]
    if not isinstance(value, dict):
        return False
    if "tool_calls" in value or "function_call" in value:
        return True
    inner = value.get("function")
    if value.get("type") in ("function", "tool_use", "function_call") and (
        inner or "name" in value
    ):
        return True
    is_named = any(isinstance(value.get(key), str) for key in _NAMES)
    has_arguments = any(isinstance(value.get(key), dict | str) for key in _ARGUMENTS)
    return is_named and has_arguments and len(value) <= 4


def json_value(text: str) -> Any:
    """Return what a text holds as JSON; ``None`` if it is none, too long or too deep."""
    if len(text) > MAX_TOOL_CALL_CHARS or not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


CHECKS: tuple[Check, ...] = (tool_call,)
