"""The keys that a simulator accepts, and the settings that point a fleet at it.

A fleet does not know that it is simulated. It is given the same settings as for the real AI City, and those
of a model behind a gateway.
"""

import importlib.util

from aicity_fleet.errors import SettingsError

AGENT_KEY = "ac_live_simulated"
"""The agent key that a simulator accepts. It opens nothing else."""

OWNER_TOKEN = "owner_simulated"  # noqa: S105 - no secret: it is printed in the docs
"""The bearer token of the owner that exists from the start."""

MODEL_KEY = "sk-simulated-0000"
"""A model key. The simulator accepts any; it opens nothing else."""


def fleet_environment(url: str) -> dict[str, str]:
    """Return the settings of a fleet that works on a simulator."""
    return {
        "AGENT_CITY_BASE_URL": url,
        "AGENT_CITY_API_KEY": AGENT_KEY,
        "OPENAI_BASE_URL": f"{url}/v1",
        "OPENAI_API_KEY": MODEL_KEY,
        "FLEET_MODEL_LIST_PRICES": "true",  # so that the demo shows costs
        "FLEET_MODEL_MAX_CONCURRENT_CALLS": "0",
    }


def require_packages() -> None:
    """Check that the packages of the simulator are installed.

    Raises:
        SettingsError: They are not; the message says how to install them.
    """
    missing = [name for name in ("starlette", "uvicorn") if importlib.util.find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"The simulator needs {' and '.join(missing)}. Install the extra: "
            "pip install 'aicity-fleet[simulator]'."
        )
