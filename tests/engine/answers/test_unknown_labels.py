"""Labels whose value is not known before a pod is created: exactly the answers that depend on them say so."""

from collections.abc import Iterator
from ipaddress import ip_network
from itertools import permutations, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.members import member_in, state_of
from tests.semantics import naive
from tests.semantics.objects import Object, admits, labelled, pod, pods, policy, port, sends, term, workload

from ringfence.engine.answers.explanations import explain
from ringfence.engine.state import State
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import Traffic

TCP = ("TCP", 80)
HTTP = Traffic.of("TCP", [(80, 80)])
HASH, REPLICA, INDEX, JOB = (
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "batch.kubernetes.io/job-name",
)
WORKLOADS = {"web": "Deployment", "db": "StatefulSet", "report": "CronJob"}
SEVERAL: dict[str, dict[str, int]] = {"Deployment": {"replicas": 3}, "StatefulSet": {"replicas": 3}, "CronJob": {}}
VALUES = {"web": {HASH: ["7d9"]}, "db": {REPLICA: ["db-0", "db-1"], INDEX: ["0"]}, "report": {JOB: ["report-1"]}}
"""The possible values of some labels of each workload's pods; each may also have a value that no selector names."""


def world(*policies: Object) -> list[Object]:
    return [
        *(
            workload(f"x/{name}", kind, pod("x/any", {"app": name}), **SEVERAL[kind])
            for name, kind in WORKLOADS.items()
        ),
        *policies,
    ]


def template(state: State, name: str) -> Any:
    return member_in(state, f"x/{WORKLOADS[name]}/{name}")


def assumed(*policies: Object, source: str = "web", destination: str = "db") -> tuple[str, ...]:
    state = state_of(world(*policies))
    return explain(state, template(state, source), template(state, destination), HTTP).assumptions


def test_a_peer_with_another_value() -> None:
    (assumption,) = assumed(policy("x/p", ingress=[admits(pods(labelled(**{HASH: "7d9"})))]))
    assert assumption == (
        "the value of the label pod-template-hash of x/Deployment/web is not known: it is assumed not to be 7d9"
    )


def test_a_subject_with_another_value() -> None:
    (assumption,) = assumed(policy("x/p", labelled(**{REPLICA: "db-0"}), ingress=[]))
    assert assumption == (
        "the label statefulset.kubernetes.io/pod-name differs between the pods of x/StatefulSet/db: "
        "it is assumed not to be db-0"
    )


@pytest.mark.parametrize(
    "policies",
    [
        pytest.param([policy("x/p", term(HASH, "Exists"), egress=[])], id="that the label exists is known"),
        pytest.param([policy("x/p", labelled(**{REPLICA: "other-0"}), ingress=[])], id="a name of another's pods"),
        pytest.param([policy("x/p", labelled(**{REPLICA: "db-0"}), ingress=[admits()])], id="the policy allows all"),
        pytest.param(
            [policy("x/p", ingress=[admits(pods(labelled(**{HASH: "7d9"}))), admits(pods(labelled(app="web")))])],
            id="another rule allows it anyway",
        ),
        pytest.param(
            [policy("x/p", ingress=[admits(pods(labelled(**{HASH: "7d9"})), ports=[port(81)])])],
            id="a rule about another port",
        ),
        pytest.param([policy("x/p", labelled(app="other", **{HASH: "7d9"}), egress=[])], id="another label differs"),
    ],
)
def test_what_does_not_depend_on_a_value(policies: list[Object]) -> None:
    assert assumed(*policies) == ()


def test_two_labels_that_decide_together_are_both_named() -> None:
    both = labelled(**{REPLICA: "db-0", INDEX: "0"})
    found = assumed(policy("x/p", both, ingress=[]))
    assert [key for key in (REPLICA, INDEX) if any(key in one for one in found)] == [REPLICA, INDEX]


def test_two_pods_of_a_workload_do_not_have_the_same_value_of_a_label_in_which_all_differ() -> None:
    """Only if both pods were db-0 would the policy deny the connection."""
    only_from_others = [admits(pods(term(REPLICA, "NotIn", "db-0")))]
    written = policy("x/p", labelled(**{REPLICA: "db-0"}), ingress=only_from_others)
    assert assumed(written, source="db", destination="db") == ()
    (assumption,) = assumed(policy("x/p", labelled(**{REPLICA: "db-0"}), ingress=[]), source="db", destination="db")
    assert REPLICA in assumption


def test_an_address_outside_is_answered_for_each_value_too() -> None:
    state = state_of(world(policy("x/p", labelled(**{REPLICA: "db-0"}), ingress=[])))
    address = Addresses.of(ip_network("203.0.113.7/32"))
    assert REPLICA in explain(state, address, template(state, "db"), HTTP).assumptions[0]
    assert not explain(state, template(state, "db"), address, HTTP).assumptions


def test_trying_a_value_leaves_no_pod_behind() -> None:
    state = state_of(world(policy("x/p", ingress=[admits(pods(labelled(**{HASH: "7d9"})))])))
    before = set(state.population.members())
    assert explain(state, template(state, "web"), template(state, "db"), HTTP).assumptions
    assert set(state.population.members()) == before


# --- against the naive evaluator, which tries the values --------------------------------------------------------------

SELECTORS = [
    *(labelled(**{key: value}) for keys in VALUES.values() for key, values in keys.items() for value in values),
    labelled(app="db"),
    labelled(app="db", **{REPLICA: "db-1"}),
    labelled(**{REPLICA: "db-0", INDEX: "0"}),
    term(HASH, "NotIn", "7d9"),
    term(JOB, "NotIn", "report-1", "other"),
    term(REPLICA, "In", "db-0", "db-1"),
    term(REPLICA, "Exists"),
    term(INDEX, "DoesNotExist"),
]
selectors = st.sampled_from(SELECTORS)


@st.composite
def policies(draw: st.DrawFn) -> list[Object]:
    """Policies of one direction: then the answer of the pair is that of one side."""
    direction, rule = draw(st.sampled_from([("ingress", admits), ("egress", sends)]))
    rules = st.lists(selectors.map(lambda selector: rule(pods(selector))), max_size=2)
    return [
        policy(f"x/p{number}", draw(selectors), **{direction: draw(rules)}) for number in range(draw(st.integers(1, 3)))
    ]


def with_values(name: str) -> Iterator[Object]:
    """A workload's pod with each combination of values; `x` is a value that no selector names."""
    keys = VALUES[name]
    for values in product(*(["x", *some] for some in keys.values())):
        yield pod("x/any", {"app": name, **dict(zip(keys, values, strict=True))})


def called(name: str, one: Object) -> Object:
    return {**one, "metadata": {**one["metadata"], "name": name}}


def are_possible(one: Object, other: Object) -> bool:
    """Whether two different pods can have their labels: no two replicas have the same number."""
    labels, others = one["metadata"]["labels"], other["metadata"]["labels"]
    return all(labels.get(key) in (None, "x") or labels[key] != others.get(key) for key in (REPLICA, INDEX))


@given(policies(), st.sampled_from([*permutations(WORKLOADS, 2), ("db", "db"), ("web", "web")]))
def test_a_label_is_named_if_and_only_if_another_value_makes_a_difference(
    written: list[Object], ends: tuple[str, str]
) -> None:
    source, destination = ends
    state = state_of(world(*written))
    reason = explain(state, template(state, source), template(state, destination), HTTP)
    answers = {
        naive.allowed(
            [called("source", one), called("destination", other), *written], "x/source", "x/destination", *TCP
        )
        for one in with_values(source)
        for other in with_values(destination)
        if are_possible(one, other)
    }
    assert bool(reason.assumptions) is (len(answers) > 1)
    assert reason.allowed in answers
