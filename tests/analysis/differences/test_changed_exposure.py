"""The connections that a change opens and closes for pods to come, against the exposure of each cluster."""

from itertools import product
from pathlib import Path

from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.analysis.differences.clusters import BLOCKS, DB, WORKLOADS, compared
from tests.example_counts import examples
from tests.possible_pods import EXISTING, PossiblePod, existing_namespaces, policies, possible_pods, worlds
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, labelled, namespace, pod, pods, policy, port, sends
from tests.strategies import several

from ringfence.analysis.differences import ChangedExposure, ClusterDifference, ConnectionChange
from ringfence.analysis.lists import ExposureList, exposure
from ringfence.model.policies import Direction
from ringfence.render.differences import cause_text
from ringfence.render.possible_pods import possible_pods_text, possible_traffic_text
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

ANY_OF_INFRA = DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
NO_EGRESS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: no-egress, namespace: tools}
spec: {podSelector: {}, policyTypes: [Egress]}
"""


def sentences(found: ClusterDifference) -> list[str]:
    """Each row in words, with its causes."""
    rows = []
    for one in found.exposure:
        said = " and ".join(possible_pods_text(some, found.namespaces) for some in one.pods)
        ends = (said, str(one.workloads[0])) if one.direction is Direction.INGRESS else (str(one.workloads[0]), said)
        causes = ", ".join(cause_text(cause).partition(" (")[0] for cause in one.causes)
        rows.append(f"{one.kind}: {ends[0]} -> {ends[1]}: {possible_traffic_text(one.traffic)}: {causes}")
    return rows


def test_a_wider_peer_exposes_a_workload_to_pods_to_come(tmp_path: Path) -> None:
    assert sentences(compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, ANY_OF_INFRA))) == [
        "opened: pods with app!=web in a namespace with team=infra -> prod/StatefulSet/db: TCP 3306: "
        "ingress rule 1 of prod/db now allows it"
    ]


def test_what_is_said_of_a_workload_is_not_said_of_pods_with_its_labels_again(tmp_path: Path) -> None:
    own = DB.replace("    - namespaceSelector: {matchLabels: {team: infra}}\n      pod", "    - pod")
    other = own.replace("app: web", "app: other")
    found = compared(
        tmp_path, (WORKLOADS, NO_EGRESS, own.replace("app: web", "app: nobody")), (WORKLOADS, NO_EGRESS, own)
    )
    assert len(found.of(ConnectionChange.OPENED)) == 1
    assert [row for row in sentences(found) if row.startswith("opened")] == []
    found = compared(tmp_path, (WORKLOADS, NO_EGRESS, own), (WORKLOADS, NO_EGRESS, other))
    assert [row.split(": ")[1] for row in sentences(found) if row.startswith("opened")] == [
        "pods with app=other of namespace prod -> prod/StatefulSet/db"
    ]


def test_policies_of_the_pods_to_come_count(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, DB, NO_EGRESS), (WORKLOADS, DB))
    assert sentences(found) == [
        "opened: tools/Deployment/probe -> pods with app!=db of namespace prod and any pod of any namespace other than "
        "prod: all traffic: tools/no-egress no longer isolates egress",
        "opened: any pod of namespace tools -> prod/Deployment/web: all traffic: "
        "tools/no-egress no longer isolates egress",
        "opened: pods with app=web of namespace tools -> prod/StatefulSet/db: TCP 3306: "
        "tools/no-egress no longer isolates egress",
    ]


def test_a_policy_that_changed_and_allowed_it_before_is_no_cause(tmp_path: Path) -> None:
    other_port = DB.replace("[{port: 3306}]", "[{port: 3306}, {port: 3307}]")
    found = sentences(compared(tmp_path, (WORKLOADS, other_port, NO_EGRESS), (WORKLOADS, DB)))
    assert [row.rpartition(": ")[2] for row in found if "TCP 3306" in row] == [
        "tools/no-egress no longer isolates egress"
    ]


def test_the_label_of_a_namespace_is_the_cause_where_policies_are_the_same(tmp_path: Path) -> None:
    relabelled = WORKLOADS.replace("{name: tools, labels: {team: infra}}", "{name: tools, labels: {team: other}}")
    assert sentences(compared(tmp_path, (WORKLOADS, DB), (relabelled, DB))) == [
        "closed: pods with app=web of namespace tools -> prod/StatefulSet/db: TCP 3306: "
        "ingress rule 1 of prod/db, which is unchanged, allowed it before, "
        "label team of namespace tools changed from 'infra' to 'other'"
    ]


def test_a_policy_in_other_words_changes_nothing(tmp_path: Path) -> None:
    renamed = DB.replace("name: db,", "name: new,")
    assert compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, renamed)).exposure == ()


def test_isolation_by_addresses_is_about_pods_to_come_too(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS,), (WORKLOADS, BLOCKS))
    assert [row.split(": ")[1] for row in sentences(found)] == ["any pod of any namespace -> prod/Deployment/web"]


# --- random clusters ------------------------------------------------------------------------------------------------


@st.composite
def changes(draw: st.DrawFn) -> tuple[list[Object], list[Object]]:
    """A world with one pod, and the same with other policies and sometimes other labels of its namespaces."""
    before = draw(worlds())
    drawn = {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in draw(several(policies, 0, 2))}
    kept = {(one["metadata"]["namespace"], one["metadata"]["name"]): one for one in before if "Policy" in one["kind"]}
    spaces = draw(st.just(before[:2]) | existing_namespaces)
    return before, [*spaces, before[2], *(kept | drawn).values()]


_PortNames = tuple[tuple[str, str], ...]
_NAMES: tuple[_PortNames, ...] = ((), (("http", "TCP"),))
"""The names that the ports of a possible pod may have: none, or the one that policies name."""


def said(
    rows: list[ChangedExposure], pod: PossiblePod, direction: Direction, kind: ConnectionChange, names: _PortNames
) -> Traffic:
    """The rows of a possible pod for ports with these names; it is in at most one of them."""
    found = [
        row.traffic.to_port(names)
        for row in rows
        if row.direction is direction
        and row.kind is kind
        and any(some.matches(pod.namespace_labels, pod.labels) for some in row.pods)
    ]
    assert len(found) < 2
    return found[0] if found else NO_TRAFFIC


def passing(exposed: ExposureList, pod: PossiblePod, direction: Direction, names: _PortNames) -> Traffic:
    rows = [row for one in exposed.rows if one.direction is direction for row in one.pods]
    found = [row.traffic.to_port(names) for row in rows if row.pods.matches(pod.namespace_labels, pod.labels)]
    return found[0] if found else NO_TRAFFIC


def _client_and_server(number: int) -> list[Object]:
    """A pod that may connect to one port, and a policy of those that it may connect to that names the port."""
    to_server = sends(pods(labelled(app="1")), ports=[port(number)])
    return [
        *(namespace(name) for name in EXISTING),
        pod("x/a", {"app": "2"}),
        policy("x/p", labelled(app="2"), egress=[to_server]),
        policy("x/q", labelled(app="1"), ingress=[admits(ports=[port("http")])]),
    ]


@settings(max_examples=examples(15))  # each compares two clusters for some hundred possible pods
@given(changes())
# What was opened and what was closed is about pods with the same labels, whose port has the same name.
@example((_client_and_server(80), _client_and_server(81)))
def test_rows_are_exactly_what_differs_for_each_possible_pod(objects: tuple[list[Object], list[Object]]) -> None:
    before, after = map(cluster_of, objects)
    rows = list(before.diff(after).exposure)
    old, new = exposure(before.state), exposure(after.state)
    for was, now in zip(*map(possible_pods, objects), strict=True):
        for direction, names in product(Direction, _NAMES):
            then, today = passing(old, was, direction, names), passing(new, now, direction, names)
            assert said(rows, now, direction, ConnectionChange.OPENED, names) == today - then
            assert said(rows, now, direction, ConnectionChange.CLOSED, names) == then - today
