"""The keys that a server requires are read from faults of every common shape, and make a body."""

import pytest

from aicity_fleet.aicity.contract import Contract, load_contract
from aicity_fleet.doctor.body_keys import Key, judge_body, required_keys

CONTRACT = load_contract("api")
COMPLETE, FAIL = CONTRACT.complete_body, CONTRACT.fail_body

SHAPES = {
    "by field": {"output": "Field required", "took": "Field required"},
    "zod issues": [
        {"code": "invalid_type", "path": ["output"], "message": "Required"},
        {"code": "invalid_type", "path": ["took"], "message": "Required"},
    ],
    "pydantic": [
        {"loc": ["body", "output"], "msg": "Field required", "type": "missing"},
        {"loc": ["body", "took"], "msg": "Field required", "type": "missing"},
    ],
    "zod flattened": {
        "formErrors": [],
        "fieldErrors": {"output": ["Required"], "took": ["Required"]},
    },
    "zod formatted": {
        "_errors": [],
        "output": {"_errors": ["Required"]},
        "took": {"_errors": ["x"]},
    },
    "ajv": [
        {"instancePath": "", "params": {"missingProperty": "output"}, "message": "must have"},
        {"instancePath": "", "params": {"missingProperty": "took"}, "message": "must have"},
    ],
    "field and message": [
        {"field": "output", "message": "is required"},
        {"field": "took", "message": "is required"},
    ],
    "below body": {"body": {"output": "Required", "took": "Required"}},
    "below errors": {
        "errors": [{"path": "output", "message": "x"}, {"path": "took", "message": "x"}]
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_faults_of_every_shape_name_their_keys(shape):
    assert [str(key) for key in required_keys(SHAPES[shape])] == ["output", "took"]


def test_nested_keys_and_kinds_are_read():
    faults = [
        {"path": ["output"], "expected": "object", "message": "Required"},
        {"path": ["output", "text"], "message": "expected string, received undefined"},
    ]
    assert required_keys(faults) == (
        Key(("output",), "object"),
        Key(("output", "text"), "text"),
    )
    assert [str(key) for key in required_keys({"output.text": "Required"})] == ["output.text"]


@pytest.mark.parametrize(
    "details",
    [
        *(None, "Required", 7, [], {}, [None, 3, "x"], [{"path": []}], {"formErrors": ["bad"]}),
        [{"loc": ["path", "task_id"], "msg": "not a uuid"}],
        {"id": "not an id"},
        {"\x1b[2J": "x", "a b": "y", '"]\n[paths': "z", "": "w"},
    ],
)
def test_what_is_no_key_of_the_body_is_left_out(details):
    assert required_keys(details) == ()


def test_a_flood_of_faults_is_bounded():
    assert len(required_keys({f"key{number}": "Required" for number in range(500)})) <= 30
    for name in ("a", "errors"):
        nested: object = "Required"
        for _ in range(5000):
            nested = {name: nested}
        assert required_keys(nested) == ()


def keys(*names: str) -> tuple[Key, ...]:
    return tuple(Key(tuple(name.split("."))) for name in names)


def test_a_template_with_all_keys_stays():
    report = judge_body("complete_body", COMPLETE, keys("output", "executionTimeMs"))
    assert (report.missing, report.template) == ((), None)


@pytest.mark.parametrize(
    ("name", "required", "template"),
    [
        ("complete_body", keys("text"), {"text": "{text}"}),
        ("complete_body", (Key(("output",), "text"),), {"output": "{text}"}),
        (
            "complete_body",
            keys("result", "duration_ms"),
            {"result": "{text}", "duration_ms": "{execution_time_ms}"},
        ),
        ("complete_body", (Key(("delivery",), "object"),), {"delivery": {"result": "{text}"}}),
        (
            "complete_body",
            (Key(("work",), "object"), *keys("work.content", "modelName")),
            {"work": {"content": "{text}"}, "modelName": "{model}"},
        ),
        (
            "fail_body",
            keys("errorCode", "errorMessage"),
            {"errorCode": "{code}", "errorMessage": "{message}"},
        ),
        ("fail_body", keys("reason", "code"), {"reason": "{message}", "code": "{code}"}),
        ("fail_body", keys("reason", "details"), {"reason": "{code}", "details": "{message}"}),
    ],
)
def test_a_template_is_built_from_what_is_required(name, required, template):
    ours = COMPLETE if name == "complete_body" else FAIL
    report = judge_body(name, ours, required)
    assert report.template == template
    assert report.unmapped == ()
    Contract.model_validate({**CONTRACT.model_dump(by_alias=True), name: template})


def test_a_key_that_nobody_knows_is_told_and_the_text_is_sent_all_the_same():
    report = judge_body("complete_body", COMPLETE, keys("durationSeconds"))
    assert [str(key) for key in report.unmapped] == ["durationSeconds"]
    assert report.template is not None
    assert report.template["output"]["result"] == "{text}"
