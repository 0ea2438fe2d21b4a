"""Answers as a network plugin enforces policies: the changes by each trait, its name in the answer, and assumptions."""

from typing import Any

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, block, container_port, pod, policy, port

from ringfence import Cluster
from ringfence.errors import InputError


def service(path: str, number: int, target: int) -> Object:
    namespace, _, name = path.partition("/")
    ports = [{"port": number, "targetPort": target}]
    metadata = {"namespace": namespace, "name": name}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"selector": {"app": "db"}, "ports": ports},
    }


def addressed(path: str, address: str, **labels: str) -> dict[str, Any]:
    made: dict[str, Any] = dict(pod(path, labels, ports=[container_port("web", 90)], addresses=[address]))
    made["metadata"] = {**made["metadata"], "ownerReferences": OWNED}
    return made


OWNED = [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "r", "uid": "u", "controller": True}]
DB = {"matchLabels": {"app": "db"}}
WEB = {"podSelector": {"matchLabels": {"app": "web"}}}


def world(*rules: Object, egress: list[Object] | None = None) -> Cluster:
    """prod/web, prod/db with a policy of these ingress rules, and a Service that leads from 80 to 90."""
    spec: dict[str, Any] = {"podSelector": DB, "policyTypes": ["Ingress"], "ingress": list(rules)}
    objects: list[Object] = [
        addressed("x/web", "10.0.0.1", app="web"),
        addressed("x/db", "10.0.0.2", app="db"),
        service("x/db", 80, 90),
        policy("x/p", **spec),
    ]
    if egress is not None:
        objects.append(
            policy("x/q", podSelector={"matchLabels": {"app": "web"}}, policyTypes=["Egress"], egress=egress)
        )
    return cluster_of(objects)


TO_TARGET = [{"to": [{"podSelector": DB}], "ports": [port(90)]}]
TO_SERVICE = [{"to": [{"podSelector": DB}], "ports": [port(80)]}]
ANYTHING: Object = {}


@pytest.mark.parametrize(
    ("cluster", "plugin", "ends", "allowed", "deciding"),
    [
        pytest.param(world({"from": [block("10.0.0.0/8")]}), "cilium", ("x/web", "x/db"), False, ["ipBlock-pods"]),
        pytest.param(world({"from": [block("10.0.0.0/8")]}), "calico", ("x/web", "x/db"), True, []),
        pytest.param(world({"from": [WEB]}), "cilium", ("x/web", "x/db"), True, []),
        pytest.param(world({"ports": [port(1, to=100)]}), "cilium@1.15", ("x/web", "x/db"), False, ["endPort"]),
        pytest.param(world({"ports": [port("web")]}), "windows", ("x/web", "x/db"), False, ["named-ports"]),
        pytest.param(world(), "flannel", ("x/web", "x/db"), True, ["enforcement"]),
        pytest.param(world(ANYTHING, egress=TO_TARGET), "calico", ("x/web", "x/svc/db"), True, []),
        pytest.param(world(ANYTHING, egress=TO_TARGET), "eks", ("x/web", "x/svc/db"), False, ["service-port"]),
        pytest.param(world(ANYTHING, egress=TO_SERVICE), "calico", ("x/web", "x/svc/db"), False, []),
        pytest.param(world(ANYTHING, egress=TO_SERVICE), "eks", ("x/web", "x/svc/db"), True, ["service-port"]),
        pytest.param(world(egress=TO_SERVICE), "eks", ("x/web", "x/svc/db"), False, []),
    ],
)
def test_what_a_plugin_makes_of_policies(
    cluster: Cluster, plugin: str, ends: tuple[str, str], allowed: bool, deciding: list[str]
) -> None:
    number = 80 if "svc" in ends[1] else 90
    verdict = cluster.as_enforced_by(plugin).can(*ends, port=number)
    assert (bool(verdict), verdict.any) == (allowed, allowed)
    assert [one.topic.name for one in verdict.traits] == deciding
    assert all(reason.allowed is allowed for reason in verdict.reasons)
    assert all(f"({name}=" in verdict.explain() for name in deciding)


def test_a_pod_without_owner_is_open_with_the_vpc_cni_alone() -> None:
    bare = {**addressed("x/db", "10.0.0.2", app="db")}
    bare["metadata"] = {key: value for key, value in bare["metadata"].items() if key != "ownerReferences"}
    for plugin, allowed in (("calico", False), ("aws-vpc-cni", True)):
        cluster = world()
        cluster.upsert(bare)
        verdict = cluster.as_enforced_by(plugin).can("x/web", "x/db", port=90)
        assert bool(verdict) is allowed
    assert "x/db has no ownerReferences, and with this network plugin policies do not apply to it" in verdict.explain()


def test_two_traits_of_which_each_would_be_enough_are_both_named() -> None:
    verdict = (
        world({"from": [block("10.0.0.0/8")], "ports": [port(1, to=100)]})
        .as_enforced_by("cilium@1.15")
        .can("x/web", "x/db", port=90)
    )
    assert not verdict
    assert [one.topic.name for one in verdict.traits] == ["ipBlock-pods", "endPort"]


@pytest.mark.parametrize(
    ("cluster", "plugin", "assumed"),
    [
        (world({"ports": [port(1, to=100)]}), "cilium", ["the version of Cilium is not given"]),
        (world({"from": [block("10.0.0.0/8")]}), "cilium@1.20", ["configured without policy-cidr-match-mode=pods"]),
        (world({"from": [block("10.0.0.0/8")]}), "cilium@1.19", []),
        (world({"ports": [port("web")]}), "eks", ["a named port counts only if a Service has a port of the same name"]),
        (
            world({"from": [block("10.0.0.0/8")]}),
            "windows",
            ["it is not known of Windows nodes (HNS) whether an ipBlock"],
        ),
        (world({"from": [WEB]}), "cilium", []),
    ],
)
def test_what_is_not_certain_is_assumed_where_the_answer_depends_on_it(
    cluster: Cluster, plugin: str, assumed: list[str]
) -> None:
    found = cluster.as_enforced_by(plugin).can("x/web", "x/db", port=90).assumptions
    assert len(found) == len(assumed)
    assert all(part in text for part, text in zip(assumed, found, strict=True))


def test_an_unknown_plugin_leaves_the_cluster_as_it_was() -> None:
    cluster = world()
    with pytest.raises(InputError, match="did you mean cilium"):
        cluster.as_enforced_by("celium")
    assert cluster.can("x/web", "x/db", port=90).plugin is None


def test_a_policy_that_is_not_applied_says_so() -> None:
    subject = {"matchExpressions": [{"key": "app", "operator": "NotIn", "values": ["web"]}]}
    cluster = cluster_of([addressed("x/web", "10.0.0.1", app="web"), addressed("x/db", "10.0.0.2", app="db")])
    cluster.upsert(policy("x/p", subject, ingress=[]))
    assert not cluster.can("x/web", "x/db", port=90)
    verdict = cluster.as_enforced_by("windows").can("x/web", "x/db", port=90)
    assert verdict
    assert "x/p selects x/db, but is not applied: the network plugin does not support its NotIn" in verdict.explain()


def test_no_edit_is_proposed_where_the_plugin_does_not_restrict_ipv6() -> None:
    cluster = world({"from": [WEB]}).as_enforced_by("azure-npm")
    opened = cluster.can("2001:db8::1", "x/db", port=90)
    assert opened
    assert [one.topic.name for one in opened.traits] == ["ipv6"]
    assert "ingress[1]: over IPv6 only: the network plugin does not restrict IPv6" in opened.explain()
    assert not opened.edits
    assert cluster.can("192.0.2.1", "x/db", port=90).edits
