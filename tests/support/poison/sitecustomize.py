"""For processes that a test starts with this folder on PYTHONPATH: some jobs end their process.

``TESTS_POISON`` names them: ``JOB:STEP`` pairs, separated by commas. At that step of that job the
process is killed, in the worker as well as in the process of an isolated job.
"""

import os
import signal

from aicity_fleet.failpoints import Failpoint, listen

POISON = dict(pair.split(":") for pair in os.environ.get("TESTS_POISON", "").split(",") if pair)


def die(step: Failpoint, job_id: str) -> None:
    """Kill this process when the job is to do that."""
    if POISON.get(job_id) == step:
        os.kill(os.getpid(), signal.SIGKILL)


if POISON:
    listen(die)
