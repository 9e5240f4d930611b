"""Fixtures for every test: a real redis-server per test process, a ledger per test, a leak check."""

from __future__ import annotations

import os
import ssl
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from support.redis_process import start_redis

from aicity_fleet.embedded.redis_server import RedisServer, new_redis_server
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.keys import KEYS_WITHOUT_TTL, Keys

OWN_VARIABLES = (
    "AGENT_CITY_",
    "OPENAI_",
    "FLEET_",
    "REDIS_",
    "BRIDGE_",
    "CELERY_",
    "FLOWER_",
    "OTEL_",
    "APP",
)


@pytest.fixture(scope="session", autouse=True)
def _one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let clients load one certificate, not all: that takes 20 ms each, and nothing here speaks TLS."""
    known = ssl.create_default_context().get_ca_certs(binary_form=True)
    with pytest.MonkeyPatch.context() as patch:
        if known:
            path = tmp_path_factory.mktemp("tls") / "one.pem"
            path.write_text(ssl.DER_cert_to_PEM_cert(known[0]))
            patch.setenv("SSL_CERT_FILE", str(path))
        yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees the keys of whoever runs it."""
    for name in list(os.environ):
        if name.startswith(OWN_VARIABLES):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """A redis-server of this test process's own."""
    server = new_redis_server(tmp_path_factory.mktemp("redis"))
    with start_redis(server) as process:
        yield server
        process.terminate()


@pytest.fixture
def redis_client(redis_server: RedisServer) -> Iterator[redis.Redis]:
    """A connection as the fleet opens it."""
    with redis.Redis.from_url(redis_server.url, decode_responses=True) as client:
        yield client


@pytest.fixture
def agent() -> str:
    """A fleet's name that no other test uses."""
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def ledger(redis_client: redis.Redis, agent: str) -> Iterator[Ledger]:
    """An empty ledger; afterwards, nothing of it may live for ever that is not on the short list."""
    keys = Keys(agent)
    yield Ledger(redis_client, keys, retention_seconds=3600)
    assert not immortal_keys(redis_client, keys)
    for key in redis_client.scan_iter(f"{keys.prefix}*"):
        redis_client.delete(key)


def immortal_keys(client: redis.Redis, keys: Keys) -> list[str]:
    """Keys of a fleet without a TTL that are not on the list of those that may have none."""
    names = [str(key).removeprefix(keys.prefix) for key in client.scan_iter(f"{keys.prefix}*")]
    return [
        name
        for name in names
        if client.ttl(keys.prefix + name) == -1 and not may_live_forever(name)
    ]


def may_live_forever(name: str) -> bool:
    beginnings = tuple(key for key in KEYS_WITHOUT_TTL if key.endswith((":", ".")))
    return name in KEYS_WITHOUT_TTL or name.startswith(beginnings)


@pytest.fixture
def empty_folder(tmp_path: Path) -> Path:
    """A folder to run processes in: Celery imports with the current directory first."""
    folder = tmp_path / "empty"
    folder.mkdir()
    return folder
