"""A real redis-server for tests."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from support.waiting import wait_until

from aicity_fleet.embedded.redis_server import RedisServer, major_version, new_redis_server
from aicity_fleet.settings import Settings


def start_redis(server: RedisServer, extra: str = "") -> subprocess.Popen[str]:
    """Start a planned server, with further lines of configuration, and wait until it answers."""
    process = subprocess.Popen(
        server.argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    )
    assert process.stdin is not None
    process.stdin.write(server.config + extra)
    if major_version(str(server.program)) >= 7:
        process.stdin.write("enable-protected-configs yes\n")  # a test moves its folder
    process.stdin.close()
    wait_until(server.answers, description="the redis-server answers")
    return process


@dataclasses.dataclass(frozen=True)
class OwnRedis:
    """A redis-server of one test, which may break it."""

    server: RedisServer
    process: subprocess.Popen[str]
    admin: redis.Redis

    @property
    def settings(self) -> Settings:
        return Settings.load({"REDIS_URL": self.server.url})

    def fill_disk(self, folder: Path) -> None:
        """Let a snapshot fail, as on a full disk: its folder is gone."""
        folder.mkdir()
        self.admin.config_set("appendonly", "no")
        self.admin.config_set("dir", str(folder))
        folder.rmdir()
        self.admin.config_set("save", "3600 1")
        self.admin.bgsave()
        wait_until(
            lambda: self.admin.info("persistence")["rdb_last_bgsave_status"] == "err",
            description="the snapshot has failed",
        )


@contextmanager
def own_redis(folder: Path) -> Iterator[OwnRedis]:
    """Run a redis-server that a test may break."""
    server = new_redis_server(folder)
    with start_redis(server) as process, redis.Redis.from_url(server.url) as admin:
        yield OwnRedis(server, process, admin)
        process.kill()  # it may be stopped, or refuse to end without a snapshot
