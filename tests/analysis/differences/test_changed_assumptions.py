"""Assumptions added and dropped by a change: compared by their meaning and their workloads, not as text."""

from pathlib import Path

import pytest
from tests.analysis.differences.clusters import BLOCKS, WORKLOADS, compared

OTHER = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: other, namespace: tools}
spec: {podSelector: {}, policyTypes: [Ingress], ingress: [{ports: [{port: %s}]}]}
"""
"""A policy that also changes: if no policy changes its meaning, assumptions are not compared at all."""

AGENT = """\
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: %s, namespace: tools}
spec:
  selector: {matchLabels: {app: %s}}
  template: {metadata: {labels: {app: %s}}, spec: {hostNetwork: true}}
"""
REPLICAS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: replicas, namespace: prod}
spec:
  podSelector: {matchExpressions: [{key: statefulset.kubernetes.io/pod-name, operator: In, values: [%s]}]}
  policyTypes: [Ingress]
"""
CLUSTER_POLICY = """\
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: %s}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  ingress: [{action: %s, from: [{namespaces: {}}]}]
"""


def changes(folder: Path, before: tuple[str, ...], after: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """The added and the dropped assumptions."""
    found = compared(folder, (WORKLOADS, OTHER % 80, *before), (WORKLOADS, OTHER % 81, *after))
    assert found.connections
    return list(found.unknown), list(found.known)


def agents(*names: str) -> tuple[str, ...]:
    return tuple(AGENT % (name, name, name) for name in names)


def blocks(*cidrs: str) -> str:
    return BLOCKS.replace(
        "    - ipBlock: {cidr: 198.51.100.0/24}\n", "".join(f"    - ipBlock: {one}\n" for one in cidrs)
    )


class TestHosts:
    def test_more_or_fewer_of_them_is_no_change_for_those_that_both_have(self, tmp_path: Path) -> None:
        few, many = agents("a", "b", "c"), agents("a", "b", "c", "d", "e")
        assert changes(tmp_path, few, many) == ([], [])
        assert changes(tmp_path, many, few) == ([], [])

    def test_one_that_came_to_its_nodes_network_is_named_alone(self, tmp_path: Path) -> None:
        on_pod_network = AGENT.replace("hostNetwork: true", "hostNetwork: false") % ("d", "d", "d")
        now, gone = changes(tmp_path, (*agents("a", "b"), on_pod_network), agents("a", "b", "d"))
        assert any(text.startswith("tools/DaemonSet/d may run on the node of an isolated pod") for text in now)
        assert not any("DaemonSet/a" in text or "2 pods" in text for text in (*now, *gone))


class TestBlocks:
    """Of pods whose address is not known, it is assumed that they lie in no block."""

    ASSUMED = "the addresses of 3 pods, such as prod/Deployment/web, are not known: they are assumed"

    @pytest.mark.parametrize(
        "after",
        [
            pytest.param(("{cidr: 198.51.100.0/25}",), id="a part of it"),
            pytest.param(("{cidr: 198.51.100.0/24, except: [198.51.100.7/32]}",), id="with an exception"),
            pytest.param(("{cidr: 198.51.100.0/25}", "{cidr: 198.51.100.128/25}"), id="its halves"),
        ],
    )
    def test_less_of_a_block_is_assumed_already(self, tmp_path: Path, after: tuple[str, ...]) -> None:
        now, _ = changes(tmp_path, (blocks("{cidr: 198.51.100.0/24}"),), (blocks(*after),))
        assert now == []

    def test_halves_say_the_same_as_a_block(self, tmp_path: Path) -> None:
        halves = blocks("{cidr: 198.51.100.0/25}", "{cidr: 198.51.100.128/25}")
        assert changes(tmp_path, (halves,), (blocks("{cidr: 198.51.100.0/24}"),)) == ([], [])

    def test_more_of_a_block_is_new(self, tmp_path: Path) -> None:
        now, gone = changes(tmp_path, (blocks("{cidr: 198.51.100.0/24}"),), (blocks("{cidr: 198.51.100.0/23}"),))
        assert (now, gone) == ([f"{self.ASSUMED} not to lie in ipBlock 198.51.100.0/23"], [])

    def test_an_exception_of_a_whole_family_is_what_is_assumed(self, tmp_path: Path) -> None:
        """The block without it is not: 10.0.0.0/8 stands for other addresses than all but 10.0.0.0/8."""
        whole, part = blocks("{cidr: 0.0.0.0/0}"), blocks("{cidr: 0.0.0.0/0, except: [10.0.0.0/8]}")
        said = f"{self.ASSUMED} to lie in ipBlock 0.0.0.0/0 except 10.0.0.0/8"
        assert changes(tmp_path, (whole,), (part,)) == ([said], [])
        assert changes(tmp_path, (part,), (whole,)) == ([], [said])
        assert changes(tmp_path, (blocks("{cidr: 10.0.0.0/8}"),), (part,))[0] == [said]
        assert changes(tmp_path, (part, blocks("{cidr: '::/0'}").replace("name: web", "name: v6")), (part,))[0] == []

    def test_another_family_says_nothing_of_a_block(self, tmp_path: Path) -> None:
        both = blocks("{cidr: 0.0.0.0/0}", "{cidr: '::/0'}").replace("name: web", "name: both").replace("web", "db")
        now, _ = changes(tmp_path, (both,), (both, blocks("{cidr: 198.51.100.0/24}")))
        assert now == [f"{self.ASSUMED} not to lie in ipBlock 198.51.100.0/24"]


class TestLabels:
    START = "the label statefulset.kubernetes.io/pod-name differs between the pods of prod/StatefulSet/db: "

    def test_only_values_that_are_new_are_named(self, tmp_path: Path) -> None:
        one, two = (REPLICAS % "db-0",), (REPLICAS % "db-0, db-1",)
        said = f"{self.START}it is assumed not to be db-1"
        assert changes(tmp_path, one, two) == ([said], [])
        assert changes(tmp_path, two, one) == ([], [said])

    def test_those_of_a_workload_that_came_are_no_change(self, tmp_path: Path) -> None:
        policy = REPLICAS % "db-0, cache-0"
        cache = WORKLOADS[WORKLOADS.rindex("apiVersion") :].replace("db", "cache")
        assert changes(tmp_path, (policy,), (cache, policy)) == ([], [])


class TestOrders:
    @staticmethod
    def policies(number: int) -> tuple[str, ...]:
        return tuple(CLUSTER_POLICY % (f"p{one:02}", ("Accept", "Deny")[one % 2]) for one in range(number))

    def test_fewer_of_many_policies_is_no_change(self, tmp_path: Path) -> None:
        assert changes(tmp_path, self.policies(12), self.policies(11)) == ([], [])

    def test_so_many_that_each_two_are_named_is_no_change(self, tmp_path: Path) -> None:
        assert changes(tmp_path, self.policies(12), self.policies(2))[0] == []

    def test_another_policy_of_the_same_priority_is(self, tmp_path: Path) -> None:
        now, gone = changes(tmp_path, self.policies(11), self.policies(12))
        assert [text.partition(" have ")[0] for text in now] == ["12 policies"]
        assert gone == []
        now, gone = changes(tmp_path, self.policies(2), self.policies(3))
        assert [text.partition(" have ")[0] for text in now] == [
            "ClusterNetworkPolicy p01 and ClusterNetworkPolicy p02",
        ]
        assert gone == []
