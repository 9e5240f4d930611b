"""A primary, a replica and three sentinels of a test's own, on free ports."""

from __future__ import annotations

import dataclasses
import subprocess
from pathlib import Path
from typing import Any

import redis
from support.redis_process import start_redis
from support.waiting import wait_until

from aicity_fleet.embedded.ports import LOOPBACK, free_port
from aicity_fleet.embedded.redis_server import RedisServer, new_redis_server

NAME = "fleet"
"""By which name the sentinels know the primary."""

SENTINELS = 3

DOWN_AFTER_SECONDS = 1.0
"""After which silence a sentinel takes the primary for dead, in seconds. Redis's own default is 30."""


@dataclasses.dataclass
class Node:
    """A Redis that is primary or replica, whichever the sentinels say."""

    server: RedisServer
    process: subprocess.Popen[str]
    admin: redis.Redis

    @property
    def role(self) -> str:
        return str(self.admin.info("replication")["role"])


class SentinelSet:
    """Two Redis and their sentinels.

    Args:
        folder: Where their data is.
    """

    def __init__(self, folder: Path) -> None:
        first = new_redis_server(folder / "a")
        second = dataclasses.replace(first, port=free_port(), folder=folder / "b")
        second.folder.mkdir()
        self.password = first.password
        self.nodes = [
            self._start(first, ""),
            self._start(second, f"replicaof {LOOPBACK} {first.port}\n"),
        ]
        self.ports = [free_port() for _ in range(SENTINELS)]
        self._sentinels = [
            self._start_sentinel(first, folder / f"sentinel{number}.conf", port)
            for number, port in enumerate(self.ports)
        ]
        self.asked = [
            redis.Redis(port=port, decode_responses=True, socket_timeout=2) for port in self.ports
        ]
        self.until_whole()

    @property
    def url(self) -> str:
        """What a fleet sets as ``REDIS_URL``."""
        hosts = ",".join(f"{LOOPBACK}:{port}" for port in self.ports)
        return f"sentinel://:{self.password}@{hosts}/0?master={NAME}"

    @property
    def primary(self) -> Node:
        """The Redis that the first sentinel names."""
        port = self._named_by(self.asked[0])
        (found,) = [node for node in self.nodes if node.server.port == port]
        return found

    @property
    def replica(self) -> Node:
        """The other one."""
        (found,) = [node for node in self.nodes if node is not self.primary]
        return found

    def hold_replica_back(self) -> Node:
        """Have the replica receive nothing more, and return it: what is written now dies with the primary.

        Sentinels promote it all the same for ten times ``DOWN_AFTER_SECONDS``.
        """
        replica = self.replica
        replica.admin.config_set("masterauth", "wrong")
        replica.admin.execute_command("CLIENT", "KILL", "TYPE", "master")
        return replica

    def let_replicate(self, node: Node) -> None:
        """Undo ``hold_replica_back``."""
        node.admin.config_set("masterauth", self.password)

    def kill_primary(self) -> Node:
        """End the primary as a crash does, and return it."""
        node = self.primary
        node.process.kill()
        node.process.wait(10)
        return node

    def until_promoted(self, dead: Node, seconds: float = 30) -> None:
        """Wait until every sentinel names another primary than this one."""

        def all_agree() -> bool:
            return dead.server.port not in map(self._named_by, self.asked)

        wait_until(all_agree, seconds=seconds, description="the sentinels promote the replica")

    def restart(self, node: Node) -> None:
        """Start a Redis that died, with the configuration that it had at first."""
        node.process = start_redis(node.server, self._extra())

    def is_whole(self) -> bool:
        """Whether the replica follows the primary and all sentinels know of each other."""
        try:
            states: list[Any] = [one.sentinel_master(NAME) for one in self.asked]
            replica = self.replica.admin.info("replication")
        except redis.RedisError:
            return False
        for state in states:
            known = state["num-other-sentinels"], state["num-slaves"]
            if known != (SENTINELS - 1, 1) or state["flags"] != "master":
                return False
        return replica["role"] == "slave" and replica["master_link_status"] == "up"

    def until_whole(self, seconds: float = 30) -> None:
        """Wait for that."""
        wait_until(
            self.is_whole, seconds=seconds, description="primary, replica and sentinels are up"
        )

    def stop(self) -> None:
        """End all of them."""
        for process in [*self._sentinels, *(node.process for node in self.nodes)]:
            process.kill()
            process.wait(10)
        for client in [*self.asked, *(node.admin for node in self.nodes)]:
            client.close()

    @staticmethod
    def _named_by(one: redis.Redis) -> int:
        address: Any = one.sentinel_get_master_addr_by_name(NAME)
        return int(address[1])

    def _start(self, server: RedisServer, extra: str) -> Node:
        process = start_redis(server, self._extra() + extra)
        return Node(server, process, redis.Redis.from_url(server.url, decode_responses=True))

    def _extra(self) -> str:
        return f"masterauth {self.password}\nrepl-diskless-sync-delay 0\n"

    def _start_sentinel(self, primary: RedisServer, file: Path, port: int) -> subprocess.Popen[str]:
        lines = [
            f"port {port}",
            f"bind {LOOPBACK}",
            f'dir "{file.parent}"',
            f"sentinel monitor {NAME} {LOOPBACK} {primary.port} 2",
            f"sentinel auth-pass {NAME} {self.password}",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_SECONDS * 1000:.0f}",
            f"sentinel failover-timeout {NAME} 3000",
        ]
        file.write_text("\n".join(lines) + "\n")
        file.chmod(0o600)
        return subprocess.Popen(
            [str(primary.program), str(file), "--sentinel"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            text=True,
        )
