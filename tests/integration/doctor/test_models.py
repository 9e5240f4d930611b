"""One small call to each model shows what it can do, and the settings that follow."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.scripted_provider import Provider, ProviderServer, calls, error, text

from aicity_fleet.doctor.findings import Finding, Severity
from aicity_fleet.doctor.model_checks import check_models
from aicity_fleet.settings import Settings

CONFIRM = calls(("confirm", '{"word": "OK"}'))
WRITTEN = '<tool_call>{"name": "confirm", "arguments": {"word": "OK"}}</tool_call>'


@pytest.fixture(scope="module")
def server() -> Iterator[ProviderServer]:
    with ProviderServer() as found:
        yield found


@pytest.fixture
def provider(server: ProviderServer) -> Provider:
    return server.open()


def check(provider: Provider, **more: str) -> list[Finding]:
    priced = {"FLEET_MODEL_INPUT_USD": "1", "FLEET_MODEL_OUTPUT_USD": "2"}
    return check_models(
        Settings.load(
            {
                "OPENAI_API_KEY": "sk-test-1234567",
                "OPENAI_BASE_URL": provider.base_url,
                "FLEET_MODEL": "scripted-1",
                **priced,
                **more,
            }
        )
    )


def worse(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.severity > Severity.OK]


@pytest.mark.parametrize("answer", [CONFIRM, text(WRITTEN)])
def test_a_model_that_calls_tools_has_nothing_wrong_and_is_called_once(provider, answer):
    provider.will(answer)
    found = check(provider)
    assert worse(found) == []
    assert any("calls tools" in finding.what for finding in found)
    (request,) = provider.requests
    assert request["tools"][0]["function"]["name"] == "confirm"
    assert request.get("max_tokens", request.get("max_completion_tokens")) <= 400


def test_a_model_that_ignores_its_tool_gets_the_setting_named(provider):
    provider.will(text("OK"))
    (found,) = worse(check(provider))
    assert "FLEET_MODEL_TOOLS=false" in found.cure


def test_a_model_without_tools_is_offered_none(provider):
    provider.will(text("OK"))
    assert worse(check(provider, FLEET_MODEL_TOOLS="false")) == []
    assert "tools" not in provider.requests[0]


def test_an_answer_that_was_cut_proves_nothing_about_tools(provider):
    provider.will(text("Let me think", "length"))
    (found,) = worse(check(provider))
    assert "unknown" in found.why
    assert "FLEET_MODEL_TOOLS" not in found.cure


def test_a_provider_that_counts_no_tokens_is_told(provider):
    provider.will(dataclasses.replace(CONFIRM, usage=None))
    (found,) = worse(check(provider))
    assert found.check == "model default usage"


def test_a_model_without_a_price_is_told(provider):
    provider.will(CONFIRM)
    (found,) = worse(check(provider, FLEET_MODEL_INPUT_USD="", FLEET_MODEL_OUTPUT_USD=""))
    assert "FLEET_MODEL_INPUT_USD" in found.cure


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (error(401, "invalid_api_key", "sk-test-1234567 is wrong"), "refuses the key"),
        (error(404, "model_not_found"), "unknown to the provider"),
        (error(429, "insufficient_quota"), "quota"),
        (error(503), "down"),
        (error(400, message="scripted-1 does not support tools"), "FLEET_MODEL_TOOLS"),
    ],
)
def test_a_model_that_does_not_answer_is_told_why(provider, answer, words):
    provider.will(answer)
    (found,) = worse(check(provider))
    assert found.severity is Severity.PROBLEM
    assert words in found.what
    assert "sk-test-1234567" not in str(found)


def test_each_model_of_the_file_is_called_once(provider, server, tmp_path: Path):
    other = server.open()
    provider.will(CONFIRM)
    other.will(text("OK"))
    path = tmp_path / "models.toml"
    path.write_text(
        f"""
[strong]
provider = "compatible"
model = "strong-1"
base_url = "{other.base_url}"
input_usd_per_million = "0"
output_usd_per_million = "0"
[again]
provider = "compatible"
model = "strong-1"
base_url = "{other.base_url}"
input_usd_per_million = "0"
output_usd_per_million = "0"
"""
    )
    (found,) = worse(check(provider, FLEET_MODELS_FILE=str(path)))
    assert found.check == "model strong, again tools"
    assert (len(provider.requests), len(other.requests)) == (1, 1)
