"""The folder of an embedded fleet, and a ``REDIS_URL_FILE`` that an earlier `up` printed."""

import pytest

from aicity_fleet.embedded.state_folder import StateFolder, forget_embedded_redis


@pytest.fixture
def folder(tmp_path):
    return StateFolder(tmp_path / "mine", "default")


def forgets(named: object, folder: StateFolder) -> bool:
    environ = {"REDIS_URL_FILE": str(named), "OTHER": "kept"}
    forgotten = forget_embedded_redis(environ, folder)
    assert environ["OTHER"] == "kept"
    assert forgotten == ("" if "REDIS_URL_FILE" in environ else str(named))
    return bool(forgotten)


def test_the_file_of_the_own_folder_is_forgotten_even_if_a_killed_fleet_left_it(
    folder, monkeypatch
):
    assert forgets(folder.redis_url, folder)
    folder.path.mkdir()
    folder.publish("redis://127.0.0.1:1/0")
    assert forgets(folder.redis_url, folder)
    monkeypatch.chdir(folder.path)
    assert forgets("redis.url", folder)


def test_the_file_of_another_fleet_is_forgotten_once_that_has_ended(folder, tmp_path):
    with StateFolder(tmp_path / "other", "default") as other:
        other.publish("redis://127.0.0.1:1/0")
        assert not forgets(other.redis_url, folder), "it runs: its Redis is meant"
    assert forgets(other.redis_url, folder)


def test_a_file_of_the_users_own_is_kept(folder, tmp_path):
    assert not forgets(tmp_path / "secret" / "redis.url", folder), "no fleet was ever there"
    assert not forgets(tmp_path / "my-redis", folder)
    assert forget_embedded_redis({}, folder) == ""
