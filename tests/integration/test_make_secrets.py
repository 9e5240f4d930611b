"""``deploy/make-secrets`` as the service ``secrets`` of the compose file runs it, in folders elsewhere."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from aicity_fleet.redis_users import Role

SCRIPT = Path(__file__).parents[2] / "deploy" / "make-secrets"


@pytest.fixture
def make_secrets(tmp_path):
    """Runs the script on the volumes of this test, and returns the password of each role."""
    volumes = tmp_path / "fleet"
    for folder in ("flower", "users", *(f"redis/{role}" for role in Role)):
        (volumes / folder).mkdir(parents=True)
    text = SCRIPT.read_text().replace("/run/fleet", str(volumes))
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


def test_redis_password_is_the_operator_s(make_secrets):
    first = make_secrets()
    second = make_secrets(REDIS_PASSWORD="chosen-1")
    assert second == {**first, Role.OPERATOR: "chosen-1"}


def test_redis_password_is_everybody_s_on_a_redis_elsewhere(make_secrets):
    found = make_secrets(REDIS_URL="redis://redis.example.net:6379/0", REDIS_PASSWORD="theirs-1")
    assert set(found.values()) == {"theirs-1"}


@pytest.mark.parametrize("url", ["redis://redis:6379/0", "redis://redis", "redis://redis/0"])
def test_the_url_of_the_compose_file_s_own_redis_is_refused(make_secrets, url):
    make_secrets(code=2, REDIS_URL=url)
