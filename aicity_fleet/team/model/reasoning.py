"""Takes a model's reasoning off its answer: the deliverable and the history hold the answer alone.

Only reasoning at the start is taken off, because a tag in the middle may be what a buyer ordered a text
about. Every search goes forward, so the time grows with the length of the text alone. No AutoGen here.
"""

import re

_BLOCKS = {
    "<think>": "</think>",  # DeepSeek R1, Qwen 3 and most others
    "<thinking>": "</thinking>",
    "<thought>": "</thought>",
    "<reasoning>": "</reasoning>",
    "<seed:think>": "</seed:think>",  # Seed-OSS
    "[think]": "[/think]",  # Magistral
    "\u25c1think\u25b7": "\u25c1/think\u25b7",  # Kimi
    "<|start_thinking|>": "<|end_thinking|>",  # Command R7B
}
"""How each opening tag is closed, in lower case. Source: docs.vllm.ai (reasoning parsers)."""

_OPENING = re.compile(r"\s*+(" + "|".join(map(re.escape, _BLOCKS)) + ")", re.IGNORECASE)
_CLOSING = {tag: re.compile(re.escape(end), re.IGNORECASE) for tag, end in _BLOCKS.items()}

_ONLY_CLOSED = re.compile(
    r"(?<![`'\"])</(think|thinking|thought|reasoning)>[ \t\r]*+(?:\n|\Z)", re.IGNORECASE
)
"""A closing tag at the end of a line. Some templates put the opening one into the prompt."""

_CHANNEL = re.compile(
    r"\s*+(?:<\|start\|>assistant)?<\|channel\|>(analysis|commentary|final)[ ]*+<\|message\|>"
)
_CHANNEL_END = re.compile(r"<\|end\|>|<\|return\|>|(?=<\|start\|>|<\|channel\|>)")
"""OpenAI's harmony format. Source: cookbook.openai.com/articles/openai-harmony."""


def without_reasoning(answer: str) -> str:
    """Return an answer without its reasoning; an answer without any is returned unchanged.

    Reasoning whose end is missing goes on to the end of the answer.
    """
    rest = without_leading_blocks(answer)
    if rest is not answer:
        return rest
    if _CHANNEL.match(answer):
        return _final_channel(answer)
    closed = _ONLY_CLOSED.search(answer)
    if closed is None or f"<{closed[1].lower()}>" in answer[: closed.start()].lower():
        return answer
    return answer[closed.end() :].lstrip()


def without_leading_blocks(text: str) -> str:
    """Return a text without the blocks of reasoning that it begins with, or the text itself."""
    at = 0
    while opening := _OPENING.match(text, at):
        closing = _CLOSING[opening[1].lower()].search(text, opening.end())
        if closing is None:
            return ""
        at = closing.end()
    return text[at:].lstrip() if at else text


def _final_channel(answer: str) -> str:
    """Return what stands in the final channel; a call of a tool is left as it is."""
    at = 0
    while channel := _CHANNEL.match(answer, at):
        end = _CHANNEL_END.search(answer, channel.end())
        if channel[1] == "final":
            return answer[channel.end() : end.start() if end else None].strip()
        if end is None:
            return ""
        at = end.end()
    return answer[at:].strip()
