"""The wheel as it is installed: all three packages, their data, importable from an empty folder."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("aicity_fleet", "scheduler", "workers")

CHECK = """
import aicity_fleet, scheduler, workers
from aicity_fleet.celery_app import app
from aicity_fleet.aicity.contract import load_contract
from aicity_fleet.simulator.demo_tasks import demo_tasks
from aicity_fleet.team import team_for
import scheduler.tasks, workers.tasks
assert {"fleet.poll", "fleet.run_job", "fleet.report"} <= set(app.tasks)
load_contract("api"), load_contract("bridge"), demo_tasks(), team_for("code_review")
from importlib import resources
assert resources.files("aicity_fleet.ledger").joinpath("scripts", "claim.lua").is_file()
print(aicity_fleet.__file__, scheduler.__file__, workers.__file__, sep="\\n")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT, check=True, capture_output=True,
    )  # fmt: skip
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_holds_every_file_of_the_three_packages_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    sources = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == sources
    assert names >= {f"{package}/py.typed" for package in PACKAGES}


def test_the_installed_wheel_is_what_an_empty_folder_imports(wheel, tmp_path, empty_folder):
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index"]
    subprocess.run([*install, "--target", str(site), str(wheel)], check=True, capture_output=True)
    done = subprocess.run(
        [sys.executable, "-c", CHECK],
        cwd=empty_folder, env={"PYTHONPATH": str(site)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert all(line.startswith(str(site)) for line in done.stdout.splitlines())
