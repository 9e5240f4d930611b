"""What is said of Redis, by real servers in real trouble; of each kind of trouble in its own words."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from support.redis_process import start_redis
from support.waiting import wait_until

from aicity_fleet.doctor.findings import Finding, Severity
from aicity_fleet.doctor.redis_checks import check_redis, clock_findings
from aicity_fleet.doctor.redis_probe import (
    RedisAnswer,
    open_client,
    open_used_ledger,
    read_server,
)
from aicity_fleet.embedded.redis_server import RedisServer, new_redis_server
from aicity_fleet.errors import LedgerError
from aicity_fleet.ledger.keys import Keys
from aicity_fleet.settings import Settings


def settings_for(url: str, **more: str) -> Settings:
    return Settings.load({"REDIS_URL": url, "FLEET_AGENT": "doctor", **more})


def look(url: str, **more: str) -> tuple[RedisAnswer, dict[str, Finding]]:
    settings = settings_for(url, **more)
    with open_client(settings) as client:
        state = read_server(client, settings)
    return state, {finding.check: finding for finding in check_redis(state, settings)}


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server that a test may break."""
    server = new_redis_server(tmp_path / "redis")
    with start_redis(server) as process:
        yield server
        process.kill()


@pytest.fixture
def admin(own_server: RedisServer) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(own_server.url, decode_responses=True) as client:
        yield client


def test_sentinels_that_are_not_there_are_named():
    state, found = look("sentinel://127.0.0.1:1,127.0.0.1:2/0?master=m")
    assert state.trouble == "no_primary"
    assert "none of its 2 sentinels answers" in found["redis"].what
    assert "correct the addresses" in found["redis"].cure


def test_a_server_as_the_fleet_starts_it_has_nothing_wrong(own_server, admin):
    state, found = look(own_server.url)
    assert state.trouble == ""
    assert {finding.severity for finding in found.values()} == {Severity.OK}
    assert set(found) == {
        *("redis", "redis version", "redis persistence", "redis eviction", "redis memory"),
        "redis clock",
    }
    assert admin.dbsize() == 0, "the check writes nothing"


def test_nothing_listens():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    state, found = look(f"redis://127.0.0.1:{port}/0")
    assert state.trouble == "unreachable"
    assert "refused" in found["redis"].what


@pytest.mark.parametrize("password", ["", "wrong"])
def test_a_wrong_password_is_told_and_never_shown(own_server, password):
    url = f"redis://:{password}@127.0.0.1:{own_server.port}/0"
    state, found = look(url)
    assert state.trouble == "password"
    assert "REDIS_PASSWORD" in found["redis"].cure
    assert own_server.password not in str(found)
    assert "wrong" not in found["redis"].what.replace("WRONGPASS", "")


def test_a_server_that_accepts_and_keeps_silent_costs_three_seconds():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        began = time.monotonic()
        state, found = look(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        assert time.monotonic() - began < 9, "the promise of the command"
    assert state.trouble == "silent"
    assert "accepts connections and does not answer" in found["redis"].what


def test_a_server_that_is_no_redis_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def greet() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.sendall(b"220 mail.example ready\r\n")
                        connection.recv(1000)

        threading.Thread(target=greet, daemon=True).start()
        state, found = look(f"redis://127.0.0.1:{listener.getsockname()[1]}/0")
        listener.shutdown(socket.SHUT_RDWR)
    assert state.trouble == "refused"
    assert "is a Redis" in found["redis"].cure


def test_a_server_that_loads_is_told_from_one_that_is_down(tmp_path):
    server = new_redis_server(tmp_path / "redis")
    with start_redis(server) as process, redis.Redis.from_url(server.url) as client:
        client.config_set("aof-use-rdb-preamble", "yes")
        client.config_set("rdbcompression", "no")
        for number in range(40):  # Redis looks at its connections after every two megabytes
            client.set(f"ballast:{number}", "x" * 600_000)
        client.bgrewriteaof()
        wait_until(
            lambda: (
                not client.info("persistence")["aof_rewrite_in_progress"]
                and not client.info("persistence")["aof_rewrite_scheduled"]
            ),
            description="the AOF is rewritten",
        )
        process.kill()
    states: list[RedisAnswer] = []

    def is_loading() -> bool:
        states.append(look(server.url)[0])
        return states[-1].trouble == "loading"

    with subprocess.Popen(
        server.argv, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdin is not None
            process.stdin.write(f"{server.config}key-load-delay 100000\n")
            process.stdin.close()
            wait_until(is_loading, seconds=20, description="the server says that it loads")
        finally:
            process.kill()
    _, found = look_at(states[-1], server.url)
    assert "still loading" in found["redis"].what


def look_at(state: RedisAnswer, url: str) -> tuple[RedisAnswer, dict[str, Finding]]:
    return state, {f.check: f for f in check_redis(state, settings_for(url))}


def test_a_full_server_refuses_writes_and_can_be_read(own_server, admin):
    admin.set("ballast", "x" * 2_000_000)
    admin.config_set("maxmemory", "1mb")
    state, found = look(own_server.url)
    assert (state.trouble, state.answers) == ("full", True)
    assert found["redis"].severity is Severity.PROBLEM
    assert found["redis memory"].severity is Severity.PROBLEM


def test_a_server_that_cannot_write_its_file_is_told(own_server, admin):
    admin.config_set("save", "3600 1")
    admin.set("something", "to save")
    shutil.rmtree(own_server.folder)
    admin.bgsave()
    wait_until(
        lambda: admin.info("persistence")["rdb_last_bgsave_status"] == "err",
        description="the snapshot fails",
    )
    state, found = look(own_server.url)
    assert (state.trouble, state.answers) == ("disk", True)
    assert "MISCONF" in found["redis"].what
    assert "rdb_last_bgsave_status" in found["redis persistence"].what


def test_a_read_only_replica_is_told(own_server, admin):
    admin.execute_command("REPLICAOF", "127.0.0.1", "1")
    state, found = look(own_server.url)
    assert state.trouble == "read_only"
    assert "primary" in found["redis"].cure


@pytest.mark.parametrize(
    ("setting", "value", "check", "severity"),
    [
        ("maxmemory-policy", "allkeys-lru", "redis eviction", Severity.PROBLEM),
        ("appendonly", "no", "redis persistence", Severity.WARNING),
        ("maxmemory", "100mb", "redis memory", Severity.OK),
    ],
)
def test_settings_that_lose_data_are_told(own_server, admin, setting, value, check, severity):
    admin.config_set(setting, value)
    _, found = look(own_server.url)
    assert found[check].severity is severity


def test_a_user_without_rights_is_told(own_server, admin):
    admin.execute_command("ACL", "SETUSER", "guest", "on", ">pass-123", "+ping", "+info", "~*")
    state, found = look(f"redis://guest:pass-123@127.0.0.1:{own_server.port}/0")
    assert state.trouble == "refused"
    assert "ACL" in found["redis"].cure


INFO = {"redis_version": "7.0.15", "aof_enabled": 1, "used_memory": 10, "maxmemory": 100}


@pytest.mark.parametrize(
    ("change", "check", "severity"),
    [
        ({"redis_version": "6.0.16"}, "redis version", Severity.PROBLEM),
        ({"redis_version": "6.2.0"}, "redis version", Severity.OK),
        ({"redis_version": "8.0"}, "redis version", Severity.OK),
        ({"used_memory": 79}, "redis memory", Severity.OK),
        ({"used_memory": 80}, "redis memory", Severity.WARNING),
        ({"used_memory": 95}, "redis memory", Severity.PROBLEM),
        ({"aof_last_write_status": "err"}, "redis persistence", Severity.WARNING),
    ],
)
def test_what_info_says_is_judged(change, check, severity):
    _, found = look_at(RedisAnswer(info={**INFO, **change}), "redis://127.0.0.1/0")
    assert found[check].severity is severity


def test_a_server_elsewhere_needs_a_password():
    for url, severity in (
        ("redis://redis.example/0", Severity.WARNING),
        ("redis://:long-secret@redis.example/0", Severity.OK),
        ("redis://localhost/0", Severity.OK),
    ):
        _, found = look_at(RedisAnswer(info=INFO), url)
        assert found["redis"].severity is severity


@pytest.mark.parametrize(
    ("offset", "severity"),
    [(0.4, Severity.OK), (-5.5, Severity.WARNING), (60, Severity.WARNING), (-61, Severity.PROBLEM)],
)
def test_clocks_are_compared(offset, severity):
    (found,) = clock_findings("clock", "Redis", offset)
    assert found.severity is severity
    assert list(clock_findings("clock", "Redis", None)) == []


def test_a_redis_without_a_ledger_gets_none(own_server, admin):
    settings = settings_for(own_server.url)
    with open_client(settings) as client:
        assert open_used_ledger(client, settings) is None
        assert admin.dbsize() == 0
        client.set(Keys("doctor").schema, 3)
        assert open_used_ledger(client, settings) is not None
        client.set(Keys("doctor").schema, 999)
        with pytest.raises(LedgerError, match="999"):
            open_used_ledger(client, settings)
