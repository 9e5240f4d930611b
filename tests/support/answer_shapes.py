"""The shapes that answers of weak models and odd servers take, one row each, with how the job must end.

The page docs/decisions/answers-of-weak-models.md has a row for each, under the same id.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections import Counter
from typing import Any

from support.samples import CODE, GOOD_GENERAL, GOOD_REVIEW
from support.scripted_provider import Answer, calls, submit, text

THOUGHT = "I wonder what the lamps of old lighthouses burned."
"""What every model here thinks. No request and no deliverable may hold it."""

MARKER = "{marker}"
"""Stands for the marker of the request in the text of an answer."""

ARGUMENTS = json.dumps({"content": GOOD_GENERAL})
CALL = json.dumps({"name": "submit", "arguments": {"content": GOOD_GENERAL}})
CHATTER = "I would begin with the oldest lighthouses. Shall I go on?"
OFF_TOPIC = "[insert the text here] TODO: " + "this and that, and so on. " * 3
REFUSAL = "I'm sorry, but I can't help with that."
NO_FIT, NOTHING = "did not fit the length", "No finished deliverable"


@dataclasses.dataclass(frozen=True)
class Shape:
    """What the server answers, one answer after another, the last one again and again."""

    answers: tuple[Answer, ...]
    calls: int = 1
    """How many answers the whole job buys."""
    fails: str = ""
    """A part of the failure's message; empty when the work is delivered."""
    hand_in: str | None = "tool"
    function_calling: bool = True
    task_type: str = "general"
    drafts: tuple[Answer, ...] = (text("A draft."),)
    """What the first member of a team of two answers."""

    @property
    def deliverable(self) -> str:
        return (GOOD_REVIEW if self.task_type == "code_review" else GOOD_GENERAL).strip()


def description_of(name: str) -> str:
    return f"Explain how lighthouses guided ships before satellite navigation. Row {name}."


def input_of(name: str) -> dict[str, Any]:
    code = {"code": CODE} if SHAPES[name].task_type == "code_review" else {}
    return {"description": description_of(name), **code}


class ShapeScript:
    """Answers each request as the row says that the order names."""

    def __init__(self) -> None:
        self.requests: dict[str, list[dict[str, Any]]] = {}
        self._asked: Counter[tuple[str, bool]] = Counter()

    def __call__(self, body: dict[str, Any]) -> Answer:
        said = json.dumps(body["messages"])
        found = re.search(r"Row (\w+)\.", said)
        assert found
        name = found[1]
        self.requests.setdefault(name, []).append(body)
        tools = [tool["function"]["name"] for tool in body.get("tools", ())]
        drafts = bool(tools) and "submit" not in tools
        answers = SHAPES[name].drafts if drafts else SHAPES[name].answers
        at = self._asked[name, drafts]
        self._asked[name, drafts] += 1
        answer = answers[min(at, len(answers) - 1)]
        marker = re.search(r"HAND-IN-[0-9a-f]{24}", said)
        message = answer.message or {}
        if marker is None or not isinstance(message.get("content"), str):
            return answer
        content = message["content"].replace(MARKER, marker[0])
        return dataclasses.replace(answer, message={**message, "content": content})


def call(arguments: Any, id_: str | None = "call_1", name: str = "submit") -> dict[str, Any]:
    return {"id": id_, "type": "function", "function": {"name": name, "arguments": arguments}}


def with_calls(*found: dict[str, Any], **fields: Any) -> Answer:
    return Answer(
        {"role": "assistant", "content": None, "tool_calls": list(found), **fields}, "tool_calls"
    )


def arguments(raw: str) -> Answer:
    return calls(("submit", raw))


def deepseek(words: str) -> str:
    blank = words.replace(" ", "\u2581")
    return f"<\uff5c{blank}\uff5c>"


GOOD = submit(GOOD_GENERAL)
ODD_USAGE = {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}
SEARCH, OTHER = ("search", '{"query": "lighthouse"}'), ("publish", ARGUMENTS)
WITH_MARKER = text(f"{GOOD_GENERAL}\n{MARKER}")
NAMED = {"role": "assistant", "content": None, "function_call": call(ARGUMENTS)["function"]}
NO_TOOLS: dict[str, Any] = {"function_calling": False, "hand_in": "marker"}
REVIEW = submit(GOOD_REVIEW)

WRITTEN = {
    "W1": f"<tool_call>\n{CALL}\n</tool_call>",
    "W2": f"```json\n{CALL}\n```",
    "W3": f"[TOOL_CALLS][{CALL}]",
    "W4": f"[TOOL_CALLS]submit[ARGS]{ARGUMENTS}",
    "W5": f"<function=submit>{ARGUMENTS}</function>",
    "W6": "<|python_tag|>" + CALL.replace('"arguments"', '"parameters"') + "<|eom_id|>",
    "W7": CALL,
    "W8": f"{deepseek('tool calls begin')}{deepseek('tool call begin')}function{deepseek('tool sep')}"
    f"submit\n```json\n{ARGUMENTS}\n```{deepseek('tool call end')}{deepseek('tool calls end')}",
    "W9": f">>>submit\n{ARGUMENTS}",
    "W10": "<|channel|>commentary to=functions.submit <|constrain|>json<|message|>"
    f"{ARGUMENTS}<|call|>",
    "W11": f"<tool_call>\n<function=submit>\n<parameter=content>\n{GOOD_GENERAL}\n</parameter>\n"
    "</function>\n</tool_call>",
    "W15": f"[submit(content={json.dumps(GOOD_GENERAL)})]",
}

FINISH_REASONS = {
    "F11": "eos",
    "F12": "stop_sequence",
    "F13": "",
    "F14": None,
    "F15": "tool_use",
    "F16": "STOP",
}

SHAPES: dict[str, Shape] = {
    **{name: Shape((text(said),)) for name, said in WRITTEN.items()},
    "W12": Shape(
        (text(f'<tool_call>{{"name": "publish", "arguments": {ARGUMENTS}}}</tool_call>'),),
        calls=3, fails=NOTHING, hand_in=None,
    ),
    "W13": Shape((text(f"I call it so: <tool_call>{CALL}</tool_call> Is that right?"), GOOD), calls=2),
    "W14": Shape(
        (text('<tool_call>{"name": "search", "arguments": {"query": "mean"}}</tool_call>'), REVIEW),
        calls=3, task_type="code_review",
    ),
    "R1": Shape((text(f"<think>\n{THOUGHT}\n</think>\n\n<tool_call>{CALL}</tool_call>"),)),
    "R2": Shape((with_calls(call(ARGUMENTS), reasoning_content=THOUGHT),)),
    "R3": Shape(
        (Answer({"role": "assistant", "content": None, "reasoning": THOUGHT}), GOOD), calls=2
    ),
    "R4": Shape((text(f"<think>{THOUGHT}"), GOOD), calls=2),
    "R5": Shape((text(f"<thinking>{THOUGHT}</thinking>\n{GOOD_GENERAL}\n{MARKER}"),), **NO_TOOLS),
    "R6": Shape((text(f"{THOUGHT}\n</think>\n\n{GOOD_GENERAL}\n{MARKER}"),), **NO_TOOLS),
    "R7": Shape(
        (
            text(
                f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final"
                f"<|message|>{GOOD_GENERAL}\n{MARKER}<|return|>"
            ),
        ),
        **NO_TOOLS,
    ),
    "R8": Shape((submit(f"<reasoning>{THOUGHT}</reasoning>\n{GOOD_GENERAL}"),)),
    "R9": Shape((with_calls(call(ARGUMENTS), content=f"<think>{THOUGHT}</think>"),)),
    "R10": Shape((text(f"<think>{THOUGHT}", "length"), GOOD), calls=2),
    "R11": Shape((text(f"<think>{THOUGHT}</think>{CHATTER}"), GOOD), calls=2),
    "M1": Shape((with_calls(call(None)), GOOD), calls=2),
    "M2": Shape((arguments("{}"), GOOD), calls=2),
    "M3": Shape((arguments(""), GOOD), calls=2),
    "M4": Shape((arguments('{"content": "Lighthouses gui'), GOOD), calls=2),
    "M5": Shape((arguments(json.dumps(ARGUMENTS)),)),
    "M6": Shape((arguments(json.dumps({"deliverable": GOOD_GENERAL})),)),
    "M7": Shape((arguments(json.dumps({"a": "one", "b": "two"})), GOOD), calls=2),
    "M8": Shape((arguments('{"content": 5}'),), calls=5, fails=NOTHING, hand_in=None),
    "M9": Shape(
        (calls(("search", '{"query": ')),), drafts=(calls(("search", '{"query": ')),),
        calls=6, fails=NOTHING, hand_in=None, task_type="code_review",
    ),
    "M10": Shape((calls(OTHER),), calls=5, fails=NOTHING, hand_in=None),
    "M11": Shape((calls(SEARCH),), calls=5, fails=NOTHING, hand_in=None),
    "M12": Shape((with_calls(call({"content": GOOD_GENERAL})),)),
    "M13": Shape((calls(("search", '{"query": 7}')), calls(("search", "{}")), GOOD), calls=3),
    "M14": Shape(
        (calls(SEARCH),), drafts=(calls(SEARCH),),
        calls=6, fails=NOTHING, hand_in=None, task_type="code_review",
    ),
    "H1": Shape((text(CHATTER), text(GOOD_GENERAL)), calls=3, hand_in="plain"),
    "H2": Shape((text(CHATTER), WITH_MARKER), calls=2, hand_in="marker"),
    "H3": Shape((WITH_MARKER,), **NO_TOOLS),
    "H4": Shape((text(GOOD_GENERAL),), calls=3, hand_in="plain", function_calling=False),
    "H5": Shape((text(""),), calls=3, fails=NOTHING, hand_in=None),
    "H6": Shape((text(OFF_TOPIC),), calls=5, fails="quality checks", hand_in="plain"),
    "H7": Shape(
        (text(OFF_TOPIC), text(OFF_TOPIC), text(OFF_TOPIC), text(GOOD_GENERAL)), calls=4, hand_in="plain"
    ),
    "H8": Shape((text(REFUSAL),), calls=2, fails="as it was ordered", hand_in=None),
    "H9": Shape((text("Of course, here it is."),), calls=3, fails=NOTHING, hand_in=None),
    "H10": Shape((text(CHATTER), text(CHATTER), GOOD), calls=3),
    "C1": Shape((text(GOOD_GENERAL[:60], "length"), GOOD), calls=2),
    "C2": Shape((text(GOOD_GENERAL[:60], "length"),), calls=2, fails=NO_FIT, hand_in=None),
    "C3": Shape((calls(("submit", '{"content": "Ligh'), finish_reason="length"), GOOD), calls=2),
    "C4": Shape((submit(GOOD_GENERAL, finish_reason="length"), GOOD), calls=2),
    "C5": Shape((text(GOOD_GENERAL[:60], "length"), WITH_MARKER), calls=2, **NO_TOOLS),
    "F1": Shape((with_calls(call(ARGUMENTS, None)),)),
    "F2": Shape((with_calls(call(ARGUMENTS, "")),)),
    "F3": Shape((with_calls(call('{"content": "An earlier one."}'), call(ARGUMENTS)),)),
    "F4": Shape((calls(("submit", ARGUMENTS), SEARCH),)),
    "F5": Shape((calls(SEARCH, ("submit", ARGUMENTS)),)),
    "F6": Shape((calls(("submit", ARGUMENTS), ("submit", "{}")),)),
    "F7": Shape((with_calls(call(ARGUMENTS), content=[{"type": "text", "text": "Done."}]),)),
    "F8": Shape((dataclasses.replace(GOOD, usage=ODD_USAGE),)),
    "F9": Shape((dataclasses.replace(GOOD, usage=None),)),
    "F10": Shape((dataclasses.replace(GOOD, usage={"prompt_tokens": 7}),)),
    **{
        name: Shape((submit(GOOD_GENERAL, finish_reason=word),))
        for name, word in FINISH_REASONS.items()
    },
    "F17": Shape((Answer(NAMED),)),
    "F18": Shape((Answer(NAMED, "function_call"),)),
}  # fmt: skip
