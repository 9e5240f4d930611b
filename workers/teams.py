"""Runs teams for Celery's threads: on the bridge's loop, with one shared model client."""

from __future__ import annotations

from urllib.parse import urlsplit

from aicity_fleet.ledger import Lease
from aicity_fleet.models import TeamResult
from aicity_fleet.settings import SIMULATED_MODEL_KEY, Settings
from aicity_fleet.team import (
    Journal,
    Limits,
    Model,
    ModelConfig,
    Watch,
    open_model,
    run_team,
    team_for,
)
from workers.bridge import Bridge

DEFAULT_ENDPOINT = "https://api.openai.com/v1"
"""Where the client of the SDK goes when no ``OPENAI_BASE_URL`` is set."""


class TeamRunner:
    """Hands jobs to the bridge.

    Args:
        bridge: Whose loop the teams run on.
        settings: Which model, and which limits.

    Raises:
        SettingsError: No model key is set.
    """

    def __init__(self, bridge: Bridge, settings: Settings) -> None:
        self._bridge, self._settings = bridge, settings
        self._limits = Limits(
            deadline_seconds=settings.job_deadline_seconds,
            max_total_tokens=settings.max_job_tokens,
        )
        config = model_config(settings)
        self._model = bridge.run(_open(config))
        self.endpoint = f"{urlsplit(config.base_url or DEFAULT_ENDPOINT).netloc} {config.name}"
        """The host and the model that jobs call, for people and as the name of the breaker."""

    def run(self, lease: Lease, watch: Watch, journal: Journal) -> TeamResult:
        """Run a job's team to its ending; waits for it, on the calling thread.

        Raises:
            LedgerError: Whatever the journal raises.
        """
        spec = team_for(lease.task.task_type)
        if self._settings.pass_mark is not None:
            spec = spec.model_copy(update={"pass_mark": self._settings.pass_mark})
        return self._bridge.run(
            run_team(
                lease.task,
                spec=spec,
                model=self._model,
                limits=self._limits,
                watch=watch,
                nonce=lease.nonce,
                journal=journal,
            )
        )

    def close(self) -> None:
        """Close the model client, on its own loop."""
        self._bridge.run(self._model.close())


async def _open(config: ModelConfig) -> Model:
    return open_model(config)  # on the loop: the client is bound to it


def model_config(settings: Settings) -> ModelConfig:
    """Which model these settings name: the real one, or the simulator's while no key is set.

    Raises:
        SettingsError: No model key is set, and no simulator stands in.
    """
    settings.require("OPENAI_API_KEY")
    key, base_url = settings.openai_key, settings.openai_base_url
    if key is None:
        simulator = settings.simulator_url or ""
        key_text, base_url = SIMULATED_MODEL_KEY, f"{simulator}/v1"
    else:
        key_text = key.get_secret_value()
    return ModelConfig(
        name=settings.model,
        base_url=base_url,
        api_key=key_text,
        timeout_seconds=settings.model_timeout_seconds,
        function_calling=settings.model_tools,
    )
