"""Calls that a model wrote as text: which texts are calls, and that reading them takes linear time."""

from __future__ import annotations

import json
import time

import pytest
from support.answer_shapes import ARGUMENTS, WRITTEN

from aicity_fleet.team.model.written_calls import WrittenCall, begins_like_call, read_calls

TOOLS = frozenset({"submit", "search"})
CALL = '{"name": "search", "arguments": {"query": "x"}}'
SEARCH = WrittenCall("search", '{"query": "x"}')


@pytest.mark.parametrize("name", WRITTEN)
def test_each_format_is_read(name):
    (call,) = read_calls(WRITTEN[name], TOOLS)
    assert (call.name, json.loads(call.arguments)) == ("submit", json.loads(ARGUMENTS))


@pytest.mark.parametrize(
    "answer",
    [
        f"<tool_call>{CALL}",
        f"\n<tool_call>\n{CALL}\n</tool_call><|im_end|>\n",
        f"<|tool_call|>[{CALL}]<|/tool_call|>",
        f"```\n{CALL}\n```",
        f"[TOOL_CALLS] [{CALL}]</s>",
        '[TOOL_CALLS]search[CALL_ID]a1b2c3d4e[ARGS]{"query": "x"}',
        '<|from|>assistant\n<|recipient|>search\n<|content|>{"query": "x"}<|stop|>',
        '<|start|>assistant to=functions.search<|channel|>commentary json<|message|>{"query": "x"}',
        'search\n{"query": "x"}',
        'search({"query": "x"})',
        '{"type": "function", "function": {"name": "search", "arguments": "{\\"query\\": \\"x\\"}"}}',
        f'{{"tool_calls": [{CALL}]}}',
        '{"tool": "search", "args": {"query": "x"}}',
        'search(query="x")',
        "[search(query='x')]",
        '<|python_tag|>[search(query="""x""")]<|eom_id|>',
        "```python\nsearch(\n    query='x',\n)\n```",
    ],
)
def test_variants_of_the_formats(answer):
    assert read_calls(answer, TOOLS) == (SEARCH,)


def test_several_calls_keep_their_order():
    two = f"<tool_call>{CALL}</tool_call>\n<tool_call>{CALL.replace('x', 'y')}</tool_call>"
    assert [json.loads(call.arguments)["query"] for call in read_calls(two, TOOLS)] == ["x", "y"]
    assert len(read_calls(f"{CALL}; {CALL}", TOOLS)) == 2


def test_calls_as_in_python():
    first, second = read_calls("[search(query='x', most=3, deep=True, site=None), submit()]", TOOLS)
    assert json.loads(first.arguments) == {"query": "x", "most": 3, "deep": True, "site": None}
    assert second == WrittenCall("submit", "{}")


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        (r'"a\nb"', "a\nb"),
        ('"a\nb"', "a\nb"),
        (r"'it\'s \\d \d'", r"it's \d \d"),
        (r"'\u00e9\x41'", "\u00e9A"),
        ('"""say "so", \'\'\'then\'\'\'"""', "say \"so\", '''then'''"),
        ('""', ""),
        ("'), submit(content=\"\")'", '), submit(content="")'),
    ],
)
def test_a_text_as_in_python(literal, value):
    (call,) = read_calls(f"submit(content={literal})", TOOLS)
    assert json.loads(call.arguments) == {"content": value}


def test_a_line_break_within_a_text_need_not_be_escaped():
    (call,) = read_calls('{"name": "submit", "arguments": {"content": "a\nb"}}', TOOLS)
    assert json.loads(call.arguments) == {"content": "a\nb"}


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "submit",
        "submit the form",
        "search for it",
        f"So one calls it: <tool_call>{CALL}</tool_call>",
        f"<tool_call>{CALL}</tool_call> is how one calls it.",
        f"```json\n{CALL}\n```\nThat was it.",
        f"{CALL} and so on",
        CALL.replace("search", "publish"),
        f"[{CALL}, {CALL.replace('search', 'publish')}]",
        f'[{CALL}, {{"name": "x"}}]',
        '{"name": "search"}',
        '{"arguments": {}}',
        '{"name": "search", "arguments": [1]}',
        '{"name": "search", "arguments": {"query": NaN}}',
        '<tool_call>{"name": "search", "arguments": {"query": "x',
        "<function=search><parameter=query>x",
        "[1, 2]",
        "[]",
        "[search(query='x')",
        "search(query='x')]",
        "search(query=x)",
        "search(query='x'",
        "search(query='x' + 'y')",
        "search(query='x').strip()",
        "search(most=007)",
        "search(most=\u0663)",
        "[search(query='x')] and so on",
        "search('x')  # as in Python",
        "null",
    ],
)
def test_anything_else_stays_a_text(answer):
    assert read_calls(answer, TOOLS) == ()


def test_a_member_without_tools_makes_no_call():
    assert read_calls(CALL, ()) == ()


def test_the_beginning_of_a_call_is_told_from_a_text():
    assert begins_like_call(' <tool_call>{"name": "search", "argu')
    assert not begins_like_call("The tag <tool_call> begins a call.")


@pytest.mark.parametrize(
    "piece",
    [
        "<tool_call>",
        " ",
        "```\n",
        "<function=submit>",
        "<tool_call><function=submit><parameter=a>",
        "<function=submit><parameter=a>\n</parameter>x",
        "\n</parameter> ",
        '{"name":"submit","arguments":',
        "[",
        "</s>",
        "a",
        "[TOOL_CALLS]submit[ARGS]",
        ";",
        f"{CALL};",
        "search(query='x'),",
        "[search(query='",
        "search(a=1,",
        "search(a='''",
        "\\'",
    ],
)
def test_reading_takes_linear_time(piece):
    def seconds(chars: int) -> float:
        text = piece * (chars // len(piece))
        began = time.perf_counter()
        read_calls(text, TOOLS)
        return time.perf_counter() - began

    short, long = min(seconds(100_000) for _ in range(3)), min(seconds(800_000) for _ in range(3))
    assert long < 40 * short + 0.1, "eight times as long a text"
