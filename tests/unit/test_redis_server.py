"""Which program becomes the embedded Redis."""

from pathlib import Path

import pytest

from aicity_fleet.embedded.redis_server import find_redis_server


@pytest.fixture
def on_path(tmp_path, monkeypatch):
    """Puts a program that prints its version on an otherwise empty PATH."""
    monkeypatch.setenv("PATH", str(tmp_path))

    def put(name: str, version: str) -> Path:
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\necho '{version} sha=0:0 bits=64'\n")
        path.chmod(0o755)
        return path

    return put


def test_a_valkey_server_serves_as_well(on_path):
    valkey = on_path("valkey-server", "Valkey server v=9.1.2")
    assert find_redis_server() == valkey
    on_path("redis-server", "Redis server v=5.0.14")  # too old
    assert find_redis_server() == valkey


def test_a_redis_server_comes_first(on_path):
    on_path("valkey-server", "Valkey server v=9.1.2")
    redis = on_path("redis-server", "Redis server v=7.0.15")
    assert find_redis_server() == redis
