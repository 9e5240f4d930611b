"""The llama.cpp server of a run: a program under a supervisor, so that it comes back when it is killed."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import sys
from pathlib import Path

import httpx

from aicity_fleet.embedded.ports import LOOPBACK, free_port
from aicity_fleet.embedded.supervisor import Program, Supervisor

ALIAS = "SmolLM2-135M-Instruct"
"""The model's name in requests. A llama.cpp server with one model takes any."""

TEMPLATE = Path(__file__).with_name("template.jinja")

NAME = "model-server"


@dataclasses.dataclass(frozen=True, slots=True)
class ServerOptions:
    """How the server is started."""

    packages: Path
    """The folder with ``xllamacpp``."""
    model: Path
    """A GGUF file."""
    program: Path | None = None
    """A ``llama-server`` to start instead of the one in ``packages``."""
    slots: int = 2
    """How many requests it works on at once. Others wait."""
    context_tokens: int = 4096
    """What one request and its answer may hold together."""
    most_answer_tokens: int = 300
    """Where the server cuts an answer, whatever the request allows."""
    threads: int = os.cpu_count() or 2
    """Threads that compute. They wait for each other, so other work on any core slows all of them."""


class ModelServer:
    """One llama.cpp server on a port of its own.

    Args:
        folder: Where it logs.
    """

    def __init__(self, options: ServerOptions, folder: Path) -> None:
        self._options = options
        self._supervisor = Supervisor(folder, stop_seconds=5.0)
        self._port = free_port()
        self.kills = 0

    @property
    def base_url(self) -> str:
        """The address for a models file."""
        return f"http://{LOOPBACK}:{self._port}/v1"

    def start(self) -> None:
        """Start it; it loads the model for some seconds."""
        env = {"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(self._options.packages)}
        self._supervisor.start(Program(NAME, self._argv(), env, is_base=True))

    def is_ready(self) -> bool:
        """Whether it has loaded the model.

        Raises:
            RuntimeError: It ended by itself; the message holds the end of its log.
        """
        if self._supervisor.pid(NAME) is None:
            raise RuntimeError(f"the model server ended. Its log:\n{self._supervisor.tail(NAME)}")
        return self._answers("/health")

    def kill(self) -> None:
        """Kill it with SIGKILL. ``tend`` starts it again about a second later."""
        pid = self._supervisor.pid(NAME)
        assert pid is not None, "the model server is not running"
        os.kill(pid, signal.SIGKILL)
        self.kills += 1

    def tend(self) -> None:
        """Start it again if it ended."""
        self._supervisor.check()

    def stop(self) -> None:
        """End it."""
        self._supervisor.stop()

    def _answers(self, path: str) -> bool:
        url = f"http://{LOOPBACK}:{self._port}{path}"
        try:
            return httpx.get(url, timeout=5, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def _argv(self) -> list[str]:
        own = self._options
        if own.program is None:
            options = {
                "model": str(own.model),
                "alias": ALIAS,
                "template": TEMPLATE.read_text("utf-8"),
                "port": self._port,
                "threads": own.threads,
                "slots": own.slots,
                "context_tokens": own.context_tokens,
                "most_answer_tokens": own.most_answer_tokens,
            }
            program = str(Path(__file__).with_name("serve.py"))
            return [sys.executable, program, json.dumps(options)]
        argv = [str(own.program), "--model", str(own.model), "--alias", ALIAS]
        argv += ["--host", LOOPBACK, "--port", str(self._port), "--jinja"]
        argv += ["--chat-template-file", str(TEMPLATE), "--parallel", str(own.slots)]
        argv += ["--ctx-size", str(own.slots * own.context_tokens)]
        argv += ["--predict", str(own.most_answer_tokens), "--threads", str(own.threads)]
        return argv
