"""The simulated AI City of a chaos run: a process of its own that counts second endings.

``python -m chaos.market PORT_FILE CONFIG_JSON`` is that process; ``Market`` is what the harness asks.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import httpx
from chaos.options import Options

from aicity_fleet.embedded.supervisor import Program
from aicity_fleet.simulator.config import SimulatorConfig

DOABLE = (
    "Write a short plan for moving notice board {number} of our allotment society. Which notices "
    "stay until the last day, and who has to be told about the new place?"
)
"""A task that the simulated model does cheaply, and that the fleet's gate accepts."""

IMPOSSIBLE = "Transcribe the attached recording of board meeting {number} word for word."
"""A task that holds nothing to work on: its job ends in a real failure."""


def market_program(port_file: Path, options: Options, env: dict[str, str]) -> Program:
    """The simulator, on a free port that it writes into a file."""
    config = {
        "quality_gate": False,
        "count_second_endings": True,
        "model_latency_seconds": list(options.model_seconds),
        "failures_until_suspension": 3 if options.suspends else 0,
    }
    argv = [sys.executable, "-m", "chaos.market", str(port_file), json.dumps(config)]
    tests = str(Path(__file__).resolve().parents[1])
    return Program("market", argv, {**env, "PYTHONPATH": tests}, is_base=True)


class Market:
    """Submits tasks, installs faults, and reads the books.

    Args:
        url: Where the simulator listens.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._number = 0
        self.impossible = 0

    def close(self) -> None:
        self._http.close()

    def submit(self, wishes: list[bool]) -> list[str]:
        """Submit one task for each wish: true for one that can be done."""
        tasks = []
        for is_doable in wishes:
            self._number += 1
            self.impossible += not is_doable
            text = (DOABLE if is_doable else IMPOSSIBLE).format(number=self._number)
            tasks.append({"taskType": "general", "input": {"description": text}, "maxBudget": 100})
        return list(self._ask("POST", "/_sim/tasks", tasks)["ids"]) if tasks else []

    def install(self, *faults: dict[str, Any]) -> None:
        self._ask("POST", "/_sim/faults", list(faults))

    def clear_faults(self) -> None:
        self._ask("DELETE", "/_sim/faults", None)

    def standing_faults(self) -> int:
        """How many installed faults have not struck as often as they should."""
        return len(self._ask("GET", "/_sim/faults", None)["faults"])

    def open_tasks(self) -> int:
        """How many tasks have no ending."""
        return int(self._ask("GET", "/_sim/health", None)["open"])

    def report(self) -> dict[str, Any]:
        return self._ask("GET", "/_sim/report", None)

    def _ask(self, method: str, path: str, body: object) -> dict[str, Any]:
        answer = self._http.request(method, path, json=body)
        answer.raise_for_status()
        return dict(answer.json())


def main(port_file: str, config: str) -> None:
    from aicity_fleet.simulator.serve import serve  # noqa: PLC0415 - the harness needs no server

    fields = json.loads(config)
    fields["model_latency_seconds"] = tuple(fields["model_latency_seconds"])
    serve(port=0, config=SimulatorConfig(**fields), port_file=Path(port_file))


if __name__ == "__main__":
    main(*sys.argv[1:])
