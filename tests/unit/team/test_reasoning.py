"""What is taken off an answer as reasoning, and what stays."""

from __future__ import annotations

import time

import pytest

from aicity_fleet.team.model.reasoning import without_leading_blocks, without_reasoning

ANALYSIS = "<|channel|>analysis<|message|>"


@pytest.mark.parametrize(
    ("answer", "rest"),
    [
        ("<think>a</think>b", "b"),
        ("\n<THINK>\na\n</think>\n\nb", "b"),
        ("<thinking>a</thinking>\n<think>b</think>\nc", "c"),
        ("<think></think>\n\nb", "b"),
        ("<think>a", ""),
        ("[THINK]a[/THINK]b", "b"),
        ("\u25c1think\u25b7a\u25c1/think\u25b7b", "b"),
        ("<|START_THINKING|>a<|END_THINKING|>b", "b"),
        ("a\n</think>\n\nb", "b"),
        ("a</think>", ""),
        (f"{ANALYSIS}a<|end|><|start|>assistant<|channel|>final<|message|>b<|return|>", "b"),
        (f"{ANALYSIS}a<|channel|>final<|message|>b", "b"),
        ("<|channel|>final<|message|>b", "b"),
        (f"{ANALYSIS}a", ""),
    ],
)  # fmt: skip
def test_reasoning_is_taken_off(answer, rest):
    assert without_reasoning(answer) == rest


@pytest.mark.parametrize(
    "answer",
    [
        "A text.",
        "",
        "The tag `</think>`\nends the reasoning.",
        'It writes "</think>"\nthen.',
        "Write <think>so</think>\nand then the answer.",
        "```xml\n<think>a</think>\n```",
        "It ends with </think> in the middle of a line.",
        "<thinker>a</thinker>",
        "The channel <|channel|>analysis<|message|> is for reasoning.",
    ],
)
def test_a_text_about_reasoning_stays(answer):
    assert without_reasoning(answer) == answer


def test_a_deliverable_loses_its_leading_block_and_nothing_else():
    assert without_leading_blocks("<think>a</think>\nb\n</think>\nc") == "b\n</think>\nc"
    assert without_leading_blocks("b\n</think>\nc") == "b\n</think>\nc"


@pytest.mark.parametrize(
    "piece",
    ["<think>", "</think>", "<think></think>", ANALYSIS, "</think> ", " ", "</think>x"],
)
def test_it_takes_linear_time(piece):
    def seconds(chars: int) -> float:
        text = piece * (chars // len(piece))
        began = time.perf_counter()
        without_reasoning(text)
        return time.perf_counter() - began

    short, long = min(seconds(100_000) for _ in range(3)), min(seconds(800_000) for _ in range(3))
    assert long < 40 * short + 0.1, "eight times as long a text"
