"""Uses the journal of a job: replays it offline, prints its transcript, exports it as a fixture.

AutoGen is imported only when something is replayed.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from aicity_fleet.cli.display import ENDING_NAMES, console, notes, print_json
from aicity_fleet.cli.transcript import print_event, recorded_answers
from aicity_fleet.errors import FleetError, JournalEndedError, ReplayError, SettingsError
from aicity_fleet.journal import Entry
from aicity_fleet.ledger import Job, WholeJob
from aicity_fleet.models import Completed, Delivered, Ending, Failed, Outcome, Rejected
from aicity_fleet.redaction import foreign_secrets_in, variables_in
from aicity_fleet.settings import Settings
from aicity_fleet.team.replay.fixture import Fixture, replay_fixture

if TYPE_CHECKING:
    from aicity_fleet.team.replay.transcript import TranscriptEvent


def recorded(whole: WholeJob) -> Fixture:
    """Return the recorded run of a job.

    Raises:
        ReplayError: The job never ran, because its task is malformed.
    """
    job = whole.job
    if job.task is None:
        raise ReplayError(f"Job '{job.job_id}' never ran, because its task is malformed.")
    entries = tuple(Entry.from_json(json.loads(text)) for text in whole.journal)
    return Fixture(job.task, whole.nonce, entries, job.outcome)


def replay(job: Job, fixture: Fixture, *, as_json: bool) -> None:
    """Replay a job from its journal; exit code 1 unless it ends the same way.

    Raises:
        ReplayError: Another version made the journal, or it does not fit.
    """
    why, ended, is_same = "", None, False
    try:
        ending = asyncio.run(replay_fixture(fixture)).ending
    except JournalEndedError as error:
        why = f"{error} {_why_early(job)}"
    else:
        is_same = fixture.is_met_by(ending)
        ended = _ending_text(ending)
        if job.outcome is None:
            why = "There is no outcome on record: the run was stopped first."
        elif not is_same:
            why = "The endings differ, although one journal and one team should always end the same way."
    on_record = _ending_text(job.outcome) if job.outcome else None
    if as_json:
        print_json(
            {
                "job_id": job.job_id,
                "calls": len(fixture.entries),
                "made_by": fixture.made_by,
                "replayed": ended,
                "on_record": on_record,
                "is_same": is_same,
                "why": why,
            }
        )
    else:
        lines = (
            f"Replayed calls (at no cost): {len(fixture.entries)}",
            f"Replayed:  {ended or 'no ending'}",
            f"On record: {on_record or 'no outcome'}",
            "Same ending." if is_same else why,
        )
        console.print("\n".join(lines), highlight=False, soft_wrap=True)
    if not is_same:
        raise typer.Exit(1)


def transcript(job: Job, fixture: Fixture, *, as_json: bool) -> None:
    """Print the transcript of a job, as far as its run went."""
    events: list[TranscriptEvent] = []
    remark = ""
    try:
        asyncio.run(replay_fixture(fixture, events.append))
    except JournalEndedError:
        remark = f"The journal ends here: job '{job.job_id}' is {job.state}."
        if job.outcome is not None:
            remark += f" {_why_early(job)}"
    except ReplayError as error:
        remark = f"{error} Only the recorded answers of models and tools are shown."
        events = recorded_answers(fixture.entries)
    if as_json:
        said = [dataclasses.asdict(item) for item in events]
        print_json({"job_id": job.job_id, "said": said, "remark": remark})
        return
    for item in events:
        print_event(item)
    if remark:
        notes.print(remark, highlight=False, soft_wrap=True)


def export(
    job: Job, fixture: Fixture, path: Path, settings: Settings, *, force: bool, as_json: bool
) -> None:
    """Write the run of a job to a file that tests can load. Only its owner can read the file.

    Raises:
        SettingsError: The file exists or cannot be written.
        FleetError: The run contains the value of one of our keys.
    """
    text = json.dumps(fixture.to_json(), indent=1, ensure_ascii=False) + "\n"
    found = variables_in(text, _secrets(settings))
    if found:
        raise FleetError(
            f"Nothing was written, because the texts of this job contain the value of {', '.join(found)}. "
            "Replace that key, because it has leaked into the job."
        )
    try:
        _write(path, text, force=force)
    except FileExistsError:
        raise SettingsError(
            f"--export: {path} already exists. Name another file or pass --force."
        ) from None
    except OSError as error:
        raise SettingsError(f"--export: {path} cannot be written ({error.strerror}).") from error
    calls = len(fixture.entries)
    if as_json:
        print_json({"job_id": job.job_id, "file": str(path), "calls": calls})
    else:
        console.print(f"Wrote {path} ({calls} calls). It contains the text of the order.")


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write the whole file or nothing."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        if not force:  # reserve the name; fail if the file exists
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _secrets(settings: Settings) -> dict[str, str]:
    """Return the values that no export may contain, by variable."""
    return {**foreign_secrets_in(os.environ), **settings.secrets}


def _why_early(job: Job) -> str:
    match job.outcome:
        case Failed(code=code):
            return f"The recorded outcome, fail ({code}), did not come from the journal."
        case Completed():
            return "The job completed, so the journal is incomplete."
        case None:
            return f"The job is {job.state} and has no outcome yet."


def _ending_text(ending: Ending | Outcome) -> str:
    match ending:
        case Delivered(text=text) | Completed(text=text):
            return f"complete, {len(text)} characters"
        case Rejected(code=code) | Failed(code=code):
            return f"fail ({code})"
    why = getattr(ending, "message", "") or getattr(ending, "reason", "")
    return f"{ENDING_NAMES[type(ending)]} ({why})"
