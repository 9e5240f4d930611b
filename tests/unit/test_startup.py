"""A FleetError ends a process with one readable message."""

import pytest

from aicity_fleet.errors import FleetError, SettingsError
from aicity_fleet.startup import exit_on_fleet_error


@pytest.mark.parametrize(("error", "code"), [(SettingsError("x"), 2), (FleetError("x"), 1)])
def test_a_fault_ends_the_process_with_its_message_and_code(error, code, capsys):
    with pytest.raises(SystemExit) as caught, exit_on_fleet_error():
        raise error
    assert caught.value.code == code
    assert capsys.readouterr().err == "aicity-fleet: x\n"


@pytest.mark.parametrize("written", ["strong/key-4711", "strong%2Fkey-4711"])
def test_a_key_in_an_error_is_not_printed(written, tmp_path, monkeypatch, capsys):
    (tmp_path / "models.toml").write_text('[strong]\nmodel = "m"\nkey = "STRONG_API_KEY"\n')
    monkeypatch.setenv("FLEET_MODELS_FILE", str(tmp_path / "models.toml"))
    monkeypatch.setenv("STRONG_API_KEY", "strong/key-4711")
    with pytest.raises(SystemExit), exit_on_fleet_error():
        raise FleetError(f"refused: {written}")
    assert capsys.readouterr().err == "aicity-fleet: refused: [redacted fleet secret]\n"
