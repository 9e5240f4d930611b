"""A real redis-server with the users of a fleet, and that fleet's processes, each with its own user."""

from __future__ import annotations

import dataclasses
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from support.processes import FleetProcesses
from support.waiting import wait_until

from aicity_fleet.embedded.ports import LOOPBACK, free_port
from aicity_fleet.embedded.redis_server import find_redis_server, major_version
from aicity_fleet.embedded.supervisor import Program
from aicity_fleet.redis_users import Role, user_lines

ADMIN_PASSWORD = "pw-of-the-admin"
"""Of a server that lives for one test."""


@dataclasses.dataclass(frozen=True)
class UsersRedis:
    """A running server with the users of one fleet.

    Args:
        admin: A connection that may do everything, and that the fleet does not have.
        folder: Holds the password of each role in a file of its name.
    """

    port: int
    admin: redis.Redis
    folder: Path

    @property
    def major_version(self) -> int:
        """The first number of its version: 6 cannot tell reading a key from writing it."""
        return int(self.admin.info("server")["redis_version"].split(".")[0])

    def env(self, role: Role) -> dict[str, str]:
        """Return the settings with which a process is this user."""
        url = f"redis://{role}@{LOOPBACK}:{self.port}/0"
        return {"REDIS_URL": url, "REDIS_PASSWORD_FILE": str(self.folder / role)}

    def client(self, role: Role) -> redis.Redis:
        """Return a connection of this user."""
        password = (self.folder / role).read_text()
        return redis.Redis(port=self.port, username=role, password=password, decode_responses=True)

    def denials(self) -> list[str]:
        """Return whom the server denied what, since the beginning."""
        return [
            f"{entry['username']}: {entry['reason']} {entry['object']} ({entry['context']})"
            for entry in self.admin.acl_log()
        ]


class FleetOfUsers(FleetProcesses):
    """The processes of a fleet, each with its own user.

    Args:
        server: Has the users.
        env: The settings; those of Redis are added for each process.
    """

    def __init__(self, server: UsersRedis, env: dict[str, str], folder: Path) -> None:
        super().__init__(env, folder)
        self._server = server

    def start_program(self, program: Program) -> None:
        """Start any program, as the user that its name begins with."""
        role = Role(program.name.rstrip("0123456789"))
        env = {**program.env, **self._server.env(role)}
        super().start_program(dataclasses.replace(program, env=env))


@contextmanager
def redis_with_users(folder: Path, agent: str) -> Iterator[UsersRedis]:
    """Run a redis-server with the users of this fleet, on the data that the folder has."""
    program, port = find_redis_server(), free_port()
    passwords = {role: f"pw-of-{role}" for role in Role}
    for role, password in passwords.items():
        (folder / role).write_text(password)
    lines = user_lines(agent, passwords, major_version=major_version(str(program)))
    users = folder / "users.acl"
    users.write_text("\n".join([*lines, f"user admin on >{ADMIN_PASSWORD} ~* &* +@all\n"]))
    config = f'port {port}\nbind {LOOPBACK}\nsave ""\ndir {folder}\naclfile {users}\n'
    config += "appendonly yes\nappendfsync always\n"
    process = subprocess.Popen([program, "-"], stdin=subprocess.PIPE, text=True)
    assert process.stdin is not None
    process.stdin.write(config)
    process.stdin.close()
    client = redis.Redis(
        port=port, username="admin", password=ADMIN_PASSWORD, decode_responses=True
    )

    def answers() -> bool:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            assert process.poll() is None, "the redis-server has refused its ACL file"
            return False

    with process, client:
        wait_until(answers, description="the redis-server answers")
        yield UsersRedis(port, client, folder)
        process.kill()
