"""In Kubernetes: who reaches whom, which pods may go, and how many workers there are."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from support.manifests import (
    FOLDER,
    TEMPLATES,
    container,
    environment,
    load,
    of_kind,
    selects,
    settings,
)
from unit.test_metrics_page import READING

from aicity_fleet.metrics.page import page_of

FLEET = TEMPLATES.keys() - {"redis"}
POLICIES = {name: m["spec"] for name, m in of_kind("NetworkPolicy").items()}


def rules(name: str, direction: str) -> list[dict[str, Any]]:
    """What the policies that select this pod let out ("egress") or in ("ingress")."""
    mine = [policy for policy in POLICIES.values() if name in selects(policy["podSelector"])]
    return [rule for policy in mine for rule in policy.get(direction, [])]


def test_all_is_denied_first():
    assert POLICIES["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for policy in POLICIES.values():
        assert selects(policy["podSelector"])
        for direction in ("ingress", "egress"):
            for rule in policy.get(direction, []):
                assert rule["ports"]
                assert rule["to" if direction == "egress" else "from"]


def test_only_the_fleet_and_redis_reach_each_other():
    (entry,) = rules("redis", "ingress")
    assert rules("redis", "egress") == []
    (peer,) = entry["from"]
    assert selects(peer["podSelector"]) == FLEET
    ports = [p["port"] for p in entry["ports"]]
    assert ports == [p["containerPort"] for p in container("redis")["ports"]]
    for name in FLEET:
        inside = [r for r in rules(name, "egress") if "namespaceSelector" not in r["to"][0]]
        reached = [r for r in inside if "podSelector" in r["to"][0]]
        assert [selects(r["to"][0]["podSelector"]) for r in reached] == [{"redis"}]
        assert [p["port"] for r in reached for p in r["ports"]] == ports


PRIVATE = ("10.0.0.1", "172.31.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1")


def test_only_dispatcher_and_workers_reach_the_outside_and_nothing_private():
    for name in FLEET:
        outside = [rule for rule in rules(name, "egress") if "ipBlock" in rule["to"][0]]
        assert len(outside) == (name in {"dispatcher", "worker"})
        assert len(rules(name, "egress")) == 2 + len(outside)  # Redis and DNS
        for rule in outside:
            assert rule["ports"] == [{"port": 443, "protocol": "TCP"}]
            (peer,) = rule["to"]
            closed = [ipaddress.ip_network(cidr) for cidr in peer["ipBlock"]["except"]]
            for address in PRIVATE:
                assert any(ipaddress.ip_address(address) in network for network in closed), address


def test_only_the_metrics_are_open_to_other_namespaces():
    for name in FLEET:
        ports = [port["port"] for rule in rules(name, "ingress") for port in rule["ports"]]
        assert ports == [settings(name).metrics_port] * (name == "dispatcher")


@pytest.mark.parametrize("name", ["dispatcher", "redis"])
def test_a_service_leads_to_a_port_of_its_pod(name):
    spec = of_kind("Service")[name]["spec"]
    assert selects({"matchLabels": spec["selector"]}) == {name}
    offered = {port["name"]: port["containerPort"] for port in container(name)["ports"]}
    assert [offered[port["targetPort"]] for port in spec["ports"]] == [spec["ports"][0]["port"]]


def test_a_disruption_budget_lets_pods_go_one_after_the_other():
    for name, budget in of_kind("PodDisruptionBudget").items():
        assert selects(budget["spec"]["selector"]) == {name}
        assert budget["spec"]["maxUnavailable"] in {1, "25%"}  # with 0, no node could be drained
    assert of_kind("PodDisruptionBudget").keys() == {"dispatcher", "worker"}
    assert of_kind("Deployment")["dispatcher"]["spec"]["replicas"] > 1


# --- scaling ------------------------------------------------------------------------------------------

(SCALING,) = [m["spec"] for m in of_kind("ScaledObject").values()]


def test_workers_are_scaled_to_zero_and_by_nothing_else():
    assert SCALING["scaleTargetRef"] == {"name": "worker"}
    assert SCALING["minReplicaCount"] == 0 < SCALING["maxReplicaCount"]
    assert "replicas" not in of_kind("Deployment")["worker"]["spec"]
    # With one, KEDA would change the number of workers when Redis, and so the value, is away.
    assert "fallback" not in SCALING


def test_scaling_follows_queued_and_running_jobs():
    modifiers = SCALING["advanced"]["scalingModifiers"]
    assert modifiers["formula"] == " + ".join(t["name"] for t in SCALING["triggers"])
    assert modifiers["target"] == environment("worker")["FLEET_WORKER_THREADS"]
    assert [t["name"] for t in SCALING["triggers"]] == ["queued", "running"]
    (overlay,) = load(FOLDER / "example" / "kustomization.yaml")
    port = settings("dispatcher").metrics_port
    for trigger in SCALING["triggers"]:
        assert trigger["type"] == "metrics-api"
        location = f'aicity_fleet_jobs{{state="{trigger["name"]}"}}'
        assert f"\n{location} 2.0\n" in page_of(READING)
        assert trigger["metadata"] == {
            "url": f"http://dispatcher.{overlay['namespace']}.svc:{port}/metrics",
            "format": "prometheus",
            "valueLocation": location,
        }
