"""Enforcement on the nodes of the laboratory, also of policies that the kernel refuses."""

import errno
import subprocess
from contextlib import AbstractContextManager

from tests.dataplane.forged import EVERYBODY
from tests.dataplane.pod_links import links_of, said
from tests.lab.clusters import HTTP, laboratory, manifests
from tests.lab.refusals import have_the_kernel_refuse
from tests.lab.sandboxes import in_sandbox
from tests.semantics.objects import admits, labelled, pod, pods, policy

from ringfence.analysis.probes.probe_report import ProbeReport
from ringfence.errors import KernelError
from ringfence.lab.laboratory import Laboratory
from ringfence.lab.network.linux import in_network_namespace
from ringfence.lab.network.pod_network import NodeNetwork, PodNetwork
from ringfence.lab.network.topology import LabPort
from ringfence.model.policies import Direction
from ringfence.render.probe_report import summary
from ringfence.sets.addresses import Family

A, B = pod("x/a", {"app": "a"}, ports=HTTP), pod("x/b", {"app": "b"}, ports=HTTP)
C = pod("x/c", {"app": "c"}, ports=HTTP)
A_TO_B = policy("x/b", labelled(app="b"), ingress=[admits(pods(labelled(app="a")))])
NOBODY = admits(pods(labelled(app="nobody")))
NOBODY_TO_B = policy("x/b", labelled(app="b"), ingress=[NOBODY])
V4 = (Family.IPV4,)


def probed(lab: Laboratory) -> ProbeReport:
    return lab.probe(lab.probes(ports=(LabPort(8080),)))


def observed(report: ProbeReport) -> dict[str, bool]:
    return {f"{one.source} -> {one.destination}": one.observed for one in report.results}


def test_a_node_enforces_for_its_own_pods_only() -> None:
    def rules() -> list[bool]:
        lab = laboratory(A, B, A_TO_B, nodes=2, families=V4)
        found = []
        for name in ("x/a", "x/b"):
            node = lab.pod(name).node
            with in_network_namespace(lab._network.node(node)):
                listed = subprocess.run(["nft", "list", "table", "inet", "ringfence"], capture_output=True, text=True)
            found.append("ingress_" in listed.stdout)
        return found

    assert in_sandbox(rules) == [False, True]


def test_without_refusals_the_report_is_proof() -> None:
    def report() -> ProbeReport:
        return probed(laboratory(A, B, A_TO_B, families=V4))

    found = in_sandbox(report)
    assert found.is_proof
    assert found.refused == ()
    assert observed(found) == {"x/a -> x/b": True, "x/b -> x/a": True}


def test_a_refused_profile_closes_its_pods_and_is_reported() -> None:
    def report() -> ProbeReport:
        have_the_kernel_refuse(Direction.INGRESS)
        return probed(laboratory(A, B, A_TO_B, families=V4))

    found = in_sandbox(report)
    assert observed(found) == {"x/a -> x/b": False, "x/b -> x/a": True}
    (refused,) = found.refused
    assert refused.node == "node-1"
    assert "wrong" in refused.reason


def test_a_refused_profile_is_no_proof_even_if_all_probes_agree() -> None:
    """The policy denies what is probed, so that the closed pod behaves as the engine says by chance."""

    def report() -> ProbeReport:
        have_the_kernel_refuse(Direction.INGRESS)
        return probed(laboratory(A, B, NOBODY_TO_B, families=V4))

    found = in_sandbox(report)
    assert found.disagreements == ()
    assert not found.is_proof
    assert "all as the engine says" not in summary(found)


def test_every_node_reports_its_own_refusals() -> None:
    def nodes() -> list[str]:
        have_the_kernel_refuse(Direction.INGRESS)
        everybody = policy("x/all", {}, ingress=[NOBODY])
        return [one.node for one in laboratory(A, B, everybody, nodes=2, families=V4).refused]

    assert sorted(in_sandbox(nodes)) == ["node-1", "node-2"]


def test_a_refusal_lasts_until_a_program_is_accepted() -> None:
    def refused() -> list[bool]:
        repair = have_the_kernel_refuse(Direction.INGRESS)
        lab = laboratory(A, B, A_TO_B, families=V4)
        found = [bool(lab.refused)]
        lab.maintain()
        found.append(bool(lab.refused))
        repair()
        lab.apply(manifests(A_TO_B))
        found.append(bool(lab.refused))
        return [*found, probed(lab).is_proof]

    assert in_sandbox(refused) == [True, True, False, True]


def test_the_status_shows_refusals() -> None:
    def nodes() -> list[str]:
        have_the_kernel_refuse(Direction.INGRESS)
        return [one.node for one in laboratory(A, B, A_TO_B, families=V4).status().refused]

    assert in_sandbox(nodes) == ["node-1"]


def test_what_another_program_removes_is_restored() -> None:
    def reached() -> list[bool]:
        lab = laboratory(A, B, NOBODY_TO_B, families=V4)
        found = [observed(probed(lab))["x/a -> x/b"]]
        for _ in range(2):
            with in_network_namespace(lab._network.node("node-1")):
                subprocess.run(["nft", "delete", "table", "inet", "ringfence"], check=True)
            found.append(observed(probed(lab))["x/a -> x/b"])
            lab.maintain()
            found.append(observed(probed(lab))["x/a -> x/b"])
        return found

    assert in_sandbox(reached) == [False, True, False, True, False]


def test_rules_that_cannot_be_restored_are_reported_until_they_are() -> None:
    """The kernel socket is closed and opened again, in place of a kernel that refuses everything for a while."""

    def refused() -> list[list[str]]:
        lab = laboratory(A, B, A_TO_B, families=V4)
        enforcement = lab._enforcements["node-1"]
        kernel = enforcement._kernel
        enforcement._kernel = _Unusable()  # type: ignore[assignment]
        lab.maintain()
        found = [[one.reason for one in lab.refused]]
        enforcement._kernel = kernel
        lab.maintain()
        return [*found, [one.reason for one in lab.refused]]

    assert in_sandbox(refused) == [["the packet filter cannot be used"], []]


def test_a_node_that_refuses_everything_does_not_keep_the_others_from_enforcing() -> None:
    def outcome() -> tuple[str, dict[str, bool], list[str]]:
        lab = laboratory(A, B, nodes=2, families=V4)
        first = lab.pod("x/a").node
        lab._enforcements[first]._kernel = _Unusable()  # type: ignore[assignment]
        try:
            lab.apply(manifests(policy("x/all", {}, ingress=[])))
        except KernelError as error:
            return str(error), observed(probed(lab)), [one.node for one in lab.refused]
        return "", {}, []

    message, reached, nodes = in_sandbox(outcome)
    assert message == "the packet filter cannot be used"
    assert reached == {"x/a -> x/b": False, "x/b -> x/a": True}
    assert nodes == ["node-2"]


class _Unusable:
    """A kernel that refuses everything."""

    revoked = frozenset[int]()

    def apply(self, program: object, refusals: object) -> None:
        raise KernelError("the packet filter cannot be used", errno.EPERM)

    def repair(self) -> bool:
        raise KernelError("the packet filter cannot be used", errno.EPERM)


class LaboratoryPlaces:
    """The pods of a laboratory, by their names."""

    def __init__(self, lab: Laboratory) -> None:
        self._lab = lab

    def inside(self, place: str) -> AbstractContextManager[None]:
        return in_network_namespace(self._lab._network.pod(self._lab.pod(place)))

    def address(self, name: str, family: int) -> object:
        return next(ip for ip in self._lab.pod(name).addresses if ip.version == family)


def test_on_bridges_pods_send_in_their_own_name_and_isolated_ones_get_nothing_beside_their_policies() -> None:
    def passing() -> list[str]:
        lab = laboratory(A, B, C, A_TO_B, network=NodeNetwork(PodNetwork.BRIDGE))
        with links_of(LaboratoryPlaces(lab), "x/a", "x/b", "x/c") as [a, b, c]:
            packets = {
                "own name": (a, c, said(a.address(), c.address()), None),
                "name of another": (a, c, said(b.address(), c.address()), None),
                "unknown name": (a, c, said("203.0.113.7", c.address()), None),
                "link-local": (a, c, said(a.link_local, c.link_local), None),
                "link-local to isolated": (a, b, said(a.link_local, b.link_local), None),
                "to all": (a, c, said(a.address(), "255.255.255.255"), EVERYBODY),
                "to all, to isolated": (a, b, said(a.address(), "255.255.255.255"), EVERYBODY),
            }
            return [
                name for name, (sender, to, packet, hardware) in packets.items() if to.gets(sender, packet, hardware)
            ]

    assert in_sandbox(passing) == ["own name", "link-local", "to all"]
