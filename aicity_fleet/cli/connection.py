"""Finds the Redis of the fleet and opens its ledger, or says what to do if none answers."""

import os

from aicity_fleet.embedded.state_folder import DEFAULT_AGENT, StateFolder, find_running_fleet
from aicity_fleet.errors import LedgerNotFoundError, LedgerUnavailableError
from aicity_fleet.ledger import Ledger
from aicity_fleet.settings import Settings


def read_settings() -> Settings:
    """Return the settings of the environment, or of the embedded fleet that runs here.

    Raises:
        SettingsError: A setting is wrong.
    """
    environment = dict(os.environ)
    find_running_fleet(environment)
    return Settings.load(environment)


def open_ledger(settings: Settings | None = None) -> Ledger:
    """Open the ledger that the environment names, or that of the embedded fleet that runs here.

    Args:
        settings: The result of ``read_settings``, if the caller has read them already.

    Raises:
        SettingsError: A setting is wrong.
        LedgerUnavailableError: Redis does not answer; the message says what to start or set.
        LedgerError: The ledger was written by a newer version of the fleet.
    """
    settings = settings or read_settings()
    try:
        return Ledger.from_settings(settings)
    except LedgerUnavailableError as error:
        if os.environ.get("REDIS_URL") or os.environ.get("REDIS_URL_FILE"):
            raise
        folder = StateFolder(None, os.environ.get("FLEET_AGENT") or DEFAULT_AGENT)
        found = isinstance(error, LedgerNotFoundError)
        if not found and folder.redis_url.exists():
            raise  # the fleet's own Redis, which has trouble
        why = str(error) if not found else f"({settings.redis_address()} did not answer)."
        raise LedgerUnavailableError(
            f"No fleet was found. 'aicity-fleet up' is not running in {folder.path}, and REDIS_URL is "
            f"not set. {why} Start 'aicity-fleet up'. If 'up' runs with --data, use the 'export "
            "REDIS_URL_FILE=...' that it printed. Otherwise set REDIS_URL to the Redis of your fleet."
        ) from error
