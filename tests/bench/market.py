"""Start the servers of the benchmark (``servers.py``), assign tasks, wait for counts, read the records."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx

SERVERS = Path(__file__).with_name("servers.py")


class Market:
    """The servers of one measurement, over HTTP."""

    def __init__(self, url: str, pid: int) -> None:
        self.url, self.pid = url, pid
        self._http = httpx.Client(base_url=url, timeout=3600, trust_env=False)

    def close(self) -> None:
        """Close the connection."""
        self._http.close()

    def assign(self, count: int, *, per_second: float | None = None) -> None:
        """Assign tasks: all at once, or one by one at a rate from now on."""
        pace = {} if per_second is None else {"per_second": per_second}
        self._ask("assign", count=count, **pace)

    def wait(self, name: str, least: int, seconds: float) -> dict[str, int]:
        """Wait until a count is at least this, and return all counts.

        Raises:
            TimeoutError: It is not within this many seconds.
        """
        counts = self._ask("wait", name=name, least=least, seconds=seconds)
        if not counts.pop("reached"):
            raise TimeoutError(f"{name} is not {least} after {seconds:g} s: {counts}")
        return dict(counts)

    def counts(self) -> dict[str, int]:
        """Return all counts."""
        return dict(self._ask("counts"))

    def records(self) -> list[dict[str, Any]]:
        """Return what happened to each task; see ``servers.Record``."""
        return list(self._ask("records"))

    def set_latency(self, seconds: float) -> None:
        """Change how long the model takes, in seconds."""
        self._ask("latency", seconds=seconds)

    def hold(self, count: int) -> None:
        """Let the model answer nothing until this many requests wait at once; then its latency begins."""
        self._ask("hold", count=count)

    def release(self) -> None:
        """Hold nothing any longer."""
        self._ask("release")

    def clear(self) -> None:
        """Forget every task and every count."""
        self._ask("clear")

    def _ask(self, deed: str, **fields: Any) -> Any:
        answer = self._http.post(f"/bench/{deed}", json=fields)
        answer.raise_for_status()
        return answer.json()


@contextlib.contextmanager
def running_market(latency: float = 0.0) -> Iterator[Market]:
    """Run the servers in a process of their own.

    Args:
        latency: How long the model takes, in seconds.
    """
    process = subprocess.Popen(
        [sys.executable, SERVERS, "--latency", str(latency)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = json.loads(process.stdout.readline())
        market = Market(said["url"], said["pid"])
        try:
            yield market
        finally:
            market.close()
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
