"""The settings and the files that they name: every fault is told, each with its cure."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from aicity_fleet.doctor.files import (
    check_files,
    disk_finding,
    is_readable_by_all,
    load_settings,
)
from aicity_fleet.doctor.findings import Finding, Severity

GOOD = {"AGENT_CITY_API_KEY": "ac_live_1234567", "OPENAI_API_KEY": "sk-1234567"}


def findings(environ: dict[str, str]) -> list[Finding]:
    settings, found = load_settings(environ)
    assert settings is not None
    return [*found, *check_files(settings, environ)]


def worse(environ: dict[str, str]) -> list[Finding]:
    return [finding for finding in findings(environ) if finding.severity > Severity.OK]


def test_good_settings_have_nothing_wrong():
    assert worse(GOOD) == []
    checks = {finding.check for finding in findings(GOOD)}
    assert checks == {"settings", "agent key", "contract file", "teams", "models", "prices"}


def test_every_wrong_setting_is_a_finding_of_its_own():
    settings, found = load_settings(
        {**GOOD, "FLEET_POLL_SECONDS": "soon", "FLEET_AGENT": "not a name", "REDIS_URL": "nonsense"}
    )
    assert settings is None
    told = "\n".join(finding.what for finding in found)
    assert len(found) == 3
    assert all(finding.severity is Severity.PROBLEM for finding in found)
    for name in ("FLEET_POLL_SECONDS", "FLEET_AGENT", "REDIS_URL"):
        assert name in told


def test_a_webhook_that_is_no_url_is_a_finding_that_shows_nothing_of_it():
    settings, (found,) = load_settings({**GOOD, "FLEET_ALERT_WEBHOOK": "hooks.example/hidden-3"})
    assert settings is None
    assert found.what.startswith("FLEET_ALERT_WEBHOOK: is not an http:// or https:// URL")
    assert "hidden" not in f"{found}"


def test_the_file_of_a_webhook_is_a_setting_and_must_not_be_open_to_all(tmp_path, monkeypatch):
    path = tmp_path / "webhook"
    path.write_text("https://hooks.example/hidden-3")
    environ = {**GOOD, "FLEET_ALERT_WEBHOOK_FILE": str(path)}
    assert worse(environ) == []
    monkeypatch.setattr("aicity_fleet.doctor.files.is_readable_by_all", lambda _: True)
    (found,) = worse(environ)
    assert found.what.startswith("FLEET_ALERT_WEBHOOK_FILE: every user of this machine can read")


def test_a_misspelt_setting_is_a_warning():
    (found,) = worse({**GOOD, "FLEET_POL_SECONDS": "5"})
    assert found.severity is Severity.WARNING
    assert "FLEET_POLL_SECONDS" in found.what


def test_faults_of_all_files_are_told_at_once(tmp_path):
    teams = tmp_path / "teams"
    teams.mkdir()
    (teams / "one.toml").write_text("nonsense = 1\n")
    (teams / "two.toml").write_text('name = "two"\ntask_types = ["x"]\nprompt = "none.md"\n')
    (tmp_path / "contract.toml").write_text('pages = 3\n[paths]\ncomplete = "no slash"\n')
    (tmp_path / "models.toml").write_text('[default]\nmodel = "m"\nfallback = ["nobody"]\n')
    found = worse(
        {
            "FLEET_TEAMS_DIR": str(teams),
            "FLEET_CONTRACT_FILE": str(tmp_path / "contract.toml"),
            "FLEET_MODELS_FILE": str(tmp_path / "models.toml"),
        }
    )
    told = {
        check: [f.what for f in found if f.check == check] for check in {f.check for f in found}
    }
    assert "AGENT_CITY_API_KEY" in told["agent key"][0]
    assert any("one.toml" in what for what in told["teams"])
    assert any("two.toml" in what for what in told["teams"])
    assert any("pages" in what for what in told["contract file"])
    assert any("paths.complete" in what for what in told["contract file"])
    assert any("default.key" in what for what in told["models"])
    assert any("nobody" in what for what in told["models"])


def test_a_cap_without_a_price_is_told():
    environ = {**GOOD, "FLEET_MODEL": "nobody-knows-1", "FLEET_MAX_DAY_USD": "5"}
    (found,) = worse(environ)
    assert found.check == "prices"
    assert "nobody-knows-1" in found.what


def test_the_bridge_needs_no_key():
    assert worse({"FLEET_CONTRACT": "bridge", "OPENAI_API_KEY": "sk-1234567"}) == []


@pytest.fixture
def key_file() -> Iterator[Path]:
    """A key that every user can read: pytest's own folders would keep them out."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        if not all(above.stat().st_mode & 0o001 for above in folder.parents):
            pytest.skip("the folder for temporary files is closed to other users")
        path = folder / "agent.key"
        path.write_text("ac_live_1234567\n")
        path.chmod(0o644)
        yield path


def test_a_key_that_others_can_read_is_told_with_the_command(key_file):
    environ = {"AGENT_CITY_API_KEY_FILE": str(key_file), "OPENAI_API_KEY": "sk-1234567"}
    (found,) = worse(environ)
    assert found.severity is Severity.WARNING
    assert found.cure == f"chmod 600 {key_file}"
    assert "ac_live" not in str(found)
    key_file.chmod(0o640)
    assert worse(environ) == []


def test_a_key_of_another_owner_is_only_noted(key_file, monkeypatch):
    owner = key_file.stat().st_uid
    monkeypatch.setattr(os, "geteuid", lambda: owner + 1)
    environ = {"AGENT_CITY_API_KEY_FILE": str(key_file), "OPENAI_API_KEY": "sk-1234567"}
    (found,) = worse(environ)
    assert found.severity is Severity.NOTE


def test_a_folder_above_that_is_closed_keeps_others_out(key_file):
    key_file.parent.chmod(0o700)
    assert not is_readable_by_all(key_file)
    assert not is_readable_by_all(key_file.parent / "none")


@pytest.mark.parametrize(
    ("free_bytes", "severity"),
    [
        (99_999_999, Severity.PROBLEM),
        (999_999_999, Severity.WARNING),
        (1_000_000_000, Severity.OK),
    ],
)
def test_a_disk_without_room_is_told(free_bytes, severity):
    assert disk_finding("/data", free_bytes).severity is severity


def test_the_disk_of_the_embedded_redis_is_looked_at(tmp_path):
    (tmp_path / "redis.url").write_text("redis://:long-password-1@127.0.0.1:7000/0\n")
    found = findings({**GOOD, "REDIS_URL_FILE": str(tmp_path / "redis.url")})
    assert [f for f in found if f.check == "disk" and str(tmp_path) in f.what]
