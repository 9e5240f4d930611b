"""What tests ask of a simulated AI City over real HTTP."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal

import httpx

from aicity_fleet.aicity.client import AICityClient
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.simulator.access import AGENT_KEY


@dataclasses.dataclass(frozen=True, slots=True)
class SimulatedCity:
    """One simulator of a test's own."""

    url: str

    def submit(self, *tasks: dict[str, Any]) -> list[str]:
        """Submit tasks; a task without keys of its own gets plain ones."""
        plain = {
            "taskType": "general",
            "input": {"description": "Say something."},
            "maxBudget": 100,
        }
        entries = [task if "raw" in task else {**plain, **task} for task in tasks]
        return list(self._ask("POST", "/_sim/tasks", entries)["ids"])

    def withdraw(self, task_id: str) -> None:
        """Take a task back from its agent."""
        self._ask("DELETE", f"/_sim/tasks/{task_id}", None)

    def fault(self, operation: str, kind: str, **fields: Any) -> None:
        """Install a fault."""
        self._ask("POST", "/_sim/faults", {"operation": operation, "kind": kind, **fields})

    def clear_faults(self) -> None:
        """Remove every fault."""
        self._ask("DELETE", "/_sim/faults", None)

    def report(self) -> dict[str, Any]:
        """The simulator's books."""
        return self._ask("GET", "/_sim/report", None)

    def task(self, task_id: str) -> dict[str, Any]:
        """What the books say of one task."""
        return dict(self.report()["tasks"][task_id])

    def client(self, contract: Literal["api", "bridge"] = "api") -> AICityClient:
        """The fleet's own client for this city."""
        prefix = "/bridge" if contract == "bridge" else ""
        return AICityClient(self.url + prefix, AGENT_KEY, load_contract(contract))

    def _ask(self, method: str, path: str, body: object) -> dict[str, Any]:
        answer = httpx.request(method, self.url + path, json=body, timeout=10)
        assert answer.is_success, answer.text
        return dict(answer.json())
