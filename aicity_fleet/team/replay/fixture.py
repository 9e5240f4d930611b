"""A recorded run of a job as one value and one file: the order, the journal, and the outcome.

``aicity-fleet job ID --export FILE`` writes one; a test loads it with ``load_fixture`` and runs it with
``replay_fixture``, offline and for nothing. No AutoGen is imported before something is replayed.
"""

import dataclasses
import json
from pathlib import Path
from typing import Self

from aicity_fleet.errors import ReplayError
from aicity_fleet.journal import Entry
from aicity_fleet.models import (
    AssignedTask,
    Completed,
    Delivered,
    Ending,
    Failed,
    JsonObject,
    Outcome,
    Rejected,
    TeamResult,
    outcome_from_json,
)
from aicity_fleet.team.replay.origin import Origin
from aicity_fleet.team.replay.transcript import TranscriptListener

FORMAT = 1
"""The version of the file format. It goes up when an older reader would misunderstand a file."""


@dataclasses.dataclass(frozen=True, slots=True)
class Fixture:
    """One recorded run. It holds what strangers wrote, and of ours only the team."""

    task: AssignedTask
    nonce: str
    """The random text that the run's fences and markers are made of."""
    entries: tuple[Entry, ...]
    """The journal. Its first entry says which team and engine made it."""
    outcome: Outcome | None
    """How the job ended; None before that."""

    @property
    def made_by(self) -> str:
        """The engine, its release, and the team."""
        return self.entries[0].version if self.entries else ""

    @property
    def origin(self) -> Origin:
        """The team, models and tools that made the journal.

        Raises:
            ReplayError: The journal is empty, or an earlier version began it and did not record them.
        """
        if not self.entries:
            raise ReplayError(
                "The journal is empty: no model was called, so nothing can be replayed."
            )
        origin = self.entries[0].origin
        if origin is None:
            raise ReplayError(
                "An earlier version of the fleet began this journal and did not record the team, so it "
                "cannot be replayed."
            )
        return Origin.from_json(origin)

    def is_met_by(self, ending: Ending) -> bool:
        """Whether a run with this ending ended as the record says."""
        match ending, self.outcome:
            case Delivered(text=text), Completed(text=recorded):
                return text == recorded
            case Rejected(code=code), Failed(code=recorded):
                return code == recorded
        return False

    def to_json(self) -> JsonObject:
        """Return this fixture as a JSON object, the content of its file."""
        return {
            "fixture": FORMAT,
            "made_by": self.made_by,
            "task": self.task.to_json(),
            "nonce": self.nonce,
            "outcome": self.outcome.to_json() if self.outcome else None,
            "entries": [entry.to_json() for entry in self.entries],
        }

    @classmethod
    def from_json(cls, data: JsonObject) -> Self:
        """Read what ``to_json`` returned.

        Raises:
            ReplayError: It is not a fixture, or a later version wrote it.
        """
        if not isinstance(data, dict) or data.get("fixture") != FORMAT:
            raise ReplayError(
                f"This is not a fixture of format {FORMAT}. 'aicity-fleet job ID --export FILE' writes one."
            )
        try:
            return cls(
                task=AssignedTask.from_json(data["task"]),
                nonce=data["nonce"],
                entries=tuple(Entry.from_json(entry) for entry in data["entries"]),
                outcome=outcome_from_json(data["outcome"]) if data["outcome"] else None,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ReplayError(f"The fixture is incomplete ({error}). Export it again.") from error


def load_fixture(path: Path) -> Fixture:
    """Read a fixture from its file.

    Raises:
        ReplayError: The file cannot be read, or is not a fixture.
    """
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise ReplayError(f"{path}: not a readable fixture ({type(error).__name__}).") from error
    return Fixture.from_json(data)


async def replay_fixture(
    fixture: Fixture, on_event: TranscriptListener | None = None
) -> TeamResult:
    """Run the job again from its journal alone.

    Raises:
        ReplayError: Another version made the journal, or it does not fit the run.
        JournalEndedError: It ends before the run does: the job has not ended, or was stopped.
    """
    from aicity_fleet.team.replay.offline import replay_team  # noqa: PLC0415 -- imports AutoGen

    return await replay_team(
        fixture.task, fixture.entries, origin=fixture.origin, nonce=fixture.nonce, on_event=on_event
    )
