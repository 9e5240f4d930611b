"""What a job's journal is good for afterwards: run it again offline, read it, keep it as a fixture.

AutoGen is imported when something is replayed, and not before.
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

from aicity_fleet.cli.conversation import print_said, said_in
from aicity_fleet.cli.display import console, notes, print_json
from aicity_fleet.errors import FleetError, JournalEndedError, ReplayError, SettingsError
from aicity_fleet.journal import Entry
from aicity_fleet.ledger import Job, Ledger
from aicity_fleet.models import Completed, Delivered, Failed, Outcome, Rejected
from aicity_fleet.redaction import foreign_secrets_in, variables_in
from aicity_fleet.settings import Settings
from aicity_fleet.team.replay.fixture import Fixture, replay_fixture

if TYPE_CHECKING:
    from aicity_fleet.team.replay.transcript import TranscriptEvent


def recorded(ledger: Ledger, job: Job) -> Fixture:
    """What is on record of a job's run.

    Raises:
        ReplayError: It never was a job: its task is malformed.
    """
    if job.task is None:
        raise ReplayError(f"Job '{job.job_id}' has no task that could be read, so it never ran.")
    entries = tuple(Entry.from_json(json.loads(text)) for text in ledger.journal(job.job_id))
    return Fixture(job.task, ledger.nonce(job.job_id), entries, job.outcome)


def replay(job: Job, fixture: Fixture, *, as_json: bool) -> None:
    """Run a job again from its journal; exit code 1 unless it ends as it did.

    Raises:
        ReplayError: The journal was made by another version, or does not fit.
    """
    why, ended, is_same = "", None, False
    try:
        ending = asyncio.run(replay_fixture(fixture)).ending
    except JournalEndedError as error:
        why = f"{error} {_why_early(job)}"
    else:
        is_same = fixture.is_met_by(ending)
        ended = _ending_words(ending) if isinstance(ending, Delivered | Rejected) else str(ending)
        if job.outcome is None:
            why = "No outcome is on record: the run was stopped before it wrote one."
        elif not is_same:
            why = "That is not the same. A journal and a team of one version should lead to one ending."
    on_record = _outcome_words(job.outcome)
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
        console.print(
            f"Calls replayed, none bought: {len(fixture.entries)}", highlight=False, soft_wrap=True
        )
        console.print(f"Replayed:  {ended or 'no ending'}", highlight=False, soft_wrap=True)
        console.print(f"On record: {on_record or 'no outcome'}", highlight=False, soft_wrap=True)
        console.print("The same." if is_same else why, highlight=False, soft_wrap=True)
    if not is_same:
        raise typer.Exit(1)


def transcript(job: Job, fixture: Fixture, *, as_json: bool) -> None:
    """Print what was said in a job's run, as far as it went."""
    heard: list[TranscriptEvent] = []
    remark = ""
    try:
        asyncio.run(replay_fixture(fixture, heard.append))
    except JournalEndedError:
        remark = f"The journal ends here: job '{job.job_id}' is {job.state}."
        if job.outcome is not None:
            remark += f" {_why_early(job)}"
    except ReplayError as error:
        remark = f"{error} These are the answers of models and tools alone, as they were given."
        heard = said_in(fixture.entries)
    if as_json:
        said = [dataclasses.asdict(item) for item in heard]
        print_json({"job_id": job.job_id, "said": said, "remark": remark})
        return
    for item in heard:
        print_said(item)
    if remark:
        notes.print(remark, highlight=False, soft_wrap=True)


def export(fixture: Fixture, path: Path, settings: Settings, *, force: bool) -> None:
    """Write a job's run into a file that tests can load, readable by its owner alone.

    Raises:
        SettingsError: The file exists, or cannot be written.
        FleetError: The value of a key of ours stands somewhere in it.
    """
    text = json.dumps(fixture.to_json(), indent=1, ensure_ascii=False) + "\n"
    found = variables_in(text, _secrets(settings))
    if found:
        raise FleetError(
            f"Nothing was written: the value of {', '.join(found)} stands in this job's texts. "
            "Change that key, for it has been in a conversation."
        )
    try:
        _write(path, text, force=force)
    except FileExistsError:
        raise SettingsError(
            f"--export: {path} exists. Name another file, or add --force."
        ) from None
    except OSError as error:
        raise SettingsError(f"--export: {path} cannot be written ({error.strerror}).") from error
    console.print(f"Written: {path} ({len(fixture.entries)} calls). It holds the order's text.")


def _write(path: Path, text: str, *, force: bool) -> None:
    """Write a whole file or none."""
    handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        if not force:  # takes the place, and fails where a file has it
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        os.replace(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def _secrets(settings: Settings) -> dict[str, str]:
    """Return the values that no export may hold, by variable."""
    return {**foreign_secrets_in(os.environ), **settings.secrets}


def _why_early(job: Job) -> str:
    match job.outcome:
        case Failed(code=code):
            return f"On record is fail ({code}): that came from outside the journal."
        case Completed():
            return "It was completed all the same: the journal is not whole."
        case None:
            return f"The job is {job.state}, and has no outcome yet."


def _ending_words(ending: Delivered | Rejected) -> str:
    if isinstance(ending, Delivered):
        return f"complete, {len(ending.text)} characters"
    return f"fail ({ending.code})"


def _outcome_words(outcome: Outcome | None) -> str | None:
    match outcome:
        case Completed(text=text):
            return f"complete, {len(text)} characters"
        case Failed(code=code):
            return f"fail ({code})"
    return None
