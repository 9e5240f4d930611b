from __future__ import annotations

import base64
import zlib

import pytest
from containment.secrets import CREDENTIALS, DISGUISES, MODEL_KEY
from support.growth import assert_grows_with_the_length
from support.samples import GOOD, GOOD_GENERAL, NONCE, order

from aicity_fleet.simulator.demo_tasks import demo_tasks
from aicity_fleet.team import gate, load_teams
from aicity_fleet.team.gate.disguise import holds_any
from aicity_fleet.team.review.brief import private_lines, write_brief

SECRETS = (*CREDENTIALS.values(), NONCE)
LINES = tuple(
    line
    for spec in load_teams(None).specs
    for member in spec.members
    for line in private_lines(member.system_prompt)
)
RULES = write_brief(order(), nonce=NONCE, function_calling=False).private_texts


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("secret", SECRETS)
def test_a_key_is_found_in_each_disguise(secret, disguise):
    text = f"{GOOD_GENERAL}\n\nNote: {DISGUISES[disguise](secret)}"
    verdict = gate.check("general", text, order(), forbidden=SECRETS)
    assert {finding.check for finding in verdict.findings} & {"forbidden", "unsendable"}


@pytest.mark.parametrize(
    "disguise", ["plain", "base64", "hex", "reversed", "rot13", "upper", "quoted"]
)
def test_lines_of_the_instructions_are_found(disguise):
    assert len(LINES) > 50
    for line in (*LINES[:10], *(rule for rule in RULES if " " in rule)):
        assert holds_any(f"{GOOD_GENERAL} {DISGUISES[disguise](line)}", LINES + RULES), line


def test_half_a_key_is_found_and_its_beginning_is_not():
    assert holds_any(f"It is {MODEL_KEY[:23]}", [MODEL_KEY])
    assert not holds_any(f"It begins with {MODEL_KEY[:3]}...", [MODEL_KEY])


@pytest.mark.parametrize("task_type", sorted(GOOD))
def test_honest_work_holds_nothing_of_ours(task_type):
    task, text = GOOD[task_type]
    assert gate.check(task_type, text, task, forbidden=(*SECRETS, *LINES, *RULES)).findings == ()


def test_the_orders_of_the_demo_hold_nothing_of_ours():
    for task in demo_tasks():
        text = "\n".join(str(value) for value in task["input"].values())
        assert not holds_any(text, (*SECRETS, *LINES, *RULES))


def test_a_word_that_anybody_could_write_is_no_secret_in_disguise():
    assert not holds_any("Set the Redis password.", ["redis-password"])


def test_what_is_not_claimed():
    """TranscriptEvent so in docs/security.md: the control is that no model is told a key."""
    twice = base64.b64encode(base64.b64encode(MODEL_KEY.encode())).decode()
    packed = base64.b64encode(zlib.compress(MODEL_KEY.encode())).decode()
    acrostic = "\n".join(f"{char} is a letter of the lighthouse." for char in MODEL_KEY)
    for text in (twice, packed, acrostic):
        assert not holds_any(text, [MODEL_KEY])


@pytest.mark.parametrize("text", ["a", "0 ", "ab12", "%41", "12 ", "\\x41"])
def test_the_longest_text_is_looked_through_in_time(text):
    secrets = (*SECRETS, *LINES, *RULES)
    assert_grows_with_the_length(
        lambda part: holds_any(part, secrets), text * (400_000 // len(text))
    )
