"""Private folders: gone with their job, or with the next worker when their own was killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from aicity_fleet.team.tools.folders import LOCK, PREFIX, PrivateFolders


def test_a_folder_is_private_and_gone_after_its_job(tmp_path):
    folders = PrivateFolders(tmp_path)
    with folders.folder() as folder:
        assert folder.stat().st_mode & 0o077 == 0
        assert folder.parent.stat().st_mode & 0o077 == 0
        (folder / "x").write_text("x")
    assert not folder.exists()
    folders.close()
    assert list(tmp_path.iterdir()) == []


def test_it_is_gone_when_the_job_broke(tmp_path):
    folders = PrivateFolders(tmp_path)
    with pytest.raises(RuntimeError), folders.folder() as folder:
        raise RuntimeError
    assert not folder.exists()
    folders.close()


def test_nothing_is_made_before_it_is_needed(tmp_path):
    PrivateFolders(tmp_path).close()
    assert list(tmp_path.iterdir()) == []


KILLED = """
import os, signal, sys
from pathlib import Path
from aicity_fleet.team.tools.folders import PrivateFolders
with PrivateFolders(Path(sys.argv[1])).folder() as folder:
    (folder / "x").write_text("x")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_worker_left_is_removed_by_the_next_and_what_lives_is_not(tmp_path):
    alive = PrivateFolders(tmp_path)
    with alive.folder() as theirs:
        subprocess.run([sys.executable, "-c", KILLED, str(tmp_path)], check=False)
        assert len(list(tmp_path.iterdir())) == 2
        following = PrivateFolders(tmp_path)
        with following.folder():
            assert theirs.exists()
            assert len(list(tmp_path.iterdir())) == 2
        following.close()
    alive.close()
    assert list(tmp_path.iterdir()) == []


def test_what_only_looks_like_ours_is_left_alone(tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / LOCK).touch()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    Path(tmp_path / f"{PREFIX}none").mkdir()
    folders = PrivateFolders(tmp_path)
    with folders.folder():
        assert (elsewhere / LOCK).exists()
        assert (tmp_path / f"{PREFIX}none").exists()
    folders.close()
