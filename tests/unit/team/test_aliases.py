"""Which models a file names, and what is said of one that is wrong."""

from __future__ import annotations

import dataclasses
import re
from decimal import Decimal

import pytest
from support.source_files import ROOT

from aicity_fleet.errors import SettingsError, TeamError
from aicity_fleet.settings import Settings
from aicity_fleet.team.declare.models_file import alias_names, models_of, read_aliases
from aicity_fleet.team.declare.spec import ModelConfig

DEFAULT = ModelConfig("gpt-4o-mini", None, "sk-default", 120.0)

GOOD = """\
[strong]
model = "gpt-4.1"
key = "STRONG_KEY"
fallback = ["local", "default"]
input_usd_per_million = "2.00"
output_usd_per_million = 8

[local]
provider = "ollama"
model = "llama3.1"
function_calling = true
timeout_seconds = 300.0

[office]
provider = "azure"
model = "our-deployment"
base_url = "https://office.openai.azure.com"
api_version = "2024-10-21"
key = "AZURE_KEY"
"""
KEYS = {"STRONG_KEY": "sk-strong", "AZURE_KEY": "az-1"}


@pytest.fixture
def read(tmp_path):
    def read_text(text: str, environ=KEYS, default=DEFAULT):
        file = tmp_path / "models.toml"
        file.write_text(text)
        return read_aliases(file, default, environ)

    return read_text


def test_without_a_file_there_is_the_model_of_the_settings():
    assert read_aliases(None, DEFAULT, {}) == {"default": (DEFAULT,)}


def test_a_file_adds_aliases_with_their_stand_ins(read):
    found = read(GOOD)
    assert set(found) == {"default", "strong", "local", "office"}
    strong, local, default = found["strong"]
    assert (strong.name, strong.api_key, strong.provider) == ("gpt-4.1", "sk-strong", "openai")
    assert (strong.input_usd_per_million, strong.output_usd_per_million) == (Decimal("2.00"), 8)
    assert (local.provider, local.api_key, local.timeout_seconds) == ("ollama", "", 300.0)
    assert default is DEFAULT
    assert found["office"][0].api_version == "2024-10-21"
    assert found["default"] == (DEFAULT,)


BOUNDS = """\
[x]
provider = "ollama"
model = "m"
timeout_seconds = 900
max_output_tokens = 2000
context_tokens = 8192
temperature = 0.2
max_concurrent_calls = 0
first_token_seconds = 600.5
"""


def test_an_alias_has_bounds_of_its_own_and_the_settings_others(read):
    given = dataclasses.replace(DEFAULT, idle_seconds=7.0, max_output_tokens=1000, temperature=1.0)
    (config,) = read(BOUNDS, default=given)["x"]
    assert (config.max_output_tokens, config.context_tokens) == (2000, 8192)
    assert (config.temperature, config.max_concurrent_calls) == (0.2, 0)
    assert (config.timeout_seconds, config.first_token_seconds) == (900.0, 600.5)
    assert config.idle_seconds == config.first_token_seconds, "Ollama is silent within a call"
    (bare,) = read('[x]\nprovider = "ollama"\nmodel = "m"\n', default=given)["x"]
    assert (bare.max_output_tokens, bare.temperature) == (None, None), "those of another model"
    (alone,) = read('[default]\nprovider = "ollama"\nmodel = "m"\n', default=None)["default"]
    assert (alone.timeout_seconds, alone.first_token_seconds, alone.idle_seconds) == (600, 300, 300)


def test_the_settings_bound_their_model():
    settings = Settings.load(
        {
            "OPENAI_API_KEY": "k",
            "OPENAI_BASE_URL": "http://127.0.0.1:8080/v1",
            "FLEET_MODEL_TIMEOUT_SECONDS": "900",
            "FLEET_MODEL_FIRST_TOKEN_SECONDS": "800",
            "FLEET_MODEL_IDLE_SECONDS": "70",
            "FLEET_MODEL_MAX_OUTPUT_TOKENS": "2000",
            "FLEET_MODEL_CONTEXT_TOKENS": "8192",
            "FLEET_MODEL_TEMPERATURE": "0.2",
            "FLEET_MODEL_MAX_CONCURRENT_CALLS": "1",
            "FLEET_MODEL_INPUT_USD": "0.15",
            "FLEET_MODEL_OUTPUT_USD": "0.6",
            "FLEET_MODEL_LIST_PRICES": "true",
        }
    )
    (config,) = models_of(settings)["default"]
    assert config == ModelConfig(
        "gpt-4o-mini",
        "http://127.0.0.1:8080/v1",
        "k",
        900.0,
        first_token_seconds=800.0,
        idle_seconds=70.0,
        max_output_tokens=2000,
        context_tokens=8192,
        temperature=0.2,
        max_concurrent_calls=1,
        input_usd_per_million=Decimal("0.15"),
        output_usd_per_million=Decimal("0.6"),
        list_prices=True,
    )


def documented_files() -> list[str]:
    """The models files that the documentation shows."""
    blocks = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs/teams.md").read_text(), re.M | re.S)
    readme = re.findall(r"<<'END'\n(.*?)^END$", (ROOT / "README.md").read_text(), re.M | re.S)
    return [block for block in (*blocks, *readme) if "provider = " in block]


@pytest.mark.parametrize("text", documented_files(), ids=lambda text: text.splitlines()[0])
def test_the_models_files_of_the_documentation_are_right(read, text):
    assert len(documented_files()) == 3
    found = read(text, {"STRONG_API_KEY": "k"})
    assert any(config.is_own_server for configs in found.values() for config in configs)


def test_half_a_price_in_the_settings_is_a_fault():
    settings = Settings.load({"OPENAI_API_KEY": "k", "FLEET_MODEL_INPUT_USD": "0.15"})
    with pytest.raises(SettingsError, match="FLEET_MODEL_OUTPUT_USD"):
        models_of(settings)


def test_a_key_may_come_from_a_file(read, tmp_path):
    (tmp_path / "key").write_text("sk-from-file\n")
    found = read(GOOD, {"STRONG_KEY_FILE": str(tmp_path / "key"), "AZURE_KEY": "az-1"})
    assert found["strong"][0].api_key == "sk-from-file"


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (
            None,
            "strong.key: STRONG_KEY_FILE: cannot be read (No such file or directory). Check path",
        ),
        (b"\xff", "strong.key: STRONG_KEY_FILE: cannot be read (it is not text). Check path"),
        (b" \n", "strong.key: STRONG_KEY_FILE: the file is empty. Put the secret into it."),
    ],
)
def test_an_unusable_key_file_is_reported_as_one(read, tmp_path, content, fault):
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(TeamError) as caught:
        read(GOOD, {"STRONG_KEY_FILE": str(path), "AZURE_KEY": "az-1"})
    assert fault in str(caught.value)
    assert "not set" not in str(caught.value)


def test_a_key_given_twice_is_a_fault(read):
    with pytest.raises(TeamError, match="STRONG_KEY: is set twice"):
        read(GOOD, {**KEYS, "STRONG_KEY_FILE": "/nowhere"})


def test_the_file_may_name_the_default_itself(read):
    found = read('[default]\nprovider = "ollama"\nmodel = "m"\n', {}, None)
    assert found["default"][0].name == "m"


def test_names_can_be_had_without_keys(tmp_path):
    (tmp_path / "models.toml").write_text(GOOD)
    assert alias_names(tmp_path / "models.toml") == {"default", "strong", "local", "office"}
    assert alias_names(None) == {"default"}


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[x", "not TOML"),
        ("x = 1\n", "x: Input should be"),
        ('[x]\nmodel = "m"\nkye = "K"\n', "x.kye: is not a known field"),
        ('[x]\nmodel = "m"\nkey = "sk-not-a-variable"\n', "x.key"),
        ('[x]\nmodel = "m"\nkey = "AGENT_CITY_API_KEY"\n', "not a secret for a model's provider"),
        ('[x]\nmodel = "m"\nkey = "REDIS_PASSWORD"\n', "not a secret for a model's provider"),
        ('[x]\nmodel = "m"\nkey = "ABSENT"\n', "x.key: ABSENT (or ABSENT_FILE) is not set"),
        ('[x]\nmodel = "m"\n', "x.key: OPENAI_API_KEY (or OPENAI_API_KEY_FILE) is not set"),
        ('[x]\nprovider = "compatible"\nmodel = "m"\n', "compatible needs base_url"),
        ('[x]\nprovider = "azure"\nmodel = "m"\n', "azure needs base_url and api_version"),
        ('[x]\nprovider = "os.system"\nmodel = "m"\n', "x.provider"),
        ('[x]\nprovider = "ollama"\nmodel = "m"\nbase_url = "file:///etc"\n', "http:// or https"),
        ('[x]\nprovider = "ollama"\nmodel = "m"\nbase_url = "http://u:p@h"\n', "without user name"),
        ('[x]\nprovider = "ollama"\nmodel = "m"\nbase_url = "http://:p@h"\n', "without user name"),
        ('[x]\nprovider = "ollama"\nmodel = "m"\nfallback = ["y"]\n', "there is no alias 'y'"),
        ('[x]\nprovider = "ollama"\nmodel = "m"\ninput_usd_per_million = "1"\n', "both prices"),
        ('[x]\nprovider = "ollama"\nmodel = "m"\nlist_prices = true\n', "has no price list"),
        ('[x]\nprovider = "ollama"\nmodel = "m"\nmax_output_tokens = 0\n', "x.max_output_tokens"),
        ('[x]\nprovider = "ollama"\nmodel = "m"\ntemperature = 3.0\n', "x.temperature"),
        (
            '[x]\nprovider = "ollama"\nmodel = "m"\ninput_usd_per_million = 0.15\n'
            'output_usd_per_million = "1"\n',
            "so that it is exact",
        ),
    ],
)
def test_a_wrong_file_is_refused_with_its_fault(read, text, fault):
    with pytest.raises(TeamError, match=r"models\.toml") as caught:
        read(text)
    assert fault in str(caught.value)


def test_all_faults_are_said_at_once(read):
    with pytest.raises(TeamError) as caught:
        read(GOOD, {}, None)
    message = str(caught.value)
    for fault in ("strong.key", "office.key", "no alias 'default'", "there is no [default]"):
        assert fault in message


def test_a_file_that_is_none_is_refused(tmp_path):
    with pytest.raises(TeamError, match="cannot be read"):
        read_aliases(tmp_path / "absent.toml", DEFAULT, {})


def test_no_key_shows_in_a_fault_or_a_repr(read):
    assert "sk-strong" not in repr(read(GOOD))
    with pytest.raises(TeamError) as caught:
        read(GOOD + '[y]\nmodel = "m"\nkey = "ABSENT"\n', {**KEYS, "OTHER": "sk-other"})
    assert "sk-" not in str(caught.value)
