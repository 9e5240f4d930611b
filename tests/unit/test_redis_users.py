"""The users of Redis as text: no password, no right beyond the fleet's own keys and channels."""

import re

import pytest

from aicity_fleet.redis_users import RIGHTS, Role, user_lines

PASSWORDS = {role: f"secret-of-{role}" for role in Role}


def lines(**options: int) -> list[str]:
    return user_lines("mine", PASSWORDS, **options)


def test_each_role_is_one_line_and_nobody_else_gets_in():
    first, *others = lines()
    assert first == "user default off resetpass ~* &* +@all", (
        "else Redis 8 loses data as it restarts"
    )
    assert [line.split()[1] for line in others] == list(Role) == list(RIGHTS)


@pytest.mark.parametrize("version", [6, 7, 8])
def test_every_key_and_channel_is_the_fleet_s_own(version):
    for line in lines(major_version=version)[1:]:
        assert "secret" not in line
        for kind, name in re.findall(r"(%RW?~|%W~|~|&)(\S*)", line):
            assert name.startswith("{fleet:mine}:"), kind + name


def test_nobody_gets_whole_categories_that_can_harm_the_server():
    for line in lines()[1:]:
        words = line.split()
        assert not {"+@all", "allcommands", "+@admin", "+@dangerous", "+@keyspace"} & set(words)
        if "+@connection" in words:
            assert words.index("-@dangerous") > words.index("+@connection")


def test_redis_6_reads_no_right_that_it_does_not_know():
    assert "%R~" in " ".join(lines())
    assert "%" not in " ".join(lines(major_version=6))


def test_channels_hold_the_number_of_the_database():
    assert "&{fleet:mine}:/3.celery.pidbox " in lines(database=3)[1]
