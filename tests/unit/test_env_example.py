"""The three places that name the variables agree: settings.py, .env.example, docker-compose.yml."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from aicity_fleet.settings import Settings

ROOT = Path(__file__).parents[2]

NOT_FOR_COMPOSE = {
    "AGENT_CITY_OWNER_TOKEN": "no process of the fleet needs it; only 'aicity-fleet register' does",
    "FLEET_METRICS_ADDRESS": "in a container it is every address; the network decides who reaches it",
}
"""Settings that .env is not the place for."""

COMPOSE_ALONE = {
    *("FLOWER_PASSWORD", "FLOWER_PORT", "FLOWER_READ_ONLY"),
    *("AGENT_CITY_API_KEY_FILE", "OPENAI_API_KEY_FILE", "FLEET_ALERT_WEBHOOK_FILE", "WORKER_CPUS"),
    *("WORKER_MEMORY", "WORKER_STOP_GRACE", "FLEET_DEMO_COPIES", "FLEET_IMAGE", "REDIS_IMAGE"),
}
"""Variables that docker-compose.yml reads and the fleet does not."""

OTHER_DEFAULTS = {"REDIS_URL", "FLEET_DRAIN_SECONDS", "FLEET_ARCHIVE"}
"""Settings whose default is another in docker-compose.yml: there they name a service or a volume, or it
gives more time to stop, or only its networks reach the port."""

LINE = re.compile(r"^#?([A-Z][A-Z0-9_]*)=(.*)$")


def _example() -> dict[str, str]:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    return {found[1]: found[2] for line in lines if (found := LINE.match(line))}


def _settings() -> dict[str, str]:
    """The default of each variable, as it would stand in a file."""
    return {str(f.alias): _written(f.default) for f in Settings.model_fields.values()}


def _written(value: object) -> str:
    match value:
        case None:
            return ""
        case SecretStr():
            return value.get_secret_value()
        case bool():
            return str(value).lower()
    return str(value)


def test_every_setting_is_in_the_example_and_nothing_else() -> None:
    assert set(_example()) == set(_settings()) - set(NOT_FOR_COMPOSE) | COMPOSE_ALONE


def test_the_example_shows_the_defaults() -> None:
    shown, real = _example(), _settings()
    for variable in shown.keys() & real.keys() - OTHER_DEFAULTS:
        assert shown[variable] == real[variable], variable


def test_what_the_example_sets_is_empty() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line and not line.startswith("#") and line[-1] != "="] == []


def test_each_variable_has_its_line_of_comment() -> None:
    lines = (ROOT / ".env.example").read_text(encoding="utf-8").splitlines()
    for before, line in itertools.pairwise(lines):
        if LINE.match(line):
            assert before.startswith("# "), line
            assert before.endswith("."), line


def test_compose_reads_exactly_the_variables_of_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert set(re.findall(r"\$\{([A-Z_]+)", text)) == set(_example())


@pytest.mark.parametrize("service", ["beat", "flower", "simulator", "redis", "secrets"])
def test_no_key_reaches_a_service_that_needs_none(service: str) -> None:
    assert not re.search(r"_API_KEY|OWNER_TOKEN", _service(service))


def test_each_key_reaches_one_service() -> None:
    assert "OPENAI_API_KEY" not in _service("dispatcher")
    assert "AGENT_CITY_API_KEY:-" not in _service("worker")
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    of_webhook = r"\$\{FLEET_ALERT_WEBHOOK"
    assert re.findall(of_webhook, text) == re.findall(of_webhook, _service("dispatcher")) != []
    shared = (ROOT / "docker-compose.yml").read_text(encoding="utf-8").split("\nservices:\n")[0]
    assert not re.search(r"_API_KEY|OWNER_TOKEN", shared)
    assert "OWNER_TOKEN" not in _service("worker") + _service("dispatcher")


def test_only_the_workers_read_the_keys_of_the_models_file() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    assert text.count("env_file") == 1
    assert "env_file: [{path: models.env, required: false}]" in _service("worker")
    assert "models.env" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_the_folder_of_teams_that_compose_mounts_by_default_exists() -> None:
    found = re.search(r"\$\{FLEET_TEAMS_DIR:-(.*?)\}", _service("worker"))
    assert found
    assert list((ROOT / found[1]).glob("*.toml"))


def _service(name: str) -> str:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    return text.split(f"\n  {name}:\n", 1)[1].split("\n\n", 1)[0]
