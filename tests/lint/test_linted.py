"""The facts about a cluster that rules use, against a definition that looks at every pod."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.semantics.judges import cluster_of

from ringfence import Cluster
from ringfence.errors import RingfenceError
from ringfence.lint import Linted, LintSettings
from ringfence.lint.written import peers_in_force
from ringfence.model.added_labels import pod_labels


@given(st.lists(strategies.objects, max_size=10))
def test_a_selection_may_select_what_one_of_all_pods_and_workloads_may_match(written: list[dict[str, Any]]) -> None:
    cluster = Cluster()
    for obj in written:
        try:
            cluster.upsert(obj)
        except RingfenceError:
            continue
    state, linted = cluster.state, Linted(cluster.state, cluster.redundant)
    pods = [*state.members(), *(one.pod for one in state.absent.values())]
    workloads = [(one, state.workloads.get(one)) for one in state.workloads.references()]
    subjects = [policy.subject for policy in linted.policies]
    for selection in (*subjects, *(peer.selection for peer in peers_in_force(linted) if peer.selection)):
        within = linted.namespaces_of(selection)
        matched = any(pod.namespace in within and pod.may_match(selection.pods) for pod in pods)
        to_come = any(
            one.namespace in within and workload and selection.pods.matches(pod_labels(workload).labels)
            for one, workload in workloads
        )
        assert linted.may_select(selection) is (matched or to_come or linted.operators_make_pods(selection))


@pytest.mark.parametrize(
    ("known", "label", "found"),
    [
        ((), "example.com/cluster", 1),
        (("example.com/cluster",), "example.com/cluster", 0),
        (("example.com",), "example.com/cluster", 1),
        ((), "cnpg.io/cluster", 0),
        ((), "gateway.networking.k8s.io/gateway-name", 0),
    ],
)
def test_a_label_that_an_operator_gives_to_pods_may_be_there(known: tuple[str, ...], label: str, found: int) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}}
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {"podSelector": {"matchLabels": {label: "db"}}},
    }
    settings = LintSettings(known_labels=known)
    assert len(cluster_of([pod, policy]).lint(select=["RF101"], settings=settings)) == found


@pytest.mark.parametrize(
    ("servers", "labels", "found"),
    [
        (("names/app=coredns",), {"app": "coredns"}, ["RF116"]),
        (("names/app=coredns,tier=dns",), {"app": "coredns"}, ["RF102"]),
        (("shop/app=coredns",), {"app": "coredns"}, ["RF102"]),
        (LintSettings().dns, {"k8s-app": "kube-dns"}, ["RF116"]),
        (LintSettings().dns, {"dns.operator.openshift.io/daemonset-dns": "default"}, ["RF116"]),
    ],
)
def test_the_dns_server_is_where_the_settings_say(
    servers: tuple[str, ...], labels: dict[str, str], found: list[str]
) -> None:
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web", "namespace": "shop"}}
    peers = [{"podSelector": {"matchLabels": labels}}]
    policy = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"to": peers}]},
    }
    of_both = cluster_of([pod, policy]).lint(select=["RF102", "RF116"], settings=LintSettings(dns=servers))
    assert [one.rule for one in of_both.found] == found
