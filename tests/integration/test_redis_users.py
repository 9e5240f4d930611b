"""The users of Redis: a fleet whose processes have their own users works, and no user may do more."""

import json
import socket

import httpx
import pytest
import redis
from support.processes import CLI, run_cli
from support.redis_users import FleetOfUsers, UsersRedis, redis_with_users
from support.waiting import wait_until

from aicity_fleet.embedded.fleet import CELERY, flower_program
from aicity_fleet.embedded.ports import free_port
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.connection import check_layout
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.models import JobState
from aicity_fleet.redis_users import Role
from aicity_fleet.simulator.access import fleet_environment

pytestmark = pytest.mark.timeout(180)

PINGS = {
    Role.OPERATOR: "dispatcher",
    Role.DISPATCHER: "dispatcher",
    Role.WORKER: "worker1",
    Role.BEAT: "celerybeat",
}
"""Who asks which process whether it lives: the healthchecks of the containers, and a person."""


@pytest.fixture
def server(tmp_path, agent):
    """A redis-server with the users of this test's fleet."""
    folder = tmp_path / "redis"
    folder.mkdir()
    with redis_with_users(folder, agent) as server:
        yield server


@pytest.fixture
def fleet(server, agent, city, empty_folder):
    """A fleet of users; nothing is started yet."""
    env = {
        "FLEET_AGENT": agent,
        **fleet_environment(city.url),
        "FLEET_POLL_SECONDS": "1",
        "FLEET_SWEEP_SECONDS": "0.2",
        "FLEET_MAX_DAY_USD": "5",
        "FLEET_METRICS_PORT": str(free_port()),
    }
    processes = FleetOfUsers(server, env, empty_folder)
    yield processes
    processes.stop()


def command(
    fleet: FleetOfUsers, server: UsersRedis, role: Role, *args: str, code: int | None = 0
) -> str:
    """Run a command as a user, and return what it printed; code None for any exit code."""
    done = run_cli(*args, env={**fleet.env, **server.env(role)}, cwd=fleet.folder)
    assert code is None or done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def test_a_fleet_whose_processes_have_their_own_users_lacks_no_right(fleet, server, agent, city):
    def run(role: Role, *args: str, code: int | None = 0) -> str:
        return command(fleet, server, role, *CLI, *args, code=code)

    ledger = Ledger(server.admin, Keys(agent), retention_seconds=3600)
    port = free_port()
    fleet.start("dispatcher", "worker1", "beat")
    fleet.start_program(flower_program(fleet.env, port=port, password="pw"))
    ids = city.submit(*[{} for _ in range(5)])
    wait_until(
        lambda: ledger.counts()[JobState.REPORTED] == 5,
        seconds=60,
        description="all jobs are reported",
    )
    tasks = city.report()["tasks"]
    assert {tasks[task_id]["acceptedEndings"] for task_id in ids} == {1}

    flower = f"http://127.0.0.1:{port}"
    with httpx.Client(base_url=flower, auth=("fleet", "pw"), trust_env=False, timeout=20) as client:

        def shown() -> str:
            try:
                return client.get("/api/tasks").text
            except httpx.TransportError:
                return ""

        city.submit({})
        wait_until(lambda: "fleet.run_job" in shown(), seconds=60, description="Flower shows a job")
        wait_until(
            lambda: len(client.get("/api/workers", params={"refresh": 1}).json()) == 2,
            description="Flower sees the dispatcher and the worker",
        )
        assert client.get("/broker").is_success

    assert json.loads(run(Role.READER, "status", "--json"))["agent"] == agent
    assert '"reported"' in run(Role.READER, "jobs", "--json")
    run(Role.READER, "job", ids[0], "--transcript")
    assert "fleet_" in run(Role.READER, "metrics")
    run(Role.OPERATOR, "pause", "all", "--why", "a test")
    run(Role.OPERATOR, "resume")
    run(Role.OPERATOR, "poll")
    assert "Redis evicts nothing." in run(Role.OPERATOR, "doctor", code=None)
    for role, name in PINGS.items():
        ping = ("inspect", "ping", "-t", "10", "-d", f"{name}@{socket.gethostname()}")
        assert "1 node online" in command(fleet, server, role, *CELERY, *ping)

    for name in ("worker1", "dispatcher", "beat"):
        assert fleet.end(name) == 0, fleet.log(name)
    assert server.denials() == []


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """A redis-server with the users of the fleet ``t-users``, which runs no process."""
    with redis_with_users(tmp_path_factory.mktemp("users"), "t-users") as server:
        yield server


def assert_denied(client: redis.Redis, *command: str) -> None:
    with pytest.raises(redis.ResponseError, match=r"(?i)no permissions|can't run this command"):
        client.execute_command(*command)


FOR_NOBODY = """
    FLUSHALL | FLUSHDB | KEYS * | SCAN 0 | RANDOMKEY | DBSIZE | SHUTDOWN NOSAVE | SAVE | BGREWRITEAOF
    CONFIG GET * | CONFIG SET maxmemory 1 | ACL LIST | ACL SETUSER worker +@all | ACL LOG | MONITOR
    CLIENT LIST | CLIENT KILL TYPE normal | CLIENT PAUSE 1 | REPLICAOF NO ONE
    SCRIPT FLUSH | MODULE LIST | SWAPDB 0 1 | SLOWLOG GET | PUBSUB CHANNELS
    HGETALL {fleet:another}:job:1 | SET {fleet:another}:schema 1 | RPOP {fleet:another}:jobs | GET anything
    PUBLISH {fleet:another}:/0.celery.pidbox stop
"""


@pytest.mark.parametrize("role", Role)
def test_no_user_may_do_more_than_its_fleet_needs(other, role):
    with other.client(role) as client:
        assert client.ping()
        for line in FOR_NOBODY.strip().splitlines():
            for command in line.split(" | "):
                assert_denied(client, *command.split())


def test_nobody_gets_in_without_a_name(other):
    for password in (None, "", "pw-of-worker"):
        with (
            redis.Redis(port=other.port, password=password) as client,
            pytest.raises(redis.AuthenticationError),
        ):
            client.ping()


DENIED = {
    Role.BEAT: "HGETALL job:1 | GET schema | LPUSH jobs x | LPUSH reports x | HSET controls a b | INFO",
    Role.FLOWER: "HGETALL job:1 | HSET job:1 a b | GET schema | LRANGE journal:1 0 -1 | INFO",
    Role.WORKER: "LPUSH control x | RPOP control | LRANGE control 0 -1 | GET last_poll | "
    "ZRANGE state:held 0 -1 | DEL read_backs | HGETALL record | ZADD taken_back 1 x | INFO",
    Role.READER: "HSET job:1 a b | LPUSH jobs x | RPOP jobs | DEL schema | SET schema 1 | "
    "HDEL controls a | EXPIRE job:1 1 | PUBLISH /0.celery.pidbox x | PSUBSCRIBE /0.celeryev/*",
}
"""What a role may not do with its own fleet."""

DENIED_SINCE_7 = {
    Role.BEAT: "RPOP control | LRANGE control 0 -1",
    Role.FLOWER: "LPUSH jobs x | RPOP jobs | RPOP control | DEL reports",
    Role.WORKER: "HSET guard:counts failed 0 | DEL guard:pending | RPOP reports | LRANGE reports 0 -1 "
    "| ZRANGE state:finished 0 -1",
}
"""The same, where only a Redis of version 7 or later can tell reading from writing."""


@pytest.mark.parametrize("role", DENIED)
def test_no_user_may_do_what_its_role_does_not_do(other, role):
    prefix = Keys("t-users").prefix
    lines = [DENIED[role]]
    if other.major_version >= 7 and role in DENIED_SINCE_7:
        lines.append(DENIED_SINCE_7[role])
    with other.client(role) as client:
        for command in " | ".join(lines).split(" | "):
            name, *args = command.split()
            assert_denied(client, name, *[prefix + args[0], *args[1:]] if args else [])


def test_a_script_of_the_reader_writes_nothing(other):
    prefix = Keys("t-users").prefix
    with other.client(Role.READER) as client:
        script = client.register_script("return redis.call('HSET', KEYS[1] .. 'job:1', 'a', 'b')")
        with pytest.raises(redis.ResponseError):
            script(keys=[prefix])
    assert not other.admin.exists(f"{prefix}job:1")


def test_a_reader_reads_what_was_never_written(other):
    with other.client(Role.READER) as client:
        keys = Keys("t-users")
        check_layout(client, keys)
        assert Ledger(client, keys, retention_seconds=1).spending.today().calls == 0
    assert not other.admin.exists(keys.schema)


def test_lapsed_reservations_do_not_stop_a_reader(other):
    other.admin.acl_log_reset()
    keys = Keys("t-users")
    other.admin.hset(keys.reserved, "job:1:0", "5:1")
    with other.client(Role.READER) as client:
        assert Ledger(client, keys, retention_seconds=1).spending.today().reserved_usd == 0
    assert not [entry for entry in other.denials() if "hdel" in entry]
    other.admin.delete(keys.reserved)


def test_a_server_that_starts_again_has_all_that_its_users_wrote(tmp_path, agent):
    """Redis 8 replays its append-only file as ``default`` and checks its rights; older ones do not."""
    key = Keys(agent).job("1")
    with redis_with_users(tmp_path, agent) as before, before.client(Role.WORKER) as client:
        with client.pipeline(transaction=True) as pipe:
            pipe.hset(key, "state", "queued").hset(key, "attempt", 0).execute()
        script = client.register_script(
            "redis.call('HSET', KEYS[1] .. 'job:1', 'state', 'running')"
            "return redis.call('HINCRBY', KEYS[1] .. 'job:1', 'attempt', 1)"
        )
        assert script(keys=[Keys(agent).prefix]) == 1
    with redis_with_users(tmp_path, agent) as after, after.client(Role.READER) as client:
        assert client.hgetall(key) == {"state": "running", "attempt": "1"}
