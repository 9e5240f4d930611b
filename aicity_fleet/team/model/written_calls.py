"""Reads tool calls that a model wrote as text, because its server does not read its model's own format.

An answer counts as a call only as a whole: a text that speaks of such a format stays a text. Each pattern
is anchored and possessive, and no dialect reads a JSON value twice, so the time grows with the length of
the answer alone. No AutoGen here.

Source: docs.vllm.ai (tool parsers); ggml-org/llama.cpp docs/function-calling.md.
"""

import dataclasses
import json
import re
from collections.abc import Collection
from typing import Any, NoReturn

_NAME = r"(?P<name>[A-Za-z_][\w.-]{0,63})"
_TOOL_TAG = r"(?:tool_calls?|function_calls?)"


@dataclasses.dataclass(frozen=True, slots=True)
class WrittenCall:
    """One call: the tool's name, and its arguments as JSON text."""

    name: str
    arguments: str


@dataclasses.dataclass(frozen=True, slots=True)
class _Dialect:
    """What stands before and after the JSON value of each call.

    The head may name the tool. The value is then the arguments, and otherwise a call or a list of calls.
    """

    head: re.Pattern[str]
    tail: re.Pattern[str]


def _dialect(head: str, tail: str = "") -> _Dialect:
    return _Dialect(re.compile(rf"\s*+{head}\s*+"), re.compile(rf"\s*+{tail}\s*+"))


_BAR, _BLANK = "\uff5c", "\u2581"


def _deepseek(words: str) -> str:
    """Return a special token of DeepSeek's, which has fullwidth bars and low blocks for blanks."""
    return f"<{_BAR}{words.replace(' ', _BLANK)}{_BAR}>"


_SEPARATOR = _deepseek("tool sep")
_DIALECTS = (
    # Hermes, Qwen, Granite, Phi
    _dialect(rf"<\|?{_TOOL_TAG}\|?>", rf"(?:<\|?/{_TOOL_TAG}\|?>)?"),
    _dialect(rf"<function={_NAME}>", "(?:</function>)?"),  # Llama 3.1, functionary 3.1
    # Mistral: a list, or one name and its arguments each
    _dialect(
        rf"\[TOOL_CALLS\]\s*+(?:{_NAME}\s*+(?:\[CALL_ID\]\w{{1,64}}+\s*+)?(?:\[ARGS\])?)?",
    ),
    # DeepSeek V3 names the kind of call before the tool; V3.1 does not
    _dialect(
        rf"(?:{_deepseek('tool calls begin')})?\s*+{_deepseek('tool call begin')}"
        rf"(?:function{_SEPARATOR})?\s*+{_NAME}\s*+(?:{_SEPARATOR})?\s*+(?:```(?:json)?)?",
        rf"(?:```)?\s*+(?:{_deepseek('tool call end')})?\s*+(?:{_deepseek('tool calls end')})?",
    ),
    # functionary 2
    _dialect(
        rf"(?:<\|from\|>\s*+assistant\s*+)?<\|recipient\|>\s*+{_NAME}\s*+<\|content\|>",
        r"(?:<\|stop\|>)?",
    ),
    # gpt-oss
    _dialect(
        rf"(?:<\|start\|>assistant)?(?:<\|channel\|>\w{{1,20}}+)?\s*+to=functions\.{_NAME}"
        r"(?:<\|channel\|>\w{1,20}+)?\s*+(?:<\|constrain\|>\w{0,20}+|json)?\s*+<\|message\|>",
        r"(?:<\|call\|>)?",
    ),
    # functionary 3.2, and a call as in a program
    _dialect(rf"(?:>>>)?{_NAME}\s*+\(?", r"\)?"),
    # Llama 3, and bare JSON
    _dialect(r"(?:<\|python_tag\|>)?", ";?"),
)

_FENCE = re.compile(r"```\w{0,20}+[ \t]*+\n")
_END_OF_TURN = re.compile(
    r"<\|(?:im_end|eot_id|eom_id|end|endoftext|end_of_text)\|>|</s>|" + _deepseek("end of sentence")
)
_MAX_ENDS = 3
"""How many end-of-turn tokens are cut off an answer at most."""

_XML_CALL = re.compile(rf"\s*+(?:<tool_call>\s*+)?<function={_NAME}>\s*+")
_XML_PARAMETER = re.compile(r"<parameter=(?P<name>[\w.-]{1,64}+)>\n?")
_XML_PARAMETER_END = re.compile(r"\n?</parameter>\s*+(?=<parameter=|</function>|\Z)")
_XML_CALL_END = re.compile(r"(?:</function>)?\s*+(?:</tool_call>)?\s*+")
"""The format of Qwen 3 Coder."""

_TEXT = "|".join(
    rf"{quotes}(?:(?!{quotes})(?:[^\\]|\\.))*+{quotes}" for quotes in ('"""', "'''", '"', "'")
)
_PYTHON_HEAD = re.compile(r"(?:<\|python_tag\|>)?\s*+\[?")
_PYTHON_CALL = re.compile(rf"\s*+{_NAME}\s*+\(\s*+")
_PYTHON_ARGUMENT = re.compile(
    rf"(?P<name>[A-Za-z_]\w{{0,63}})\s*+=\s*+"
    rf"(?P<value>(?:{_TEXT})|True|False|None|-?(?:0|[1-9][0-9]{{0,30}}+)(?:\.[0-9]{{1,30}}+)?)\s*+(?:,\s*+|(?=\)))",
    re.DOTALL,
)
_PYTHON_CALL_END = re.compile(r"\)\s*+[,;]?\s*+")
_CONSTANTS = {"True": "true", "False": "false", "None": "null"}
_ESCAPE = re.compile(r"\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "\n": "", **{char: char for char in "\\'\""}}
"""The pythonic format of Llama 3.2 and 4: calls with keyword arguments, in a list or alone."""

_BEGINNINGS = (
    *(
        "<tool_call",
        "<|tool_call",
        "<function_call",
        "<function=",
        "[TOOL_CALLS]",
        "<|python_tag|>",
    ),
    *(f"<{_BAR}tool{_BLANK}", "<|recipient|>", "<|from|>", "<|channel|>", "<|start|>"),
)

_ARGUMENTS = ("arguments", "parameters", "args", "input")
_NAMES = ("name", "tool", "tool_name", "function")


def read_calls(answer: str, tools: Collection[str]) -> tuple[WrittenCall, ...]:
    """Return the calls that an answer consists of; none if it is anything but calls of these tools."""
    body = _unwrapped(answer)
    for calls in (
        *(_in_dialect(body, dialect) for dialect in _DIALECTS),
        _in_xml(body),
        _in_python(body),
    ):
        if calls and all(call.name in tools for call in calls):
            return tuple(calls)
    return ()


def begins_like_call(answer: str) -> bool:
    """Whether an answer begins with the special text of a call, readable or not."""
    return answer.lstrip().startswith(_BEGINNINGS)


def _unwrapped(answer: str) -> str:
    """Return an answer without end-of-turn tokens at its end and without a fence around all of it."""
    body = answer.strip()
    for _ in range(_MAX_ENDS):
        ends = [found.start() for found in _END_OF_TURN.finditer(body, max(0, len(body) - 30))]
        last = ends[-1] if ends else len(body)
        if not _END_OF_TURN.fullmatch(body, last):
            break
        body = body[:last].rstrip()
    fence = _FENCE.match(body)
    if fence and body.endswith("```") and len(body) >= fence.end() + 3:
        body = body[fence.end() : -3].strip()
    return body


def _in_dialect(body: str, dialect: _Dialect) -> list[WrittenCall] | None:
    """Return the calls of a text that consists of calls in one dialect; else None."""
    calls: list[WrittenCall] = []
    at = 0
    while at < len(body):
        head = dialect.head.match(body, at)
        if head is None:
            return None
        value, at = json_at(body, head.end())
        if at == head.end():
            return None
        name = head.groupdict().get("name")
        found = _calls_of(value) if name is None else _call(name, value)
        if not found:
            return None
        calls += found
        tail = dialect.tail.match(body, at)
        at = tail.end() if tail else at
    return calls


def _in_xml(body: str) -> list[WrittenCall] | None:
    calls: list[WrittenCall] = []
    at = 0
    while at < len(body):
        head = _XML_CALL.match(body, at)
        if head is None:
            return None
        at = head.end()
        arguments: dict[str, str] = {}
        while parameter := _XML_PARAMETER.match(body, at):
            end = _XML_PARAMETER_END.search(body, parameter.end())
            if end is None:
                return None
            arguments[parameter["name"]] = body[parameter.end() : end.start()]
            at = end.end()
        tail = _XML_CALL_END.match(body, at)
        if tail is None or tail.end() == at < len(body):
            return None
        at = tail.end()
        calls.append(WrittenCall(head["name"], json.dumps(arguments, ensure_ascii=False)))
    return calls


def _in_python(body: str) -> list[WrittenCall] | None:
    calls: list[WrittenCall] = []
    head = _PYTHON_HEAD.match(body)
    at = head.end() if head else 0
    closing = "]" if body[at - 1 : at] == "[" else ""
    while at < len(body) - len(closing):
        call = _PYTHON_CALL.match(body, at)
        if call is None:
            return None
        at = call.end()
        arguments: dict[str, Any] = {}
        while argument := _PYTHON_ARGUMENT.match(body, at):
            arguments[argument["name"]] = _python_value(argument["value"])
            at = argument.end()
        tail = _PYTHON_CALL_END.match(body, at)
        if tail is None:
            return None
        at = tail.end()
        calls.append(WrittenCall(call["name"], json.dumps(arguments, ensure_ascii=False)))
    return calls if body[at:] == closing else None


def _python_value(literal: str) -> Any:
    """Return the value of a literal. Line breaks in a text need not be escaped, as in JSON."""
    if literal[0] not in "\"'":
        return json.loads(_CONSTANTS.get(literal, literal))
    quotes = 3 if literal[:3] in ('"""', "'''") else 1
    return _ESCAPE.sub(_unescaped, literal[quotes:-quotes])


def _unescaped(escape: re.Match[str]) -> str:
    """Return what an escape stands for; one that Python does not know stands for itself."""
    said = escape[1]
    return chr(int(said[1:], 16)) if len(said) > 1 else _ESCAPED.get(said, escape[0])


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


_JSON = json.JSONDecoder(strict=False, parse_constant=_refuse)
"""Also takes line breaks within texts, which models forget to escape."""


def json_at(body: str, at: int) -> tuple[Any, int]:
    """Return the JSON value at a place, and where it ends; None and the place if there is none.

    Line breaks within texts are read, and numbers that are none in JSON are not.
    """
    try:
        return _JSON.raw_decode(body, at)
    except (ValueError, RecursionError):
        return None, at


def _calls_of(value: Any) -> list[WrittenCall]:
    """Return the calls that a JSON value describes; none if any part of it is something else."""
    if isinstance(value, dict) and isinstance(value.get("tool_calls"), list):
        value = value["tool_calls"]
    items = value if isinstance(value, list) else [value]
    calls = [call for item in items for call in _described(item)]
    return calls if len(calls) == len(items) else []


def _described(item: Any) -> list[WrittenCall]:
    if isinstance(item, dict) and isinstance(item.get("function"), dict):
        item = item["function"]
    if not isinstance(item, dict):
        return []
    name = next((item[key] for key in _NAMES if isinstance(item.get(key), str)), None)
    given = next((key for key in _ARGUMENTS if key in item), None)
    return [] if name is None or given is None else _call(name, item[given])


def _call(name: str, arguments: Any) -> list[WrittenCall]:
    """Return one call. Arguments that are a text may be JSON once more; None is no argument."""
    if isinstance(arguments, str):
        decoded, end = json_at(arguments, 0)
        arguments = decoded if isinstance(decoded, dict) and end == len(arguments) else arguments
    if not isinstance(arguments, dict | str | None):
        return []
    text = json.dumps({} if arguments is None else arguments, ensure_ascii=False)
    return [WrittenCall(name.removeprefix("functions."), text)]
