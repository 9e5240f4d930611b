"""The CI workflow and the pre-commit hooks: they call what exists, on every Python that is supported."""

import tomllib

import yaml
from support.source_files import ROOT


def test_the_workflow_runs_everything_on_every_supported_python():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    (job,) = workflow["jobs"].values()
    versions = [line.rpartition(" ")[2] for line in project["classifiers"] if "Python :: " in line]
    assert job["strategy"]["matrix"]["python"] == versions
    assert job["steps"][-1]["run"] == "bash .ci/run"
    assert "secrets." not in (ROOT / ".github" / "workflows" / "ci.yml").read_text()


def test_the_hooks_run_what_make_check_runs():
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    hooks = [hook for repo in config["repos"] for hook in repo["hooks"]]
    makefile = (ROOT / "Makefile").read_text().replace("$(VENV)", ".venv")
    for hook in hooks:
        assert hook["language"] == "system"
        command = hook["entry"].replace(" --force-exclude", "")
        assert command in makefile, hook["id"]
    assert all(repo["repo"] == "local" for repo in config["repos"])
