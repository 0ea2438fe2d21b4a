"""Questions about all pods that could exist with some labels: for all of them, for some, for none."""

from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import cluster_policy_strategies
from tests.example_counts import examples
from tests.possible_pods import (
    EXISTING,
    TO_COME,
    PossiblePod,
    may_receive,
    may_send,
    possible_pods,
    with_pod,
    worlds,
)
from tests.semantics import naive
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    NAME_LABEL,
    Object,
    admits,
    block,
    labelled,
    namespace,
    namespaces,
    pod,
    pods,
    policy,
    port,
    sends,
)

from ringfence import Cluster, Verdict
from ringfence.analysis.endpoints import representatives
from ringfence.errors import EndpointError, UndecidedError
from ringfence.model.policies import Direction
from ringfence.model.selector_text import parse_selector

DB = policy(
    "prod/db",
    labelled(app="db"),
    ingress=[admits(pods(labelled(app="web")), namespaces(labelled(team="data")), ports=[port(5432)])],
)
WORLD = [namespace("dev"), namespace("prod", team="shop"), pod("prod/db", {"app": "db"}), DB]


def marks(verdict: Verdict) -> dict[str, bool]:
    """For each part, whether something is allowed."""
    return {str(part).partition(":  ")[0].partition(" -> ")[0]: bool(part.passing) for part in verdict.parts}


def test_thousands_of_parts_are_not_asked_about_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each label that a rule of its own reads makes twice as many parts; 20 of them would be a million questions."""
    monkeypatch.setattr(representatives, "_MOST_STEPS", 10_000)
    rules = [admits(pods(labelled(**{f"k{number}": "x"})), ports=[port(80 + number)]) for number in range(7)]
    world = cluster_of([namespace("prod"), pod("prod/db", {"app": "db"}), policy("prod/p", {}, ingress=rules)])
    with pytest.raises(UndecidedError, match=r"undecided at prod/p spec\.ingress\[\d\]"):
        world.exposure("any-pod:prod/*")
    few = cluster_of([namespace("prod"), pod("prod/db", {"app": "db"}), policy("prod/p", {}, ingress=rules[:3])])
    assert few.exposure("any-pod:prod/*").rows


def test_some_of_the_pods_may_and_it_says_which() -> None:
    verdict = cluster_of(WORLD).can("any-pod:prod/*", "prod/db", port=5432)
    assert verdict.result == "some"
    assert marks(verdict) == {"any-pod:prod/app!=web": False, "any-pod:prod/app=web": True}


def test_the_other_end_may_be_one_pod_that_does_not_exist_yet() -> None:
    cluster = cluster_of(WORLD)
    assert cluster.can("pod:prod/app=web", "any-pod:prod/*", port=80).result == "some"
    assert cluster.can("pod:prod/app=web", "any-pod:prod/app=db", port=80).none
    assert cluster.can("pod:prod/app=web", "any-pod:prod/*", port=5432).all
    assert cluster.can("any-pod:prod/app=api", "pod:prod/app=db", port=5432).none
    assert cluster.can("any-pod:team=data/*", "pod:later/app=db", port=80).all


def test_all_of_them_may_or_none() -> None:
    cluster = cluster_of(WORLD)
    assert cluster.can("any-pod:prod/app=web", "prod/db", port=5432).all
    assert cluster.can("any-pod:prod/app=web,tier!=x", "prod/db", port=5432).all
    assert cluster.can("any-pod:dev/app=web", "prod/db", port=5432).none
    assert cluster.can("any-pod:prod/app!=web", "prod/db").none


def test_namespaces_by_their_labels_exist_or_are_to_come() -> None:
    cluster = cluster_of(WORLD)
    assert cluster.can("any-pod:team=data/*", "prod/db", port=5432).all
    assert cluster.can("any-pod:team=shop/*", "prod/db", port=5432).result == "some", "prod is one of them"
    assert cluster.can(f"any-pod:team=shop,{NAME_LABEL}!=prod/*", "prod/db", port=5432).none
    assert cluster.can("any-pod:later/*", "prod/db", port=5432).none, "without an object it has no label but its name"


def test_parts_in_namespaces_to_come_are_told_apart_by_the_labels_of_these() -> None:
    """Their examples are in namespaces of different names, as one namespace has only one value of a label."""
    teams = [admits(namespaces(labelled(team=team)), ports=[port(number)]) for team, number in (("a", 80), ("b", 81))]
    cluster = cluster_of([pod("x/db", {"app": "db"}), policy("x/p", labelled(app="db"), ingress=teams)])
    verdict = cluster.can("any-pod:*/app=web", "x/db", port=80)
    assert marks(verdict) == {
        "any-pod:team=a/app=web": True,
        "any-pod:team=b/app=web": False,
        "any-pod:team notin (a,b)/app=web": False,
    }


def test_a_named_namespace_without_an_object_is_matched_by_its_name_only() -> None:
    by_name = policy("prod/named", ingress=[admits(namespaces(labelled(**{NAME_LABEL: "later"})))])
    cluster = cluster_of([pod("prod/db"), by_name])
    assert cluster.can("any-pod:later/*", "prod/db", port=80).all
    assert cluster.can("any-pod:another/*", "prod/db", port=80).none


def test_the_labels_of_a_named_namespace_without_an_object_are_assumed() -> None:
    """As for one possible pod. Parts in namespaces to come have the labels that they are named by."""
    world = cluster_of(WORLD)
    (assumed,) = world.can("any-pod:data/app=web", "prod/db", port=5432).assumptions
    assert assumed.startswith("no Namespace object for data is in the input")
    assert world.can("any-pod:team!=data/app=web", "prod/db", port=5432).assumptions == ()


def test_as_a_destination_their_own_policies_count() -> None:
    verdict = cluster_of([*WORLD, pod("prod/web", {"app": "web"})]).can("prod/web", "any-pod:prod/*", port=80)
    assert verdict.result == "some"
    assert {str(pair.destination) for pair in verdict.denied} == {"any-pod:prod/app=db"}


def test_possible_pods_at_both_ends() -> None:
    cluster = cluster_of(WORLD)
    assert cluster.can("any-pod:*/*", "any-pod:prod/app=db", port=5432).result == "some"
    assert cluster.can("any-pod:prod/app=web", "any-pod:prod/app=db", port=5432).all
    assert cluster.can("any-pod:prod/app=db", "any-pod:prod/app=db", port=5432).none, "two different pods"


def test_addresses_at_the_other_end() -> None:
    world = [*WORLD, policy("prod/out", labelled(app="web"), egress=[sends(block("203.0.113.0/24"))])]
    cluster = cluster_of(world)
    assert cluster.can("any-pod:prod/app=web", "203.0.113.7", port=80).all
    assert cluster.can("any-pod:prod/*", "internet", port=80).result == "some"
    assert cluster.can("203.0.113.7", "any-pod:prod/app=db", port=80).none


def test_lists_are_about_all_of_them() -> None:
    cluster = cluster_of([*WORLD, pod("prod/web", {"app": "web"})])
    rows = {str(row.end): row for row in cluster.destinations("any-pod:prod/*").rows}
    assert (str(rows["prod/db"].traffic), str(rows["prod/db"].partly)) == ("nothing", "TCP 5432")
    assert str(rows["prod/web"].traffic) == "all traffic"
    isolated = {
        str(row.reference): [str(one) for one in row.ingress] for row in cluster.isolation("any-pod:prod/*").rows
    }
    assert {names for name, found in isolated.items() for names in found if "app=db" in name} == {"prod/db"}


def test_exposure_is_that_of_each_part_of_them() -> None:
    found = cluster_of([*WORLD, pod("prod/web", {"app": "web"})]).exposure("any-pod:prod/tier=a")
    ingress = {
        str(workload): [str(one.pods.pods) for one in row.pods]
        for row in found.rows
        for workload in row.workloads
        if row.direction is Direction.INGRESS
    }
    assert ingress == {
        "any-pod:prod/app notin (db,web),tier=a": [""],
        "any-pod:prod/app=db,tier=a": ["app=web", ""],
        "any-pod:prod/app=web,tier=a": [""],
    }


def test_exposure_of_pods_in_namespaces_to_come_is_about_all_of_these() -> None:
    found = cluster_of(WORLD).exposure("any-pod:team=data/app=web")
    assert found.namespaces == ("dev", "prod")
    assert {str(workload) for row in found.rows for workload in row.workloads} == {"any-pod:team=data/app=web"}


def test_an_edit_for_an_example_is_not_proposed() -> None:
    verdict = cluster_of(WORLD).can("any-pod:dev/*", "prod/db", port=5432)
    assert verdict.edits == ()
    assert verdict.explain().startswith("no: any-pod:dev/* -> prod/db on TCP 5432")


def test_nothing_is_left_behind() -> None:
    cluster = cluster_of(WORLD)
    assert cluster.can("any-pod:*/*", "any-pod:*/*").any
    assert [str(member) for member in cluster.state.population.members()] == ["prod/db"]
    assert cluster.state.namespaces.names() == ["dev", "prod"]


def test_policies_that_are_not_read_are_named_if_they_may_select_any_of_them() -> None:
    unread = {
        "apiVersion": "crd.projectcalico.org/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "unread", "namespace": "dev"},
        "spec": {"selector": "app == 'other'", "types": ["Egress"]},
    }
    cluster = cluster_of([*WORLD, unread])
    allowed = [*WORLD, unread, pod("prod/web")]
    assert cluster_of(allowed).can("any-pod:dev/*", "prod/web").assumptions
    assert not cluster_of(allowed).can("any-pod:dev/app=x", "prod/web").assumptions
    assert not cluster.can("any-pod:prod/app=web", "prod/db", port=5432).assumptions


def test_labels_that_contradict_each_other_are_an_error() -> None:
    with pytest.raises(EndpointError, match="no pod could have these labels"):
        cluster_of(WORLD).can("any-pod:prod/app=a,app=b", "prod/db")


def test_a_list_of_connections_is_about_pods_that_exist() -> None:
    with pytest.raises(EndpointError, match="lists contain existing pods only"):
        list(cluster_of(WORLD).connections(sources=["any-pod:prod/*"]))


# --- against brute force ----------------------------------------------------------------------------------------------

SPACES = ["x", "*", TO_COME, "app=1", "app!=1"]
LABELS = ["*", "app=1", "app!=1", "!tier", "env in (1,2)"]


def is_meant(space: str, labels: str, possible: PossiblePod) -> bool:
    """Whether a possible pod is one of those that `any-pod:SPACE/LABELS` names."""
    if space == TO_COME:
        return possible.namespace_labels == {NAME_LABEL: TO_COME} and matches(labels, possible)
    in_space = space in ("*", possible.namespace) or (
        space not in (*EXISTING, "*") and parse_selector(space).matches(possible.namespace_labels)
    )
    return in_space and matches(labels, possible)


def matches(labels: str, possible: PossiblePod) -> bool:
    """Whether a possible pod has some labels."""
    return labels == "*" or parse_selector(labels).matches(possible.labels)


def result(answers: list[bool]) -> str:
    return "all" if all(answers) else "some" if any(answers) else "none"


def check(world: list[Object], space: str, labels: str, meant: list[PossiblePod]) -> None:
    """Compare the answers about `any-pod:SPACE/LABELS`, at either end, with those about every pod that it names."""
    existing = next(f"{one['metadata']['namespace']}/a" for one in world if one["kind"] == "Pod")
    cluster, text = cluster_of(world), f"any-pod:{space}/{labels}"
    if not meant:
        return
    sending = [may_send(world, one, existing, "TCP", 80) for one in meant]
    assert cluster.can(text, existing, port=80).result == result(sending)
    receiving = [may_receive(world, one, existing, "TCP", 80) for one in meant]
    assert cluster.can(existing, text, port=80).result == result(receiving)


@settings(max_examples=examples(10))
@given(worlds(), st.sampled_from(SPACES), st.sampled_from(LABELS))
def test_the_answer_is_that_about_every_possible_pod(world: list[Object], space: str, labels: str) -> None:
    check(world, space, labels, [one for one in possible_pods(world) if is_meant(space, labels, one)])


KEYS_OF_ADMINISTRATORS = ["app", "tier"]
VALUES_OF_ADMINISTRATORS = ["", "1", "2", "other"]


@settings(max_examples=examples(6))
@given(worlds(cluster_policy_strategies.cluster_policies), st.sampled_from(SPACES), st.sampled_from(LABELS[:-1]))
def test_so_it_is_with_policies_of_administrators(world: list[Object], space: str, labels: str) -> None:
    keys = KEYS_OF_ADMINISTRATORS
    every = possible_pods(world, keys=keys, namespace_keys=keys, values=VALUES_OF_ADMINISTRATORS)
    check(world, space, labels, [one for one in every if is_meant(space, labels, one)])


@settings(max_examples=examples(10))
@given(worlds(), st.sampled_from(["x", "*", "app=1"]), st.sampled_from(LABELS), st.data())
def test_the_exposure_of_a_part_is_that_of_every_pod_in_it(
    world: list[Object], space: str, labels: str, data: st.DataObject
) -> None:
    cluster = cluster_of(world)
    meant = [one for one in possible_pods(world) if one.namespace != TO_COME and is_meant(space, labels, one)]
    if not meant:
        return
    listed = [(str(name), row) for row in cluster.exposure(f"any-pod:{space}/{labels}").rows for name in row.workloads]
    for one in data.draw(st.lists(st.sampled_from(meant), min_size=3, max_size=3)):
        text = ",".join(f"{key}={value}" for key, value in one.labels.items())
        alone = {row.direction: row for row in cluster.exposure(f"pod:{one.namespace}/{text}").rows}
        for direction, row in alone.items():
            parts = [part for name, part in listed if part.direction is direction and is_in_part(name, one)]
            assert [(part.pods, part.addresses) for part in parts] == [(row.pods, row.addresses)]


def is_in_part(name: str, possible: PossiblePod) -> bool:
    """Whether a pod is one of those of a part, by its name: `any-pod:SPACE/LABELS`."""
    space, _, labels = name.removeprefix("any-pod:").rpartition("/")
    return is_meant(space, labels, possible)


@settings(max_examples=examples(6))
@given(worlds(), st.sampled_from(SPACES), st.sampled_from(SPACES))
def test_so_it_is_with_possible_pods_at_both_ends(world: list[Object], one: str, other: str) -> None:
    def listed(space: str, name: str) -> list[PossiblePod]:
        found = [pod for pod in possible_pods(world, keys=["app"]) if is_meant(space, "*", pod)]
        return found if space == TO_COME else [renamed(pod, name) for pod in found]

    cluster: Cluster = cluster_of(world)
    expected = []
    for source, destination in product(listed(one, "new-a"), listed(other, "new-b")):
        if source.namespace == destination.namespace and source.namespace_labels != destination.namespace_labels:
            continue
        both = with_pod(with_pod(world, source, name="source"), destination, name="destination")
        ends = f"{source.namespace}/source", f"{destination.namespace}/destination"
        expected.append(naive.allowed(both, *ends, "TCP", 80))
    if expected:
        found = cluster.can(f"any-pod:{one}/!tier,!env", f"any-pod:{other}/!tier,!env", port=80)
        assert found.result == result(expected)


def renamed(pod: PossiblePod, name: str) -> PossiblePod:
    """A pod in a namespace to come, with another name of the namespace."""
    if pod.namespace != TO_COME:
        return pod
    return pod._replace(namespace=name, namespace_labels={**pod.namespace_labels, NAME_LABEL: name})
