"""Unknown facts that an answer depends on, or does not: addresses, labels, policies that are not read."""

from itertools import product

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.engine.answers.explaining import DB, WORLD, questions, why, world
from tests.engine.members import state_of
from tests.engine.policies.test_matching import end_of
from tests.example_counts import examples
from tests.semantics.objects import Object, admits, block, labelled, namespace, namespaces, pod, pods, policy, port

from ringfence.engine.answers.verdicts import traffic_between
from ringfence.sets.traffic import Traffic

IN_TEN = "the address of prod/web is not known: it is assumed not to lie in ipBlock 10.0.0.0/8"
IN_ALL = "the address of prod/web is not known: it is assumed to lie in ipBlock 0.0.0.0/0"


@pytest.mark.parametrize(
    ("rules", "assumptions"),
    [
        pytest.param([admits(block("10.0.0.0/8"))], (IN_TEN,), id="a no that an address could turn"),
        pytest.param([admits(block("0.0.0.0/0"))], (IN_ALL,), id="a yes that an address could turn"),
        pytest.param([admits(block("10.0.0.0/8")), {}], (), id="a yes that is certain anyway"),
        pytest.param([admits(block("0.0.0.0/0"), pods({}))], (), id="a yes that is certain by another peer"),
        pytest.param([admits(block("10.0.0.0/8"), ports=[port(80)])], (), id="a rule about other ports"),
        pytest.param([admits(pods(labelled(app="api")))], (), id="a no that is certain"),
    ],
)
def test_an_answer_names_the_facts_on_which_it_depends(rules: list[Object], assumptions: tuple[str, ...]) -> None:
    reason = why(world(policy("prod/p", DB, ingress=rules)), "prod/web", "prod/db")
    assert reason.assumptions == assumptions


def test_what_is_certain_over_one_family_may_depend_on_a_fact_over_the_other() -> None:
    dual = [
        pod("x/a", addresses=["10.0.0.1", "fd00::1"]),
        pod("prod/db", {"app": "db"}, addresses=["10.0.0.2", "fd00::2"]),
    ]
    either = admits(block("10.0.0.0/8"), namespaces(labelled(team="a")))
    reason = why(world(policy("prod/p", DB, ingress=[either]), more=dual), "x/a", "prod/db")
    assert not reason.allowed
    (assumption,) = reason.assumptions
    assert assumption.startswith("no Namespace object for x is in the input")


def test_without_a_question_all_that_passes_may_depend_on_a_fact() -> None:
    rules = [admits(pods({}), ports=[port(3306)]), admits(block("0.0.0.0/0"), ports=[port(80)])]
    reason = why(world(policy("prod/p", DB, ingress=rules)), "prod/web", "prod/db", None)
    assert reason.allowed, "surely, but perhaps on less"
    assert reason.assumptions == (IN_ALL,)


def test_a_side_that_surely_denies_makes_the_other_ones_assumptions_pointless() -> None:
    written = policy("prod/p", DB, ingress=[admits(block("10.0.0.0/8"))])
    closed = policy("prod/q", labelled(app="web"), egress=[])
    assert why(world(written, closed), "prod/web", "prod/db").assumptions == ()


def test_policies_that_might_apply_to_a_host_network_pod_are_named() -> None:
    more = [pod("x/h", {"app": "db"}, hostNetwork=True), pod("x/a")]
    state = world(
        policy("x/p", DB, ingress=[]),
        policy("x/q", DB, egress=[]),
        policy("x/r", labelled(app="o"), ingress=[]),
        more=more,
    )
    assert why(state, "x/a", "x/h").assumptions == ("x/h uses its node's network: x/p is assumed not to apply to it",)


AUTHORIZATION = {"apiVersion": "security.istio.io/v1", "kind": "AuthorizationPolicy"}
CILIUM = {
    "apiVersion": "cilium.io/v2",
    "kind": "CiliumNetworkPolicy",
    "spec": {"ingress": [{}], "endpointSelector": {}},
}


@pytest.mark.parametrize(("unread", "may_allow"), [(CILIUM, True), (AUTHORIZATION, False)])
def test_a_no_is_certain_where_what_is_not_read_can_only_deny(unread: Object, may_allow: bool) -> None:
    named = {**unread, "metadata": {"name": "a", "namespace": "prod"}}
    denying = [*WORLD, named, policy("prod/p", DB, ingress=[])]
    assert bool(why(state_of([*WORLD, named]), "prod/web", "prod/db").assumptions)
    assert bool(why(state_of(denying), "prod/web", "prod/db").assumptions) is may_allow


def test_pods_that_cannot_meet_need_no_assumption() -> None:
    apart = [pod("x/a", addresses=["10.0.0.1"]), pod("x/b", addresses=["fd00::1"])]
    named = {**CILIUM, "metadata": {"name": "a", "namespace": "x"}}
    assert why(state_of([*apart, named]), "x/a", "x/b").assumptions == ()


def test_a_policy_about_nodes_puts_pods_with_their_network_in_doubt() -> None:
    nodes = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumClusterwideNetworkPolicy",
        "metadata": {"name": "a"},
        "spec": {"nodeSelector": {}, "ingress": [{}]},
    }
    state = state_of([pod("x/h", hostNetwork=True), pod("x/a"), nodes])
    (assumption,) = why(state, "x/a", "x/h").assumptions
    assert assumption.startswith("CiliumClusterwideNetworkPolicy.cilium.io a (")
    assert why(state, "x/h", "x/a").assumptions == ()


# --- what is learned later --------------------------------------------------------------------------------------------


@settings(max_examples=examples(25))
@given(strategies.clusters(), questions)
def test_an_answer_without_assumptions_survives_learning_every_address(
    objects: list[Object], asked: Traffic | None
) -> None:
    known = [with_addresses(obj) for obj in objects]
    assert_certain_answers_stay(objects, known, asked)


@settings(max_examples=examples(25))
@given(
    strategies.clusters(),
    questions,
    st.dictionaries(st.sampled_from(strategies.NAMESPACES), st.sampled_from(strategies.LABELS)),
)
def test_an_answer_without_assumptions_survives_learning_the_labels_of_namespaces(
    objects: list[Object], asked: Traffic | None, labels: dict[str, dict[str, str]]
) -> None:
    defined = {obj["metadata"]["name"] for obj in objects if obj["kind"] == "Namespace"}
    more = [namespace(name, **own) for name, own in labels.items() if name not in defined]
    assume(more)
    assert_certain_answers_stay(objects, [*objects, *more], asked)


def with_addresses(obj: Object) -> Object:
    """The object, with both its addresses if it is a pod of which none is known."""
    if obj["kind"] != "Pod" or obj["spec"].get("hostNetwork") or obj["status"]["podIPs"] or "podIP" in obj["status"]:
        return obj
    addresses = strategies.POD_ADDRESSES[f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"]
    return {**obj, "status": {**obj["status"], "podIPs": [{"ip": address} for address in addresses]}}


def assert_certain_answers_stay(less: list[Object], more: list[Object], asked: Traffic | None) -> None:
    before, after = state_of(less), state_of(more)
    names = [str(one) for one in before.members()]
    for source, destination in product(names, repeat=2):
        reason = why(before, source, destination, asked)
        if not reason.assumptions:
            then, now = (
                traffic_between(state, end_of(state, source), end_of(state, destination)) for state in (before, after)
            )
            assert (then & asked == now & asked) if asked else then == now, (source, destination)
