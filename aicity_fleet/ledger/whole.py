"""Everything that the ledger knows of one job, for people and for the archive."""

import dataclasses
import json
import zlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Self

from aicity_fleet.ledger.job import Job
from aicity_fleet.models import JsonObject


@dataclasses.dataclass(frozen=True, slots=True)
class WholeJob:
    """A job's record, audit trail and journal, as the ledger wrote them."""

    job_id: str
    fields: Mapping[str, str]
    lines: Sequence[str]
    """The audit trail, as JSON texts, the oldest first."""
    journal: Sequence[str]
    """The entries of the journal, as JSON texts, the oldest first."""

    @property
    def job(self) -> Job:
        """The job's record."""
        return Job.from_fields(self.job_id, self.fields)

    @property
    def audit(self) -> list[JsonObject]:
        """The audit trail, oldest line first; ``at`` is an aware datetime."""
        return trail_of(self.lines)

    @property
    def nonce(self) -> str:
        """The random text in the job's fences and markers."""
        return self.fields.get("nonce", "")

    def pack(self) -> bytes:
        """Return all of it, compressed."""
        parts = {"fields": dict(self.fields), "audit": self.lines, "journal": self.journal}
        return zlib.compress(json.dumps(parts).encode())

    @classmethod
    def unpack(cls, job_id: str, packed: bytes) -> Self:
        """Return what ``pack`` made."""
        parts = json.loads(zlib.decompress(packed))
        return cls(job_id, parts["fields"], parts["audit"], parts["journal"])


def trail_of(lines: Sequence[str]) -> list[JsonObject]:
    """Return an audit trail; ``at`` is an aware datetime."""
    trail = map(json.loads, lines)
    return [{**line, "at": datetime.fromtimestamp(line["at"] / 1000, UTC)} for line in trail]
