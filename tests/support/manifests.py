"""The Kubernetes manifests of deploy/kubernetes, read without kubectl."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from support.source_files import ROOT

from aicity_fleet.settings import Settings

FOLDER = ROOT / "deploy" / "kubernetes"


def load(path: Path) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(path.read_text("utf-8")))


def resources(folder: Path) -> list[dict[str, Any]]:
    """Every manifest that a folder's kustomization names, those of other folders included."""
    (kustomization,) = load(folder / "kustomization.yaml")
    found = []
    for name in kustomization["resources"]:
        path = (folder / name).resolve()
        found += resources(path) if path.is_dir() else load(path)
    return found


MANIFESTS = resources(FOLDER / "example")


def of_kind(*kinds: str) -> dict[str, dict[str, Any]]:
    return {m["metadata"]["name"]: m for m in MANIFESTS if m["kind"] in kinds}


TEMPLATES = {
    name: workload["spec"]["template"]
    for name, workload in of_kind("Deployment", "StatefulSet").items()
}


def pod(name: str) -> dict[str, Any]:
    return TEMPLATES[name]["spec"]


def container(name: str) -> dict[str, Any]:
    (only,) = pod(name)["containers"]
    return only


def environment(name: str) -> dict[str, str]:
    """The variables of a pod, as the base sets them."""
    (kustomization,) = load(FOLDER / "base" / "kustomization.yaml")
    files = {g["name"]: g["envs"] for g in kustomization["configMapGenerator"]}
    found = {v["name"]: v["value"] for v in container(name).get("env", [])}
    for source in container(name)["envFrom"]:
        for file in files[source["configMapRef"]["name"]]:
            lines = (FOLDER / "base" / file).read_text("utf-8").splitlines()
            found |= dict(line.split("=", 1) for line in lines if not line.startswith("#"))
    return found


def settings(name: str) -> Settings:
    env = environment(name)
    return Settings.load({k: v for k, v in env.items() if not k.endswith("_FILE")})


def selects(selector: dict[str, Any]) -> set[str]:
    """The pods that a selector selects."""
    assert selector.keys() <= {"matchLabels"}
    wanted = selector.get("matchLabels", {}).items()
    return {name for name, t in TEMPLATES.items() if wanted <= t["metadata"]["labels"].items()}
