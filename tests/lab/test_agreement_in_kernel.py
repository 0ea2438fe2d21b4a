"""The kernel behaves as the engine and upstream's conformance tests say: every case is probed."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from tests.dataplane.conntrack_entries import forget_connections
from tests.example_counts import examples
from tests.lab.clusters import ROUTED, laboratory, manifests
from tests.lab.sandboxes import SharedSandbox, in_sandbox
from tests.semantics import combinations
from tests.semantics.conformance import CASES, FAMILIES, PORTS, PROTOCOLS, Case, expected, model
from tests.semantics.known_faults import KNOWN_FAULTS
from tests.semantics.objects import Object, admits, block, container_port, node, pod, policy
from tests.strategies import clusters

from ringfence.engine.population.pods import Reference
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network.linux import in_network_namespace
from ringfence.lab.network.pod_network import NodeNetwork, PodNetwork, ReversePathFilter
from ringfence.lab.network.topology import LabPort
from ringfence.lab.probing.probes import Probe, probes_between
from ringfence.sets.addresses import Family

pytestmark = pytest.mark.repeats_lines

RANDOM_PORTS = tuple(LabPort(number, protocol) for number in (1, 53, 80, 82) for protocol in ("TCP", "UDP", "SCTP"))
"""Numbers that random policies and pods name, and one inside their ranges that nobody names."""


class Finding(NamedTuple):
    """A connection with another result than expected; `judge` names who expects it."""

    judge: str
    step: int
    connection: str
    observed: bool


NETWORKS = (
    ROUTED,
    NodeNetwork(PodNetwork.PTP, rp_filter=ReversePathFilter.LOOSE),
    NodeNetwork(PodNetwork.FLANNEL, rp_filter=ReversePathFilter.STRICT),
)
"""Flannel's has the bridges of the bridge plugin."""


def on_nodes(objects: list[Object]) -> Iterator[Object]:
    """The pods of each namespace on a node of their own, whose range their addresses are in."""
    for obj in objects:
        is_pod = obj["kind"] == "Pod"
        yield obj | {"spec": obj["spec"] | {"nodeName": f"of-{obj['metadata']['namespace']}"}} if is_pod else obj


@pytest.fixture(scope="module", params=NETWORKS, ids=lambda network: network.kind)
def nine_pods(request: pytest.FixtureRequest) -> Iterator[SharedSandbox[Laboratory]]:
    """The upstream cluster without policies. Each case restores it: what it left behind would show in the next one."""
    shared = SharedSandbox(lambda: laboratory(*on_nodes(model(FAMILIES)), network=request.param))
    yield shared
    shared.close()


def on_networks(cases: Sequence[Case]) -> pytest.MarkDecorator:
    """Every case on every network in CI; by default each on one of them, in turn."""
    is_thorough = examples(in_ci=100) == 100
    chosen = [
        pytest.param(network, case, id=f"{network.kind}-{case.number} {case.title}")
        for number, network in enumerate(NETWORKS)
        for case in (cases if is_thorough else cases[number :: len(NETWORKS)])
    ]
    return pytest.mark.parametrize(("nine_pods", "case"), chosen, indirect=["nine_pods"], scope="module")


@on_networks(CASES)
def test_the_upstream_conformance_list(nine_pods: SharedSandbox[Laboratory], case: Case) -> None:
    """Every pair of pods, over both families, on one node and across nodes, after each step.

    Changes are made while the laboratory runs.
    """
    assert nine_pods.do(findings, case) == []


@on_networks(KNOWN_FAULTS)
def test_policies_that_others_have_got_wrong(nine_pods: SharedSandbox[Laboratory], case: Case) -> None:
    assert nine_pods.do(findings, case) == []


def test_every_kind_of_peer_with_every_kind_of_port() -> None:
    """In both directions; each is the one rule of a pod of its own."""

    def disagreements() -> list[str]:
        lab = laboratory(*combinations.objects(), nodes=2)
        pods = lab.topology.pod_by_name
        ports = tuple(LabPort(number, protocol) for protocol in PROTOCOLS for number in PORTS)
        probes: list[Probe] = []
        for number, combination in enumerate(combinations.ALL):
            subject = pods[combinations.subject(number)]
            for other in map(pods.__getitem__, combinations.OTHERS):
                ends = (other, subject) if combination.direction == "ingress" else (subject, other)
                probes += probes_between(*ends, ports)
        report = lab.probe(probes)
        assert {one.observed for one in report.results} == {True, False}
        return [f"{one}: observed {one.observed}, denied by {one.denied_by}" for one in report.disagreements]

    assert in_sandbox(disagreements) == []


def findings(lab: Laboratory, case: Case) -> list[Finding]:
    """The connections of a case with other results than expected."""
    ports = tuple(LabPort(number, protocol) for protocol in case.protocols for number in PORTS)
    found = []
    for number, step in enumerate(case.steps):
        lab.delete(Reference(namespace, kind, name) for kind, namespace, name in step.remove)
        lab.apply(manifests(*step.upsert))
        for one in lab.probe(lab.probes(ports=ports)).results:
            if not one.agrees:
                found.append(Finding("the engine", number, str(one), one.observed))
            pods = "/" in one.source and "/" in one.destination
            if pods and expected(step, one.source, one.destination, one.protocol, one.port) is not one.observed:
                found.append(Finding("the list", number, str(one), one.observed))
    restore(lab)
    return found


def restore(lab: Laboratory) -> None:
    """Remove all policies, and give pods and namespaces the labels that they had.

    The connections that were probed are forgotten: the kernel tracks them for up to half a minute, and each change of a
    policy would have them judged again.
    """
    for one in lab.topology.nodes:
        with in_network_namespace(lab._network.node(one.name)):
            forget_connections()
    policies = lab.cluster.policies()
    lab.delete(Reference(one.metadata.namespace, "NetworkPolicy", one.metadata.name) for one in policies)
    lab.apply(manifests(*on_nodes(model(FAMILIES))))


@pytest.mark.parametrize("network", NETWORKS, ids=lambda network: network.kind)
@pytest.mark.parametrize(
    ("peers", "is_open"),
    [
        pytest.param([block("172.18.0.12/32"), block("fd00:172:18::12/128")], True, id="its address"),
        pytest.param([block("172.18.0.0/16"), block("fd00:172:18::/64")], True, id="all nodes"),
        pytest.param([block("0.0.0.0/0", "172.18.0.12/32"), block("::/0", "fd00:172:18::12/128")], False, id="but it"),
        pytest.param([block("172.18.0.11/32"), block("fd00:172:18::11/128")], False, id="another node"),
    ],
)
def test_a_hostNetwork_pod_of_another_node_is_its_node(
    network: NodeNetwork, peers: list[Object], is_open: bool
) -> None:
    """Over a tunnel its packets come from another address than the one that is written."""
    objects = [
        node("n1", "172.18.0.11", "fd00:172:18::11"),
        node("n2", "172.18.0.12", "fd00:172:18::12"),
        pod("x/web", ports=[container_port("http", 80)], nodeName="n1"),
        pod("x/host", hostNetwork=True, nodeName="n2"),
        policy("x/p", ingress=[admits(*peers)]),
    ]

    def observed() -> list[tuple[str, bool, bool]]:
        lab = laboratory(*objects, families=(Family.IPV4, Family.IPV6), network=network)
        report = lab.probe(lab.probes(ports=(LabPort(80, "TCP"),)))
        return [(str(one), one.observed, one.agrees) for one in report.results if one.source == "x/host"]

    found = [one for one in in_sandbox(observed) if "x/web" in one[0]]
    assert len(found) == 2, "over both families"
    assert [one for one in found if one[1:] != (is_open, True)] == []


@settings(max_examples=examples(10))
@given(clusters())
def test_random_clusters(objects: list[Object]) -> None:
    """Pods, workloads, nodes and hosts outside, each asking each on every protocol."""

    def disagreements() -> list[str]:
        lab = laboratory(*objects, nodes=2, families=None)
        report = lab.probe(lab.probes(ports=RANDOM_PORTS))
        return [f"{one}: observed {one.observed}, denied by {one.denied_by}" for one in report.disagreements]

    assert in_sandbox(disagreements) == []


@settings(max_examples=examples(5))
@given(clusters(), clusters())
def test_one_random_cluster_becomes_another(objects: list[Object], others: list[Object]) -> None:
    """While the laboratory runs: what comes, changes and goes leaves nothing of itself behind."""

    def disagreements() -> list[str]:
        lab = laboratory(*objects, nodes=2, families=None)
        lab.apply(manifests(*others))
        report = lab.probe(lab.probes(ports=RANDOM_PORTS))
        return [f"{one}: observed {one.observed}, denied by {one.denied_by}" for one in report.disagreements]

    assert in_sandbox(disagreements) == []
