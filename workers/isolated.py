"""One isolated job in a process of its own: the program that ``workers/isolation.py`` starts.

Reads the job's id as one JSON line, says the fence of its lease as soon as it has one and then what
``run_job`` gave. It hands the job back when it is told to stop, and when its standard input ends:
then its parent is gone.
"""

import faulthandler
import json
import os
import signal
import threading
from typing import IO

import structlog

from aicity_fleet.startup import exit_on_fleet_error, loading_for_good

with loading_for_good():
    from aicity_fleet.celery_app import messages, settings
    from aicity_fleet.errors import FleetError
    from aicity_fleet.ledger import Lease
    from aicity_fleet.logs.configure import configure_logging
    from aicity_fleet.models import JsonObject
    from workers.run_job import run_job
    from workers.worker import Worker

LIMIT_SECONDS = 60.0
"""How long a job may run past its deadline and one model call, in seconds. Then this process ends itself,
because nothing else can stop such a job."""

log = structlog.get_logger(__name__)


def main() -> None:
    """Run the one job."""
    orders, answers = _take_pipes()
    configure_logging(settings)
    # faulthandler's thread does not need the interpreter lock, which an endless regular expression holds.
    # What calls wait for slots need not count: the one job of a process waits for none.
    limit = settings.job_deadline_seconds + settings.model_timeout_seconds + LIMIT_SECONDS
    faulthandler.dump_traceback_later(limit, exit=True)

    def claimed(lease: Lease) -> None:
        _say(answers, {"claimed": lease.fence})

    with exit_on_fleet_error():
        worker = Worker.open(settings, messages, runs_alone=True, on_claim=claimed)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.drain(settings.drain_seconds))
    job_id = json.loads(orders.readline() or b"null")
    if job_id is not None:
        threading.Thread(target=_drain_at_end, args=(orders, worker), daemon=True).start()
        _say(answers, {"answer": _run(job_id, worker)})
    worker.stop()


def _run(job_id: str, worker: Worker) -> JsonObject:
    """Run the job. An error in our own code does not count as a death of the job."""
    try:
        return run_job(job_id, worker)
    except FleetError as error:
        log.warning("isolated.failed", job_id=job_id, message=str(error))
        return {"job_id": job_id, "did": "nothing", "why": type(error).__name__}
    except Exception as error:
        log.exception("isolated.broken", job_id=job_id)
        return {"job_id": job_id, "did": "nothing", "why": type(error).__name__}


def _drain_at_end(orders: IO[bytes], worker: Worker) -> None:
    orders.read()
    worker.drain(settings.drain_seconds)


def _take_pipes() -> tuple[IO[bytes], IO[bytes]]:
    """Reserve standard input and output for the parent, so that no other code reads or prints there."""
    # Unbuffered: at exit, Python waits for the lock of a buffer that a thread still reads.
    orders, answers = os.fdopen(os.dup(0), "rb", 0), os.fdopen(os.dup(1), "wb", 0)
    with open(os.devnull) as nothing:
        os.dup2(nothing.fileno(), 0)
    os.dup2(2, 1)
    return orders, answers


def _say(answers: IO[bytes], words: JsonObject) -> None:
    """Send a line to the parent, if it still lives."""
    try:
        answers.write(json.dumps(words).encode() + b"\n")
    except BrokenPipeError:
        log.warning("isolated.unheard")


if __name__ == "__main__":
    main()
