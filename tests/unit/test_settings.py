"""Settings: one source, all faults together, no secret in any message."""

import pytest

from aicity_fleet.errors import SettingsError
from aicity_fleet.settings import Settings, unknown_variables


def test_an_empty_environment_is_valid():
    settings = Settings.load({})
    assert settings.poll_seconds == 30
    assert settings.base_url == "https://api.aicity.dev"
    assert not settings.redis_url_is_set


def test_empty_values_count_as_unset():
    assert Settings.load({"FLEET_POLL_SECONDS": "", "AGENT_CITY_API_KEY": " "}).agent_key is None


def test_all_faults_are_reported_together_by_variable_name():
    with pytest.raises(SettingsError) as caught:
        Settings.load(
            {"FLEET_POLL_SECONDS": "soon", "AGENT_CITY_BASE_URL": "aicity", "REDIS_URL": "http://x"}
        )
    message = str(caught.value)
    for variable in ("FLEET_POLL_SECONDS", "AGENT_CITY_BASE_URL", "REDIS_URL"):
        assert variable in message
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    ("smaller", "larger", "env"),
    [
        ("FLEET_RETENTION_DAYS", "FLEET_READ_BACK_DAYS", {"FLEET_READ_BACK_DAYS": "15"}),
        (
            *("FLEET_RETENTION_DAYS", "FLEET_READ_BACK_DAYS"),
            {"FLEET_RETENTION_DAYS": "6.5", "FLEET_READ_BACK_DAYS": "6.6"},
        ),
        ("FLEET_BRAKE_JOBS", "FLEET_BRAKE_FAILURES", {"FLEET_BRAKE_FAILURES": "9"}),
        (
            *("FLEET_BRAKE_JOBS", "FLEET_BRAKE_FAILURES"),
            {"FLEET_BRAKE_JOBS": "3", "FLEET_BRAKE_FAILURES": "4"},
        ),
    ],
)
def test_a_setting_that_must_be_as_large_as_another_names_both(smaller, larger, env):
    with pytest.raises(SettingsError, match=f"{smaller}: .* at least {larger}, which is") as caught:
        Settings.load({**env, "FLEET_POLL_SECONDS": "soon"})
    assert "FLEET_POLL_SECONDS" in str(caught.value), "together with every other fault"
    equal = {"FLEET_READ_BACK_DAYS": "14", "FLEET_BRAKE_FAILURES": "8"}
    assert Settings.load(equal).brake == "8/8"


def test_a_default_gives_way_to_a_smaller_bound():
    settings = Settings.load({"FLEET_BRAKE_JOBS": "4", "FLEET_RETENTION_DAYS": "3"})
    assert settings.brake == "4/4"


@pytest.mark.parametrize("variable", ["AGENT_CITY_API_KEY", "OPENAI_API_KEY"])
def test_a_missing_key_names_the_variable_and_the_remedy(variable):
    with pytest.raises(SettingsError, match=rf"{variable}: is not set\. Put"):
        Settings.load({}).require(variable)


def test_a_secret_can_come_from_a_file(tmp_path):
    path = tmp_path / "key"
    path.write_text("ac_live_from_file\n")
    settings = Settings.load({"AGENT_CITY_API_KEY_FILE": str(path)})
    assert settings.agent_key is not None
    assert settings.agent_key.get_secret_value() == "ac_live_from_file"


def test_every_secret_is_known_also_the_one_within_a_url():
    settings = Settings.load(
        {
            "OPENAI_API_KEY": "sk-one-1",
            "AGENT_CITY_API_KEY": "ac_live_two2",
            "AGENT_CITY_OWNER_TOKEN": "three-3",
            "REDIS_URL": "redis://:four-4@localhost:6379/0",
        }
    )
    assert {"sk-one-1", "ac_live_two2", "three-3", "four-4"} <= set(settings.secret_texts)
    assert "five-5" in Settings.load({"REDIS_PASSWORD": "five-5"}).secret_texts


def test_a_secret_given_twice_is_a_fault(tmp_path):
    path = tmp_path / "key"
    path.write_text("x")
    with pytest.raises(SettingsError, match="set twice"):
        Settings.load({"OPENAI_API_KEY": "a", "OPENAI_API_KEY_FILE": str(path)})


@pytest.mark.parametrize("content", ["missing", "empty"])
def test_an_unusable_secret_file_is_a_fault_that_names_the_variable(tmp_path, content):
    path = tmp_path / "key"
    if content == "empty":
        path.write_text("")
    with pytest.raises(SettingsError, match="OPENAI_API_KEY_FILE"):
        Settings.load({"OPENAI_API_KEY_FILE": str(path)})


@pytest.mark.parametrize(
    "url",
    [
        *("hooks.example/hidden-3", "ftp://hooks.example/hidden-3", "https:///hidden-3"),
        *("https://me:hidden-3@hooks.example/x", "https://hooks.example:hidden-3/x"),
        *("https://hooks.example:99999/hidden-3", "https://[hidden-3/x", "https://x/ hidden-3"),
        "https://hooks.example/hidden-3\x00",
    ],
)
def test_a_webhook_that_is_no_url_is_a_fault_that_shows_nothing_of_it(url):
    with pytest.raises(SettingsError, match="FLEET_ALERT_WEBHOOK: ") as caught:
        Settings.load({"FLEET_ALERT_WEBHOOK": url})
    assert "hidden" not in str(caught.value)


def test_a_webhook_is_a_secret_and_may_come_from_a_file(tmp_path):
    url = "https://hooks.slack.com/services/T1/B2/hidden-3"
    path = tmp_path / "webhook"
    path.write_text(f"{url}\n")
    environ = {"FLEET_ALERT_WEBHOOK_FILE": str(path)}
    settings = Settings.load(environ)
    assert settings.alert_webhook is not None
    assert settings.alert_webhook.get_secret_value() == url
    assert url in settings.secret_texts
    assert "hidden" not in repr(settings)
    assert unknown_variables(environ) == []


def test_no_secret_shows_in_a_message_or_a_repr():
    env = {
        "AGENT_CITY_API_KEY": "ac_live_hidden",
        "OPENAI_API_KEY": "sk-hidden",
        "REDIS_URL": "redis://user:hidden@h:1/0",
    }
    settings = Settings.load(env)
    assert "hidden" not in repr(settings)
    assert "hidden" not in settings.redis_address()
    with pytest.raises(SettingsError) as caught:
        Settings.load({**env, "REDIS_URL": "http://user:hidden@h"})
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "password", "want"),
    [
        ("redis://h:6379/0", "p@ss/word", "redis://:p%40ss%2Fword@h:6379/0"),
        ("redis://user@h:6379/0", "x", "redis://user:x@h:6379/0"),
        ("redis://:own@h:6379/0", "x", "redis://:own@h:6379/0"),
        (
            "rediss://[::1]:6379/1",
            "x",
            "rediss://:x@[::1]:6379/1?ssl_cert_reqs=required&ssl_check_hostname=true",
        ),
        ("sentinel://a:1,b/0?master=m", "p@ss", "sentinel://:p%40ss@a:1,b/0?master=m"),
    ],
)
def test_the_password_is_put_into_the_url(url, password, want):
    assert Settings.load({"REDIS_URL": url, "REDIS_PASSWORD": password}).broker_url() == want


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:pa/ss-hidden@host:6379/0",
        "redis://user:123/ss-hidden@host:6379/0",
        "redis://:hidden#x@host/0",
        "redis://h:99999/0",
        "redis://h:port/0",
        "redis://h:6379/0?foo=hidden",
        "redis://h:1,hidden:2/0",
        "redis://h:1/0?master=hidden",
        "sentinel://:hidden@h:1,h:2/0",
        "sentinel://:hidden@h:1,h:2/0?master=",
        "sentinel://h:1/0?master=m&password=hidden",
        "sentinel://:hidden@h:1,,h:2/0?master=m",
        "sentinel://:hidden@h:1,h:port/0?master=m",
    ],
)
def test_a_redis_url_that_cannot_be_right_is_one_message_without_its_password(url):
    with pytest.raises(SettingsError, match="REDIS_URL") as caught:
        Settings.load({"REDIS_URL": url})
    assert "hidden" not in str(caught.value)


def test_a_key_is_stripped_and_has_to_be_plain_ascii():
    settings = Settings.load({"OPENAI_API_KEY": " sk-x\n"})
    assert settings.openai_key is not None
    assert settings.openai_key.get_secret_value() == "sk-x"
    with pytest.raises(SettingsError, match="OPENAI_API_KEY: contains characters"):
        Settings.load({"OPENAI_API_KEY": "sk-é"})


def test_a_misspelt_variable_is_noticed():
    assert unknown_variables({"FLEET_POL_SECONDS": "1", "FLEET_MODEL": "m", "HOME": "/"}) == [
        "FLEET_POL_SECONDS is not a setting of the fleet and is ignored. "
        "Did you mean FLEET_POLL_SECONDS?"
    ]


def test_the_hosts_of_repositories():
    assert "github.com" in Settings.load({}).repo_host_names
    given = Settings.load({"FLEET_REPO_HOSTS": "Git.Example.org, github.com"})
    assert given.repo_host_names == {"git.example.org", "github.com"}
    assert Settings.load({"FLEET_REPO_HOSTS": "none"}).repo_host_names == frozenset()


@pytest.mark.parametrize(
    "hosts",
    ["127.0.0.1", "localhost", "*.org", "https://github.com", "github.com:443", "a.org,,b.org",
     "none,github.com", "me@github.com"],
)  # fmt: skip
def test_what_is_no_host_of_repositories(hosts):
    with pytest.raises(SettingsError, match="FLEET_REPO_HOSTS"):
        Settings.load({"FLEET_REPO_HOSTS": hosts})


@pytest.mark.parametrize(
    ("url", "database"),
    [("redis://h", 0), ("redis://h:6379", 0), ("redis://h:6379/", 0), ("rediss://h:6379/12", 12)],
)
def test_the_database_is_that_of_the_url(url, database):
    assert Settings.load({"REDIS_URL": url}).redis_database == database


def test_a_ca_file_that_is_none_is_told_with_its_path(tmp_path):
    empty = tmp_path / "empty.pem"
    empty.touch()
    for path, why in ((empty, "no certificate"), (tmp_path / "missing.pem", "cannot be read")):
        with pytest.raises(SettingsError, match=f"REDIS_CA_FILE: names .*{path.name}.*{why}"):
            Settings.load({"REDIS_URL": "rediss://h", "REDIS_CA_FILE": str(path)})
