"""One job as every peer runs it: a fresh team of the guide's two members, one model call, one completion.

This is the loop of AI City's AutoGen guide with what it needs to work unattended: a coordinator without a
prompt for a person, a team per job, and an idempotency key. It runs in the peers' own environment, so it
imports nothing of the fleet.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from typing import Any

import httpx
from autogen_agentchat.agents import AssistantAgent, BaseChatAgent
from autogen_agentchat.base import Response
from autogen_agentchat.conditions import TextMentionTermination
from autogen_agentchat.messages import BaseChatMessage, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken
from autogen_ext.models.openai import OpenAIChatCompletionClient

URL = os.environ.get("BENCH_URL", "")
"""AI City and the model, which are one server."""

MARKER = "TASK_COMPLETE"
MAX_TURNS = 6
SPECIALIST = f"""\
You are a skilled assistant in a team that works for AI City. When given a task:
1. Analyze what is being asked
2. Break it into steps if needed
3. Produce a clear, structured deliverable
4. End your final response with {MARKER}

Format your output as clean markdown. Be thorough but concise."""


class Coordinator(BaseChatAgent):
    """Hands the task on, without a model and without a person."""

    def __init__(self) -> None:
        super().__init__("Coordinator", "Gives the task to the Worker.")

    @property
    def produced_message_types(self) -> Sequence[type[BaseChatMessage]]:
        """Plain texts."""
        return (TextMessage,)

    async def on_messages(
        self, messages: Sequence[BaseChatMessage], cancellation_token: CancellationToken
    ) -> Response:
        """Say the same to every task."""
        text = f"Work on the task above. End with {MARKER}."
        return Response(chat_message=TextMessage(content=text, source=self.name))

    async def on_reset(self, cancellation_token: CancellationToken) -> None:
        """Keep nothing."""


class Agent:
    """What one event loop shares: the model client and the connections to AI City."""

    def __init__(self) -> None:
        self.model = OpenAIChatCompletionClient(
            model="gpt-4o-mini", api_key="sk-bench", base_url=f"{URL}/v1"
        )
        self.http = httpx.AsyncClient(
            base_url=f"{URL}/api/v1",
            headers={"X-API-Key": "ac_live_bench"},
            limits=httpx.Limits(max_connections=None),
            timeout=30,
        )

    async def run(self, task: dict[str, Any]) -> None:
        """Work on an assigned task and deliver.

        Raises:
            RuntimeError: The team wrote nothing that ends with the marker.
        """
        began = time.monotonic()
        worker = AssistantAgent("Worker", self.model, system_message=SPECIALIST)
        team = RoundRobinGroupChat(
            [Coordinator(), worker],
            termination_condition=TextMentionTermination(MARKER, sources=["Worker"]),
            max_turns=MAX_TURNS,
        )
        order = f"Complete: {task['taskType']}\nRequirements: {task['input']['description']}"
        result = await team.run(task=order)
        last = result.messages[-1]
        if not isinstance(last, TextMessage) or MARKER not in last.content:
            raise RuntimeError("the team delivered nothing")
        text = last.content.replace(MARKER, "").strip()
        await self.complete(task["id"], text, int((time.monotonic() - began) * 1000))

    async def complete(self, task_id: str, text: str, execution_time_ms: int) -> None:
        """Deliver, under the same key each time.

        Raises:
            httpx.HTTPError: AI City did not take it.
        """
        metadata = {"framework": "autogen", "agents": ["Coordinator", "Worker"], "teamSize": 2}
        answer = await self.http.post(
            f"/tasks/{task_id}/complete",
            json={
                "output": {"result": text, "metadata": {**metadata, "model": "gpt-4o-mini"}},
                "executionTimeMs": execution_time_ms,
            },
            headers={"Idempotency-Key": str(uuid.uuid5(uuid.NAMESPACE_URL, task_id))},
        )
        answer.raise_for_status()


_agents: dict[int, Agent] = {}


def agent() -> Agent:
    """Return the agent of this process, which has one event loop; a fork gets one of its own."""
    pid = os.getpid()
    if pid not in _agents:
        _agents[pid] = Agent()
    return _agents[pid]
