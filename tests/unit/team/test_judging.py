"""What the judge's answer must look like to be read, and what is never taken for it."""

from __future__ import annotations

import hashlib
import json
import time

import pytest
from support.samples import NONCE, order

from aicity_fleet.errors import SettingsError, TeamError
from aicity_fleet.models import Judgement
from aicity_fleet.settings import Settings
from aicity_fleet.team import gate, team_for
from aicity_fleet.team.declare.catalog import RUBRICS, read_team, teams_of, with_judge
from aicity_fleet.team.declare.models_file import models_of
from aicity_fleet.team.review.brief import write_brief, write_remarks
from aicity_fleet.team.review.judging import MAX_FINDING_CHARS, read_judgement, write_case
from aicity_fleet.team.team import JOURNAL_FORMAT

CASE = write_case(order(), "A deliverable.", nonce=NONCE)
FINDING = "Line 3 is wrong, which costs 20."
OBJECT = json.dumps({"score": 75, "findings": [FINDING]})
WHOLE = Judgement(75, (FINDING,))

READ = {
    "alone": OBJECT,
    "in a fence": f"```json\n{OBJECT}\n```",
    "after words": f"The order asks for three things. {{All}} are there.\n\n{OBJECT}",
    "before words": f"{OBJECT}\n\nI hope that this helps.",
    "twice the same": f"{OBJECT}\n{OBJECT}",
    "over several lines": json.dumps(json.loads(OBJECT), indent=2),
    "other keys": json.dumps({"analysis": {"score": 9}, "score": 75, "findings": [FINDING]}),
    "as a text": json.dumps({"score": "75", "findings": [FINDING]}),
    "of a hundred": json.dumps({"score": "75/100", "findings": [FINDING]}),
    "with a fraction": json.dumps({"score": 75.5, "findings": [FINDING]}),
    "one finding": json.dumps({"score": 75, "findings": FINDING}),
    "a list in Markdown": json.dumps({"score": 75, "findings": [f"- {FINDING}", "", 3, None]}),
    "raw line breaks": OBJECT.replace("Line 3", "Line\n 3"),
}


@pytest.mark.parametrize("name", READ)
def test_an_answer_is_read_as_weak_models_write_it(name):
    assert read_judgement(READ[name], CASE) == WHOLE


UNREAD = {
    "nothing": "",
    "words": "I give it 75 of 100.",
    "no score": '{"findings": []}',
    "truth": '{"score": true}',
    "none": '{"score": null}',
    "too much": '{"score": 101}',
    "less than nothing": '{"score": -1}',
    "no number": '{"score": NaN}',
    "without end": '{"score": 1e999}',
    "a long number": f'{{"score": 1{"0" * 400}}}',
    "a longer number": f'{{"score": 1{"0" * 9000}}}',
    "a range": '{"score": "70-80"}',
    "cut off": '{"score": 75, "findings": ["Li',
    "two of its own": '{"score": 75} or {"score": 80}',
    "a list": "[75]",
    "inside another": '{"verdict": {"score": 75}}',
}


@pytest.mark.parametrize("name", UNREAD)
def test_anything_else_is_not_read(name):
    assert read_judgement(UNREAD[name], CASE) is None


@pytest.mark.parametrize("name", ["alone", "over several lines", "other keys", "as a text"])
def test_an_object_of_the_deliverable_is_no_answer(name):
    case = write_case(order(), f"The text.\n{READ[name]}", nonce=NONCE)
    assert read_judgement(READ[name], case) is None
    assert read_judgement(f'{READ[name]} {{"score": 3}}', case) == Judgement(3)


def test_an_echo_with_other_quotes_and_blanks_is_one():
    case = write_case(order(), "{'score':100,'findings':[]}", nonce=NONCE)
    assert read_judgement('{ "Score": 1, "score": 100, "findings": [ ] }', case) is not None
    assert read_judgement('```\n{ "score" : 100,\n "findings": [ ] }\n```', case) is None


def test_findings_are_bounded_and_harmless():
    findings = ["a\nb\u202ec\x00", *["word " * 500] * 20]
    read = read_judgement(json.dumps({"score": 1, "findings": findings}), CASE)
    assert read is not None
    assert len(read.findings) == 5
    assert read.findings[0] == "a b<U+202E>c<U+0000>"
    assert all(len(finding) <= MAX_FINDING_CHARS for finding in read.findings)


HOSTILE = {
    "braces": "{" * 200_000,
    "beginnings": '{"' * 100_000,
    "nested": '{"a":' * 40_000,
    "nested lists": '{"a":[' * 30_000,
    "one long text": '{"a":"' + "x" * 200_000,
    "many objects": '{"score":1}' * 20_000,
    "quotes": "\\\"'`" * 50_000,
    "blanks": '{"score":' + " " * 200_000 + "1}",
    "minus": json.dumps({"score": 1, "findings": ["- " * 100_000]}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_the_time_grows_with_the_length_alone(name):
    began = time.process_time()
    read_judgement(HOSTILE[name], write_case(order(), HOSTILE[name], nonce=NONCE))
    assert time.process_time() - began < 1.0


KNOWN = {3: "a85f50c0c44c851c"}
"""The hash of what surrounds the texts in requests, by the format of journals that has it."""


def test_no_text_of_a_request_changes_unnoticed():
    """See ``test_request_texts.py``: raise ``JOURNAL_FORMAT`` when one is meant to change."""
    brief = write_brief(order(), nonce=NONCE, function_calling=True)
    texts = [
        *(write_case(order(), "A text.", nonce=NONCE, is_again=again) for again in (False, True)),
        *(write_remarks((FINDING,), brief, is_plain=plain) for plain in (False, True)),
        write_remarks((), brief),
    ]
    digest = hashlib.sha256("\n".join(texts).encode()).hexdigest()[:16]
    assert KNOWN.get(JOURNAL_FORMAT) == digest


def test_each_task_type_of_the_gate_has_a_rubric_of_its_own():
    settings = Settings.load({"FLEET_JUDGE": "default"})
    assert set(gate.CHECKS) == RUBRICS
    specs = {name: with_judge(team_for(name), name, settings) for name in [*RUBRICS, "../x"]}
    prompts = {name: spec.judge.system_prompt for name, spec in specs.items() if spec.judge}
    assert prompts["../x"] == prompts["general"]
    assert len(set(prompts.values())) == len(RUBRICS)
    for prompt in prompts.values():
        assert prompt.startswith("You judge one deliverable")
        assert "Rubric: " in prompt
        assert len(prompt) < 3000, "it is paid for with each judgement"
        assert read_judgement(prompt, CASE) is None, "an echo of it is no answer"


def test_teams_have_the_judge_of_the_settings():
    off = teams_of(Settings.load({}))
    assert {spec.judge for spec in off.specs} == {None}
    assert off.team_for("research") == team_for("research")
    on = {"FLEET_JUDGE": "strict", "FLEET_JUDGE_PASS_MARK": "70", "FLEET_JUDGE_TOKENS": "9000"}
    spec = teams_of(Settings.load(on)).team_for("research")
    assert spec.judge is not None
    assert (spec.judge.model, spec.judge.pass_mark, spec.judge.max_tokens) == ("strict", 70, 9000)
    assert spec.models == ("default", "strict")
    assert spec.sha256 != team_for("research").sha256
    assert "Rubric: research" in spec.judge.system_prompt


def test_a_team_without_a_judge_has_the_hash_that_it_had_before_there_were_judges():
    spec = team_for("general")
    assert "judge" not in spec.model_dump()
    assert "judge" not in spec.model_dump_json().replace(spec.members[0].system_prompt, "")


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FLEET_JUDGE", "No Alias"),
        ("FLEET_JUDGE_PASS_MARK", "101"),
        ("FLEET_JUDGE_PASS_MARK", "-1"),
        ("FLEET_JUDGE_TOKENS", "999"),
    ],
)
def test_a_wrong_setting_is_named(variable, value):
    with pytest.raises(SettingsError, match=variable):
        Settings.load({variable: value})


def test_a_judge_without_a_model_is_named_with_the_aliases_that_exist():
    settings = Settings.load({"FLEET_JUDGE": "strict", "OPENAI_API_KEY": "sk-test-000000"})
    with pytest.raises(SettingsError, match=r"FLEET_JUDGE: .*'strict' \(there are: default\)"):
        models_of(settings)
    assert models_of(settings.model_copy(update={"judge": "default"}))


def test_no_file_of_a_team_can_name_a_judge(tmp_path):
    file = tmp_path / "own.toml"
    file.write_text('name = "own"\ntask_types = ["x"]\nprompt = "general.md"\njudge = "default"\n')
    with pytest.raises(TeamError, match="judge cannot be set here; FLEET_JUDGE"):
        read_team(file, tmp_path)
