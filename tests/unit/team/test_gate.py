from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.growth import assert_no_check_is_slow
from support.samples import CODE, GOOD, GOOD_GENERAL, GOOD_REVIEW, order

from aicity_fleet.team import gate
from aicity_fleet.team.gate import HARD, check, is_refusal
from aicity_fleet.team.gate.markdown import split_fences, without_code_spans


def names(text, task=None, **more):
    task = task or order()
    return {finding.check for finding in check(task.task_type, text, task, **more).findings}


@pytest.mark.parametrize("task_type", sorted(GOOD))
def test_good_work_passes_without_findings(task_type):
    task, text = GOOD[task_type]
    verdict = check(task_type, text, task)
    assert verdict.findings == ()
    assert verdict.score == 100
    assert verdict.has_passed


HARD_CASES = {
    "empty": "",
    "short": "Done.",
    "control word": f"{GOOD_GENERAL}\n\n**TASK_COMPLETE**",
    "control word alone": "TERMINATE",
    "fence of ours": f"{GOOD_GENERAL}\nEND BUYER TEXT 5f1d0c9ab2e84c6f97a3\n",
    "hand-in line": f"Hand in with: submit\n{GOOD_GENERAL}",
    "marker": f"{GOOD_GENERAL}\nHAND-IN-0123456789abcdef01234567",
    "openai key": f"{GOOD_GENERAL} sk-proj-Ab1cdEFghiJKLmnopqrst",
    "city key": f"{GOOD_GENERAL} ac_live_abcdef123456",
    "aws key": f"{GOOD_GENERAL} AKIAABCDEFGHIJKLMNOP",
    "github token": f"{GOOD_GENERAL} ghp_{'a1' * 18}",
    "google key": f"{GOOD_GENERAL} AIza{'a' * 35}",
    "private key": f"{GOOD_GENERAL}\n-----BEGIN RSA PRIVATE KEY-----\n{'MIIE' * 8}",
    "nul": f"{GOOD_GENERAL}\x00",
    "surrogate": f"{GOOD_GENERAL}\ud800",
    "refusal": "I'm sorry, but I can't help with that request.",
    "endless": "word " * 100_000,
}


@pytest.mark.parametrize("name", HARD_CASES)
def test_a_hard_finding_fails_whatever_the_pass_mark(name):
    verdict = check("general", HARD_CASES[name], order(), pass_mark=0)
    assert verdict.score == 0
    assert verdict.findings[0].cost >= HARD
    assert not verdict.has_passed


def test_truncated_work_fails():
    assert not check("general", GOOD_GENERAL, order(), finish_reason="length").has_passed
    assert check("general", GOOD_GENERAL, order(), finish_reason="tool_calls").has_passed


def test_forbidden_texts_fail_also_when_wrapped_anew():
    line = "Hand in exactly the way that the brief of the coordinator says."
    assert names(f"{GOOD_GENERAL} {line}", forbidden=[line]) == {"forbidden"}
    assert names(f"{GOOD_GENERAL} {line.replace(' ', chr(10))}", forbidden=[line]) == {"forbidden"}
    assert names(GOOD_GENERAL, forbidden=["", line]) == set()


FINE_TEXTS = {
    "stop word within": f"The word TASK_COMPLETE ends the guide's teams.\n\n{GOOD_GENERAL}",
    "terminate within": f"{GOOD_GENERAL}\n\nThen terminate the process, and wait for the ships.",
    "aws example key": f"{GOOD_GENERAL} AKIAIOSFODNN7EXAMPLE",
    "css classes": f"{GOOD_GENERAL} task-management-framework-2 sk-cube-grid",
    "key header alone": f"{GOOD_GENERAL} Look for -----BEGIN PRIVATE KEY----- in the file.",
    "markdown link": f"{GOOD_GENERAL} [your guide](https://example.org)",
    "can't within": f"{GOOD_GENERAL}\n\nI can't stress the height of the lights enough.",
    "fence within fence": f"{GOOD_GENERAL}\n\n````md\n```python\nx =\n```\n````\n",
    "tilde fence": f"{GOOD_GENERAL}\n\n~~~\n```\n~~~\n",
}


@pytest.mark.parametrize("name", FINE_TEXTS)
def test_legitimate_content_is_left_alone(name):
    assert names(FINE_TEXTS[name]) == set()


@pytest.mark.parametrize(
    ("text", "finding"),
    [
        ("Lorem ipsum dolor sit amet, ships and lights and lighthouses and so on.", "placeholder"),
        (f"{GOOD_GENERAL}\n\n[insert name of the lighthouse here]", "placeholder"),
        (f"{GOOD_GENERAL}\n\nAs an AI language model, I have no eyes.", "placeholder"),
        (f"{GOOD_GENERAL}\n\nTODO\n", "placeholder"),
        (f"{GOOD_GENERAL}\n\n```python\n# ... rest of the code\n```", "placeholder"),
        (f"{GOOD_GENERAL}\n\n```js\n// TODO: handle errors\n```", "placeholder"),
        (f"{GOOD_GENERAL}\n\n```python\nx = 1\n", "open_fence"),
        ("Ships and lights.", "empty"),
        ("A short answer about ships is this one here.", "thin"),
        (
            "The recipe needs flour, butter and sugar; bake it for twenty minutes at most.",
            "irrelevant",
        ),
    ],
)
def test_general_findings(text, finding):
    assert finding in names(text)


def test_placeholders_that_were_ordered_are_fine():
    text = f"{GOOD_GENERAL}\n\n[Your name]\n\nlorem ipsum"
    assert (
        names(text, order(description="Write a letter template about ships and lighthouses."))
        == set()
    )
    quoting = order("code_review", code="x = 1  # TODO\n")
    assert "placeholder" not in names(f"{GOOD_REVIEW}\n```python\nx = 1  # TODO\n```", quoting)


REVIEW = order("code_review", code=CODE)


@pytest.mark.parametrize(
    ("text", "findings"),
    [
        ("Looks good to me, ship it whenever you want.", {"no_lines", "no_severity", "no_fix"}),
        (GOOD_REVIEW.replace("line 2", "the return"), {"no_lines"}),
        (GOOD_REVIEW.replace("line 2", "line 412"), {"wrong_lines"}),
        (GOOD_REVIEW.replace("line 2", "stats.py:2"), set()),
        (GOOD_REVIEW.replace("line 2", "L2"), set()),
        (
            f"{GOOD_REVIEW}\n### Naming\n- Severity: low\n- Where: line 1\n- Problem: unclear.\n",
            {"some_without_fix"},
        ),
    ],
)
def test_review_findings(text, findings):
    assert names(text, REVIEW) == findings


NUMBERED = (
    "# Code review\n\nThere are 2 findings (1 critical, 1 low).\n\n"
    "### 1. [critical] Line 2: division by zero\n\n- **Severity:** critical\n- **Fix:** check first.\n\n"
    "### 2. [low] Line 1: no docstring\n\n- **Severity:** low\n- **Fix:** add one.\n\n"
    "1. Write it.\n2. Read it.\n\n## What was checked\n\nThe rest is in order."
)


def test_a_finding_is_one_with_its_heading_and_its_steps():
    assert names(NUMBERED, REVIEW) == set()
    assert names(NUMBERED.replace("- **Fix:** add one.\n\n", ""), REVIEW) == {"some_without_fix"}


@pytest.mark.parametrize(
    ("spoil", "finding"),
    [
        (lambda text: text.replace("critical", "odd").replace("low", "odd"), "no_severity"),
        (lambda text: text.replace("Line 2", "Here").replace("Line 1", "There"), "no_lines"),
    ],
)
def test_a_review_without_lines_or_without_a_severity_value_does_not_pass(spoil, finding):
    verdict = check("code_review", spoil(NUMBERED), REVIEW)
    assert finding in names(spoil(NUMBERED), REVIEW)
    assert not verdict.has_passed


@pytest.mark.parametrize(
    "label",
    [
        "Severity: high",
        "**Severity:** medium",
        "[low]",
        "### Critical: x",
        "| high |",
        "high severity",
    ],
)
def test_a_severity_is_found_in_each_usual_form(label):
    text = f"The loop on line 1 never ends.\n\n{label}\n\nFix: add a bound to it, and test it.\n"
    assert "no_severity" not in names(text, REVIEW)


@pytest.mark.parametrize(
    ("said", "is_sourced"),
    [
        ("One source of trouble is the rain.", False),
        ("This is known [1].", False),
        ("## Sources\n\n## Limits\n\nNone.", False),
        ("## Sources\n\n- The order itself, first paragraph", True),
        ("See https://example.org/tea for more.", True),
        ("Tea came in 1610 (Smith, 1998).", True),
        ("According to the order, tea is old.", True),
        ("**Source:** the order", True),
        ("This is from general knowledge.", True),
    ],
)
def test_research_names_its_sources(said, is_sourced):
    assert (
        "no_sources" not in names(f"# Tea\n\nTea is old.\n\n{said}\n", order("research"))
    ) is is_sourced


def test_a_lazy_review_does_not_pass():
    assert not check(
        "code_review", "Looks good to me, ship it whenever you want.", REVIEW
    ).has_passed


@pytest.mark.parametrize(
    ("task_type", "text", "finding"),
    [
        ("bug_fix", "The length is zero for an empty list: check before the division.", "no_code"),
        ("bug_fix", "```python\nx = 1\n```", "no_explanation"),
        ("bug_fix", "```python\ndef f(:\n```", "syntax"),
        ("code_generation", "```python\ndef f()\n    return 1\n```", "syntax"),
        ("testing", "```ts\nconst x: = 1;\n```", "syntax"),
        ("code_generation", "Split the sentence and join the words in reverse order again.", "no_code"),
        ("code_generation", "```python\ndef f():\n    return 1\n```", "no_tests"),
        ("testing", "```python\ndef check_mean():\n    mean([1])\n```", "no_asserts"),
        ("testing", "```python\ndef test_mean():\n    assert mean([1]) == 1\n```", "no_edge_cases"),
        ("data_analysis", "Sales went up a lot in the north and in the south.", "no_numbers"),
        ("data_analysis", "North 30, south 30, west 10.", "no_method"),
        ("content_creation", "Cycling in winter is fun in Oslo. " * 8, "no_structure"),
        ("content_creation", "Cycling in winter is fun in Oslo.", "thin"),
        ("research", "Tea is old, and the ceremony is older still in some places.", "no_sources"),
        ("research", "Tea is old, and the ceremony is older still in some places.", "no_headings"),
        ("design", "One page with a big button on a blue ground, that is all.", "no_usability"),
        ("devops", "Run the container and be done with it, it will be fine.", "no_configuration"),
        ("devops", "Run the container and be done with it, it will be fine.", "no_safety"),
        ("security", "It is all very bad and somebody might come in.", "no_severity"),
        ("unheard_of", "A short answer about ships it is.", "thin"),
    ],
)  # fmt: skip
def test_findings_per_category(task_type, text, finding):
    assert finding in names(
        text, order(task_type, code="x = 1\n" if task_type == "security" else "")
    )


def test_bare_code_counts_as_code():
    assert "no_code" not in names(CODE + "\n\nassert mean([1]) == 1\n", order("code_generation"))


def test_python_2_is_judged_by_nobody():
    task = order("code_generation", "Write it for Python 2.7, please, with words and a sentence.")
    assert "syntax" not in names("```python\nprint 'x'\n```", task)


def test_blocks_and_prose():
    text = "a\n```python title=x\nx\n```\nb\n  ~~~\n  y\n  ~~~\nc\n```\nopen"
    blocks, prose = split_fences(text)
    assert [(b.language, b.code.strip(), b.is_closed) for b in blocks] == [
        ("python", "x", True),
        ("", "y", True),
        ("", "open", False),
    ]
    assert prose == "a\nb\nc"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a `b` c", "a  c"),
        ("a ``b ` c`` d", "a  d"),
        ("``` b `", "``` b `"),
        ("`` b `` c ` d `", " c "),
        ("a ` b\nc ` d", "a ` b\nc ` d"),
        ("\\`a`", "\\`a`"),
        ("\\\\`a`", "\\\\"),
        ("\\``a` b", "\\` b"),
        ("`a\\` b`", " b`"),
        ("no ticks", "no ticks"),
    ],
)
def test_inline_code_is_what_markdown_says(text, left):
    assert without_code_spans(text) == left


@pytest.mark.parametrize(
    ("text", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("I\u2019m sorry, I can\u2019t assist with that request.", True),
        ("Sorry, I cannot do this.", True),
        ("I cannot comply.", True),
        ("Unfortunately, I am unable to complete this task.", True),
        ("I will not write this.", True),
        ("I'm sorry it took long. Here is the text.", False),
        ("Sorry seems to be the hardest word.", False),
        ("# This task cannot be completed\n\nThe recording is not part of it.", True),
        ("I cannot complete this task: the spreadsheet is missing.", True),
        ("The order came without a file, so I can't open it.", True),
        ("I can do it.", False),
        ("The lock cannot be opened from outside; here is why.", False),
        ("Ideas cannot be owned.", False),
        ("I cannot overstate this. " + "A long text follows. " * 80, False),
        ("", False),
    ],
)
def test_refusals_are_told_from_work(text, refuses):
    assert is_refusal(text) is refuses


def test_findings_name_nothing_of_the_text_and_come_costliest_first():
    verdict = check("code_review", "zebra " * 30 + "\nTASK_COMPLETE", REVIEW)
    costs = [finding.cost for finding in verdict.findings]
    assert costs == sorted(costs, reverse=True)
    assert not any("zebra" in finding.message for finding in verdict.findings)


def test_every_check_names_its_source():
    rules = [rule for rules in gate.CHECKS.values() for rule in rules] + list(gate.integrity.CHECKS)
    assert [rule.__name__ for rule in rules if "Source:" not in (rule.__doc__ or "")] == []


# No deadline: the first text in another language loads the language detector, which takes half a second.
@settings(deadline=None)
@given(
    task_type=st.sampled_from(sorted(gate.CHECKS)),
    text=st.text(max_size=400) | st.from_regex(r"(```python\n.*\n```|# .*|- line \d+: .*|\W+)*"),
    code=st.text(max_size=50),
)
def test_any_text_gets_a_verdict(task_type, text, code):
    verdict = check(task_type, text, order(task_type, code=code), forbidden=["zebra crossing"])
    assert 0 <= verdict.score <= 100
    assert verdict.has_passed == (verdict.score >= 70)
    assert verdict == check(
        task_type, text, order(task_type, code=code), forbidden=["zebra crossing"]
    )


HOSTILE = {
    "spaces": " " * 25_000 + "x",
    "lines": "\n" * 25_000,
    "brackets": "[your " * 5_000,
    "hashes": "# " * 12_500,
    "comment": "#" + " " * 25_000,
    "comments": ("#" + " " * 300) * 300,
    "stars": "**" * 12_500,
    "bold": "**ab**\n\n\n" * 2_500,
    "fences": "```\n" * 6_250,
    "parentheses": "(a 20" * 5_000,
    "key starts": "sk-a1" * 5_000,
    "dashes": "-----BEGIN " * 2_500,
    "pipes": "| " * 12_500,
    "sorry": "sorry " * 5_000,
    "cited": "lines " * 5_000,
    "slashes": "a/" * 12_500,
    "severity": "severity" + "\n " * 12_500,
    "severities": "severity: " * 2_500,
    "one word": "x" * 25_000,
    "capitals": "A" * 25_000,
    "python": "```python\n" + "type x" * 3_750 + "\n```",
    "typescript": ("```ts\n" + "[{(<" * 1_850 + "\n```\n") * 3,
    "java": ("```java\n" + "a b(" * 1_850 + "\n```\n") * 3,
    "indented": "```python\n" + "\n    " * 3_750 + "\n```",
    "comment starts": "<!--" * 6_250,
    "comments within": "<!-- a -->" * 2_500,
    "keys without a digit": "sk-" * 8_250,
    "info of a fence": "```" + " " * 25_000 + "`",
    "tildes": "~" * 25_000 + "`",
    "ticks": "`" * 25_000 + "x`",
    "open ticks": "` " * 12_500 + "`",
    "blanks before a fence": " " * 25_000 + "`",
    "dashes of a refusal": "-" * 990,
    "sorry dashes": "sorry" + "-" * 980,
    "apologies": "i'm sorry " * 98,
    "inabilities": "i cannot " * 2_750,
    "no problems": "no real " * 3_000,
    "there are no": "there are no real real " * 1_000,
    "todo": "// todo " * 3_000,
    "todo lines": "-\n" * 12_500,
    "insert": "[insert a" * 2_750,
    "Chinese": "灯塔" * 12_500,
    "Akia": "AKIA" * 6_250,
    "rest of": "# ... the " * 2_500,
    "numbers": "1,234.5 " * 3_000,
    "named numbers": "a: 1 " * 5_000,
    "rows": "a,1,2,3\n" * 3_000,
    "columns": ("w," + "1,2,3,4,5,6,7,8,9," * 5 + "\n") * 40,
    "nested lists": "[" * 25_000,
    "hunks": "@@ -1 +1 @@\n-a\n+b\n" * 1_250,
    "a diff": "```diff\n" + "-a\n+b\n" * 3_750 + "```",
    "functions": "```python\n" + "def f(): pass\n" * 1_500 + "```",
    "a long sum": "```python\nx = " + "1+" * 11_250 + "1\n```",
    "branches": "```python\nif a:\n  b\n" + "elif a:\n  b\n" * 1_750 + "```",
    "tests": "```js\n" + "it('x', () => {});\n" * 1_250 + "```",
    "open tests": "test.each(" * 2_500,
    "bodies": "```c\n" + "int f(void) { // a\n" * 1_250 + "```",
    "remarks": "```c\n) {" + "// a\n" * 5_000 + "```",
    "methods": "```ruby\n" + "def x\n# a\n" * 2_500 + "```",
    "names in code": "`abc_def`" * 2_750,
    "places": "file: a.b/" * 2_500,
    "addresses": "https://a.b/c " * 1_750,
    "authors": "author et al. " * 1_750,
    "entries": "- https://a.b\n" * 1_750,
    "in": "in the our a " * 2_000,
    "port": "port to " * 3_000,
    "select": "select from " * 2_000,
    "open remarks": "```java\n" + "/*" * 3_500 + "\n```",
    "open remarks of an object": "{" + "/*" * 12_500,
    "escaped ticks": "{`" + "\\`" * 12_500,
    "tags": "<a_call " * 3_000,
    "sends": "i'll send it to the one and " * 875,
    "stops": "and so. And " * 2_000,
    "table rows": "| a | b |\n" * 2_500,
    "closed brackets": ")]} a a " * 3_000,
    "forms": "pump pumping the of " * 1_250,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_text_makes_the_gate_slow(name):
    """The gate runs on the event loop that all jobs of a process share."""
    rules = [*gate.integrity.CHECKS, *(rule for rules in gate.CHECKS.values() for rule in rules)]
    for order_of in (
        lambda text: order("bug_fix", text[: len(text) // 5], code="x"),
        lambda text: order("data_analysis", "x", code=text),
    ):
        assert_no_check_is_slow(dict.fromkeys(rules), HOSTILE[name], order_of)


HOLLOW = {
    "zero width": "\u200b" * 200,
    "Hangul fillers": "\u3164" * 200,
    "Braille blanks": "\u2800" * 200,
    "dots": ". " * 200,
    "entities": "&nbsp;" * 100,
    "a comment": "<!-- lighthouses guided ships before satellite navigation, that is all -->",
}


@pytest.mark.parametrize("name", HOLLOW)
def test_what_nobody_sees_is_empty(name):
    assert "empty" in names(HOLLOW[name], order(description="Say it."))


@pytest.mark.parametrize(
    "last",
    [
        "[TASK_COMPLETE]",
        "<TASK_COMPLETE/>",
        "TASK COMPLETE!",
        "T A S K _ C O M P L E T E",
        "Terminate",
        "\uff34\uff21\uff33\uff2b\uff3f\uff23\uff2f\uff2d\uff30\uff2c\uff25\uff34\uff25",
        "TERM\u200bINATE",
        "✅ TASK_COMPLETE ✅",
        "TASK_COMPLETE\n\n---",
        "TASK_COMPLETE TASK_COMPLETE",
        "<|im_end|>",
        "<|endoftext|>",
        "[done]",
    ],
)
def test_a_control_word_is_seen_in_any_dress(last):
    assert "control_text" in names(f"{GOOD_GENERAL}\n\n{last}")


@pytest.mark.parametrize(
    "last",
    [
        "```sh\nfor ship in *; do\n  echo $ship\ndone\n```",
        "```\nTASK_COMPLETE\n```",
        "for ship in *; do echo $ship\ndone",
        "They terminate the line at the lighthouse.",
    ],
)
def test_the_end_of_code_or_of_a_sentence_is_no_control_word(last):
    assert names(f"{GOOD_GENERAL}\n\n{last}") == set()


@pytest.mark.parametrize(
    "text",
    [
        "\x1b[2J",
        "\x07",
        "\u202etxt",
        "\ufeff",
        "a\U000e0061",
        "\u200b\u200b",
        "a\U000e0101\U000e0102",
        "\x9b",
    ],
)
def test_what_nobody_sees_is_not_sent(text):
    assert "unsendable" in names(f"{GOOD_GENERAL} {text}")


@pytest.mark.parametrize(
    "text",
    [
        "👨\u200d👩\u200d👧\u200d👦",
        "❤️\u200d🔥",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "نمی\u200cشود",
        "葛\U000e0100",
        "1️⃣",
        "soft\u00adhyphen",
    ],
)
def test_what_has_its_use_is_sent(text):
    assert names(f"{GOOD_GENERAL} {text}") == set()
