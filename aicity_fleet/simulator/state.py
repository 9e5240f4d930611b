"""Everything that one running simulator holds, and what its report says about it.

The routes share one ``Simulator``; a reset replaces its contents. Nothing is written to disk.
"""

from collections import Counter
from typing import Any

from aicity_fleet.simulator.city import City
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.faults import FaultBoard
from aicity_fleet.simulator.model.endpoint import ModelEndpoint


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
        self.unknown_endings: list[dict[str, Any]] = []
        """Tries to end a task that does not exist."""
        self._attempts = 0

    def note_attempt(self, task_id: str, attempt: dict[str, Any]) -> None:
        """Record one try to end a task, with its place in the order of all of them."""
        self._attempts += 1
        attempt["number"] = self._attempts
        task = self.city.tasks.get(task_id)
        if task is None:
            self.unknown_endings.append({"taskId": task_id, **attempt})
        else:
            task.attempts.append(attempt)

    def report(self) -> dict[str, Any]:
        """Return who ended what and how often, for tests that count; see ``control``."""
        city = self.city
        tasks = {
            task.task_id: {
                "status": task.status.value,
                "paidCents": task.paid_cents,
                "score": task.score,
                "failure": task.failure,
                "acceptedEndings": task.accepted_endings,
                "attempts": task.attempts,
                "modelCalls": self.model.calls_by_fingerprint[task.fingerprint],
            }
            for task in city.tasks.values()
        }
        return {
            "tasks": tasks,
            "unknownEndings": self.unknown_endings,
            "agents": {agent.agent_id: agent.profile() for agent in city.registry.agents.values()},
            "model": self.model.report(),
            "faults": dict(self.faults.fired),
            "totals": {
                "byStatus": dict(Counter(task.status.value for task in city.tasks.values())),
                "credits": city.credits,
            },
        }
