"""A fleet of real processes on a Redis of its own behind a proxy, and the faults of such a Redis."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import redis
from support.fleet_rig import FleetRig
from support.redis_process import start_redis
from support.simulated_city import SimulatedCity
from support.tcp_proxy import TcpProxy
from support.waiting import wait_until

from aicity_fleet.embedded.redis_server import RedisServer, new_redis_server


class Rig(FleetRig):
    """A Redis, a proxy before it, and the fleet that works through it."""

    def __init__(self, folder: Path, city: SimulatedCity, **env: str) -> None:
        self.server: RedisServer = new_redis_server(folder / "redis")
        self.redis = start_redis(self.server)
        self.proxy = TcpProxy(self.server.port)
        url = f"redis://:{self.server.password}@127.0.0.1:{self.proxy.port}/0"
        admin = redis.Redis.from_url(self.server.url, decode_responses=True, socket_timeout=60)
        super().__init__(folder, city, url, admin, **env)

    def kill_redis(self) -> None:
        """End Redis as a crash does."""
        self.redis.kill()
        self.redis.wait(10)

    def start_redis(self, extra: str = "") -> None:
        """Start Redis again on the same data."""
        if not extra:
            self.redis = start_redis(self.server)
            return
        self.redis = subprocess.Popen(
            self.server.argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
        )
        assert self.redis.stdin is not None
        self.redis.stdin.write(self.server.config + extra)
        self.redis.stdin.close()

    def stop(self) -> None:
        """End everything."""
        super().stop()
        self.proxy.close()
        self.redis.terminate()
        self.redis.wait(10)


@contextlib.contextmanager
def stopped(rig: Rig) -> Iterator[None]:
    """Redis is shut down, and started again."""
    rig.redis.terminate()
    rig.redis.wait(10)
    yield
    rig.start_redis()


@contextlib.contextmanager
def killed(rig: Rig) -> Iterator[None]:
    """Redis is killed, and started again on its AOF."""
    rig.kill_redis()
    yield
    rig.start_redis()


@contextlib.contextmanager
def loading(rig: Rig) -> Iterator[None]:
    """Redis was killed and loads its data again, slowly: a delay for every key."""
    rig.admin.config_set("aof-use-rdb-preamble", "yes")
    rig.admin.config_set("rdbcompression", "no")
    with rig.admin.pipeline() as pipe:
        for number in range(60):  # Redis answers LOADING after every two megabytes
            pipe.set(f"ballast:{number}", "x" * 600_000)
        pipe.execute()
    rig.admin.bgrewriteaof()
    wait_until(
        lambda: (
            not rig.admin.info("persistence")["aof_rewrite_in_progress"]
            and not rig.admin.info("persistence")["aof_rewrite_scheduled"]
        ),
        description="the AOF is rewritten",
    )
    rig.kill_redis()
    rig.start_redis("key-load-delay 40000\n")
    yield

    def loaded() -> bool:
        try:
            return bool(rig.admin.ping())
        except redis.RedisError:
            return False

    wait_until(loaded, seconds=40, description="Redis has loaded")


@contextlib.contextmanager
def read_only(rig: Rig) -> Iterator[None]:
    """Redis follows another one that is not there: it answers reads and refuses writes."""
    rig.admin.execute_command("REPLICAOF", "127.0.0.1", "1")
    yield
    rig.admin.execute_command("REPLICAOF", "NO", "ONE")


@contextlib.contextmanager
def full(rig: Rig) -> Iterator[None]:
    """Redis is out of memory and evicts nothing."""
    rig.admin.config_set("maxmemory", "1mb")
    yield
    rig.admin.config_set("maxmemory", "0")


@contextlib.contextmanager
def resets(rig: Rig) -> Iterator[None]:
    """Every connection is cut every two seconds."""
    began = time.monotonic()
    while time.monotonic() - began < 8:
        rig.proxy.reset_all()
        rig.hold(2)
    yield


@contextlib.contextmanager
def half_open(rig: Rig) -> Iterator[None]:
    """The network swallows everything; connections stay open. Then new ones work again."""
    rig.proxy.swallow()
    yield
    rig.proxy.pass_on()


@contextlib.contextmanager
def wiped(rig: Rig) -> Iterator[None]:
    """FLUSHALL, once."""
    rig.admin.flushall()
    yield


@contextlib.contextmanager
def wiped_often(rig: Rig) -> Iterator[None]:
    """FLUSHALL, again and again."""
    for _ in range(4):
        rig.admin.flushall()
        rig.hold(0.7)
    yield


HOLD = {
    stopped: 10,
    killed: 3,
    loading: 0,
    read_only: 6,
    full: 6,
    resets: 0,
    half_open: 6,
    wiped: 0,
    wiped_often: 0,
}
"""How long each fault lasts beyond what it takes itself, in seconds."""
