"""``deploy/make-secrets`` as the service ``secrets`` of the compose file runs it, in folders elsewhere."""

import hashlib
import os
import re
import shutil
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
from support.redis_tls import make_authority

from aicity_fleet.redis_users import Role
from aicity_fleet.settings import Settings

SCRIPT = Path(__file__).parents[2] / "deploy" / "make-secrets"


@pytest.fixture
def volumes(tmp_path):
    """The volumes of the service."""
    volumes = tmp_path / "fleet"
    for folder in ("flower", "users", *(f"redis/{role}" for role in Role)):
        (volumes / folder).mkdir(parents=True)
    return volumes


@pytest.fixture
def known(tmp_path):
    """An authority that the system knows."""
    return make_authority(tmp_path, "known")


@pytest.fixture
def make_secrets(tmp_path, volumes, known):
    """Runs the script on the volumes of this test, and returns the password of each role."""
    text = SCRIPT.read_text().replace("/run/fleet", str(volumes))
    text = text.replace("/etc/ssl/certs/ca-certificates.crt", str(known))
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

    def run(code: int = 0, **env: str) -> dict[Role, str]:
        done = subprocess.run(
            ["sh", "-c", text],
            env={"PATH": path, "FLEET_AGENT": "mine", **env},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, done.stderr
        if code:
            assert "REDIS_URL: leave it unset" in done.stderr
            return {}
        files = {role: volumes / "redis" / role / "password" for role in Role}
        passwords = {role: path.read_text().strip() for role, path in files.items()}
        users = volumes / "users" / "users.acl"
        assert users.stat().st_mode & 0o777 == 0o640, "Redis reads it as one of the group"
        lines = {line.split()[1]: line for line in users.read_text().splitlines()}
        assert set(lines) == {"default", "health", *Role}
        for role, password in passwords.items():
            assert f"#{hashlib.sha256(password.encode()).hexdigest()} " in lines[role]
            assert "{fleet:mine}:" in lines[role]
            assert password not in users.read_text()
            assert password not in done.stdout + done.stderr
        assert lines["health"].endswith("-@all +ping")
        return passwords

    return run


def test_each_role_gets_a_password_of_its_own_and_keeps_it(make_secrets):
    first = make_secrets()
    assert len(set(first.values())) == len(Role)
    assert make_secrets() == first


def test_without_volumes_it_makes_the_files_of_the_secrets_of_kubernetes(make_secrets, volumes):
    shutil.rmtree(volumes)
    volumes.mkdir()
    make_secrets()
    found = {str(path.relative_to(volumes)) for path in volumes.rglob("*") if path.is_file()}
    users = {f"users/{name}" for name in ("users.acl", "certificate.pem", "key.pem")}
    roles = {f"redis/{role}/{name}" for role in Role for name in ("password", "ca.pem")}
    assert found == {"flower/password", *users, *roles}


def test_redis_password_is_the_operator_s(make_secrets):
    first = make_secrets()
    second = make_secrets(REDIS_PASSWORD="chosen-1")
    assert second == {**first, Role.OPERATOR: "chosen-1"}


def test_redis_password_is_everybody_s_on_a_redis_elsewhere(make_secrets):
    found = make_secrets(REDIS_URL="redis://redis.example.net:6379/0", REDIS_PASSWORD="theirs-1")
    assert set(found.values()) == {"theirs-1"}


@pytest.mark.parametrize(
    "url",
    ["redis://redis:6379/0", "rediss://redis", "redis://redis/0", "rediss://worker@redis:6379/0"],
)
def test_the_url_of_the_compose_file_s_own_redis_is_refused(make_secrets, url):
    make_secrets(code=2, REDIS_URL=url)


@pytest.fixture
def shake_hands(volumes):
    """Makes a TLS connection to a Redis with this certificate, as a client of a role does."""

    def shake(role: Role, *, host: str = "redis", authority: Path | None = None) -> None:
        server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server.load_cert_chain(volumes / "users/certificate.pem", volumes / "users/key.pem")
        client = ssl.create_default_context(cafile=authority or volumes / "redis" / role / "ca.pem")
        there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
        ends = [
            client.wrap_bio(back, there, server_hostname=host),
            server.wrap_bio(there, back, server_side=True),
        ]
        while ends:
            end = ends.pop(0)
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                ends.append(end)

    return shake


def test_each_role_can_check_the_certificate_of_redis(make_secrets, shake_hands, known):
    make_secrets()
    for role in Role:
        shake_hands(role)
        with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
            shake_hands(role, host="elsewhere")
    with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
        shake_hands(Role.WORKER, authority=known)


def test_the_key_of_redis_is_in_one_file_of_its_group(make_secrets, volumes):
    make_secrets()
    files = [path for path in volumes.rglob("*") if path.is_file()]
    keys = [path for path in files if "PRIVATE KEY" in path.read_text()]
    assert keys == [volumes / "users/key.pem"]
    # Redis is in the group.
    modes = {path.name: path.stat().st_mode & 0o777 for path in (volumes / "users").iterdir()}
    assert modes == dict.fromkeys(["users.acl", "key.pem", "certificate.pem"], 0o640)


def test_the_certificate_is_kept_and_signs_no_other(make_secrets, volumes):
    make_secrets()
    before = [(volumes / "users" / name).read_text() for name in ("key.pem", "certificate.pem")]
    make_secrets()
    after = [(volumes / "users" / name).read_text() for name in ("key.pem", "certificate.pem")]
    assert after == before
    show = ["openssl", "x509", "-noout", "-text", "-in", str(volumes / "users/certificate.pem")]
    shown = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    assert re.search(r"Basic Constraints: critical\s+CA:FALSE\n", shown)
    assert re.search(r"Key Usage: critical\s+Digital Signature\n", shown)


def test_a_start_that_died_half_way_is_made_good(make_secrets, volumes, shake_hands):
    make_secrets()
    (volumes / "users/key.pem").unlink()
    (volumes / "users/.key").write_text("-----BEGIN PRIV")
    make_secrets()
    for role in Role:
        shake_hands(role)


def test_a_redis_elsewhere_is_checked_with_its_own_authority(
    make_secrets, volumes, known, tmp_path
):
    own = make_authority(tmp_path, "own")
    certificate = volumes / "users/certificate.pem"
    elsewhere = {"REDIS_URL": "rediss://redis.example.net:6379/0"}
    for env, authority in (
        ({}, certificate),
        (elsewhere, known),
        ({**elsewhere, "REDIS_CA_FILE": str(own)}, own),
        ({"REDIS_URL": "redis://redis.example.net:6379/0"}, known),
        ({"REDIS_CA_FILE": str(own)}, certificate),
    ):
        make_secrets(**env)
        for role in Role:
            found = volumes / "redis" / role / "ca.pem"
            assert found.read_text() == authority.read_text(), env
            # What each process does at its start, whatever the scheme of its URL.
            Settings.load({**env, "REDIS_CA_FILE": str(found)})
