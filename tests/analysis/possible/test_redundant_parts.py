"""The parts that can be removed from policies, checked by comparisons of the edited policies."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import given
from tests.analysis.possible.edited_policies import all_parts, edited, name_of, with_types
from tests.analysis.possible.policies import (
    API,
    DB,
    admin,
    any_policies,
    as_set,
    compared,
    decides,
    pods,
    rule,
    sets_of,
    web,
)
from tests.semantics.objects import Object, block, labelled, policy, port, term

from ringfence.analysis.possible import Outcome, Redundancy, RemovablePart, policy_parts, redundancy
from ringfence.analysis.possible.redundant_parts import needed
from ringfence.engine.policies import CompiledPolicy
from ringfence.engine.possible import Budget, Role
from ringfence.engine.possible.axes import Labelled, label_axis
from ringfence.engine.possible.policy_boxes import compile_in_any_cluster
from ringfence.model.objects import Policy
from ringfence.sets.boxes import Axis, Box
from ringfence.sets.label_values import one_of


def found_in(*policies: Object, **options: Any) -> Redundancy:
    return redundancy(as_set("all", policies), **options)


def listed(*policies: Object) -> dict[str, list[str]]:
    """The redundant parts, and the parts that cover them."""
    return {str(one.part): sorted(map(str, one.covers)) or [one.reason.split(":")[0]] for one in found_in(*policies)}


@pytest.mark.parametrize(
    ("policies", "redundant"),
    [
        pytest.param(
            [web(rule(API)), web(rule(API), name="q")],
            {"prod/p": ["prod/q", "prod/q spec.ingress[0]"], "prod/q": ["prod/p", "prod/p spec.ingress[0]"]},
            id="two copies cover each other",
        ),
        pytest.param(
            [web(rule(API), rule(API, DB))],
            {
                "prod/p spec.ingress[0]": ["prod/p spec.ingress[1]"],
                "prod/p spec.ingress[1].from[0]": ["prod/p spec.ingress[0]"],
            },
            id="a rule, and a peer of another",
        ),
        pytest.param(
            [web(rule(API, DB, pods({})))],
            {
                "prod/p spec.ingress[0].from[0]": ["prod/p spec.ingress[0].from[2]"],
                "prod/p spec.ingress[0].from[1]": ["prod/p spec.ingress[0].from[2]"],
            },
            id="peers beside one that selects more",
        ),
        pytest.param(
            [web(rule(API, ports=[port(80), port(80, to=90)]))],
            {"prod/p spec.ingress[0].ports[0]": ["prod/p spec.ingress[0].ports[1]"]},
            id="a port in a range",
        ),
        pytest.param(
            [web(rule(API, ports=[port(70, to=85), port(443), port(80, to=90), port(84, to=99)]))],
            {
                "prod/p spec.ingress[0].ports[2]": [
                    "prod/p spec.ingress[0].ports[0]",
                    "prod/p spec.ingress[0].ports[3]",
                ]
            },
            id="a range in two others together",
        ),
        pytest.param(
            [web(rule(API, DB, ports=[port(80)]), rule(API, ports=[port(80, to=90)]))],
            {"prod/p spec.ingress[0].from[0]": ["prod/p spec.ingress[1]"]},
            id="a peer in another rule",
        ),
        pytest.param(
            [
                web(
                    rule(
                        pods(
                            {
                                "matchLabels": {"app": "a"},
                                "matchExpressions": [{"key": "app", "operator": "DoesNotExist"}],
                            }
                        )
                    )
                )
            ],
            {"prod/p spec.ingress[0]": ["it matches nothing"]},
            id="selectors that contradict each other",
        ),
        pytest.param(
            [web(), web(rule(API), name="q")], {"prod/p": ["prod/q"]}, id="a policy that only isolates, beside another"
        ),
        pytest.param(
            [web(), admin("a", decides("Deny"), decides("Accept"))],
            {"a spec.ingress[1]": ["a spec.ingress[0]"]},
            id="a rule that is never reached",
        ),
        pytest.param([web(rule(API)), web(rule(DB), name="q")], {}, id="two policies that both matter"),
    ],
)
def test_redundant_parts_and_what_covers_them(policies: list[Object], redundant: dict[str, list[str]]) -> None:
    assert listed(*policies) == redundant


@pytest.mark.parametrize(
    "silent",
    [
        pytest.param([term("tier", "In", "a")], id="those in the second part"),
        pytest.param([term("tier", "NotIn", "a")], id="those in the first part"),
        pytest.param([term("tier", "In", "a"), term("tier", "NotIn", "a")], id="all"),
    ],
)
def test_a_rule_is_needed_if_any_part_that_others_leave_of_it_is_allowed_by_the_other_end(silent: list[Object]) -> None:
    """The other rule leaves two parts: pods with another tier, and pods of the tier that are no web servers."""
    every, less = rule(pods({})), rule(pods(labelled(tier="a", app="web")))
    closed = [policy(f"prod/silent-{number}", subjects, egress=[]) for number, subjects in enumerate(silent)]
    is_needed = len(silent) == 1
    assert ("prod/p spec.ingress[0]" in listed(web(every, less), *closed)) is not is_needed


def test_what_covers_a_policy_is_listed_in_the_order_of_its_directions() -> None:
    """Many policies, because two directions are in the right order by chance half of the time."""
    numbers = range(20)
    both = [policy(f"n{number}/both", policyTypes=["Ingress", "Egress"]) for number in numbers]
    alone = [
        policy(f"n{number}/{name}", policyTypes=[name.title()]) for number in numbers for name in ("egress", "ingress")
    ]
    covers = {str(one.part): list(map(str, one.covers)) for one in found_in(*both, *alone)}
    assert [covers[f"n{number}/both"] for number in numbers] == [
        [f"n{number}/ingress", f"n{number}/egress"] for number in numbers
    ]


def test_a_wider_domain_name_covers_a_name() -> None:
    rules = [
        {"action": "Accept", "to": [{"domainNames": ["*.example.com"]}]},
        {"action": "Accept", "to": [{"domainNames": ["www.example.com", "example.com"]}]},
        {"action": "Accept", "to": [{"domainNames": ["www.example.com"]}]},
    ]
    written = admin("a")
    deny = {**admin("z", priority=9)["spec"], "egress": [{"action": "Deny", "to": [{"networks": ["0.0.0.0/0"]}]}]}
    policies = [{**written, "spec": {**written["spec"], "egress": rules}}, {**admin("z"), "spec": deny}]
    assert listed(*policies) == {"a spec.egress[2]": ["a spec.egress[0]"]}


def test_of_two_that_cover_each_other_only_one_goes() -> None:
    assert [one.goes for one in found_in(web(rule(API)), web(rule(API), name="q"))] == [True, False]


def test_of_three_equal_peers_one_stays() -> None:
    assert [one.goes for one in found_in(web(rule(API, API, API)))] == [True, True, False]


def test_a_question_that_would_take_too_long_is_undecided() -> None:
    found = found_in(web(rule(API), rule(DB)), budget=Budget(3))
    assert not found.parts
    assert all("undecided" in reason for _, reason in found.undecided)
    assert found.undecided


# --- against comparisons ----------------------------------------------------------------------------------------------


def changes_nothing(policies: Sequence[Object], parts: Sequence[RemovablePart]) -> bool:
    """Whether the edited policies are equivalent; what depends on domain names changes something."""
    return compared(policies, edited(policies, parts)).outcome is Outcome.HOLDS


@given(sets_of(any_policies, 3).map(lambda some: list(map(with_types, some))))
def test_exactly_what_changes_nothing_is_redundant(policies: list[Object]) -> None:
    redundant = {name_of(one.part) for one in found_in(*policies)}
    for part in all_parts(policies):
        name = name_of(part)
        is_inside = any(name.startswith((f"{other} spec", f"{other}.")) for other in redundant)
        if not is_inside:
            assert changes_nothing(policies, [part]) is (name in redundant), name


@given(sets_of(any_policies, 4).map(lambda some: list(map(with_types, some))))
def test_all_that_may_go_together_changes_nothing(policies: list[Object]) -> None:
    assert changes_nothing(policies, [one.part for one in found_in(*policies) if one.goes])


@pytest.mark.parametrize(
    "peer",
    [
        pytest.param(lambda number: pods(labelled(app=f"a{number}")), id="pods"),
        pytest.param(lambda number: block(f"10.{number}.0.0/16", f"10.{number}.1.0/24"), id="blocks with exceptions"),
    ],
)
def test_of_a_rule_with_many_entries_the_rest_is_undecided_once_the_budget_has_ended(
    peer: Callable[[int], Object],
) -> None:
    """The rest of the rule is compiled for each entry: for all entries of a large rule, the time would be quadratic."""
    found = found_in(web(rule(*map(peer, range(60)))), budget=Budget(12_000))
    assert not found.parts
    assert 0 < len(found.undecided) < 60
    assert str(found.undecided[0][0]).startswith("prod/p spec.ingress[0].from[")


def test_once_the_budget_has_ended_no_entry_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[Policy] = []

    def counted(one: Policy) -> CompiledPolicy[Any]:
        compiled.append(one)
        return compile_in_any_cluster(one)

    monkeypatch.setattr(policy_parts, "compile_in_any_cluster", counted)
    found = found_in(web(rule(*(pods(labelled(app=f"a{number}")) for number in range(60)))), budget=Budget(12_000))
    asked = 60 - len(found.undecided)
    assert 0 < asked < len(compiled) <= 2 * asked + 2


def test_finding_what_covers_a_part_is_taken_from_the_budget() -> None:
    """Once it has ended, all candidates are named: that the part is redundant is known by then."""
    axis: Axis = label_axis(Role.SOURCE, Labelled.POD, "app")
    halves: list[Box] = [{axis: one_of(value)} for value in "ab"]
    budget = Budget(100)
    assert needed({axis: one_of("a", "b")}, zip(halves, "xy", strict=True), budget) == ["x", "y"]
    assert 80 < budget.left < 98
    assert needed({axis: one_of("a", "b")}, zip(halves, "xy", strict=True), Budget(2)) == ["x", "y"]
    assert needed(halves[0], zip(halves, "xy", strict=True), budget) == ["x"]


def test_what_is_left_of_blocks_with_many_exceptions_takes_more_steps() -> None:
    """Each comparison of hosts looks at all exceptions: counted alike, such rules would take minutes."""

    def steps(exceptions: int) -> int:
        budget = Budget(1_000_000)
        blocks = [
            block("10.0.0.0/8", *(f"10.{number}.{2 * one}.0/24" for one in range(exceptions))) for number in range(6)
        ]
        found_in(*(web(rule(one), name=f"p{number}") for number, one in enumerate(blocks)), budget=budget)
        return 1_000_000 - budget.left

    assert steps(128) > 3 * steps(1)


def test_a_step_counts_for_more_where_rules_have_many_ranges_of_ports() -> None:
    def weight(ports: int) -> int:
        return as_set("these", [web(rule(API, ports=[port(1000 + 2 * one) for one in range(ports)]))]).weight

    assert [weight(ports) for ports in (0, 1, 7, 8, 64)] == [1, 1, 1, 2, 9]
    assert as_set("none", []).weight == 1
