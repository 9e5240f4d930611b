"""Redis through TLS with a private authority: all connections check it, and a wrong one says what to do."""

import time
from pathlib import Path

import httpx
import pytest
from support.processes import CLI, FleetProcesses, run_cli
from support.redis_tls import TlsRedis, make_authority, redis_with_tls
from support.waiting import wait_until

from aicity_fleet.doctor.redis_checks import check_redis
from aicity_fleet.doctor.redis_probe import open_client, read_server
from aicity_fleet.embedded.fleet import CELERY, flower_program
from aicity_fleet.embedded.ports import free_port
from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.ledger import Ledger
from aicity_fleet.ledger.connection import connect
from aicity_fleet.models import JobState
from aicity_fleet.settings import Settings
from aicity_fleet.simulator.access import fleet_environment

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A redis-server with TLS."""
    with redis_with_tls(tmp_path_factory.mktemp("tls")) as server:
        yield server


@pytest.fixture
def env(server, agent):
    """Settings that are right."""
    return {
        "REDIS_URL": server.url(),
        "REDIS_CA_FILE": str(server.ca_file),
        "FLEET_AGENT": agent,
    }


def test_a_whole_fleet_works_through_tls(server, env, city, empty_folder):
    port = free_port()
    more = {**fleet_environment(city.url), "FLEET_POLL_SECONDS": "1", "FLEET_SWEEP_SECONDS": "0.2"}
    fleet = FleetProcesses({**env, **more}, empty_folder)
    ledger = Ledger.from_settings(Settings.load(env))
    (task_id,) = city.submit({})
    try:
        fleet.start("dispatcher", "worker1", "beat")
        fleet.start_program(flower_program(fleet.env, port=port, password="pw"))
        wait_until(
            lambda: ledger.counts()[JobState.REPORTED] == 1,
            seconds=60,
            description="the job is reported",
        )
        assert city.report()["tasks"][task_id]["acceptedEndings"] == 1
        auth, url = ("fleet", "pw"), f"http://127.0.0.1:{port}"
        with httpx.Client(base_url=url, auth=auth, trust_env=False, timeout=20) as client:

            def shows_queues() -> bool:
                try:
                    page = client.get("/broker")
                except httpx.TransportError:
                    return False
                return page.is_success and "control" in page.text

            wait_until(shows_queues, seconds=60, description="Flower shows the queues")
        done = run_cli(*CLI, "status", env=fleet.env, cwd=empty_folder)
        assert done.returncode == 0, done.stdout + done.stderr
        assert "insecure" not in "".join(map(fleet.log, ("dispatcher", "worker1", "beat")))
    finally:
        fleet.stop()
        ledger.close()


def wrong(server: TlsRedis, folder: Path) -> list[tuple[str, dict[str, str]]]:
    """Return settings that are wrong, each with what the message says of them."""
    right, other = str(server.ca_file), str(make_authority(folder, "another"))
    return [
        ("certificate", {"REDIS_URL": server.url()}),
        ("certificate", {"REDIS_URL": server.url(), "REDIS_CA_FILE": other}),
        ("Hostname mismatch", {"REDIS_URL": server.url("localhost"), "REDIS_CA_FILE": right}),
    ]


def test_a_certificate_that_cannot_be_checked_is_told_at_once_with_the_remedy(server, tmp_path):
    for says, env in wrong(server, tmp_path):
        settings, began = Settings.load(env), time.monotonic()
        with pytest.raises(LedgerUnavailableError) as caught:
            connect(settings, wait_seconds=30)
        assert time.monotonic() - began < 10, "to wait does not help"
        said = str(caught.value)
        assert "no TLS connection" in said
        assert says in said.partition("(")[2].partition(")")[0]
        assert "REDIS_CA_FILE" in said
        assert server.server.password not in said
        with open_client(settings) as client:
            (found, *_) = check_redis(read_server(client, settings), settings)
        assert says in found.what
        assert "REDIS_CA_FILE" in found.cure


def test_the_ledger_trusts_no_authority_of_the_system_beside_redis_ca_file(
    env, tmp_path, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", env.pop("REDIS_CA_FILE"))
    connect(Settings.load(env)).close()  # the system's are trusted alone
    env["REDIS_CA_FILE"] = str(make_authority(tmp_path, "another"))
    with pytest.raises(LedgerUnavailableError, match="no TLS connection"):
        connect(Settings.load(env))


def test_no_message_is_sent_to_a_broker_whose_certificate_is_wrong(env, empty_folder):
    call = (CELERY[0], "-m", "celery", "-A", "aicity_fleet.celery_app", "call", "fleet.poll")
    right = run_cli(*call, env=env, cwd=empty_folder)
    assert right.returncode == 0, right.stderr
    del env["REDIS_CA_FILE"]
    unknown = run_cli(*call, env=env, cwd=empty_folder)
    assert unknown.returncode == 2, unknown.stdout + unknown.stderr
    assert "Traceback" not in unknown.stderr
