"""The way from a command to the ledger: which Redis is meant, and what to do where none answers."""

from __future__ import annotations

import os

from aicity_fleet.embedded.state_folder import DEFAULT_AGENT, StateFolder, find_running_fleet
from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.ledger import Ledger
from aicity_fleet.settings import Settings


def read_settings() -> Settings:
    """The settings of the environment, or of the fleet that runs embedded here.

    Raises:
        SettingsError: A setting is wrong.
    """
    environment = dict(os.environ)
    find_running_fleet(environment)
    return Settings.load(environment)


def open_ledger(settings: Settings | None = None) -> Ledger:
    """The ledger that the environment names, or that of the fleet that runs embedded here.

    Args:
        settings: Those that ``read_settings`` gave, where the caller needs them as well.

    Raises:
        SettingsError: A setting is wrong.
        LedgerUnavailableError: Redis does not answer; the message says what to start or to set.
        LedgerError: The ledger was written by a newer version of the fleet.
    """
    settings = settings or read_settings()
    try:
        return Ledger.from_settings(settings)
    except LedgerUnavailableError as error:
        if os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE"):
            raise
        folder = StateFolder(None, os.environ.get("FLEET_AGENT") or DEFAULT_AGENT)
        raise LedgerUnavailableError(
            f"No fleet was found. 'aicity-fleet up' is not running in {folder.path}, and REDIS_URL is "
            f"not set ({settings.redis_address()} was tried, and does not answer or refuses). Start "
            "'aicity-fleet up'; or, beside an 'up' with --data, do the 'export REDIS_URL_FILE=...' that "
            "it printed; or set REDIS_URL to the Redis of your fleet."
        ) from error
