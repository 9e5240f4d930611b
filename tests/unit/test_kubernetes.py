"""The manifests in deploy/kubernetes fit Kubernetes' schemas, and agree with docker-compose.yml."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import Any

import kubernetes_validate
import pytest
import yaml
from support.manifests import (
    FOLDER,
    MANIFESTS,
    TEMPLATES,
    container,
    environment,
    load,
    of_kind,
    pod,
    settings,
)
from support.source_files import ROOT

from aicity_fleet.redaction import HOLDERS

README = (FOLDER / "README.md").read_text("utf-8")
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))["services"]

SECRETS = {
    "beat": {"redis-beat"},
    "dispatcher": {"redis-dispatcher", "agent-key"},
    "worker": {"redis-worker", "model-keys"},
    "flower": {"redis-flower", "flower-password"},
    "redis": {"redis-users"},
}
"""All pods, each with the only Secrets that it may have."""

FLEET = sorted(SECRETS.keys() - {"redis"})
CELERY = ["beat", "dispatcher", "worker"]

NOT_GIVEN = {"AGENT_CITY_API_KEY", "OPENAI_API_KEY", "OTEL_EXPORTER_OTLP_HEADERS"}
"""Variables of docker-compose.yml that no pod has: keys are files, and headers for collectors elsewhere."""

OTHER_VALUES = {
    "AGENT_CITY_API_KEY_FILE": "a key is always a file",
    "OPENAI_API_KEY_FILE": "a key is always a file",
    "FLEET_START_WAIT_SECONDS": "no pod waits for another to be ready",
    "FLEET_WORKER_THREADS": "the command needs a number",
    "FLEET_ARCHIVE": "it needs a volume, which a cluster may not have",
    "FLEET_METRICS_PORT": "KEDA reads the metrics",
}
"""Variables whose default is another in docker-compose.yml."""


def composed(value: Any) -> Any:
    """What docker compose makes of a value if .env sets nothing."""
    if isinstance(value, list):
        return [composed(item) for item in value]
    return re.sub(r"\$\{\w+(?::-([^}]*)|:\+[^}]*)\}", lambda m: m[1] or "", str(value)).replace(
        "$$", "$"
    )


# --- the form -----------------------------------------------------------------------------------------


WITH_SCHEMA = [manifest for manifest in MANIFESTS if manifest["kind"] != "ScaledObject"]
"""All but what is KEDA's own."""


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
@pytest.mark.parametrize(
    "manifest", WITH_SCHEMA, ids=lambda m: f"{m['kind']}-{m['metadata']['name']}"
)
def test_every_manifest_fits_the_schema(manifest, version):
    kubernetes_validate.validate(manifest, version, strict=True)


def test_a_manifest_with_a_misspelt_field_would_not_fit():
    manifest = {"apiVersion": "v1", "kind": "Service", "spec": {"selectors": {}}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, "1.30", strict=True)


def test_every_file_is_used():
    used = {FOLDER / "README.md"}
    for path in FOLDER.glob("*/kustomization.yaml"):
        (kustomization,) = load(path)
        names = [
            *kustomization["resources"],
            *(p["path"] for p in kustomization.get("patches", [])),
        ]
        for generator in kustomization.get("configMapGenerator", []):
            names += generator.get("envs", [])
        used |= {path, *(path.parent / name for name in names)}
    assert {path for path in FOLDER.rglob("*") if path.is_file()} == {
        p for p in used if p.is_file()
    }
    assert all(path.exists() for path in used)


def test_kubectl_builds_the_example():
    if shutil.which("kubectl") is None:
        pytest.skip("needs kubectl")
    command = ["kubectl", "kustomize", str(FOLDER / "example")]
    built = list(yaml.safe_load_all(subprocess.check_output(command, text=True)))
    maps = {m["metadata"]["name"]: m["data"] for m in built if m["kind"] == "ConfigMap"}
    (settings_map,) = [data for name, data in maps.items() if name.startswith("settings-")]
    assert settings_map["FLEET_LOG_FORMAT"] == "json"
    assert settings_map["FLEET_DRAIN_SECONDS"] == "20"
    for manifest in built:
        if manifest["kind"] == "Namespace":
            continue
        assert manifest["metadata"]["namespace"] == "aicity-fleet"
        if manifest["kind"] == "Deployment":
            (only,) = manifest["spec"]["template"]["spec"]["containers"]
            assert {s["configMapRef"]["name"] for s in only["envFrom"]} <= maps.keys()
            assert only["image"].startswith("registry.example.net/")
        if manifest["kind"] != "ScaledObject":
            kubernetes_validate.validate(manifest, "1.30", strict=True)
    (worker,) = [m for m in built if (m["kind"], m["metadata"]["name"]) == ("Deployment", "worker")]
    assert worker["spec"]["template"]["spec"]["tolerations"]


# --- the same as docker-compose.yml -------------------------------------------------------------------


def test_the_pods_are_the_services_of_compose():
    others = {
        "secrets": "kubectl makes them",
        "simulator": "only for the demo",
        "reader": "kubectl exec runs commands in a pod that is there",
        "operator": "kubectl exec runs commands in a pod that is there",
    }
    assert TEMPLATES.keys() == SECRETS.keys() == COMPOSE.keys() - others.keys()


@pytest.mark.parametrize("name", FLEET)
def test_a_pod_gets_the_variables_that_compose_gives_it(name):
    given, wanted = environment(name), COMPOSE[name]["environment"]
    assert given.keys() == wanted.keys() - NOT_GIVEN
    for variable in given.keys() - OTHER_VALUES:
        assert given[variable] == composed(wanted[variable]), variable


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_pod_runs_the_command_of_compose_within_its_memory(name):
    threads = environment("worker")["FLEET_WORKER_THREADS"]
    args = [arg.replace("$(FLEET_WORKER_THREADS)", threads) for arg in container(name)["args"]]
    assert args == composed(COMPOSE[name]["command"])
    memory = composed(COMPOSE[name]["mem_limit"]).upper() + "i"
    assert container(name)["resources"]["limits"] == {"memory": memory}
    assert container(name)["resources"]["requests"]["memory"] == memory
    assert pod(name)["securityContext"]["runAsUser"] == int(COMPOSE[name]["user"].split(":")[0])
    assert container(name)["image"] == composed(COMPOSE[name]["image"])


@pytest.mark.parametrize("name", ["dispatcher", "worker", "redis"])
def test_a_pod_has_the_time_to_stop_that_compose_gives_it(name):
    grace = pod(name)["terminationGracePeriodSeconds"]
    assert f"{grace}s" == composed(COMPOSE[name]["stop_grace_period"])
    if name != "redis":
        # Five seconds more are what the watchdog adds, see ConsumerWatch.
        assert grace > settings(name).drain_seconds + 5


# --- probes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CELERY)
def test_the_probes_of_a_celery_process_are_the_ping_of_compose(name):
    _, line = composed(COMPOSE[name]["healthcheck"]["test"])
    probes = {kind: probe for kind, probe in container(name).items() if kind.endswith("Probe")}
    assert len(probes) == 2
    for probe in probes.values():
        assert probe["exec"]["command"] == ["sh", "-c", line]
        assert probe["timeoutSeconds"] > 10  # the ping's own limit
    start = probes["startupProbe"]
    assert start["periodSeconds"] * start["failureThreshold"] > settings(name).start_wait_seconds


@pytest.mark.parametrize("name", ["dispatcher", "worker", "redis"])
def test_no_outage_of_redis_kills_what_holds_work(name):
    assert "livenessProbe" not in container(name)


# --- who has what -------------------------------------------------------------------------------------


def secret_volumes(name: str) -> dict[str, str]:
    """The path of each Secret in a pod."""
    paths = {mount["name"]: mount["mountPath"] for mount in container(name)["volumeMounts"]}
    volumes = [volume for volume in pod(name)["volumes"] if "secret" in volume]
    assert all(volume["secret"]["defaultMode"] == 0o440 for volume in volumes)
    return {volume["secret"]["secretName"]: paths[volume["name"]] for volume in volumes}


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_a_pod_has_its_own_secrets_and_only_as_files(name):
    assert secret_volumes(name).keys() == SECRETS[name]
    assert "initContainers" not in pod(name)
    assert not re.search("secretKeyRef|secretRef", str(TEMPLATES[name]))


def test_no_secret_is_in_the_repository():
    assert not of_kind("Secret")


def secrets_of_the_readme() -> dict[str, set[str]]:
    """The files of each Secret that the README makes, by the Secret's name."""
    made = {
        name: {file}
        for name, file in re.findall(r"create secret generic (\S+) --from-file=(\S+?)=", README)
    }
    folders = {
        "redis-users": {"users.acl", "certificate.pem", "key.pem"},
        "redis-$role": {"password", "ca.pem"},
        "flower-password": {"password"},
    }
    found = re.findall(r"create secret generic (\S+) --from-file=secrets/\S+\n", README)
    assert set(found) == folders.keys()
    (loop,) = re.findall(r"for role in (.+); do", README)
    assert sorted(loop.split()) == FLEET
    return (
        made
        | {name: files for name, files in folders.items() if "$" not in name}
        | {f"redis-{role}": folders["redis-$role"] for role in loop.split()}
    )


@pytest.mark.parametrize("name", FLEET)
def test_each_file_of_a_secret_is_one_that_the_readme_makes(name):
    made = secrets_of_the_readme()
    assert made.keys() == set.union(*SECRETS.values())
    files = {
        f"{path}/{file}" for secret, path in secret_volumes(name).items() for file in made[secret]
    }
    named = {
        v.removesuffix("_FILE"): p for v, p in environment(name).items() if v.endswith("_FILE")
    }
    read = {variable: path for variable, path in named.items() if path}
    assert set(read.values()) == files - {"/run/fleet/flower/password"}  # its command reads it
    assert all(name in HOLDERS[variable] for variable in read.keys() - {"REDIS_CA"})


def test_redis_finds_its_files_and_its_probe_is_the_health_check_of_compose():
    (path,) = secret_volumes("redis").values()
    named = set(re.findall(rf"{path}/(\S+)", str(container("redis")["args"]).replace("\\n", " ")))
    assert named == secrets_of_the_readme()["redis-users"]
    _, line = COMPOSE["redis"]["healthcheck"]["test"]
    assert container("redis")["readinessProbe"]["exec"]["command"] == ["sh", "-c", line]


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_every_pod_is_hardened(name):
    spec, only = pod(name), container(name)
    assert spec["automountServiceAccountToken"] is False
    # The variables of Services collide with FLOWER_PORT and REDIS_PORT.
    assert spec["enableServiceLinks"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert only["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert not spec.keys() & {"hostNetwork", "hostPID", "hostIPC"}
    assert all(volume.keys() & {"emptyDir", "secret", "configMap"} for volume in spec["volumes"])
    claims = of_kind("StatefulSet").get(name, {"spec": {}})["spec"].get("volumeClaimTemplates", [])
    known = {v["name"] for v in spec["volumes"]} | {c["metadata"]["name"] for c in claims}
    assert {mount["name"] for mount in only["volumeMounts"]} == known
