"""The process that has loaded the fleet's code, and whose forks become the Celery processes.

They share the memory of the code, and start in a tenth of the time. This process holds no secret: each
fork reads its own environment, from a file that only it reads.

``fork_server.py`` starts it, with a socket as standard input.
"""

import contextlib
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import IO, Any

from aicity_fleet.embedded.kernel import STOPS, die_with_parent, name_process
from aicity_fleet.startup import loading_for_good

LOADED = (
    "aicity_fleet.aicity.client",
    "aicity_fleet.embedded.celery_process",
    "aicity_fleet.embedded.state_folder",
    "aicity_fleet.ledger",
    "aicity_fleet.logs.configure",
    "aicity_fleet.messaging.broker",
    "aicity_fleet.messaging.consumer_watch",
    "aicity_fleet.messaging.event_batches",
    "aicity_fleet.messaging.messages",
    "aicity_fleet.team.engines.autogen",
    "aicity_fleet.team.model.openai_answers",
    "anyio._backends._asyncio",
    "billiard.pool",
    "celery.app.control",
    "celery.app.events",
    "celery.app.log",
    "celery.apps.beat",
    "celery.apps.worker",
    "celery.bin.celery",
    "celery.concurrency.thread",
    "celery.fixups.django",
    "celery.worker.autoscale",
    "celery.worker.components",
    "celery.worker.consumer.delayed_delivery",
    "celery.worker.strategy",
    "flower.command",
    "genai_prices.data",
    "genai_prices.decompose",
    "httpcore",
    "httpcore2",
    "kombu.transport.redis",
    "scheduler.poll",
    "scheduler.read_back",
    "scheduler.report",
    "scheduler.sweep",
    "scheduler.unlisted",
    "tornado.platform.asyncio",
    "workers.run_job",
    "workers.worker",
)
"""What the fleet's processes import, as far as importing it reads no setting."""

LEFT_OUT: dict[str, Any] = {
    "opentelemetry.sdk": None,  # of redis-py, for metrics
    "click_repl": SimpleNamespace(register_repl=lambda _group: None),  # of ``celery amqp``
    "pygments": None,
    "requests": None,
    "rich": None,
}
"""What other libraries import for uses that the fleet has none of, such as a shell: 12 MB. None means that
such a library takes it for not installed."""


def main() -> None:
    """Load the code, and fork until nobody can ask any more."""
    with loading_for_good(), _left_out():
        for name in LOADED:
            # A library may move what is inside it: each process then loads that for itself.
            with contextlib.suppress(ModuleNotFoundError):
                importlib.import_module(name)
    # What replaces an entry writes to the memory of the old one, which each fork would then copy.
    sys._clear_type_cache()
    if threading.active_count() > 1:  # a fork would wait for locks that they hold, forever
        raise RuntimeError(f"Code that was loaded runs threads: {threading.enumerate()}")
    parent = os.getpid()
    with socket.socket(fileno=os.dup(0)) as requests:
        order = _Server(requests).serve()
    if order is not None:
        _become(order, parent)


@contextlib.contextmanager
def _left_out() -> Iterator[None]:
    """Keep ``LEFT_OUT`` from being loaded. Afterwards it can be."""
    sys.modules.update(LEFT_OUT)
    try:
        yield
    finally:
        for name in LEFT_OUT:
            del sys.modules[name]


class _Server:
    """Forks for each request, and says when forks end."""

    def __init__(self, requests: socket.socket) -> None:
        self._requests = requests
        self._parent = os.getpid()
        # Its forks have to drain before it ends.
        self._handlers = {number: signal.signal(number, signal.SIG_IGN) for number in STOPS}

    def serve(self) -> IO[str] | None:
        """Serve until the other side is gone: then returns None.

        In a fork, returns the file that says what it becomes.
        """
        with _child_deaths() as deaths, selectors.DefaultSelector() as selector:
            selector.register(self._requests, selectors.EVENT_READ)
            selector.register(deaths, selectors.EVENT_READ)
            while True:
                ready = {key.fileobj for key, _ in selector.select()}
                if deaths in ready:
                    os.read(deaths, 1024)
                    self._report_ended()
                if self._requests in ready:
                    number, files, _, _ = socket.recv_fds(self._requests, 16, 2)
                    if not number:
                        return None
                    if self._fork(int(number)) == 0:
                        order, output = files
                        self._detach(output)
                        return open(order, encoding="utf-8")
                    for file in files:
                        os.close(file)

    def _fork(self, number: int) -> int | None:
        """Fork as ``os.fork`` does, and tell the other side; returns None when it failed."""
        # A signal to the fork waits until it has the handlers of a process of its own.
        signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
        try:
            pid = os.fork()
        except OSError as error:  # out of processes or memory
            self._tell({"request": number, "failed": error.errno or 0})
            return None
        finally:
            if os.getpid() == self._parent:
                signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        if pid:
            with contextlib.suppress(PermissionError, ProcessLookupError):  # the fork was first
                os.setpgid(pid, pid)  # here as well, so that a signal to its group finds it
            self._tell({"request": number, "started": pid})
        return pid

    def _detach(self, output: int) -> None:
        """Make a fork a process of its own, which writes to its own log."""
        os.setpgid(0, 0)
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
        die_with_parent(self._parent)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, target in ((nothing, 0), (output, 1), (output, 2)):
            os.dup2(source, target)
        os.close(nothing)
        os.close(output)

    def _report_ended(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (found := os.waitpid(-1, os.WNOHANG))[0]:
                pid, status = found
                self._tell({"ended": pid, "status": os.waitstatus_to_exitcode(status)})

    def _tell(self, message: dict[str, int]) -> None:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the next read says so
            self._requests.send(json.dumps(message).encode())


@contextlib.contextmanager
def _child_deaths() -> Iterator[int]:
    """Yield a file descriptor that can be read after a child has died."""
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(write)
    try:
        yield read
    finally:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(read)
        os.close(write)


def _become(order: IO[str], parent: int) -> None:
    """Run a module as ``python -m`` would, with the environment of its own."""
    with order:
        what: dict[str, Any] = json.load(order)
    os.environ.clear()
    os.environ.update(what["env"])
    name_process(what["name"])
    die_with_parent(parent, signal.Signals(what["ends_by"]))
    sys.argv[1:] = what["args"]  # run_module fills in the first
    runpy.run_module(what["module"], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
