"""A simulated AI City over real HTTP, and the commands on the ledger of a test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.simulated_city import SimulatedCity

from aicity_fleet.cli import main
from aicity_fleet.simulator.app import create_app
from aicity_fleet.simulator.config import SimulatorConfig
from aicity_fleet.simulator.serve import running


@pytest.fixture
def city() -> Iterator[SimulatedCity]:
    """An empty simulated AI City that takes any deliverable and whose model answers at once."""
    config = SimulatorConfig(model_latency_seconds=(0.0, 0.0), flawed_share=0.0, quality_gate=False)
    with running(create_app(config)) as url:
        yield SimulatedCity(url)


@pytest.fixture
def run(redis_server, ledger, agent, empty_folder, monkeypatch, capsys):
    """Runs a command against the test's own ledger, and expects its exit code.

    Within this process: a new one would spend a second on its imports, for each command.
    """

    def command(*args: str, code: int = 0, **env: str) -> str:
        settings = {"REDIS_URL": redis_server.url, "FLEET_AGENT": agent, **env}
        with monkeypatch.context() as patch:
            for name, value in settings.items():
                patch.setenv(name, value)
            patch.chdir(empty_folder)
            patch.setattr("sys.argv", ["aicity-fleet", *args])
            with pytest.raises(SystemExit) as ended:
                main()
        shown = capsys.readouterr()
        assert (ended.value.code or 0) == code, shown.err + shown.out
        return str(shown.out + shown.err)

    return command
