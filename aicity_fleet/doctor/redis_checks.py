"""Judges the Redis server: whether it serves the fleet, keeps its data and has room. No I/O."""

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from aicity_fleet.doctor.findings import Finding, note, ok, problem, warning
from aicity_fleet.doctor.redis_probe import RedisAnswer
from aicity_fleet.embedded.redis_server import find_redis_server
from aicity_fleet.errors import SettingsError
from aicity_fleet.ledger.server import MUCH_MEMORY, TOO_MUCH_MEMORY
from aicity_fleet.redis_faults import TLS_REMEDY
from aicity_fleet.settings import Settings

OLDEST_VERSION = (6, 2)
"""The oldest Redis that works. Source: Celery 5.7, and the commands of our scripts."""

JOB_KB = 18
"""What a job takes in Redis for ``FLEET_RETENTION_DAYS``, in kilobytes. Source: docs/capacity.md, 25.6 MB
for 100 jobs a day that are kept for 14 days."""

LATE_SECONDS, WRONG_SECONDS = 5.0, 60.0
"""From which offset between two clocks on a person should look, and the fleet goes wrong, in seconds."""

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

STOPS = "Without Redis the fleet does nothing: the ledger and the queues are there."
WAITS = "No job is accepted, started or reported until Redis takes writes again. Nothing is lost."
PING = 'redis-cli -u "$REDIS_URL" ping'


def check_redis(state: RedisAnswer, settings: Settings) -> list[Finding]:
    """Return what is wrong with the server, and what is right."""
    found = [_connection(state, settings)]
    if state.info and state.answers:
        found += [
            *_version(state.info),
            *_persistence(state.info),
            *_policy(state.info),
            *_memory(state.info, settings),
        ]
    elif state.answers:
        found.append(
            note(
                "redis settings",
                "The server does not let us read INFO, so its settings were not checked.",
                "A managed Redis may hide it.",
                "Check at its provider: version 6.2 or later, AOF, and maxmemory-policy noeviction.",
            )
        )
    return [*found, *clock_findings("redis clock", "Redis", state.offset_seconds)]


def check_embedded() -> Finding:
    """Judge whether 'aicity-fleet up' could start a Redis of its own, where none runs and none is named."""
    what = "No Redis runs here and REDIS_URL is not set."
    try:
        program = find_redis_server()
    except SettingsError as error:
        return problem("redis", what, STOPS, str(error))
    return note(
        "redis",
        what,
        "No fleet runs on this machine.",
        f"'aicity-fleet up' starts a Redis of its own ({program}). If a fleet runs elsewhere, set "
        "REDIS_URL.",
    )


def _connection(state: RedisAnswer, settings: Settings) -> Finding:
    where, said = settings.redis_address(), state.said
    match state.trouble:
        case "":
            return _password(settings)
        case "unreachable":
            return problem(
                "redis", f"Nothing accepts connections at {where} ({said}).", STOPS,
                "Start Redis ('aicity-fleet up' starts one of its own), or correct REDIS_URL.",
            )  # fmt: skip
        case "tls":
            return problem(
                "redis", f"The Redis at {where} does not serve us: {said}.", STOPS, TLS_REMEDY
            )
        case "no_primary":
            return problem(
                "redis", f"The Redis at {where} cannot be found: {said}.", STOPS, state.cure
            )  # fmt: skip
        case "password":
            return problem(
                "redis", f"The Redis at {where} refuses our user or password ({said}).", STOPS,
                "Correct REDIS_PASSWORD, or the password within REDIS_URL.",
            )  # fmt: skip
        case "silent":
            return problem(
                "redis", f"The server at {where} accepts connections and does not answer ({said}).",
                f"{STOPS} A command may keep it busy, its machine may swap, or it is no Redis.",
                f"Look at its machine and its log. '{PING}' must answer at once. Then restart it.",
            )  # fmt: skip
        case "loading":
            left = state.info.get("loading_eta_seconds")
            when = f" It will take another {left} s." if left else ""
            return problem(
                "redis", f"The Redis at {where} is still loading its data.{when}", WAITS,
                "Wait, then run 'aicity-fleet doctor' again. No process needs a restart.",
            )  # fmt: skip
        case "disk":
            return problem(
                "redis", f"The Redis at {where} takes no writes because it could not write its file "
                f"({said}).", WAITS,
                "Free space on the disk of Redis, and check who owns its data folder. Its log names the "
                "fault. It takes writes again after the next file that it can write.",
            )  # fmt: skip
        case "full":
            return problem(
                "redis", f"The Redis at {where} is at its maxmemory and refuses writes.", WAITS,
                "Raise it: redis-cli CONFIG SET maxmemory 1gb, and in its configuration. Or shorten "
                "FLEET_RETENTION_DAYS, or delete data that is not the fleet's.",
            )  # fmt: skip
        case "read_only":
            return problem(
                "redis", f"The Redis at {where} is a read-only replica.", WAITS,
                "Point REDIS_URL at the primary. If there is none: redis-cli REPLICAOF NO ONE.",
            )  # fmt: skip
    return problem(
        "redis", f"The server at {where} refuses our commands ({said}).", STOPS,
        "Check that it is a Redis, and that its ACL lets our user run every command on every key.",
    )  # fmt: skip


def _password(settings: Settings) -> Finding:
    where = settings.redis_address()
    parts = urlsplit(settings.broker_url())
    if parts.hostname not in LOOPBACK and not parts.password:
        return warning(
            "redis",
            f"The Redis at {where} needs no password.",
            "Anyone who reaches it can read every task and deliverable, and send reports in your name.",
            "Set requirepass in its configuration, and REDIS_PASSWORD for the fleet.",
        )
    return ok("redis", f"The Redis at {where} answers and takes writes.")


def _version(info: Mapping[str, Any]) -> Iterator[Finding]:
    text = str(info.get("redis_version", ""))
    parts = text.split(".")
    if len(parts) < 2 or not all(part.isdecimal() for part in parts[:2]):
        return
    if (int(parts[0]), int(parts[1])) < OLDEST_VERSION:
        yield problem(
            "redis version",
            f"The server is Redis {text}.",
            "Celery and the ledger's scripts need commands of Redis 6.2.",
            "Upgrade it to Redis 6.2 or later, or to any Valkey.",
        )
    else:
        yield ok("redis version", f"The server is Redis {text}.")


def _persistence(info: Mapping[str, Any]) -> Iterator[Finding]:
    failed = [
        name
        for name in ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")
        if info.get(name, "ok") != "ok"
    ]
    if failed:
        yield warning(
            "redis persistence",
            f"The last write of its file failed ({', '.join(failed)}).",
            "After a restart of Redis, whatever it could not write is gone.",
            "Free space on its disk, check who owns its data folder, and read its log.",
        )
    elif not info.get("aof_enabled"):
        yield warning(
            "redis persistence",
            "The append-only file is off.",
            "A restart of Redis loses the answers that were bought since its last snapshot. No task is "
            "lost, because AI City lists it again.",
            "redis-cli CONFIG SET appendonly yes, and 'appendonly yes' in its configuration.",
        )
    else:
        yield ok("redis persistence", "The append-only file is on, and its last write succeeded.")


def _policy(info: Mapping[str, Any]) -> Iterator[Finding]:
    policy = str(info.get("maxmemory_policy", ""))
    if policy in {"", "noeviction"}:
        yield ok("redis eviction", "Redis evicts nothing.")
        return
    evicted = int(info.get("evicted_keys") or 0)
    yield problem(
        "redis eviction",
        f"maxmemory-policy is {policy}"
        + (f", and {evicted} keys are gone already." if evicted else "."),
        "When memory runs short, Redis deletes jobs, queues and outcomes, without a word.",
        "redis-cli CONFIG SET maxmemory-policy noeviction, and the same in its configuration.",
    )


def _memory(info: Mapping[str, Any], settings: Settings) -> Iterator[Finding]:
    used, limit = int(info.get("used_memory") or 0), int(info.get("maxmemory") or 0)
    whose = "maxmemory" if limit else "the memory of its machine"
    limit = limit or int(info.get("total_system_memory") or 0)
    if not limit:
        return
    share, room = used / limit, max(0, limit - used) // (JOB_KB * 1000)
    what = (
        f"Redis uses {used / 1e6:,.0f} of {limit / 1e6:,.0f} MB ({whose}), with room for about {room:,} "
        "more jobs."
    )
    days = f"{settings.retention_days:g} days"
    why = f"A full Redis refuses writes. A job takes about {JOB_KB} KB for {days}."
    cure = "Raise maxmemory, or shorten FLEET_RETENTION_DAYS. docs/capacity.md says how much jobs need."
    if share >= TOO_MUCH_MEMORY:
        yield problem("redis memory", what, why, cure)
    elif share >= MUCH_MEMORY:
        yield warning("redis memory", what, why, cure)
    else:
        yield ok("redis memory", what)


def clock_findings(check: str, whose: str, offset_seconds: float | None) -> Iterator[Finding]:
    """Judge how far another clock is from this machine's.

    Args:
        whose: Whose clock it is, as a sentence names it.
        offset_seconds: How far it is ahead of this machine's, in seconds; None if unknown.
    """
    if offset_seconds is None:
        return
    distance = abs(offset_seconds)
    side = "ahead of" if offset_seconds > 0 else "behind"
    what = f"The clock of {whose} is {distance:,.0f} s {side} this machine's."
    why = "Times in reports, logs and TLS certificates are wrong, and days of the spending cap begin late."
    cure = "Turn on time synchronisation where the clock is wrong: timedatectl set-ntp true."
    if distance > WRONG_SECONDS:
        yield problem(check, what, why, cure)
    elif distance > LATE_SECONDS:
        yield warning(check, what, why, cure)
    else:
        yield ok(check, f"The clock of {whose} agrees with this machine's.")
