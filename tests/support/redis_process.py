"""A real redis-server for tests."""

from __future__ import annotations

import subprocess

import redis
from support.waiting import wait_until

from aicity_fleet.embedded.redis_server import RedisServer


def start_redis(server: RedisServer) -> subprocess.Popen[str]:
    """Start a planned server and wait until it answers."""
    process = subprocess.Popen(
        server.argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    process.stdin.write(server.config)
    process.stdin.close()
    with redis.Redis.from_url(server.url) as client:

        def answers() -> bool:
            try:
                return bool(client.ping())
            except redis.RedisError:
                return False

        wait_until(answers, description="the redis-server answers")
    return process
