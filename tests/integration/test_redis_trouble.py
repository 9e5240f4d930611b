"""A Redis that does not serve us, each for its own reason: the message names it and says what to do."""

import signal
from collections.abc import Iterator

import pytest
import redis
from support.processes import CLI, run_cli
from support.redis_process import OwnRedis, own_redis

from aicity_fleet.errors import LedgerNotFoundError, LedgerUnavailableError
from aicity_fleet.health.redis_server import redis_findings
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.connection import connect
from aicity_fleet.ledger.overview import read_overview
from aicity_fleet.settings import Settings


@pytest.fixture
def own(tmp_path) -> Iterator[OwnRedis]:
    with own_redis(tmp_path / "own") as started:
        yield started


def test_a_full_disk_is_not_called_an_absent_redis(own, tmp_path):
    own.fill_disk(tmp_path / "gone")
    with pytest.raises(
        LedgerUnavailableError, match=r"cannot write to its disk.*Free space"
    ) as why:
        connect(own.settings)
    assert not isinstance(why.value, LedgerNotFoundError)
    assert own.server.password not in str(why.value)


def test_a_redis_that_hangs_is_told_apart_from_an_absent_one(own):
    own.process.send_signal(signal.SIGSTOP)
    with pytest.raises(LedgerUnavailableError) as why:
        connect(own.settings, timeout_seconds=0.3)
    assert "accepts connections and does not answer within 0.3 s" in str(why.value)
    assert not isinstance(why.value, LedgerNotFoundError)


def test_a_hanging_redis_of_up_does_not_mean_that_up_is_not_running(own, empty_folder):
    folder = empty_folder / "aicity-fleet" / "default"
    folder.mkdir(parents=True)
    (folder / "redis.url").write_text(f"{own.server.url}\n")
    own.process.send_signal(signal.SIGSTOP)
    done = run_cli(*CLI, "jobs", env={"XDG_DATA_HOME": str(empty_folder)}, cwd=empty_folder)
    assert done.returncode == 2
    assert "accepts connections and does not answer within 5 s" in " ".join(done.stderr.split())
    assert "is not running" not in done.stderr


def test_a_read_only_replica_names_the_primary(own):
    own.admin.replicaof("127.0.0.1", 1)
    with pytest.raises(LedgerUnavailableError, match=r"read-only.*Set REDIS_URL to the primary"):
        Ledger.from_settings(own.settings)


def test_a_redis_at_its_maxmemory_can_be_looked_at_but_not_begun(own):
    with Ledger.from_settings(own.settings).client:
        pass
    own.admin.config_set("maxmemory", "100kb")
    with Ledger.from_settings(own.settings).client as client:
        assert client.ping(), "its layout is known"
    own.admin.config_set("maxmemory", "0")
    own.admin.flushall()
    own.admin.config_set("maxmemory", "100kb")
    with pytest.raises(LedgerUnavailableError, match=r"reached its maxmemory.*Raise its maxmemory"):
        Ledger.from_settings(own.settings)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (redis.BusyLoadingError("Redis is loading"), "still loading its data. Wait"),
        (redis.TimeoutError("Timeout connecting to server"), "be reached within 3 s. Check"),
        (redis.ResponseError("ERR unknown command"), "it answers ResponseError. Look at its log"),
    ],
)
def test_other_trouble_is_named_as_well(own, monkeypatch, error, says):
    def ping(_client: redis.Redis) -> None:
        raise error

    monkeypatch.setattr(redis.Redis, "ping", ping)
    with pytest.raises(LedgerUnavailableError, match=says):
        connect(own.settings)


# --- before it has trouble ------------------------------------------------------------------------


def status(own: OwnRedis) -> list[str]:
    """What ``status`` finds out about the Redis server."""
    ledger = Ledger.from_settings(own.settings)
    try:
        found = redis_findings(read_overview(ledger))
        return [f"{'!' if finding.needs_person else '-'} {finding.what}" for finding in found]
    finally:
        ledger.close()


def test_memory_that_runs_out_is_told_before_and_after(own):
    assert status(own) == []
    used = int(own.admin.info("memory")["used_memory"])
    own.admin.config_set("maxmemory", int(used / 0.85))
    (remark,) = status(own)
    assert remark.startswith("- Redis uses")
    own.admin.config_set("maxmemory", used // 2)
    (alarm,) = status(own)
    assert alarm.startswith("! Redis uses"), "status works although Redis is full"


def test_a_redis_that_evicts_and_one_that_is_a_replica_need_a_person(own):
    assert status(own) == []
    own.admin.config_set("maxmemory-policy", "volatile-lru")
    assert "maxmemory-policy volatile-lru" in status(own)[0]
    own.admin.config_set("maxmemory-policy", "noeviction")
    own.admin.replicaof("127.0.0.1", 1)
    assert "read-only replica" in status(own)[0]


def test_a_user_who_may_not_ask_for_the_memory_still_gets_a_status(own):
    own.admin.acl_setuser(
        "fleet", enabled=True, nopass=True, keys=["*"], commands=["+@all", "-info"]
    )
    url = f"redis://fleet:any@127.0.0.1:{own.server.port}/0"
    ledger = Ledger.from_settings(Settings.load({"REDIS_URL": url}))
    assert read_overview(ledger).server is None
    ledger.close()
