"""The proxy between the fleet and Redis: it passes bytes, delays answers, and resets connections."""

import socket
import time

import pytest
import redis
from chaos.proxy import Proxy
from redis.backoff import NoBackoff
from redis.retry import Retry

ONCE = Retry(NoBackoff(), 0)
"""No retries, so that a reset is seen."""


@pytest.fixture
def proxy(redis_server):
    standing = Proxy(redis_server.port)
    standing.start()
    yield standing
    standing.stop()


@pytest.fixture
def client(redis_server, proxy):
    url = redis_server.url.replace(f":{redis_server.port}/", f":{proxy.port}/")
    with redis.Redis.from_url(url, retry=ONCE, retry_on_error=[]) as through:
        yield through


def test_what_is_written_through_the_proxy_is_in_redis(client, redis_client):
    client.set("chaos-proxy", "x" * 300_000)
    assert len(redis_client.get("chaos-proxy")) == 300_000
    assert len(client.get("chaos-proxy")) == 300_000
    redis_client.delete("chaos-proxy")


def test_answers_come_later(client, proxy):
    client.ping()
    proxy.delay_seconds = 0.2
    began = time.monotonic()
    client.ping()
    assert time.monotonic() - began >= 0.2


def test_a_reset_ends_every_connection_and_new_ones_are_taken(client, proxy):
    with socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as raw:
        raw.sendall(b"PING\r\n")
        assert raw.recv(1000).startswith(b"-NOAUTH")
        assert proxy.reset() == 1
        with pytest.raises(ConnectionResetError):
            raw.recv(1000)
    assert client.ping()


def test_without_a_redis_behind_it_a_connection_is_closed():
    nowhere = Proxy(1)
    nowhere.start()
    try:
        with (
            redis.Redis(port=nowhere.port, retry=ONCE, retry_on_error=[]) as client,
            pytest.raises(redis.ConnectionError),
        ):
            client.ping()
    finally:
        nowhere.stop()
