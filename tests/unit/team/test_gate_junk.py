"""What is no work in any category, and the orders for which the same text is the work."""

from __future__ import annotations

import pytest
from support.growth import assert_no_check_is_slow
from support.samples import GOOD_GENERAL, order

from aicity_fleet.team.gate import (
    check,
    echo,
    error_pages,
    gibberish,
    promises,
    reasoning,
    repetition,
    tool_calls,
    unfinished,
    wanted_language,
)
from aicity_fleet.team.gate.language_detector import language_of
from aicity_fleet.team.gate.markdown import split_fences
from aicity_fleet.team.gate.verdict import Submission
from aicity_fleet.team.review.brief import OUR_TEXTS

PLAIN = "Explain how lighthouses guided ships before satellite navigation."
PAGE = (
    "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
)
TRACE = (
    "Traceback (most recent call last):\n"
    '  File "/app/agent.py", line 12, in <module>\n    main()\n'
    '  File "/app/agent.py", line 9, in main\n    raise TimeoutError\nTimeoutError: timed out'
)
GERMAN = (
    "Leuchttürme führten Schiffe lange vor der Satellitennavigation sicher an Küsten entlang. Jeder Turm "
    "hatte eine eigene Kennung aus Licht und Dunkelheit, die in den Seekarten stand."
)
PROMISE = (
    "Thank you for your order! I will start right away and deliver the text by Friday. You will receive a "
    "first draft on Wednesday, and I look forward to your comments."
)
QUESTION = (
    "Before I start, could you please clarify a few points? Who is the audience? How long should the text "
    "be? Do you prefer a formal tone? Please let me know."
)
MONOLOGUE = (
    "Okay, the user wants an explanation of lighthouses. Let me think. I should mention bearings. Wait, "
    "maybe I should start with the light itself. The final answer should be short."
)
SALAD = (
    "marble ship gallop sixteen harbour lemon syntax drift paper oblique engine carpet velocity "
    * 5
)
CALL = '{"name": "submit", "arguments": {"text": "Lighthouses guided ships with lights."}}'
LINE = "Lighthouses guided ships at night with lights of known rhythm.\n" * 40

JUNK = {
    "reasoning in tags": (
        "reasoning",
        f"<think>\nShips, lights, bearings.\n</think>\n\n{GOOD_GENERAL}",
        "Write an essay on the <think> tags of models that explain how lighthouses guided ships.",
    ),
    "reasoning in words": (
        "reasoning",
        MONOLOGUE,
        "Write the inner monologue of somebody who has to explain lighthouses and ships.",
    ),
    "a tool call": ("tool_call", CALL, "Show a tool call in JSON about lighthouses and ships."),
    "a loop": ("repetition", LINE, 'Write "Lighthouses guided ships at night" 40 times.'),
    "an error page": (
        "error_page",
        PAGE,
        "Write a short HTML error page for the website of our lighthouse, please.",
    ),
    "an error object": (
        "error_page",
        '{"error": {"message": "Rate limit exceeded", "code": 429}}',
        "Give an example of a JSON error of the API of our lighthouse.",
    ),
    "a stack trace": (
        "error_page",
        TRACE,
        "Invent a realistic stack trace of a program in a lighthouse.",
    ),
    "a promise": ("promise", PROMISE, "Write a short reply that confirms a customer's order."),
    "a question back": ("question", QUESTION, "Which questions do I ask an author? List them."),
    "a word salad": ("gibberish", SALAD, "Give me random words about ships and harbours."),
    "German": ("other_language", GERMAN, f"{PLAIN} Write it in German."),
}
"""The finding, the text, and an order that asks for this very text."""


def names(text, description=PLAIN):
    return {
        finding.check for finding in check("general", text, order("general", description)).findings
    }


@pytest.mark.parametrize("name", JUNK)
def test_junk_is_found_unless_it_was_ordered(name):
    finding, text, wanted = JUNK[name]
    assert finding in names(text)
    assert finding not in names(text, wanted)


ORDER = (
    "Please correct this paragraph: The keeper light the lamp every evening and he go up the stairs with a "
    "can of oil, so that all of the ships could saw it from far away."
)
CORRECTED = (
    "The keeper lit the lamp every evening and went up the stairs with a can of oil, so that all of the "
    "ships could see it from far away."
)


@pytest.mark.parametrize(
    ("description", "text", "found"),
    [
        (PLAIN, PLAIN, True),
        (PLAIN, f"# Task\n\n{PLAIN}", True),
        (ORDER, ORDER, True),
        (ORDER, CORRECTED, False),
        (ORDER, ORDER.partition(": ")[2], False),
        (ORDER.replace("correct", "translate into French"), ORDER.partition(": ")[2], True),
        (PLAIN, f"{PLAIN}\n\n{GOOD_GENERAL}", False),
        (f"Repeat word for word: {PLAIN}", PLAIN, False),
    ],
)
def test_the_order_is_no_answer_to_itself(description, text, found):
    submission = Submission(text, order("general", description), "stop", ())
    assert bool(list(echo.echo(submission))) is found


CUT = (
    "Your answer is cut off at the length limit, which means you should have used a period instead."
)


@pytest.mark.parametrize(
    ("description", "text", "found"),
    [
        (PLAIN, CUT, True),
        (PLAIN, f"{GOOD_GENERAL}\n\nI HAND IN the whole, corrected deliverable - again.", True),
        (PLAIN, GOOD_GENERAL, False),
        (f"Give this a better tone: {CUT}", CUT.upper(), False),
    ],
)
def test_what_we_told_the_team_is_no_work(description, text, found):
    submission = Submission(text, order("general", description), "stop", (), OUR_TEXTS)
    assert bool(list(echo.answers_us(submission))) is found


@pytest.mark.parametrize(
    ("description", "text", "found"),
    [
        ("Translate into French: The lighthouse is closed on Mondays.", GERMAN, True),
        ("Traduisez ce texte en allemand : le phare est fermé le lundi.", GERMAN, False),
        ("Wie führten Leuchttürme die Schiffe an der Küste entlang?", GERMAN, False),
        ("Wie führten Leuchttürme die Schiffe an der Küste entlang?", GOOD_GENERAL, True),
        (f"Proofread this for our brochure:\n\n{GERMAN}", GERMAN, False),
        ("How did lighthouses in German harbours guide the ships?", GERMAN, False),
        ("Write it in Swahili: how lighthouses guided ships.", GERMAN, False),
        (PLAIN, "```python\nprint('Leuchtturm')\n```\nIt prints a word.", False),
        (PLAIN, "Borkum, Norderney, Pellworm, Hörnum, Westerhever, Amrum, Helgoland, Wangerooge", False),
    ],
)  # fmt: skip
def test_the_order_decides_on_the_language(description, text, found):
    assert ("other_language" in names(text, description)) is found


def test_a_language_is_told_of_what_cannot_be_sent():
    assert language_of(f"{GERMAN}\ud800") == "de"


NESTED = "```markdown\n# Title\n\n```bash\nmake\n```\n\nText.\n```\n\nAfter.\n"


@pytest.mark.parametrize(
    ("text", "blocks", "prose"),
    [
        (NESTED, 1, "\nAfter.\n"),
        (NESTED.replace("```m", "````m").replace("Text.\n```", "Text.\n````"), 1, "\nAfter.\n"),
        ("````md\n```\na\n```\n````\nb", 1, "b"),
        ("```py\na\n```\nb\n```", 1, "b"),
    ],
)  # fmt: skip
def test_fences_within_markdown_are_nested(text, blocks, prose):
    found, outside = split_fences(text)
    assert (len(found), outside) == (blocks, prose)
    assert all(block.is_closed for block in found)


PATTERNS = (
    *(
        "the user wants ",
        "<think>a",
        "wait, let me ",
        "the the ",
        '{"name": "a", ',
        '{"a":',
        "error: ",
    ),
    *(
        "at a.b(",
        "- \n",
        "I will ",
        "could you ",
        "what is ",
        "你",
        "&lt;",
        "<style>",
        "| a | b |\n",
    ),
    *(
        "aB",
        "in German ",
        "translate into german and ",
        "```md\n",
        "\u0301a",
        "the of ",
        "100 words ",
    ),
    *("Action: a\n", "502 bad gateway\n", "Die Straße ist lang. "),
)
NEW = (
    *(reasoning, tool_calls, repetition, gibberish, error_pages),
    *(echo, promises, wanted_language, unfinished),
)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_gate_slow_junk(pattern):
    """No check takes long over a pattern that fills 50,000 characters, in the text and in the order."""
    language_of(GERMAN)  # its models are loaded once per process
    text = (pattern * (50_000 // len(pattern) + 1))[:50_000]
    assert_no_check_is_slow(
        [rule for module in NEW for rule in module.CHECKS],
        text,
        lambda text: order("general", text[: len(text) // 4], code=text[: len(text) // 4]),
    )
