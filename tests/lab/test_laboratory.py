"""Laboratories: pods are reached by address, by Service and by name, and what changes is rebuilt."""

import socket
from pathlib import Path

import pytest
from tests import waiting
from tests.lab.clusters import HTTP, laboratory, manifests, service
from tests.lab.sandboxes import as_root_and_not, in_sandbox
from tests.semantics.objects import (
    Object,
    admits,
    autoscaler,
    block,
    container_port,
    labelled,
    node,
    pod,
    pods,
    policy,
    sends,
    workload,
)

from ringfence.cluster import Cluster
from ringfence.engine.population.pods import Reference
from ringfence.errors import EndpointError, LaboratoryError
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network.linux import in_network_namespace
from ringfence.lab.network.placement import PlacementOptions
from ringfence.lab.network.topology import IPAddress, LabPort
from ringfence.lab.probing import dns
from ringfence.lab.probing.servers import FAMILY
from ringfence.model.policies import defaulted
from ringfence.sets.addresses import Family

DNS = [container_port("dns", 53, "UDP")]
SILENCE = 0.8
"""Seconds after which an answer that must not come has not come."""


def answering(
    lab: Laboratory, source: str, address: IPAddress, port: LabPort, seconds: float = waiting.PATIENCE
) -> str | None:
    """The name of the pod that answers another one at an address; None without an answer within some seconds."""
    kind = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}[port.protocol]
    with in_network_namespace(lab.network_of(lab.pod(source))):
        sock = socket.socket(FAMILY[address.version], kind)
    with sock:
        sock.setblocking(False)
        sock.connect_ex((str(address), port.number))
        sent, received, patience = False, b"", waiting.Patience(seconds)
        while patience.is_left():
            lab.loop.run_once(0.02)
            try:
                sent = sent or sock.send(b"?") == 1
                received += sock.recv(4096)
            except OSError:
                continue
            if received.endswith(b"?"):
                return received.split(b"\n")[0].decode()
    return None


def looked_up(lab: Laboratory, source: str, name: str) -> list[str]:
    """What a pod's resolver finds for a full name, over IPv4."""
    answer = dns.answer_datagram(dns.build_zone(lab.topology), query(name))
    assert answer is not None
    with in_network_namespace(lab.network_of(lab.pod(source))):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with sock:
        sock.setblocking(False)
        sock.sendto(query(name), (str(lab.topology.dns_address()), 53))
        patience = waiting.Patience()
        while patience.is_left():
            lab.loop.run_once(0.02)
            try:
                response = sock.recv(4096)
            except BlockingIOError:
                continue
            assert response == answer
            return [socket.inet_ntoa(response[-4:])] if response[7] else []
    raise AssertionError("the laboratory's DNS does not answer")


def query(name: str) -> bytes:
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return b"\0\1\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\1\0\1"


@as_root_and_not
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
@pytest.mark.parametrize("nodes", [1, 3])
def test_a_service_leads_to_its_pods(rootless: bool, protocol: str, nodes: int) -> None:
    """In both families, from every node, to each of its pods, and from a pod behind it to that pod itself."""

    def answers() -> dict[str, set[str | None]]:
        pods = [pod(f"x/{name}", {"app": name[0]}, ports=HTTP) for name in ("a1", "b1", "b2", "c1")]
        lab = laboratory(
            *pods, service("x/b", {"app": "b"}, protocol), service("x/c", {"app": "c"}, protocol), nodes=nodes
        )
        port = LabPort(80, protocol)
        b, c = (lab.topology.service_by_name[name].addresses for name in ("x/b", "x/c"))
        return {
            "from a pod": {answering(lab, "x/a1", ip, port) for ip in b for _ in range(12)},
            "from itself": {answering(lab, "x/c1", ip, port) for ip in c},
        }

    assert in_sandbox(answers, rootless=rootless) == {"from a pod": {"x/b1", "x/b2"}, "from itself": {"x/c1"}}


def test_a_service_without_pods_is_not_there() -> None:
    def answer() -> str | None:
        lab = laboratory(pod("x/a", ports=HTTP), service("x/none", {"app": "none"}))
        return answering(lab, "x/a", lab.topology.service_by_name["x/none"].addresses[0], LabPort(80), SILENCE)

    assert in_sandbox(answer) is None


def test_names_are_answered_through_the_dns_service() -> None:
    def found() -> tuple[list[str], list[str], list[str], list[str]]:
        lab = laboratory(
            pod("x/a", ports=HTTP, addresses=["10.1.1.1"]),
            pod("y/b", {"app": "b"}, addresses=["10.1.1.2"]),
            service("y/b", {"app": "b"}, clusterIP="10.96.3.3"),
            service("y/pods", {"app": "b"}, clusterIP="None"),
            nodes=2,
        )
        names = ("b.y.svc", "pods.y.svc", "b.y.pod", "nobody.y.pod")
        first, second, third, fourth = (looked_up(lab, "x/a", f"{name}.cluster.local") for name in names)
        return first, second, third, fourth

    assert in_sandbox(found) == (["10.96.3.3"], ["10.1.1.2"], ["10.1.1.2"], [])


def test_a_dns_service_that_nothing_answers_is_an_error_that_names_it() -> None:
    def message() -> str:
        lab = laboratory(pod("x/a"), service("kube-system/kube-dns", {"app": "none"}, clusterIP="None"))
        with pytest.raises(LaboratoryError) as caught:
            lab.resolver_configuration(lab.pod("x/a"))
        return str(caught.value)

    assert in_sandbox(message).startswith("the Service kube-system/kube-dns has neither an address nor pods: ")


def test_a_live_clusters_copy_takes_pods_without_addresses() -> None:
    """In the live cluster itself such a pod takes no part."""

    def names() -> list[str]:
        lab = Laboratory(Cluster(live=True), PlacementOptions())
        lab.apply(manifests(pod("x/a", ports=HTTP)))
        return sorted(lab.topology.pod_by_name)

    assert in_sandbox(names) == ["kube-system/dns", "x/a"]


def test_two_pods_of_a_workload_are_probed_with_each_other() -> None:
    """The kernel proves what the engine says of a workload towards itself, and scaling changes what there is."""

    def reports() -> list[list[tuple[str, str, bool, bool]]]:
        lab = laboratory(*gossip(replicas=3), families=(Family.IPV4,))
        found = []
        for change in (
            [],
            gossip(replicas=3, ingress=[admits(pods({}))]),
            gossip(replicas=1),
            [autoscaler("x/gossip", "StatefulSet", 2)],
            gossip(replicas=0),
        ):
            lab.apply(manifests(*change))
            results = lab.probe(lab.probes(ports=(LabPort(8080),))).results
            among = [one for one in results if "/" in one.source and "/" in one.destination]
            found.append([(one.source, one.destination, one.observed, one.agrees) for one in among])
        return found

    itself = ("x/gossip", "x/gossip")
    assert in_sandbox(reports) == [
        [(*itself, False, True)] * 2,
        [(*itself, True, True)] * 2,
        [],
        [(*itself, False, True)] * 2,
        [],
    ]


def gossip(replicas: int, **spec: list[Object]) -> list[Object]:
    """A workload and a policy for it, which by default denies everything."""
    template = pod("x/any", {"app": "gossip"}, ports=HTTP)
    closed = policy("x/closed", labelled(app="gossip"), **{"ingress": [], **spec})
    return [workload("x/gossip", "StatefulSet", template, replicas=replicas), closed]


def test_a_pod_on_the_host_network_is_reached_at_its_node() -> None:
    def answers() -> list[str | None]:
        host = node("here", "192.168.0.1")
        agent = pod("x/agent", ports=HTTP, hostNetwork=True, nodeName="here")
        lab = laboratory(host, agent, pod("x/a", nodeName="here"), pod("x/b"), nodes=2)
        return [answering(lab, source, lab.pod("x/agent").addresses[0], LabPort(8080)) for source in ("x/a", "x/b")]

    assert in_sandbox(answers) == ["x/agent", "x/agent"]


def test_objects_come_and_go_while_it_runs() -> None:
    def answers() -> list[str | None]:
        lab = laboratory(pod("x/a", ports=HTTP), pod("x/b", ports=HTTP))
        found = []
        lab.apply(manifests(pod("x/c", {"app": "c"}, ports=HTTP), service("x/c", {"app": "c"})))
        c = lab.topology.service_by_name["x/c"].addresses[0]
        found.append(answering(lab, "x/a", c, LabPort(80)))
        lab.apply(manifests(pod("x/c", {"app": "other"}, ports=HTTP), pod("x/d", {"app": "c"}, ports=HTTP)))
        found.append(answering(lab, "x/a", c, LabPort(80)))
        d = lab.pod("x/d").addresses[0]
        lab.delete([Reference("x", "Pod", "d")])
        found.append(answering(lab, "x/a", d, LabPort(8080), SILENCE))
        return found

    assert in_sandbox(answers) == ["x/c", "x/d", None]


def test_a_port_that_no_pod_declares_is_answered_while_it_is_probed() -> None:
    """A probe of a closed port could not be distinguished from a denied one."""

    def reached() -> tuple[list[bool], str | None]:
        lab = laboratory(pod("x/a"), pod("x/b"), families=(Family.IPV4,), serve=False)
        report = lab.probe(lab.probes("x/a", "x/b", (LabPort(7777), LabPort(7777, "UDP"), LabPort(7777, "SCTP"))))
        return [one.observed for one in report.results], answering(
            lab, "x/a", lab.pod("x/b").addresses[0], LabPort(7777), SILENCE
        )

    assert in_sandbox(reached) == ([True, True, True], None)


def test_an_address_that_is_probed_becomes_a_host() -> None:
    def reached() -> list[tuple[str, bool]]:
        lab = laboratory(pod("x/a"), families=(Family.IPV4,))
        questions = lab.probes("x/a", "198.51.100.7", (LabPort(443),)) + lab.probes(
            "198.51.100.8", "x/a", (LabPort(1),)
        )
        return [(one.source, one.observed) for one in lab.probe(questions).results]

    assert in_sandbox(reached) == [("x/a", True), ("198.51.100.8", True)]


@pytest.mark.parametrize(
    ("source", "destination", "message"),
    [
        pytest.param("x/a", "x/nobody", "nobody", id="nobody"),
        pytest.param("x/a", "10.0.0.0/8", "more than one address", id="a range"),
        pytest.param("x/a", "172.18.0.1", "is node node-1", id="a node"),
    ],
)
def test_what_cannot_be_probed(source: str, destination: str, message: str) -> None:
    def refusal() -> str:
        lab = laboratory(pod("x/a"))
        with pytest.raises(EndpointError) as caught:
            lab.probes(source, destination)
        return str(caught.value)

    assert message in in_sandbox(refusal)


def test_all_pods_and_hosts_are_probed_from_all_others() -> None:
    def asked() -> set[tuple[str, str, str]]:
        rule = {**sends(block("192.168.5.10/32")), "ports": [{"port": 443}]}
        lab = laboratory(
            pod("x/a", ports=HTTP), pod("x/b", ports=DNS), policy("x/p", egress=[rule]), families=(Family.IPV4,)
        )
        report = lab.probe(lab.probes())
        return {(one.source, one.destination, f"{one.port}/{one.protocol}") for one in report.results}

    outside = ("192.168.5.10", "203.0.113.10")
    assert in_sandbox(asked) == {
        *((source, "x/a", port) for source in ("x/b", *outside) for port in ("8080/TCP", "9999/TCP")),
        *((source, "x/b", port) for source in ("x/a", *outside) for port in ("53/UDP", "9999/TCP")),
        *((source, host, port) for source in ("x/a", "x/b") for host in outside for port in ("443/TCP", "9999/TCP")),
    }


@pytest.mark.parametrize(
    "name",
    [
        pytest.param('a"; }; flush ruleset; #', id="quotes and braces"),
        pytest.param("a\n}\ndelete table inet ringfence\n", id="newlines"),
        pytest.param("n" * 253, id="253 characters"),
        pytest.param("ä/../\x00é", id="not even a name"),
    ],
)
def test_hostile_names_change_nothing(name: str) -> None:
    """The engine and the kernel agree about pods, namespaces, labels and policies of whatever name."""

    def disagreements() -> tuple[int, list[str]]:
        victim = pod("x/a", {"app": name}, ports=HTTP)
        victim["metadata"]["name"] = name
        guard = policy("x/p", {"matchLabels": {"app": name}}, ingress=[admits(pods({"matchLabels": {"app": "b"}}))])
        lead = service("x/s", {"app": name})
        lead["metadata"]["name"] = name
        cluster = Cluster()
        for obj in (victim, lead, pod("x/b", {"app": "b"}), pod("x/c", {"app": "c"})):
            cluster.upsert(obj, is_stored=True)  # no server would create them
        (manifest,) = manifests(guard)
        cluster.state.upsert(defaulted(manifest.object), manifest.origin)  # type: ignore[arg-type]
        lab = Laboratory(cluster, PlacementOptions(nodes=2))
        report = lab.probe(lab.probes())
        return sum(not one.observed for one in report.results), [str(one) for one in report.disagreements]

    denied, wrong = in_sandbox(disagreements)
    assert denied == 2
    assert wrong == []


def test_nothing_stays_open_after_it_is_closed() -> None:
    def descriptors() -> tuple[int, int]:
        def count() -> int:
            return len(list(Path("/proc/self/fd").iterdir()))

        before = count()
        lab = laboratory(pod("x/a", ports=HTTP), pod("x/b"), nodes=2)
        lab.probe(lab.probes())
        lab.close()
        return before, count()

    before, after = in_sandbox(descriptors)
    assert after == before
