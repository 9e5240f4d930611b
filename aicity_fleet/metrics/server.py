"""Serves the page over HTTP, from threads and a Redis connection of its own: nothing waits for a scrape."""

import threading
from collections.abc import Callable

import structlog
from prometheus_client import start_http_server

from aicity_fleet.errors import LedgerUnavailableError
from aicity_fleet.ledger import Ledger
from aicity_fleet.metrics.page import registry_of
from aicity_fleet.metrics.reading import Reading, read_fleet
from aicity_fleet.settings import Settings

READ_SECONDS = 2.0
"""How long one try of a command may take, in seconds. There are two: with an absent Redis an answer comes
within 10 s, which is how long Prometheus waits for it by default."""

log = structlog.get_logger(__name__)


class FleetReader:
    """Reads a fleet for one scrape after another; it connects when the first one comes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ledger: Ledger | None = None
        self._lock = threading.Lock()
        """Lets scrapes that overlap take turns, as long as Redis answers."""

    def __call__(self) -> Reading:
        """Read the fleet.

        Raises:
            LedgerError: Redis does not answer, or its ledger has another layout.
        """
        if not self._lock.acquire(timeout=READ_SECONDS):
            raise LedgerUnavailableError("Redis has not answered an earlier scrape yet.")
        try:
            if self._ledger is None:
                self._ledger = Ledger.from_settings(
                    self._settings, timeout_seconds=READ_SECONDS, retries=1
                )
            return read_fleet(self._ledger)
        finally:
            self._lock.release()


def serve_metrics(settings: Settings) -> Callable[[], None]:
    """Begin to serve at ``FLEET_METRICS_PORT``; returns what ends it.

    A port that is taken is one log line: a fleet that nobody can see inside works all the same.
    """
    address, port = settings.metrics_address, settings.metrics_port
    try:
        server, thread = start_http_server(port, address, registry_of(FleetReader(settings)))
    except OSError as error:
        log.error("metrics.not_served", address=address, port=port, message=str(error))  # noqa: TRY400
        return lambda: None
    log.info("metrics.served", address=address, port=port)

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()

    return stop
