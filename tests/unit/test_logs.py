"""Log lines hold no secret and no prompt."""

import importlib
import io
import json
import logging

import pytest
import structlog

from aicity_fleet.logs.configure import configure_logging
from aicity_fleet.settings import Settings


@pytest.fixture
def log_output(tmp_path):
    """What a process with these secrets writes; the loggers are put back afterwards."""
    (tmp_path / "models.toml").write_text('[strong]\nmodel = "m"\nkey = "STRONG_API_KEY"\n')
    root = logging.getLogger()
    before = (list(root.handlers), root.level, structlog.get_config())
    settings = Settings.load(
        {
            "OPENAI_API_KEY": "sk-model-secret",
            "REDIS_URL": "redis://h:1/0",
            "REDIS_PASSWORD": "redis-secret",
            "FLEET_MODELS_FILE": str(tmp_path / "models.toml"),
            "STRONG_API_KEY": "strong/secret",
            "FLEET_LOG_FORMAT": "json",
        }
    )
    configure_logging(settings)
    output = io.StringIO()
    handler = root.handlers[0]
    assert isinstance(handler, logging.StreamHandler)
    handler.setStream(output)
    yield output
    root.handlers[:], level, config = before
    root.setLevel(level)
    structlog.configure(**config)


def test_a_secret_in_an_event_a_message_or_a_traceback_is_replaced(log_output):
    log = structlog.get_logger("test")
    log.info("asked", url="redis://:redis-secret@h:1/0", key="sk-model-secret")
    logging.getLogger("some.library").warning("failed with %s", "sk-model-secret")
    try:
        raise ValueError("sk-model-secret")
    except ValueError:
        log.exception("broken")
    text = log_output.getvalue()
    assert "asked" in text
    assert "broken" in text
    assert "secret]" in text
    assert "sk-model-secret" not in text
    assert "redis-secret" not in text


def test_autogen_which_logs_whole_prompts_is_silent(log_output):
    importlib.import_module("aicity_fleet.team.run")
    for name in ("autogen_core", "autogen_core.events", "autogen_core.trace"):
        logging.getLogger(name).info("PROMPT-TEXT")
    assert "PROMPT-TEXT" not in log_output.getvalue()


@pytest.mark.parametrize("written", ["strong/secret", "strong%2Fsecret"])
def test_a_key_that_only_the_models_file_names_is_replaced(log_output, written):
    log = structlog.get_logger("test")
    log.info(
        "asked", url=f"https://h/?key={written}", parts=[{"key": written}], error=OSError(written)
    )
    text = log_output.getvalue()
    assert text.count("secret]") == 3
    assert written not in text
    assert json.loads(text)["event"] == "asked"
