"""The Redis users of a fleet: one for each role, with the least rights that its processes need.

A table and one function, without I/O. ``aicity-fleet redis-users`` prints them as the ACL file of a Redis.
The rights were found by running a fleet with them: ``ACL LOG`` names what a role lacks.
"""

import dataclasses
import hashlib
from collections.abc import Mapping
from enum import StrEnum

from aicity_fleet.ledger.keys import Keys


class Role(StrEnum):
    """A user of the fleet's Redis."""

    BEAT = "beat"
    """Puts polls into their queue, and never sees the ledger."""
    DISPATCHER = "dispatcher"
    """Polls, sweeps and reports: all of this fleet."""
    WORKER = "worker"
    """Runs jobs. It takes no poll and no report, and cannot loosen the guard."""
    FLOWER = "flower"
    """Shows events and queues, and never sees the ledger."""
    OPERATOR = "operator"
    """A person at the command line: all of this fleet."""
    READER = "reader"
    """``status``, ``jobs``, ``job`` and ``metrics``: writes nothing."""


@dataclasses.dataclass(frozen=True, slots=True)
class Rights:
    """What a user may do, as Redis writes it. ``{fleet:AGENT}:`` stands before each key and channel."""

    commands: str
    keys: str
    channels: str = ""


LINK = "+@connection +select -@dangerous"
"""What opens and keeps a connection. It also takes away what is dangerous among all that stands before it,
such as ``CLIENT KILL`` and ``SORT``."""

SCRIPTS = "+evalsha +script|load +script|exists +time"

CELERY = Rights(
    f"+@list +@set +@sortedset +@string +@transaction +del +exists +pexpire {SCRIPTS} {LINK} "
    "+publish +psubscribe +punsubscribe +unsubscribe",
    # `unacked*` is a lock of kombu's, which Flower takes. `nothing` is only asked whether Redis takes
    # writes, see `messaging/broker.py`.
    "~_kombu.* ~unacked* ~*.celery.pidbox ~celeryev.* %W~nothing",
    "&celery.pidbox &celeryev/*",
)
"""What each Celery process does: bind its queues, ask others and answer them, send and hear events."""

LEDGER = f"{CELERY.commands} +@hash +persist +pttl"
"""What else the scripts of the ledger do."""

RIGHTS: Mapping[Role, Rights] = {
    Role.BEAT: Rights(CELERY.commands, f"{CELERY.keys} %W~control", CELERY.channels),
    Role.DISPATCHER: Rights(f"{LEDGER} +client|unblock +info", "~*", CELERY.channels),
    Role.WORKER: Rights(
        # CLIENT UNBLOCK: to stop at once and not when BRPOP ends.
        f"{LEDGER} +client|unblock",
        f"{CELERY.keys} ~jobs %W~reports %W~reports:heard ~ ~schema ~job:* ~audit:* ~journal:* "
        "~state:queued ~state:running %W~state:finished %W~state:quarantined ~unsent ~unlisted "
        "%W~decided ~suspects ~waiting:* ~breakers ~recent ~spending:* ~metrics ~turns ~controls "
        "%R~guard:*",
        CELERY.channels,
    ),
    Role.FLOWER: Rights(
        CELERY.commands, f"{CELERY.keys} %R~control %R~jobs %R~reports", CELERY.channels
    ),
    Role.OPERATOR: Rights(f"{LEDGER} +info", "~*", CELERY.channels),
    Role.READER: Rights(
        f"+@hash +@list +@set +@sortedset +@string -@write +exists +pttl {SCRIPTS} {LINK} +info",
        # A script may be run only on keys that may be written. This one does not exist.
        "~ %R~*",
    ),
}


def user_lines(
    agent: str, passwords: Mapping[Role, str], *, database: int = 0, major_version: int = 7
) -> list[str]:
    """Return the lines of an ACL file; they hold hashes in place of passwords.

    The user ``default`` is off: nobody gets in without a name.

    Args:
        agent: The fleet's name (``FLEET_AGENT``).
        passwords: The password of each role.
        database: The number of the database at the end of ``REDIS_URL``.
        major_version: The server's. Redis 6 cannot tell reading a key from writing it: a role that may do
            one may do both.
    """
    prefix = Keys(agent).prefix
    # Redis 8 replays its append-only file as `default`, and drops each transaction that this user may not
    # run: without all rights, a restart would lose what the scripts wrote. Off, nobody can be it.
    lines = ["user default off resetpass ~* &* +@all"]
    for role, password in passwords.items():
        rights = RIGHTS[role]
        commands, keys = rights.commands, rights.keys
        if major_version < 7:
            keys = keys.replace("%R", "").replace("%W", "")
            # CLIENT is a single command there, and dangerous.
            commands += " +client|setinfo +client|maint_notifications"
        digest = hashlib.sha256(password.encode()).hexdigest()
        lines.append(
            f"user {role} on #{digest} resetkeys {keys.replace('~', f'~{prefix}')} resetchannels "
            f"{rights.channels.replace('&', f'&{prefix}/{database}.')} -@all {commands}"
        )
    return lines
