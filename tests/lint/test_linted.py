"""The facts about a cluster that rules use, against a definition that looks at every pod."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.semantics.judges import cluster_of
from tests.semantics.objects import NAME_LABEL, admits, labelled, namespace, pod, pods, policy, sends, term

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
    db = policy("shop/db", {"matchLabels": {label: "db"}}, ingress=[])
    settings = LintSettings(known_labels=known)
    assert len(cluster_of([pod("shop/web"), db]).lint(select=["RF101"], settings=settings)) == found


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
    web = policy("shop/web", {}, egress=[sends(pods({"matchLabels": labels}))])
    of_both = cluster_of([pod("shop/web"), web]).lint(select=["RF102", "RF116"], settings=LintSettings(dns=servers))
    assert [one.rule for one in of_both.found] == found


@pytest.mark.parametrize(
    ("peer", "may_be"),
    [
        pytest.param({"podSelector": labelled(app="x")}, False, id="the policy's own namespace, which has pods"),
        pytest.param({"namespaceSelector": {}}, True, id="any namespace"),
        pytest.param({"namespaceSelector": term("team", "Exists")}, True, id="no value is required"),
        pytest.param({"namespaceSelector": labelled(**{NAME_LABEL: "shop"})}, False, id="a namespace with pods"),
        pytest.param({"namespaceSelector": labelled(**{NAME_LABEL: "empty"})}, True, id="a namespace without pods"),
        pytest.param({"namespaceSelector": labelled(**{NAME_LABEL: "other"})}, True, id="a namespace not in the input"),
        pytest.param({"namespaceSelector": labelled(team="shop")}, False, id="a label of a namespace with pods"),
        pytest.param({"namespaceSelector": labelled(team="none")}, True, id="a label of a namespace without pods"),
        pytest.param({"namespaceSelector": labelled(team="other")}, True, id="a label of no namespace here"),
    ],
)
def test_peers_may_be_pods_of_namespaces_that_are_not_in_the_input_unless_it_is_complete(
    peer: dict[str, Any], may_be: bool
) -> None:
    world = [
        namespace("shop", team="shop"),
        namespace("empty", team="none"),
        pod("shop/web"),
        policy("shop/p", {}, ingress=[admits(peer)]),
    ]
    cluster = cluster_of(world)
    for is_complete in (False, True):
        linted = Linted(cluster.state, cluster.redundant, LintSettings(complete=is_complete))
        (found,) = peers_in_force(linted)
        assert found.selection is not None
        assert linted.may_be_elsewhere(found.selection) is (may_be and not is_complete)


def test_the_own_namespace_of_a_policy_may_lack_its_pods_in_the_input() -> None:
    cluster = cluster_of([pod("shop/web"), policy("other/p", {}, ingress=[admits({"podSelector": {}})])])
    for is_complete in (False, True):
        linted = Linted(cluster.state, cluster.redundant, LintSettings(complete=is_complete))
        (found,) = peers_in_force(linted)
        assert found.selection is not None
        assert linted.may_be_elsewhere(found.selection) is not is_complete
