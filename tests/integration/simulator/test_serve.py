import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from aicity_fleet.errors import SimulatorError
from aicity_fleet.simulator.serve import bind, serve

PROGRAM = """
import sys
from pathlib import Path
from aicity_fleet.simulator.serve import serve
serve(port=0, port_file=Path(sys.argv[1]))
print("stopped", flush=True)
"""


@pytest.fixture
def process(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    port_file = tmp_path / "port"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(port_file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    ) as running:
        deadline = time.monotonic() + 20
        while not port_file.exists():
            assert running.poll() is None, running.stderr and running.stderr.read()
            assert time.monotonic() < deadline, "the port was not written"
            time.sleep(0.02)
        yield running, int(port_file.read_text())
        if running.poll() is None:
            running.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_stops_at_once_and_quietly(process, number):
    running, port = process
    with httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        assert client.get("/_sim/health").json()["ok"] is True
        client.post("/_sim/faults", json={"operation": "list", "kind": "hang", "seconds": 60})
        with pytest.raises(httpx.ReadTimeout):
            client.get(
                "/api/v1/tasks/assigned",
                headers={"X-API-Key": "ac_live_simulated"},
                timeout=0.05,
            )
        began = time.monotonic()
        running.send_signal(number)
        out, err = running.communicate(timeout=10)
    assert time.monotonic() - began < 3
    assert running.returncode == 0
    assert out.splitlines() == [f"AI City simulator on http://127.0.0.1:{port}", "stopped"]
    assert err == ""


def test_a_port_in_use_is_said_plainly():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SimulatorError, match=f"cannot listen on 127.0.0.1:{port}"):
            serve(port=port)
        with pytest.raises(SimulatorError, match="choose another port"):
            bind("127.0.0.1", port)
