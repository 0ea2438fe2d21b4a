"""The effects of a change on pods with known addresses, nodes, ports and owners."""

from collections.abc import Sequence

import pytest
from tests.analysis.differences.clusters import rows
from tests.analysis.possible.policies import admin, decides
from tests.semantics.objects import (
    Object,
    admits,
    container_port,
    labelled,
    namespace,
    node,
    owned,
    pod,
    policy,
    port,
)

from ringfence.analysis.differences import Change, ClusterDifference, ConnectionChange
from ringfence.cluster import Cluster
from ringfence.render.differences import cause_text

NODES = [node("m", "192.168.0.1"), node("n", "192.168.0.2")]
CLOSED = policy("x/closed", labelled(app="db"), ingress=[])
DB = {"app": "db"}


def compared(before: Sequence[Object], after: Sequence[Object]) -> ClusterDifference:
    def cluster(objects: Sequence[Object]) -> Cluster:
        made = Cluster()
        for one in [namespace("x"), *NODES, *objects]:
            made.upsert(one)
        return made

    return cluster(before).diff(cluster(after))


def changed(found: ClusterDifference) -> tuple[list[str], list[str]]:
    """The rows that were opened, and those that were closed."""
    return rows(found, ConnectionChange.OPENED), rows(found, ConnectionChange.CLOSED)


def host(where: str) -> Object:
    return pod("x/host", nodeName=where, hostNetwork=True)


def test_a_pod_on_the_network_of_a_node_reaches_the_pods_of_that_node_only() -> None:
    db = pod("x/db", DB, nodeName="m")
    leaves = compared([db, host("m"), CLOSED], [db, host("n"), CLOSED])
    assert changed(leaves) == ([], ["x/host -> x/db: all traffic"])
    assert [one.attributed_to for one in leaves.connections] == [(Change.WORKLOADS,)]
    assert changed(compared([db, host("n"), CLOSED], [db, host("m"), CLOSED])) == (["x/host -> x/db: all traffic"], [])


def test_a_pod_that_comes_to_a_node_while_its_policy_goes_is_one_row() -> None:
    db = pod("x/db", DB, nodeName="m")
    opened, _ = changed(compared([db, host("n"), CLOSED], [db, host("m")]))
    assert [row for row in opened if row.startswith("x/host")] == ["x/host -> x/db: all traffic"]


def test_no_policy_closes_what_comes_from_the_own_node() -> None:
    before = [pod("x/db", DB, nodeName="m"), pod("x/other", DB, nodeName="n"), host("m")]
    _, closed = changed(compared(before, [*before, CLOSED]))
    assert "x/host -> x/other: all traffic" in closed
    assert [row for row in closed if row.startswith("x/host") and "x/db" in row.partition("->")[2]] == []


def test_a_pod_that_moves_is_reached_from_its_new_node() -> None:
    moved = compared([pod("x/db", DB, nodeName="m"), CLOSED], [pod("x/db", DB, nodeName="n"), CLOSED])
    assert changed(moved) == (["192.168.0.2/32 -> x/db: all traffic"], ["192.168.0.1/32 -> x/db: all traffic"])


def test_a_port_name_means_the_port_of_each_pod() -> None:
    web = [
        pod("x/a", {"app": "a"}, ports=[container_port("http", 80)]),
        pod("x/b", {"app": "b"}, ports=[container_port("http", 90)]),
    ]
    by_name, by_number = (policy("x/p", {}, ingress=[admits(ports=[port(one)])]) for one in ("http", 80))
    opened, closed = changed(compared([*web, by_name], [*web, by_number]))
    assert opened == ["x/a -> x/b: TCP 80", "any address -> x/b: TCP 80"]
    assert closed == ["x/a -> x/b: TCP 90", "any address -> x/b: TCP 90"]


def test_pods_without_a_common_family_of_addresses_never_meet() -> None:
    pods = [
        pod("x/a", {"app": "a"}, addresses=["10.0.0.1"]),
        pod("x/b", {"app": "b"}, addresses=["fd00::2"]),
        pod("x/c", {"app": "c"}, addresses=["fd00::3"]),
    ]
    _, closed = changed(compared(pods, [*pods, policy("x/p", {}, ingress=[])]))
    assert [row for row in closed if "address" not in row] == ["x/b, x/c -> x/b, x/c: all traffic"]


@pytest.mark.parametrize("is_reversed", [False, True])
def test_the_pods_of_a_workload_are_compared_one_by_one_where_a_policy_tells_them_apart(is_reversed: bool) -> None:
    pods = [owned(pod(f"x/{name}", {"app": name}), "StatefulSet", "t") for name in ("a", "b")]
    pair = [pods, [*pods, policy("x/p", labelled(app="a"), ingress=[])]]
    found = compared(*(pair[::-1] if is_reversed else pair))
    assert (found.added, found.removed, found.common) == ((), (), 2)
    expected = ["x/b -> x/a: all traffic", "any address -> x/a: all traffic"]
    assert changed(found) == ((expected, []) if is_reversed else ([], expected))


def test_a_policy_of_administrators_that_denies_is_the_cause() -> None:
    pods = [pod("x/db", DB), pod("x/web", {"app": "web"})]
    guard = admin("guard", decides("Deny"), subject={"pods": {"namespaceSelector": {}, "podSelector": labelled(**DB)}})
    found = compared(pods, [*pods, guard])
    assert changed(found) == ([], ["x/web -> x/db: all traffic"])
    assert [cause_text(one) for one in found.connections[0].causes] == ["ingress rule 1 of guard now denies it"]


def test_what_a_server_adds_to_a_policy_that_is_not_read_is_no_difference() -> None:
    written = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "guard", "namespace": "x"},
        "spec": {"endpointSelector": {}, "ingress": [{}]},
    }
    of_server = {**written, "metadata": {**written["metadata"], "generation": 2}, "status": {"conditions": []}}  # type: ignore[dict-item]
    assert compared([written], [of_server]).unread == ()
