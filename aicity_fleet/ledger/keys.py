"""The Redis keys that Python uses, and those that may live forever. docs/architecture.md lists all keys.

All keys of one fleet share one hash tag, so that a cluster would keep them in one slot, and one
prefix, which Celery's queues carry as well: several fleets can share a server.
"""

import dataclasses

SCHEMA_VERSION = 3
"""The layout of the ledger's keys and fields. A process refuses to work on another one. A new field that
other versions may ignore needs no new number."""

KEYS_WITHOUT_TTL = {
    "job:": "a job stays until it is settled; settling gives it FLEET_RETENTION_DAYS",
    "audit:": "as its job",
    "journal:": "as its job",
    "state:": "an index over the jobs; the sweep drops entries whose job expired",
    "decided": "an index over jobs in quarantine; each leaves it with its state or record",
    "unsent": "an index over queued jobs that still need a message",
    "read_backs": "an index over reported jobs; each leaves it when its time to be read back is over",
    "guard:": "how many failures in a row stand: for as long as they do",
    "controls": "what is switched off stays off until somebody switches it on",
    "metrics": "counts since the ledger began; a bounded number of fields",
    "schema": "the layout's version",
    "_kombu.": "Celery's bindings of queues",
    "control": "a Celery queue",
    "jobs": "a Celery queue",
    "reports": "a Celery queue",
}
"""The keys that may live forever, with the reason. A name that ends with ``:`` or ``.`` is a prefix."""


@dataclasses.dataclass(frozen=True, slots=True)
class Keys:
    """The keys of one fleet.

    Args:
        agent: The fleet's name (``FLEET_AGENT``).
    """

    agent: str

    @property
    def prefix(self) -> str:
        """What every key of this fleet begins with, Celery's queues included."""
        return f"{{fleet:{self.agent}}}:"

    @property
    def schema(self) -> str:
        """The version of the layout. No TTL."""
        return f"{self.prefix}schema"

    def poll(self, poll_id: str) -> str:
        """What one poll saw, as JSON, by its Celery task id. TTL: some minutes."""
        return f"{self.prefix}poll:{poll_id}"

    @property
    def last_poll(self) -> str:
        """What the latest poll saw and when, as JSON. TTL: a day."""
        return f"{self.prefix}last_poll"

    @property
    def turns(self) -> str:
        """Whose turn it is to poll, sweep, read back, listen or alert, a hash. TTL: a day."""
        return f"{self.prefix}turns"

    @property
    def heard(self) -> str:
        """The job that finished while a process waited for one, a list of one. TTL: ten seconds."""
        return f"{self.prefix}reports:heard"

    def queue(self, name: str) -> str:
        """A Celery queue of this fleet, a list of messages. No TTL."""
        return f"{self.prefix}{name}"

    def job(self, job_id: str) -> str:
        """A job's record, a hash. No TTL until it is settled."""
        return f"{self.prefix}job:{job_id}"

    def audit(self, job_id: str) -> str:
        """A job's audit trail, a capped list of JSON lines. As its job."""
        return f"{self.prefix}audit:{job_id}"

    def journal(self, job_id: str) -> str:
        """What a job's team bought, a list of entries, see ``packing``. As its job."""
        return f"{self.prefix}journal:{job_id}"

    @property
    def decided(self) -> str:
        """Jobs in quarantine that wait for nobody, a sorted set by ``rules.DECISIONS``. No TTL."""
        return f"{self.prefix}decided"

    @property
    def unlisted(self) -> str:
        """Queued jobs whose task has left AI City's list, a sorted set by since when. TTL: 7 days."""
        return f"{self.prefix}unlisted"

    @property
    def lapsed(self) -> str:
        """The leases that lapsed, a sorted set by when; a member begins with the owner. TTL: an hour."""
        return f"{self.prefix}lapsed"

    @property
    def read_backs(self) -> str:
        """Reported jobs whose task is read back, a sorted set by when. No TTL."""
        return f"{self.prefix}read_backs"

    @property
    def taken_back(self) -> str:
        """Jobs whose earnings AI City took back, a sorted set by when that was read. TTL: eight days."""
        return f"{self.prefix}taken_back"

    @property
    def record(self) -> str:
        """What became of the deliveries of each task type, a hash of counts. TTL: 90 days."""
        return f"{self.prefix}record"

    @property
    def metrics(self) -> str:
        """What the fleet counts of itself, a hash of whole numbers, see ``shared/metrics.lua``. No TTL."""
        return f"{self.prefix}metrics"

    @property
    def alerts(self) -> str:
        """What people were told through the webhook and is not over, as JSON. TTL: a day."""
        return f"{self.prefix}alerts"

    def trouble(self, what: str) -> str:
        """Since when and why the alerts or the archive fail, as JSON. TTL: 20 minutes."""
        return f"{self.prefix}trouble:{what}"

    def spending(self, day: int) -> str:
        """What the fleet spent on one day (days since 1970, UTC), a hash. TTL: eight days."""
        return f"{self.prefix}spending:{day}"

    @property
    def reserved(self) -> str:
        """What model calls in flight may cost, a hash; each entry lapses by itself. TTL: a day."""
        return f"{self.prefix}spending:reserved"

    def state(self, state: str) -> str:
        """The jobs in one state, a sorted set; the score is when something is next due. No TTL."""
        return f"{self.prefix}state:{state}"
