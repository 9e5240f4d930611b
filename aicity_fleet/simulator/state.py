"""Everything that one running simulator holds, and what its report says about it.

The routes share one ``Simulator``; a reset replaces its contents. Nothing is written to disk.
"""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
from collections import Counter
from typing import Any, Literal

from starlette.requests import Request
from starlette.responses import Response

from aicity_fleet.simulator.city import City
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.faults import HANG_SECONDS, FaultBoard, Plan
from aicity_fleet.simulator.model.endpoint import ModelEndpoint
from aicity_fleet.simulator.replies import Dropped, garbage
from aicity_fleet.simulator.tasks import EndingAttempt, EndingKind, fingerprint, instant


class Simulator:
    """One marketplace, one model, the faults that stand, and the counts.

    Args:
        config: How it behaves; kept over resets.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        self.config = config
        self.reset()

    def reset(self) -> None:
        """Forget every task, agent, fault and count."""
        self.city = City(self.config)
        self.faults = FaultBoard()
        self.model = ModelEndpoint(self.config)
        self.requests: Counter[str] = Counter()
        self.unknown_endings: list[dict[str, Any]] = []
        """Tries to end a task that does not exist."""
        self._attempts = 0

    def note_attempt(self, task_id: str, attempt: EndingAttempt) -> None:
        """Write down one try to end a task, with its place in the order of all of them."""
        self._attempts += 1
        attempt = dataclasses.replace(attempt, number=self._attempts)
        task = self.city.tasks.get(task_id)
        if task is None:
            self.unknown_endings.append({"taskId": task_id, **attempt.to_json()})
        else:
            task.attempts.append(attempt)

    def report(self) -> dict[str, Any]:
        """Who ended what and how often, for tests that count; see ``control``."""
        city, model = self.city, self.model
        tasks: dict[str, Any] = {}
        for task in city.tasks.values():
            mark = fingerprint(
                str(task.input.get("description", "")), str(task.input.get("code", ""))
            )
            tasks[task.task_id] = {
                "status": task.status.value,
                "taskType": task.task_type,
                "maxBudget": task.max_budget,
                "paidCents": task.paid_cents,
                "score": task.assessment["score"] if task.assessment else None,
                "failure": task.failure,
                "acceptedEndings": task.accepted_endings,
                "attempts": [attempt.to_json() for attempt in task.attempts],
                "listings": task.listings,
                "modelCalls": model.calls_by_fingerprint[mark],
                "sharesContentWith": len(city.by_fingerprint[mark]) - 1,
            }
        statuses = Counter(task.status.value for task in city.tasks.values())
        attempts = [attempt for task in city.tasks.values() for attempt in task.attempts]
        return {
            "tasks": tasks,
            "unknownEndings": self.unknown_endings,
            "agents": {agent.agent_id: agent.profile() for agent in city.registry.agents.values()},
            "model": model.report(),
            "faults": dict(self.faults.fired),
            "totals": {
                "tasks": len(city.tasks),
                "open": sum(task.is_open for task in city.tasks.values()),
                "byStatus": dict(statuses),
                "acceptedEndings": sum(task.accepted_endings for task in city.tasks.values()),
                "endedTwice": sum(task.accepted_endings > 1 for task in city.tasks.values()),
                "attempts": len(attempts),
                "answersLost": sum(attempt.is_answer_lost for attempt in attempts),
                "conflicts": sum(attempt.status == 409 for attempt in attempts),
                "requests": dict(self.requests),
                "credits": city.credits,
            },
        }


@dataclasses.dataclass(slots=True)
class Ending:
    """What one request to end a task was, gathered while it is carried out."""

    kind: EndingKind
    surface: Literal["api", "bridge"]
    task_id: str
    key: str | None
    body_sha256: str = ""

    @classmethod
    async def of(
        cls, request: Request, kind: EndingKind, surface: Literal["api", "bridge"]
    ) -> Ending:
        """Read what identifies an attempt from its request."""
        body_sha256 = hashlib.sha256(await request.body()).hexdigest()
        key = request.headers.get("Idempotency-Key")
        return cls(kind, surface, request.path_params["task_id"], key, body_sha256)

    def attempt(
        self, status: int, accepted: bool, at: str, fault: str | None, lost: bool
    ) -> EndingAttempt:
        """The entry for the report."""
        return EndingAttempt(
            kind=self.kind,
            status=status,
            is_accepted=accepted,
            is_answer_lost=lost,
            idempotency_key=self.key,
            body_sha256=self.body_sha256,
            surface=self.surface,
            at=at,
            fault=fault,
        )


async def replaced_answer(plan: Plan) -> Response | None:
    """Wait as planned, and give the answer that comes instead of carrying out the request.

    ``status`` is left to the caller: its body differs between the API and the model.
    """
    if plan.delay_seconds:
        await asyncio.sleep(plan.delay_seconds)
    fault = plan.ending
    if fault is None or fault.after_commit:
        return None
    if fault.kind == "hang":
        await asyncio.sleep(fault.seconds or HANG_SECONDS)
        return Dropped()
    if fault.kind == "reset":
        return Dropped()
    if fault.kind == "garbage":
        return garbage()
    return None


def now_text(simulator: Simulator) -> str:
    """The city's present time, as JSON carries it."""
    return instant(simulator.city.now())
