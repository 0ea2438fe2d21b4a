"""The parts that can be removed from policies without any change for these pods, checked with the naive evaluator."""

from collections.abc import Callable, Iterator, Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.possible.edited_policies import all_parts, edited, name_of, with_types
from tests.analysis.possible.policies import API, DB, admin, decides, pods, rule, web
from tests.cluster_policy_strategies import clusters
from tests.example_counts import examples
from tests.semantics import naive, naive_world
from tests.semantics.judges import by_the_letter, cluster_of
from tests.semantics.objects import Object, block, container_port, labelled, namespace, pod, policy, port
from tests.semantics.test_agreement import ADDRESSES, PORTS, pod_names

from ringfence.analysis.differences import RedundancyHere, redundancy_here
from ringfence.analysis.edits.policy_effects import Omissions
from ringfence.analysis.lists import Connection
from ringfence.analysis.possible import PartKind, Redundancy, RemovablePart
from ringfence.engine.possible import Budget, RulePlace
from ringfence.model.objects import Policy
from ringfence.model.policies import Direction
from ringfence.sets.traffic import PROTOCOLS

WEB = pod("prod/web", {"app": "web"})
PODS = [namespace("prod"), WEB, pod("prod/api", {"app": "api", "role": "api"})]

BLOCK = {"ipBlock": {"cidr": "192.0.2.0/24"}}


def found_in(*objects: Object) -> RedundancyHere:
    return cluster_of(objects).redundant_here()


def listed(*objects: Object) -> dict[str, str]:
    """The redundant parts with the parts that cover them, or the reason why they have no effect."""
    return {str(one.part): ", ".join(map(str, one.covers)) or one.reason.split(":")[0] for one in found_in(*objects)}


@pytest.mark.parametrize(
    ("policies", "redundant"),
    [
        pytest.param([web(rule(API))], {}, id="a policy that matters"),
        pytest.param(
            [web(rule(API), subject=labelled(app="none"))],
            {"prod/p": "it selects no pod of the input"},
            id="a policy without pods, of which the rules are not listed",
        ),
        pytest.param(
            [web(rule(API), rule(DB))],
            {"prod/p spec.ingress[1]": "its peers select no pod of the input"},
            id="a rule for pods that are not there",
        ),
        pytest.param(
            [web(rule(API, DB))],
            {"prod/p spec.ingress[0].from[1]": "it selects no pod of the input"},
            id="a peer that is not there",
        ),
        pytest.param(
            [web(rule(API, ports=[port(80), port("metrics")]))],
            {"prod/p spec.ingress[0].ports[1]": "no connection of these pods depends on it"},
            id="a port name that no pod has",
        ),
        pytest.param(
            [web(rule(API, ports=[port(80)])), web(rule(pods(labelled(role="api"))), name="q")],
            {"prod/p": "prod/q, prod/q spec.ingress[0]"},
            id="a policy that another one covers here",
        ),
        pytest.param(
            [web(rule(BLOCK), rule(BLOCK, DB))],
            {"prod/p spec.ingress[1]": "prod/p spec.ingress[0]"},
            id="a rule for addresses and for pods that are not there",
        ),
        pytest.param(
            [web(rule(API, pods(labelled(role="api")), ports=[port(80)]))],
            {
                "prod/p spec.ingress[0].from[0]": "prod/p spec.ingress[0].from[1]",
                "prod/p spec.ingress[0].from[1]": "prod/p spec.ingress[0].from[0]",
            },
            id="two peers that are the same pods here",
        ),
        pytest.param([web(rule(API), rule(API, ports=[port(80)]))], {}, id="what is redundant in every cluster"),
        pytest.param(
            [admin("a", decides("Accept", {"namespaces": labelled(team="none")}), decides("Deny"))],
            {"a spec.ingress[0]": "its peers select no pod of the input"},
            id="a rule of an administrator",
        ),
    ],
)
def test_redundant_parts_and_why(policies: list[Object], redundant: dict[str, str]) -> None:
    assert listed(*PODS, *policies) == redundant


def test_of_the_rules_that_cover_a_part_those_that_are_needed_are_named() -> None:
    back = [pod(f"prod/{name}", {"app": name, "role": "back"}) for name in ("api", "db")]
    found = listed(
        namespace("prod"),
        WEB,
        *back,
        web(rule(pods(labelled(role="back")))),
        web(rule(API, ports=[port(80)]), name="o"),
        web(rule(API), name="q"),
        web(rule(DB), name="r"),
    )
    assert found["prod/p"] == "prod/o, prod/q spec.ingress[0], prod/r spec.ingress[0]"


def test_what_covers_only_some_of_a_part_is_not_named() -> None:
    """The other end denies the rest: no rule that covers all of it could be named."""
    silent = pod("prod/silent", {"app": "silent"})
    closed = policy("prod/silent", labelled(app="silent"), egress=[])
    both = web(rule(API, pods(labelled(app="silent"))), rule(pods(labelled(role="api"))))
    found = listed(*PODS, silent, closed, both)
    assert found["prod/p spec.ingress[0]"] == "no connection of these pods depends on it"


def test_a_number_that_a_port_name_means_here_covers_the_name() -> None:
    named = pod("prod/web", {"app": "web"}, ports=[container_port("http", 80)])
    by_name, by_number = (rule(API, ports=[port(one)]) for one in ("http", 80))
    assert listed(*PODS[::2], named, web(by_name, by_number)) == {
        "prod/p spec.ingress[0]": "prod/p spec.ingress[1]",
        "prod/p spec.ingress[1]": "prod/p spec.ingress[0]",
    }


def test_a_policy_of_the_administrators_may_cover_a_rule_here() -> None:
    deny = admin("a", decides("Deny", {"pods": {"namespaceSelector": {}, "podSelector": labelled(role="api")}}))
    assert listed(*PODS, web(rule(API)), deny) == {"prod/p spec.ingress[0]": "a spec.ingress[0]"}


def test_what_would_take_too_long_to_compare_is_undecided() -> None:
    cluster = cluster_of([*PODS, web(rule(API), rule(DB))])
    found = redundancy_here(cluster.state, cluster.redundant(), Budget(1))
    assert not found.parts
    assert [str(part) for part, reason in found.undecided if reason.startswith("undecided")] == [
        "prod/p",
        "prod/p spec.ingress[0]",
        "prod/p spec.ingress[1]",
    ]


def test_the_peers_of_a_rule_with_very_many_are_undecided() -> None:
    many = [block(f"10.{number >> 8}.{number & 255}.0/24") for number in range(500)]
    cluster = cluster_of([*PODS, web(rule(*many))])
    found = redundancy_here(cluster.state, Redundancy((), ()))
    assert [str(part) for part, _ in found.undecided] == [f"prod/p spec.ingress[0].from[{i}]" for i in range(500)]


def test_the_compilation_of_what_is_left_of_a_large_policy_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a part, all others are compiled again: all parts of a large policy would take their square."""
    compared: list[object] = []
    compare = Omissions.change_nothing

    def noted(self: Omissions, policy: Policy, less: Policy | None, step: Callable[[int], None]) -> bool:
        compared.append(less)
        return compare(self, policy, less, step)

    monkeypatch.setattr(Omissions, "change_nothing", noted)
    large = [rule(API, ports=[port(1000 + 2 * number)]) for number in range(250)]  # 20 steps of compilation for each
    cluster = cluster_of([*PODS, web(*large)])
    found = redundancy_here(cluster.state, Redundancy((), ()), Budget(200))
    assert 1 <= len(compared) <= 10
    assert len(found.undecided) >= 240


def test_rules_of_many_address_ranges_take_more_steps() -> None:
    """Each rule divides what the others left: what hundreds of rules say about all addresses takes seconds to find."""

    def steps(exceptions: int) -> int:
        blocks = [
            block(f"10.{number}.0.0/16", *(f"10.{number}.{2 * one}.0/24" for one in range(exceptions)))
            for number in range(8)
        ]
        cluster = cluster_of([*PODS, web(*map(rule, blocks))])
        budget = Budget(1_000_000)
        redundancy_here(cluster.state, Redundancy((), ()), budget)
        return 1_000_000 - budget.left

    assert steps(100) > 5 * steps(1)


def test_addresses_outside_count() -> None:
    assert listed(*PODS, web(rule(API), rule(BLOCK))) == {}


def test_without_pods_nothing_is_listed() -> None:
    found = found_in(namespace("prod"), web(rule(API)))
    assert (len(found), found.workloads) == (0, 0)


def test_of_two_policies_that_do_the_same_here_one_stays() -> None:
    one, other = web(rule(pods(labelled(role="api")))), web(rule(API), name="q")
    assert [(str(one.part), one.goes) for one in found_in(*PODS, one, other)] == [("prod/p", True), ("prod/q", False)]


def test_of_three_peers_that_are_the_same_pods_here_one_stays() -> None:
    both = pods(labelled(app="api", role="api"))
    found = found_in(*PODS, web(rule(API), rule(pods(labelled(role="api")), both)))
    assert {str(one.part): one.goes for one in found} == {
        "prod/p spec.ingress[0]": True,
        "prod/p spec.ingress[1]": False,
    }
    found = found_in(*PODS, web(rule(API, pods(labelled(role="api")), DB)))
    assert [one.goes for one in found] == [True, False, True]


def test_what_covers_a_part_in_every_cluster_stays() -> None:
    """... if that part goes: the second policy does nothing that the first does not do, here nor there."""
    front = pod("prod/web", {"app": "web", "tier": "front"})
    same = web(rule(API), name="q", subject=labelled(app="web", tier="front"))
    found = found_in(*PODS[::2], front, web(rule(API)), same)
    assert [(str(one.part), one.goes) for one in found] == [("prod/p", False)]


def test_the_addresses_of_domain_names_may_need_a_part() -> None:
    names = {"action": "Accept", "to": [{"domainNames": ["example.com"]}]}
    deny = {"action": "Deny", "to": [{"networks": ["192.0.2.0/24"]}]}
    first, second = admin("a"), admin("b", priority=2)
    first["spec"]["egress"], second["spec"]["egress"] = [deny], [names, deny]
    # Without names, both rules that deny do the same. With them, an address of the name may be among those denied.
    assert listed(*PODS, first, second) == {}


def test_the_cluster_is_as_before() -> None:
    cluster = cluster_of([*PODS, web(rule(pods(labelled(role="api")))), web(rule(API), name="q")])
    before = list(cluster.connections(pods=True)), list(cluster.state.tiers.policies())
    assert cluster.redundant_here()
    assert (list(cluster.connections(pods=True)), list(cluster.state.tiers.policies())) == before


# --- against the naive evaluator --------------------------------------------------------------------------------------


def answers(objects: Sequence[Object]) -> Iterator[bool]:
    """The answers to all questions about the pods, with one another and with addresses."""
    names, judge = pod_names(objects), by_the_letter(objects)
    for source, destination in [*product(names, names), *product(names, ADDRESSES), *product(ADDRESSES, names)]:
        for protocol, number in product(PROTOCOLS, PORTS):
            yield judge(source, destination, protocol, number)


def changes_nothing(objects: Sequence[Object], parts: Sequence[RemovablePart]) -> bool:
    return all(was is now for was, now in zip(answers(objects), answers(edited(objects, parts)), strict=True))


def connections(objects: Sequence[Object]) -> list[Connection]:
    return list(cluster_of(objects).connections(pods=True))


def policies_of(objects: Sequence[Object]) -> list[Object]:
    return [one for one in objects if one["kind"].endswith("NetworkPolicy")]


def is_inside(part: RemovablePart, others: set[str]) -> bool:
    return any(name_of(part).startswith((f"{other} spec", f"{other}.")) for other in others)


@settings(max_examples=examples(50))
@given(clusters().map(lambda some: [with_types(one) if "spec" in one else one for one in some]), st.data())
def test_exactly_what_changes_nothing_is_redundant(objects: list[Object], data: st.DataObject) -> None:
    cluster = cluster_of(objects)
    parts = list(all_parts(policies_of(objects)))
    if not parts or not pod_names(objects):
        return
    part = data.draw(st.sampled_from(parts))
    everywhere = cluster.redundant()
    redundant = {name_of(one.part) for one in (*everywhere, *cluster.redundant_here(everywhere))}
    if name_of(part) in redundant:
        assert changes_nothing(objects, [part]), name_of(part)
    elif not is_inside(part, redundant) and "domainNames" not in str(objects):
        # The naive evaluator is asked about some addresses and ports; the lists have all of them.
        assert connections(objects) != connections(edited(objects, [part])), name_of(part)


@settings(max_examples=examples(50))
@given(clusters().map(lambda some: [with_types(one) if "spec" in one else one for one in some]))
def test_all_that_may_go_together_changes_nothing(objects: list[Object]) -> None:
    cluster = cluster_of(objects)
    everywhere = cluster.redundant()
    going = [one.part for one in (*everywhere, *cluster.redundant_here(everywhere)) if one.goes]
    names = {name_of(part) for part in going}
    assert changes_nothing(objects, [part for part in going if not is_inside(part, names)])


@settings(max_examples=examples(50))
@given(clusters().map(lambda some: [with_types(one) if "spec" in one else one for one in some]))
def test_covers_decide_all_that_a_part_decides(objects: list[Object]) -> None:
    """The rule alone allows its pods no more than the rules that cover it alone."""
    others = [one for one in objects if not one["kind"].endswith("NetworkPolicy")]
    written = {(one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in policies_of(objects)}
    for one in found_in(*objects):
        part = one.part
        rules = [cover for cover in one.covers if isinstance(cover, RulePlace)]
        kinds = {part.policy.kind, *(place.policy.kind for place in rules)}
        if part.kind is not PartKind.RULE or kinds != {"NetworkPolicy"}:
            continue

        def alone(place: RemovablePart | RulePlace, name: str) -> Object:
            """A policy that has one rule, of one direction."""
            policy = written[place.policy.namespace, place.policy.name]
            field = place.direction.field
            index = place.rule.index if place.rule else 0
            spec = {
                "podSelector": policy["spec"]["podSelector"],
                "policyTypes": [field.capitalize()],
                field: [policy["spec"][field][index]],
            }
            return {**policy, "metadata": {**policy["metadata"], "name": name}, "spec": spec}

        policy = alone(part, "part")
        less, more = [*others, policy], [*others, *(alone(place, f"cover-{n}") for n, place in enumerate(rules))]
        with_less, with_more = by_the_letter(less), by_the_letter(more)
        names = pod_names(objects)
        pairs = [*product(names, names), *product(names, ADDRESSES), *product(ADDRESSES, names)]
        for source, destination in pairs if rules else ():
            subject = naive_world.party(
                list(objects), source if part.direction is Direction.EGRESS else destination
            ).pod
            if subject is None or not naive.isolates(policy, subject, policy["spec"]["policyTypes"][0]):
                continue
            for protocol, number in product(PROTOCOLS, PORTS):
                is_covered = with_more(source, destination, protocol, number)
                assert is_covered or not with_less(source, destination, protocol, number)
