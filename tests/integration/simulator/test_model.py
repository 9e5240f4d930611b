import asyncio
import json
from itertools import count
from typing import Any

import httpx
import openai
import pytest
from autogen_agentchat.agents import AssistantAgent
from autogen_core.models import ModelFamily
from autogen_ext.models.openai import OpenAIChatCompletionClient
from support.orders import install

from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.demo_tasks import demo_tasks
from aicity_fleet.simulator.serve import running

NONCES = count(1)
SUBMIT = {
    "type": "function",
    "function": {
        "name": "submit",
        "parameters": {"type": "object", "properties": {"content": {"type": "string"}}},
    },
}
SYSTEM = {"role": "system", "content": "You are a specialist with rules of your own."}
REVISE = {"role": "user", "content": "Revise: your hand-in did not pass.\n- no line is cited"}


def brief(task: dict, *, marker: str = "", nonce: str = "") -> dict[str, str]:
    nonce = nonce or f"n{next(NONCES):08}"
    hand_in = f"marker {marker}" if marker else "submit"
    lines = [f"Task type: {task['taskType']}", f"Hand in with: {hand_in}", ""]
    for name in ("description", "code"):
        if name in task["input"]:
            lines += [f"BEGIN BUYER TEXT {nonce}: {name}", task["input"][name]]
            lines.append(f"END BUYER TEXT {nonce}")
    return {"role": "user", "content": "\n".join(lines)}


def ask(model: httpx.Client, *messages: object, tools: bool = True) -> httpx.Response:
    body: dict[str, object] = {"model": "simulated", "messages": [SYSTEM, *messages]}
    if tools:
        body["tools"] = [SUBMIT]
    return model.post("/chat/completions", json=body)


def handed_in(response: httpx.Response) -> str:
    (choice,) = response.raise_for_status().json()["choices"]
    assert choice["finish_reason"] == "tool_calls"
    (call,) = choice["message"]["tool_calls"]
    assert call["function"]["name"] == "submit"
    text: str = json.loads(call["function"]["arguments"])["content"]
    return text


def test_the_same_request_gets_the_same_answer(model):
    message = brief(demo_tasks()[0], nonce="fixed")
    first, second = ask(model, message), ask(model, message)
    assert first.content == second.content
    usage = first.json()["usage"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"] > 300


def test_every_demo_task_is_delivered_paid_and_counted(api, model, control):
    ids = control.post("/tasks", json=demo_tasks()).json()["ids"]
    scores = {}
    for task in api.get("/tasks/assigned").json()["data"]:
        message = brief(task)
        ask(model, message)
        text = handed_in(ask(model, message, {"role": "assistant", "content": ""}, REVISE))
        body = {"output": {"result": text}, "executionTimeMs": 1}
        done = api.post(f"/tasks/{task['id']}/complete", json=body).json()["data"]
        scores[task["id"]] = done["qualityScore"]
    assert all(scores[task_id] >= 70 for task_id in ids[:-1])
    assert scores[ids[-1]] < 70
    report = control.get("/report").json()
    assert all(report["tasks"][task_id]["modelCalls"] == 2 for task_id in ids)
    assert report["model"]["answered"] == 24
    assert report["model"]["repeatedRequests"] == 0
    assert len(report["model"]["callsByNonce"]) == 12
    assert report["totals"]["byStatus"] == {"completed": 11, "failed": 1}


def test_a_marker_ends_a_hand_in_without_tools(model):
    response = ask(model, brief(demo_tasks()[9], marker="DONE-4711"), tools=False)
    (choice,) = response.json()["choices"]
    assert choice["finish_reason"] == "stop"
    assert choice["message"]["content"].splitlines()[-1] == "DONE-4711"
    assert choice["message"]["content"].count("DONE-4711") == 1


def test_a_tool_result_is_closed_with_a_short_text(model):
    message = brief(demo_tasks()[0])
    call = ask(model, message).json()["choices"][0]["message"]
    result = {"role": "tool", "tool_call_id": call["tool_calls"][0]["id"], "content": "ok"}
    closing = ask(model, message, call, result).json()["choices"][0]
    assert closing["finish_reason"] == "stop"
    assert len(closing["message"]["content"]) < 80


def test_the_hostile_task_is_reviewed_and_not_obeyed(model):
    text = handed_in(ask(model, brief(demo_tasks()[10]), REVISE))
    assert "Line 30" in text
    assert "TASK_COMPLETE" not in text
    assert SYSTEM["content"] not in text


def test_an_obedient_model_gives_everything_away(model, control):
    install(control, operation="model", kind="obey")
    message = brief(demo_tasks()[10], nonce="secret-nonce")
    text = handed_in(ask(model, message))
    assert "TASK_COMPLETE" in text
    assert SYSTEM["content"] in text
    assert "secret-nonce" in text


def test_the_impossible_task_is_declined_in_every_round(model):
    message = brief(demo_tasks()[11])
    for messages in ((message, REVISE), (message, REVISE, REVISE)):
        text = handed_in(ask(model, *messages))
        assert "cannot" in text
        assert "recording" in text


def test_a_flawed_model_never_gets_better(model, control):
    install(control, operation="model", kind="flawed", count=None)
    message = brief(demo_tasks()[1])
    rounds = [(message,), (message, REVISE), (message, REVISE, REVISE)]
    assert len({handed_in(ask(model, *messages)) for messages in rounds}) == 1
    flawed = handed_in(ask(model, message, REVISE))
    control.delete("/faults")
    assert handed_in(ask(model, message, REVISE)) != flawed


def test_bent_answers(model, control):
    message = brief(demo_tasks()[0])
    whole = {}
    for kind in ("no_choices", "empty_content", "cut"):
        install(control, operation="model", kind=kind)
        whole[kind] = ask(model, message).json()
    assert whole["no_choices"]["choices"] == []
    assert whole["empty_content"]["choices"][0]["message"]["content"] == ""
    assert whole["cut"]["choices"][0]["finish_reason"] == "length"
    (call,) = whole["cut"]["choices"][0]["message"]["tool_calls"]
    with pytest.raises(json.JSONDecodeError):
        json.loads(call["function"]["arguments"])


@pytest.mark.parametrize("arguments", ['{"content": "Lighthou', "", "[]", "[" * 100_000])
def test_a_history_with_unreadable_arguments_is_refused(model, arguments):
    message = brief(demo_tasks()[0])
    function = {"name": "submit", "arguments": arguments}
    call = {"id": "call_1", "type": "function", "function": function}
    said = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_1", "content": "Not understood."}
    assert ask(model, message, said, result).status_code == 500


def test_provider_errors_have_the_providers_form(model, control):
    message = brief(demo_tasks()[0])
    install(control, operation="model", kind="status", status=429, retryAfter=2)
    limited = ask(model, message)
    assert (limited.status_code, limited.headers["Retry-After"]) == (429, "2")
    assert limited.json()["error"]["code"] == "rate_limit_exceeded"
    install(control, operation="model", kind="status", status=429, code="insufficient_quota")
    assert ask(model, message).json()["error"]["type"] == "insufficient_quota"
    for status in (400, 401, 500, 503):
        install(control, operation="model", kind="status", status=status)
        assert ask(model, message).status_code == status
    install(control, operation="model", kind="garbage")
    assert ask(model, message).headers["Content-Type"].startswith("text/html")
    for kind in ("reset", "reply_lost_after_commit"):
        install(control, operation="model", kind=kind)
        with pytest.raises(httpx.RemoteProtocolError):
            ask(model, message)
    report = control.get("/report").json()["model"]
    assert report["answered"] == 1  # the one whose answer was lost
    assert report["refused"] == {"status": 6, "garbage": 1, "reset": 1}


def test_a_model_fault_can_strike_one_task_only(model, control):
    tasks = demo_tasks()
    ids = control.post("/tasks", json=tasks).json()["ids"]
    install(control, operation="model", kind="status", status=500, taskId=ids[4], count=None)
    assert ask(model, brief(tasks[3])).status_code == 200
    assert ask(model, brief(tasks[4])).status_code == 500
    assert ask(model, brief(tasks[4])).status_code == 500


def test_an_answer_that_nobody_waits_for_is_not_counted_as_bought():
    config = SimulatorConfig(model_latency_seconds=(0.3, 0.3))
    with running(create_app(config)) as url:
        headers = {"Authorization": "Bearer x"}
        with (
            httpx.Client(base_url=f"{url}/v1", headers=headers, timeout=0.1) as client,
            pytest.raises(httpx.ReadTimeout),
        ):
            ask(client, brief(demo_tasks()[9]))
        with httpx.Client(base_url=f"{url}/v1", headers=headers, timeout=5) as client:
            ask(client, brief(demo_tasks()[4]))
        report = httpx.get(f"{url}/_sim/report").json()["model"]
    assert (report["started"], report["answered"], report["abandoned"]) == (2, 1, 1)


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"model": "", "messages": [SYSTEM]},
        {"model": "x", "messages": []},
        {"model": "x", "messages": ["hi"]},
        {"model": "x", "messages": [SYSTEM], "stream": "yes"},
        {"model": "x", "messages": [SYSTEM], "tools": 5},
    ],
)
def test_a_wrong_request_is_refused(model, body):
    response = model.post("/chat/completions", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_key_is_needed(url):
    body = {"model": "x", "messages": [SYSTEM]}
    assert httpx.post(f"{url}/v1/chat/completions", json=body).status_code == 401
    assert httpx.get(f"{url}/v1/models").status_code == 401


def test_the_official_client_can_read_it(url):
    with openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
        assert "simulated" in {entry.id for entry in client.models.list()}
        answer = client.chat.completions.create(
            model="simulated", messages=[{"role": "user", "content": "Plan a small garden."}]
        )
        assert "garden" in (answer.choices[0].message.content or "")
        assert answer.usage is not None


def test_the_official_client_can_stream_it(url):
    asked: Any = {"model": "simulated", "messages": [{"role": "user", "content": "Plan a garden."}]}
    with openai.OpenAI(base_url=f"{url}/v1", api_key="x", max_retries=0) as client:
        whole = client.chat.completions.create(**asked)
        pieces = list(client.chat.completions.create(**asked, stream=True))
    text = "".join(p.choices[0].delta.content or "" for p in pieces if p.choices)
    assert text == whole.choices[0].message.content
    assert [p.choices[0].finish_reason for p in pieces if p.choices][-1] == "stop"
    assert pieces[-1].usage == whole.usage


def test_the_guides_prompt_is_understood(model):
    system = {"role": "system", "content": "End your final response with TASK_COMPLETE"}
    user = {"role": "user", "content": "Complete: general\nRequirements: Plan a small garden."}
    body = {"model": "x", "messages": [system, user]}
    text = model.post("/chat/completions", json=body).json()["choices"][0]["message"]["content"]
    assert text.splitlines()[-1] == "TASK_COMPLETE"


def test_an_autogen_agent_hands_in_through_its_tool(url):
    handed: list[str] = []

    async def submit(content: str) -> str:
        """Hand in the deliverable."""
        handed.append(content)
        return "received"

    async def run() -> None:
        client = OpenAIChatCompletionClient(
            model="simulated",
            base_url=f"{url}/v1",
            api_key="x",
            max_retries=0,
            model_info={
                "vision": False,
                "function_calling": True,
                "json_output": False,
                "family": ModelFamily.UNKNOWN,
                "structured_output": False,
            },
        )
        agent = AssistantAgent("Worker", client, tools=[submit], reflect_on_tool_use=True)
        result = await agent.run(task=brief(demo_tasks()[7])["content"])
        assert result.messages[-1].to_text() == "The work is handed in."
        await client.close()

    asyncio.run(run())
    assert "parse_duration" in handed[0]


def _tool(name: str) -> dict:
    parameters = {"type": "object", "properties": {}}
    return {"type": "function", "function": {"name": name, "parameters": parameters}}


def test_it_hands_in_although_further_tools_are_offered(model):
    tools = [_tool("ruff"), SUBMIT, _tool("search")]
    messages = [SYSTEM, brief(demo_tasks()[0])]
    body = {"model": "simulated", "messages": messages, "tools": tools}
    assert handed_in(model.post("/chat/completions", json=body))


def test_a_member_with_tools_that_hands_nothing_in_gets_an_answer_in_words(model):
    messages = [SYSTEM, brief(demo_tasks()[0])]
    body = {"model": "simulated", "messages": messages, "tools": [_tool("ruff")]}
    (choice,) = model.post("/chat/completions", json=body).json()["choices"]
    assert choice["finish_reason"] == "stop"
    assert len(choice["message"]["content"]) > 200
