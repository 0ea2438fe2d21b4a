"""Whether two sets of policies mean the same in any cluster."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.possible.policies import (
    ADMIN,
    ALL,
    API,
    DB,
    IN_PROD,
    IN_PROD_OF_X,
    IN_PROD_WITHOUT_TEAM,
    OF_SHOP,
    admin,
    any_policies,
    compared,
    decides,
    pods,
    rule,
    sets_of,
    web,
)
from tests.example_counts import examples
from tests.semantics.objects import NAME_LABEL, Object, block, key_of, labelled, policy, port, term

from ringfence.analysis.possible import Outcome, Relation
from ringfence.engine.possible import Budget, ExactAddress, ExactPod
from ringfence.sets.addresses import address_text


@pytest.mark.parametrize(
    ("first", "second"),
    [
        pytest.param([], [], id="nothing and nothing"),
        pytest.param([web(rule(API, DB))], [web(rule(API), rule(DB))], id="a rule that was split by its peers"),
        pytest.param(
            [web(rule(API, ports=[port(80), port(81)]))],
            [web(rule(API, ports=[port(80, to=81)]))],
            id="ports as a range",
        ),
        pytest.param(
            [web(rule(API)), web(name="q")], [web(rule(API), name="q")], id="a policy that allows nothing more"
        ),
        pytest.param(
            [web(rule(pods(term("app", "In", "api", "db"))))], [web(rule(API, DB))], id="In [api, db], and two peers"
        ),
        pytest.param(
            [web(rule(pods(term("app", "NotIn", "api")), API))], [web(rule(ALL))], id="NotIn [api], and api: all"
        ),
        pytest.param(
            [web(rule(pods(term("app", "Exists")), pods(term("app", "DoesNotExist"))))],
            [web(rule(ALL))],
            id="Exists, and DoesNotExist: all",
        ),
        pytest.param(
            [web(rule(pods({}, labelled(**{NAME_LABEL: "prod"}))))],
            [web(rule(ALL))],
            id="the own namespace by its name",
        ),
        pytest.param(
            [web(rule({"namespaceSelector": term(NAME_LABEL, "DoesNotExist")}))],
            [web()],
            id="no namespace is without its name",
        ),
        pytest.param(
            [web(rule(pods(labelled(app="a" * 63)), API))], [web(rule(API, pods(labelled(app="a" * 63))))], id="order"
        ),
        pytest.param(
            [policy("prod/p", {}, egress=[{"to": [block("10.0.0.0/8", "10.128.0.0/9")]}])],
            [policy("prod/p", {}, egress=[{"to": [block("10.0.0.0/9")]}])],
            id="except, or less",
        ),
        pytest.param(
            [web(rule(block("10.0.0.0/8")))],
            [web(rule(block("10.0.0.0/9"), block("10.128.0.0/9")))],
            id="halves of a block",
        ),
        pytest.param(
            [web(rule(block("0.0.0.0/0"), block("::/0")), rule(ALL))],
            [web(rule(block("0.0.0.0/0"), block("::/0")))],
            id="every pod has an address",
        ),
        pytest.param(
            [web(rule(API), policyTypes=["Ingress"]), web(name="q", egress=[{}], policyTypes=["Egress"])],
            [web(rule(API))],
            id="an egress that allows everything is as none",
        ),
        pytest.param(
            [admin("a", decides("Deny")), web(rule(API))],
            [admin("a", decides("Deny")), web()],
            id="what Admin denies anyway",
        ),
        pytest.param(
            [admin("a", decides("Pass"))],
            [admin("b", decides("Accept"), tier="Baseline")],
            id="what happens by default",
        ),
        pytest.param(
            [admin("a", decides("Accept", OF_SHOP)), admin("b", decides("Deny", OF_SHOP), priority=2)],
            [admin("a", decides("Accept", OF_SHOP))],
            id="a rule that is never reached",
        ),
        pytest.param(
            # In prod, both pods have the label or neither has it.
            [admin("a", decides("Deny", IN_PROD), subject=IN_PROD)],
            [
                admin("a", decides("Deny", IN_PROD), subject=IN_PROD),
                admin("b", decides("Accept", IN_PROD_WITHOUT_TEAM), subject=IN_PROD_OF_X, priority=0),
            ],
            id="two pods of one namespace have the same namespace labels",
        ),
        pytest.param(
            # It makes no difference what db may send to web: web allows no ingress.
            [web(), policy("prod/db", labelled(app="db"), egress=[{"to": [pods(labelled(app="web"))]}])],
            [web(), policy("prod/db", labelled(app="db"), egress=[])],
            id="what the other side always denies",
        ),
    ],
)
def test_equivalent(first: list[Object], second: list[Object]) -> None:
    assert compared(first, second).outcome is Outcome.HOLDS
    assert compared(second, first, Relation.AT_MOST).outcome is Outcome.HOLDS


@pytest.mark.parametrize(
    ("less", "more"),
    [
        pytest.param([web()], [], id="an isolated pod"),
        pytest.param([web(rule(API))], [web(rule(API, DB))], id="one peer more"),
        pytest.param([web(rule(API, ports=[port(80)]))], [web(rule(API))], id="all ports"),
        pytest.param(
            [web(rule(API, ports=[port(80)]))], [web(rule(API, ports=[port(80), port("http")]))], id="a named port"
        ),
        pytest.param(
            [web(rule(API, ports=[{"protocol": one} for one in ("TCP", "UDP", "SCTP")]))],
            [web(rule(API))],
            id="protocols without ports",
        ),
        pytest.param(
            [web(rule(pods(term("app", "In", "a", "b"))))],
            [web(rule(pods(term("app", "Exists"))))],
            id="any other value",
        ),
        pytest.param([web(rule(block("10.0.0.0/9")))], [web(rule(block("10.0.0.0/8")))], id="addresses"),
        pytest.param([web(rule(pods({}, {})))], [web(rule())], id="addresses outside, if all pods are allowed"),
        pytest.param([web(rule(ALL), subject={})], [web(rule(ALL))], id="fewer subjects"),
        pytest.param([admin("a", decides("Deny", OF_SHOP))], [], id="what Admin denies"),
        pytest.param(
            [
                web(),
            ],
            [admin("a", decides("Accept", OF_SHOP)), web()],
            id="what Admin accepts",
        ),
    ],
)
def test_more_is_allowed(less: list[Object], more: list[Object]) -> None:
    assert compared(less, more, Relation.AT_MOST)
    for found in (compared(less, more), compared(more, less, Relation.AT_MOST)):
        assert found.outcome is Outcome.FAILS
        assert found.counterexample
    assert compared(more, less).counterexample is not None


def test_a_block_with_exceptions_leaves_out_nodes_that_have_an_address_among_these() -> None:
    """As a source, a node is all its addresses: so it is not enough that the blocks contain the same addresses."""
    with_exception = [web(rule(block("10.0.0.0/8", "10.128.0.0/9")))]
    half = [web(rule(block("10.0.0.0/9")))]
    assert compared(with_exception, half, Relation.AT_MOST)
    for found in (compared(with_exception, half), compared(half, with_exception, Relation.AT_MOST)):
        assert found.counterexample is not None
        source = found.counterexample.connection.source
        assert isinstance(source, ExactAddress)
        assert source.node_labels == {}
        assert [address_text(*one) for one in source.all_addresses] == ["10.0.0.3", "10.128.0.1"]


def test_the_counterexample_has_as_few_labels_as_possible() -> None:
    found = compared([web(rule(API))], [web(rule(API, DB))]).counterexample
    assert found is not None
    assert not found.allowed_by_first
    assert found.connection.source == ExactPod({NAME_LABEL: "prod"}, {"app": "db"}, found.connection.source.address)
    destination = found.connection.destination
    assert destination == ExactPod({NAME_LABEL: "prod"}, {"app": "web"}, destination.address)


_OF_ONE_PROCESS = """
from ringfence.analysis.possible import Relation
from tests.analysis.possible.policies import compared, pods, rule, web
peers = [pods({"matchLabels": {"app": f"a{number}", "tier": f"t{number % 5}"}}) for number in range(40)]
print(compared([web(rule(*peers))], [web(rule(*peers[::2]))], Relation.EQUIVALENT).counterexample.connection)
"""


def test_a_difference_is_found_beside_one_that_no_two_pods_can_show() -> None:
    """Egress inside prod would need a namespace with two values of one label; egress from another one does not."""

    def egress(name: str, priority: int, subject: Object, action: str, peers: Object) -> Object:
        rules = [{"action": action, "to": [{"namespaces": peers}]}]
        spec = {"tier": "Admin", "priority": priority, "subject": {"namespaces": subject}, "egress": rules}
        return {**ADMIN, "metadata": {"name": name}, "spec": spec}

    both = [
        egress("prod-to-a", 1, labelled(**{NAME_LABEL: "prod"}), "Accept", labelled(team="a")),
        egress("other-to-all", 2, labelled(**{NAME_LABEL: "other"}), "Accept", {}),
        egress("nothing-else", 3, {}, "Deny", {}),
    ]
    found = compared([web(rule(pods({}, labelled(team="b")))), *both], [web(), *both], Relation.AT_MOST)
    assert found.counterexample is not None
    source = found.counterexample.connection.source
    assert isinstance(source, ExactPod)
    assert source.namespace == "other"


@pytest.mark.takes_long
def test_the_counterexample_is_the_same_in_every_process() -> None:
    """The order of sets of texts is not: it depends on the seed of their hashes."""
    found = {
        subprocess.run(
            [sys.executable, "-c", _OF_ONE_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(found) == 1


def test_what_domain_names_resolve_to_is_not_known() -> None:
    def egress(action: str, *names: str) -> Object:
        written = admin("a")
        rules = [{"action": action, "to": [{"domainNames": [name]}]} for name in names]
        return {**written, "spec": {**written["spec"], "ingress": [], "egress": rules}}

    names = ("a.example.com", "b.example.com")
    everything = {
        **admin("z", priority=9),
        "spec": {
            **admin("z", priority=9)["spec"],
            "ingress": [],
            "egress": [{"action": "Deny", "to": [{"networks": ["0.0.0.0/0", "::/0"]}]}],
        },
    }
    assert compared([egress("Accept", *names)], [egress("Accept", *reversed(names))])
    found = compared([egress("Accept", "a.example.com"), everything], [everything])
    assert found.outcome is Outcome.UNKNOWN
    assert found.counterexample is None
    assert found.unknown == ("the addresses that a.example.com resolves to are not known",)


def names_only(*names: str) -> list[Object]:
    """Policies that accept the addresses of some domain names, and deny all others."""

    def egress(name: str, priority: int, action: str, *peers: Object) -> Object:
        rules = [{"action": action, "to": list(peers)}] if peers else []
        spec = {"tier": "Admin", "priority": priority, "subject": {"namespaces": {}}, "egress": rules}
        return {**ADMIN, "metadata": {"name": name}, "spec": spec}

    accept = egress("a", 1, "Accept", *({"domainNames": [name]} for name in names))
    return [accept, egress("z", 9, "Deny", {"networks": ["0.0.0.0/0", "::/0"]})]


@pytest.mark.parametrize(
    ("name", "wider", "is_wider"),
    [
        pytest.param("www.example.com", "*.example.com", True, id="a wildcard stands for a label"),
        pytest.param("a.b.example.com", "*.example.com", True, id="and for several"),
        pytest.param("*.b.example.com", "*.example.com", True, id="one inside another"),
        pytest.param("WWW.example.com", "www.Example.com.", True, id="case, and a dot at the end"),
        pytest.param("example.com", "*.example.com", False, id="but not for none"),
        pytest.param("www.example.org", "*.example.com", False, id="another domain"),
        pytest.param("wwwexample.com", "*.example.com", False, id="only whole labels"),
    ],
)
def test_a_wider_domain_name_has_all_addresses_of_a_name(name: str, wider: str, is_wider: bool) -> None:
    found = compared(names_only(wider, name), names_only(wider))
    at_most = compared(names_only(name), names_only(wider), Relation.AT_MOST)
    assert found.outcome is at_most.outcome is (Outcome.HOLDS if is_wider else Outcome.UNKNOWN)
    assert found.unknown == (() if is_wider else (f"the addresses that {name} resolves to are not known",))


def test_a_name_has_not_all_addresses_of_a_wider_one() -> None:
    found = compared(names_only("*.example.com"), names_only("www.example.com"), Relation.AT_MOST)
    assert found.unknown == ("the addresses that *.example.com resolves to are not known",)


def test_policies_that_are_not_read_leave_it_unknown() -> None:
    calico = {
        "apiVersion": "projectcalico.org/v3",
        "kind": "NetworkPolicy",
        "metadata": {"name": "c", "namespace": "prod"},
        "spec": {"selector": "all()", "types": ["Ingress"]},
    }
    found = compared([web(rule(API)), calico], [web(rule(API))])
    assert found.outcome is Outcome.UNKNOWN
    assert "is not read" in found.unknown[0]


def test_a_question_that_would_take_too_long_is_undecided_and_says_where() -> None:
    def unlike(number: int) -> Object:
        keys = [f"k{(number * step) % 31}" for step in (1, 3, 7)]
        return {"matchExpressions": [{"key": key, "operator": "NotIn", "values": [f"v{number}"]} for key in keys]}

    many = [rule(pods(unlike(number))) for number in range(40)]
    found = compared([web(rule(ALL))], [web(*many)], budget=Budget(50))
    assert found.outcome is Outcome.UNKNOWN
    assert found.unknown[0].startswith("undecided at prod/p spec.ingress[")


def test_a_difference_that_was_found_before_the_budget_ended_counts() -> None:
    """The search for a smaller counterexample may take too long; a first one is known by then."""
    peers = [pods(labelled(app=f"a{number}", tier=f"t{number}")) for number in range(200)]
    steps = 0
    outcomes = []
    while Outcome.FAILS not in outcomes:
        steps += 25
        outcomes.append(compared([web(*(rule(peer) for peer in peers))], [web()], budget=Budget(steps)).outcome)
    assert steps < 200
    assert set(outcomes) <= {Outcome.UNKNOWN, Outcome.FAILS}


# --- what may be rewritten --------------------------------------------------------------------------------------------

FIELDS = {"ingress": "from", "egress": "to"}


def rewritten(policy: Object, change: Callable[[list[Object], str], Sequence[Object]], **metadata: str) -> Object:
    """A policy of any kind with other metadata, and with the rules into which its own are changed."""
    spec = dict(policy["spec"])
    for direction, field in FIELDS.items():
        if spec.get(direction):
            spec[direction] = list(change(spec[direction], field))
    return {**policy, "metadata": {**policy["metadata"], **metadata}, "spec": spec}


def split(rule: Object, field: str) -> list[Object]:
    """A rule for each peer and each port entry of one."""
    listed = [name for name in (field, "ports", "protocols") if rule.get(name)]
    return [
        {**rule, **{name: [entry] for name, entry in zip(listed, entries, strict=True)}}
        for entries in product(*(rule[name] for name in listed))
    ]


@settings(max_examples=examples(40))
@given(sets_of(any_policies, 4), st.data())
def test_a_rule_may_be_split_into_one_for_each_peer_and_port(policies: list[Object], data: st.DataObject) -> None:
    """Those of one rule may be in any order, in policies of the administrators, too."""

    def change(rules: list[Object], field: str) -> list[Object]:
        return [part for rule in rules for part in data.draw(st.permutations(split(rule, field)))]

    assert compared(policies, [rewritten(one, change) for one in policies])


@settings(max_examples=examples(40))
@given(sets_of(any_policies, 4), st.data())
def test_policies_may_be_in_any_order_and_so_may_the_rules_of_network_policies(
    policies: list[Object], data: st.DataObject
) -> None:
    def change(rules: list[Object], _: str) -> list[Object]:
        return data.draw(st.permutations(rules))

    others = [rewritten(one, change) if one["kind"] == "NetworkPolicy" else one for one in policies]
    assert compared(policies, data.draw(st.permutations(others)))


@settings(max_examples=examples(40))
@given(sets_of(any_policies, 4))
def test_policies_may_have_other_names(policies: list[Object]) -> None:
    """Of the administrators' policies of one priority, the first name decides: these keep their order."""

    def keep(rules: list[Object], _: str) -> list[Object]:
        return rules

    def new_name(policy: Object, number: int) -> str:
        name: str = policy["metadata"]["name"]
        if policy["kind"] == "BaselineAdminNetworkPolicy":
            return name  # none may have another
        return f"n{number}" if policy["kind"] == "NetworkPolicy" else f"a-{name}"

    renamed = [rewritten(one, keep, name=new_name(one, number)) for number, one in enumerate(policies)]
    assert compared(policies, renamed)


@settings(max_examples=examples(40))
@given(sets_of(any_policies, 4))
def test_a_peer_may_be_split_by_the_values_of_a_label(policies: list[Object]) -> None:
    """`In [a, b]` means what two peers mean, one with each value."""

    def change(rules: list[Object], field: str) -> list[Object]:
        return [
            {**rule, field: [part for peer in rule[field] for part in by_value(peer)]} if rule.get(field) else rule
            for rule in rules
        ]

    assert compared(policies, [rewritten(one, change) for one in policies])


def by_value(peer: Object) -> list[Object]:
    """A peer, or several with one value each for every `In` of its selectors, however deep they are."""
    options = {name: selectors_by_value(value) for name, value in peer.items() if isinstance(value, dict)}
    return [{**peer, **dict(zip(options, chosen, strict=True))} for chosen in product(*options.values())]


def selectors_by_value(written: Object) -> list[Object]:
    expressions = written.get("matchExpressions")
    if not expressions:
        return by_value(written)
    alternatives = [
        [{**one, "values": [value]} for value in one["values"]] if one["operator"] == "In" else [one]
        for one in expressions
    ]
    return [{**written, "matchExpressions": list(chosen)} for chosen in product(*alternatives)]


@settings(max_examples=examples(40))
@given(sets_of(any_policies, 4), sets_of(any_policies, 2))
def test_two_sets_are_equivalent_if_each_allows_at_most_what_the_other_does(
    first: list[Object], more: list[Object]
) -> None:
    second = list({key_of(one): one for one in (*first, *more)}.values())
    outcomes = {compared(*pair, Relation.AT_MOST).outcome for pair in ((first, second), (second, first))}
    found = compared(first, second).outcome
    if Outcome.UNKNOWN not in (found, *outcomes):
        assert (found is Outcome.HOLDS) is (outcomes == {Outcome.HOLDS})
