"""Which secrets exist, which process may hold which, and the forms in which a text loses them."""

from __future__ import annotations

import json
from urllib.parse import quote

import pytest

from aicity_fleet.errors import SettingsError
from aicity_fleet.redaction import (
    HOLDERS,
    REDACTED,
    Process,
    environment_of,
    redactor,
    secrets_in,
    text_redactor,
    variables_in,
)
from aicity_fleet.settings import Settings

MODELS = """\
[strong]
model = "gpt-4.1"
key = "STRONG_API_KEY"

[office]
provider = "azure"
model = "m"
base_url = "https://office.openai.azure.com"
api_version = "2024-10-21"
key = "OFFICE"
"""


@pytest.fixture
def environ(tmp_path):
    """The environment of a whole fleet, with every secret; one comes from a file."""
    (tmp_path / "models.toml").write_text(MODELS)
    (tmp_path / "office").write_text("office-key-2\n")
    return {
        "PATH": "/bin",
        "FLEET_MODELS_FILE": str(tmp_path / "models.toml"),
        "AGENT_CITY_API_KEY": "ac_live_1",
        "AGENT_CITY_OWNER_TOKEN_FILE": "/nowhere",
        "OPENAI_API_KEY": "sk-1",
        "STRONG_API_KEY": "strong-key-1",
        "OFFICE_FILE": str(tmp_path / "office"),
        "FLEET_ALERT_WEBHOOK": "https://hooks.example/T1/hidden-3",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20collector-4,x-tenant=everybody",
        "REDIS_URL": "redis://:p%40ss-1@h:1/0",
    }


def test_every_secret_setting_has_its_holders():
    fields = Settings.model_fields.values()
    secret = {field.alias for field in fields if "SecretStr" in str(field.annotation)}
    assert secret == set(HOLDERS)


HEADERS = "OTEL_EXPORTER_OTLP_HEADERS"
MODEL_KEYS = {"OPENAI_API_KEY", "STRONG_API_KEY", "OFFICE_FILE"}
HIDDEN = {
    Process.BEAT: {"AGENT_CITY_API_KEY", "FLEET_ALERT_WEBHOOK", HEADERS, *MODEL_KEYS},
    Process.FLOWER: {"AGENT_CITY_API_KEY", "FLEET_ALERT_WEBHOOK", HEADERS, *MODEL_KEYS},
    Process.DISPATCHER: MODEL_KEYS,
    Process.WORKER: {"AGENT_CITY_API_KEY", "FLEET_ALERT_WEBHOOK"},
}


@pytest.mark.parametrize("process", HIDDEN)
def test_a_process_gets_its_own_secrets_alone(environ, process):
    hidden = HIDDEN[process] | {"AGENT_CITY_OWNER_TOKEN_FILE"}
    assert environment_of(process, environ).keys() == environ.keys() - hidden


def test_a_command_gets_everything_and_a_stranger_no_secret(environ):
    assert environment_of(Process.CLI, environ) == environ
    assert environment_of(None, environ).keys() == {"PATH", "FLEET_MODELS_FILE"}


@pytest.mark.parametrize("content", [None, "[x", b"\xff"])
def test_no_process_starts_while_the_names_of_keys_are_unknown(environ, tmp_path, content):
    path = tmp_path / "models.toml"
    path.unlink()
    if content is not None:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(SettingsError, match=r"FLEET_MODELS_FILE: .* cannot be read"):
        environment_of(Process.BEAT, environ)
    assert "AGENT_CITY_API_KEY" in secrets_in(environ)


def test_every_value_is_known_also_one_from_a_file_or_within_a_url(environ):
    assert secrets_in(environ) == {
        "AGENT_CITY_API_KEY": "ac_live_1",
        "FLEET_ALERT_WEBHOOK": "https://hooks.example/T1/hidden-3",
        "OPENAI_API_KEY": "sk-1",
        "STRONG_API_KEY": "strong-key-1",
        "OFFICE": "office-key-2",
        HEADERS: "authorization=Bearer%20collector-4,x-tenant=everybody",
        f"{HEADERS}:authorization": "collector-4",
        "REDIS_URL": "p%40ss-1",
    }
    del environ["AGENT_CITY_OWNER_TOKEN_FILE"]  # the settings refuse a file that is absent
    assert set(secrets_in(environ).values()) < set(Settings.load(environ).secret_texts)


SECRET = 'a"b/c\\d é+1'


@pytest.mark.parametrize(
    "form",
    [SECRET, json.dumps(SECRET)[1:-1], json.dumps(SECRET, ensure_ascii=False)[1:-1],
     quote(SECRET), quote(SECRET, safe="")],
)  # fmt: skip
def test_a_text_loses_a_secret_in_each_form(form):
    assert text_redactor([SECRET])(f"<{form}>") == f"<{REDACTED}>"
    answer = {"content": [{"arguments": form, "n": 1}], form: None}
    assert redactor([SECRET])(answer)["content"] == [{"arguments": REDACTED, "n": 1}]
    assert variables_in(f"<{form}>", {"SECRET": SECRET, "OTHER": "other-value"}) == ["SECRET"]


def test_the_password_of_a_url_is_removed_in_its_plain_form_too():
    assert text_redactor(["p%40ss-1"])("p@ss-1 p%40ss-1") == f"{REDACTED} {REDACTED}"


def test_a_secret_within_another_leaves_no_rest():
    assert text_redactor(["key-1", "key-1-and-more"])("key-1-and-more") == REDACTED


def test_without_secrets_a_text_stays_as_it_is():
    assert text_redactor(["", ""])("text") == "text"
