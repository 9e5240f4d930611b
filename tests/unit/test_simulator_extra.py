"""The simulator's packages are an extra: without them its commands say what to install."""

import importlib.util

import pytest

from aicity_fleet.errors import SettingsError
from aicity_fleet.simulator.access import require_packages


def test_missing_packages_end_in_the_command_that_installs_them(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "uvicorn" else real(name)
    )
    with pytest.raises(
        SettingsError, match=r"needs uvicorn.*pip install 'aicity-fleet\[simulator\]'"
    ):
        require_packages()


def test_with_the_packages_nothing_is_said():
    require_packages()
