"""A redis-server on a unix socket for every test of the simulation."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from simulation.wire import Wire, redis_socket


@pytest.fixture(scope="session")
def wire() -> Iterator[Wire]:
    """A connection to a Redis that the simulation has to itself."""
    with redis_socket() as path:
        wire = Wire(path)
        yield wire
        wire.close()
