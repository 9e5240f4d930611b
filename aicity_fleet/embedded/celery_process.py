"""Runs one Celery process without Celery's command line, which takes up to 4 MB in each.

``python -m aicity_fleet.embedded.celery_process -A MODULE worker -n NAME -Q QUEUES -c THREADS [-B]``, or
``beat`` in place of ``worker`` and its options. They are those of ``celery worker``, with the pool of
threads. Only ``-B`` differs: beat runs on a thread of that process, and not in one more process.
"""

import argparse
import importlib
import os
import signal
import sys
import threading

import structlog
from celery import Celery, signals
from celery.beat import Service
from celery.utils.nodenames import default_nodename, host_format

LOG_LEVEL = "WARNING"
"""Celery's own default. It is for Celery's messages alone: ``FLEET_LOG_LEVEL`` sets what is shown."""

HEARTBEAT_SECONDS = 10
"""How often a worker tells Flower that it lives; Celery's 2 is a quarter of what it does at rest."""

log = structlog.get_logger(__name__)


def main() -> None:
    """Run the process that the arguments name, until it is told to stop.

    Raises:
        SystemExit: The exit code of the process.
    """
    options = _options()
    app: Celery = importlib.import_module(options.app).app
    if options.process == "beat":
        app.Beat(loglevel=LOG_LEVEL, quiet=True).run()
        return
    worker = app.Worker(
        hostname=host_format(default_nodename(options.name)),
        pool_cls="threads",
        queues=options.queues,
        concurrency=options.concurrency,
        without_gossip=True,
        without_mingle=True,
        heartbeat_interval=HEARTBEAT_SECONDS,
        loglevel=LOG_LEVEL,
        quiet=True,
    )
    if options.beat:
        BeatThread(app).install()
    worker.start()
    sys.exit(worker.exitcode)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("-A", dest="app", required=True)
    kinds = parser.add_subparsers(dest="process", required=True)
    kinds.add_parser("beat")
    worker = kinds.add_parser("worker")
    worker.add_argument("-n", dest="name", required=True)
    worker.add_argument("-Q", dest="queues", required=True)
    worker.add_argument("-c", dest="concurrency", type=int, required=True)
    worker.add_argument("-B", dest="beat", action="store_true")
    return parser.parse_args()


class BeatThread:
    """Beat on a thread of a Celery worker, from when that is ready until it stops.

    Without beat nobody polls, so the worker stops when beat ends by itself.
    """

    def __init__(self, app: Celery) -> None:
        self._service = Service(app, scheduler_cls=app.conf.beat_scheduler, remote_control=False)  # type: ignore[call-arg]
        self._is_stopping = False

    def install(self) -> None:
        """Have the worker of this process start and stop it."""
        signals.worker_ready.connect(self._start, weak=False)
        signals.worker_shutting_down.connect(self._stop, weak=False)

    def _start(self, **_: object) -> None:
        threading.Thread(target=self._run, name="beat", daemon=True).start()

    def _stop(self, **_: object) -> None:
        self._is_stopping = True
        self._service.stop()

    def _run(self) -> None:
        try:
            self._service.start()
        except (
            BaseException
        ):  # also what ends a process: here it would end the thread, and be silent
            log.exception("beat.broken")
        if not self._is_stopping:
            log.critical("beat.ended", then="a new process")
            os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    main()
