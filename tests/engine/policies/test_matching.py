"""The reason why a peer selects the other end or does not, in words and with its place."""

from ipaddress import ip_network
from itertools import product
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from tests import strategies
from tests.engine.members import member_in, state_of
from tests.engine.policies.test_network_policies import compiled
from tests.example_counts import examples
from tests.semantics.objects import (
    NAME_LABEL,
    Object,
    admits,
    block,
    labelled,
    namespace,
    namespaces,
    node,
    pod,
    pods,
    policy,
    term,
)

from ringfence.engine.policies.matching import End, PeerMatch, PeerScope, end_text, match_peer, mismatch
from ringfence.engine.state import State
from ringfence.model.selector_text import parse_selector
from ringfence.sets.addresses import FAMILIES, Addresses, Family, parse_address

WORLD = [
    namespace("prod", team="a"),
    namespace("staging"),
    node("n", "192.168.0.1"),
    pod("prod/web", {"app": "web", "tier": "front"}),
    pod("prod/plain"),
    pod("prod/v4", addresses=["10.0.0.7"]),
    pod("prod/dual", addresses=["10.0.0.8", "fd00::8"]),
    pod("prod/agent", {"app": "agent"}, hostNetwork=True, nodeName="n"),
    pod("staging/api", {"app": "api"}),
    pod("unheard-of/api", {"app": "api"}),
]
"""No object defines the namespace unheard-of, and no policy in it applies to the pods of prod."""

NOT_THE_NAME = f" (a namespace's name is its label {NAME_LABEL})"
AS_A_POD = "prod/agent uses its node's network: selectors do not select it, only an ipBlock with its node's address can"


class Case(NamedTuple):
    peer: Object
    end: str
    matches: bool
    reason: str
    field: str


def end_of(state: State, name: str) -> End:
    return member_in(state, name) if not name[0].isdigit() else Addresses.of(ip_network(name))


def matched(state: State, written: Object, end: End, families: tuple[Family, ...] = FAMILIES) -> PeerMatch:
    """The match of a peer as a policy in namespace prod has it."""
    (peer,) = compiled(policy("prod/p", ingress=[admits(written)])).policy.spec.ingress[0].peers
    return match_peer(peer, end, families, PeerScope("prod", state.namespaces))


PODS = [
    Case(pods({}), "prod/plain", True, "selects prod/plain", ""),
    Case(pods(labelled(app="web")), "prod/web", True, "selects prod/web", ""),
    Case(
        pods(labelled(app="api")),
        "prod/web",
        False,
        "podSelector wants app=api, prod/web has app=web",
        "podSelector.matchLabels.app",
    ),
    Case(
        pods(labelled(app="api")),
        "prod/plain",
        False,
        "podSelector wants app=api, prod/plain has no label app",
        "podSelector.matchLabels.app",
    ),
    Case(
        pods(labelled(app="api", tier="back")),
        "prod/web",
        False,
        "podSelector wants app=api, prod/web has app=web and tier=back, prod/web has tier=front",
        "podSelector.matchLabels.app",
    ),
    Case(
        pods(labelled(app="web", tier="back")),
        "prod/web",
        False,
        "podSelector wants tier=back, prod/web has tier=front",
        "podSelector.matchLabels.tier",
    ),
    Case(
        pods(term("app", "In", "api", "db")),
        "prod/web",
        False,
        "podSelector wants app in (api,db), prod/web has app=web",
        "podSelector.matchExpressions[0]",
    ),
    Case(
        pods(term("app", "NotIn", "web", "db")),
        "prod/web",
        False,
        "podSelector wants app notin (db,web), prod/web has app=web",
        "podSelector.matchExpressions[0]",
    ),
    Case(
        pods(term("canary", "Exists")),
        "prod/web",
        False,
        "podSelector wants the label canary, prod/web has no label canary",
        "podSelector.matchExpressions[0]",
    ),
    Case(
        pods({"matchExpressions": [{"key": "tier", "operator": "Exists"}, {"key": "app", "operator": "DoesNotExist"}]}),
        "prod/web",
        False,
        "podSelector wants no label app, prod/web has app=web",
        "podSelector.matchExpressions[1]",
    ),
    Case(
        pods(labelled(app="api")),
        "staging/api",
        False,
        "a podSelector alone selects pods of the policy's own namespace prod; staging/api is elsewhere",
        "podSelector",
    ),
    Case(pods({}), "192.0.2.1", False, "selectors select pods only, never addresses outside the cluster", ""),
    Case(namespaces({}), "192.0.2.1", False, "selectors select pods only, never addresses outside the cluster", ""),
]

NAMESPACES = [
    Case(namespaces({}), "staging/api", True, "selects staging/api", ""),
    Case(namespaces({}), "prod/web", True, "selects prod/web", ""),
    Case(namespaces(labelled(**{NAME_LABEL: "staging"})), "staging/api", True, "selects staging/api", ""),
    Case(
        namespaces(labelled(team="b")),
        "prod/web",
        False,
        "namespaceSelector wants team=b, namespace prod has team=a",
        "namespaceSelector.matchLabels.team",
    ),
    Case(
        namespaces(labelled(team="a")),
        "staging/api",
        False,
        "namespaceSelector wants team=a, namespace staging has no label team",
        "namespaceSelector.matchLabels.team",
    ),
    Case(
        namespaces(labelled(name="staging")),
        "staging/api",
        False,
        f"namespaceSelector wants name=staging, namespace staging has no label name{NOT_THE_NAME}",
        "namespaceSelector.matchLabels.name",
    ),
    Case(
        namespaces(labelled(name="prod")),
        "staging/api",
        False,
        "namespaceSelector wants name=prod, namespace staging has no label name",
        "namespaceSelector.matchLabels.name",
    ),
    Case(
        namespaces(term(NAME_LABEL, "NotIn", "staging")),
        "staging/api",
        False,
        f"namespaceSelector wants {NAME_LABEL} notin (staging), namespace staging has {NAME_LABEL}=staging",
        "namespaceSelector.matchExpressions[0]",
    ),
]

BOTH = [
    Case(namespaces(labelled(team="a"), labelled(app="web")), "prod/web", True, "selects prod/web", ""),
    Case(
        namespaces(labelled(team="a"), labelled(app="api")),
        "staging/api",
        False,
        "namespaceSelector wants team=a, namespace staging has no label team; "
        "podSelector matches, but both selectors of one peer must",
        "namespaceSelector.matchLabels.team",
    ),
    Case(
        namespaces(labelled(team="a"), labelled(app="api")),
        "prod/web",
        False,
        "podSelector wants app=api, prod/web has app=web; "
        "namespaceSelector matches, but both selectors of one peer must",
        "podSelector.matchLabels.app",
    ),
    Case(
        namespaces(labelled(team="a"), labelled(app="web")),
        "staging/api",
        False,
        "namespaceSelector wants team=a, namespace staging has no label team; "
        "podSelector wants app=web, staging/api has app=api",
        "namespaceSelector.matchLabels.team",
    ),
]

BLOCKS = [
    Case(block("192.0.2.0/24"), "192.0.2.1", True, "ipBlock 192.0.2.0/24 contains 192.0.2.1", "ipBlock"),
    Case(block("192.0.2.0/25"), "192.0.2.128", False, "ipBlock 192.0.2.0/25 does not contain 192.0.2.128", "ipBlock"),
    Case(
        block("192.0.2.0/24", "192.0.2.0/25", "192.0.2.192/26"),
        "192.0.2.1",
        False,
        "ipBlock 192.0.2.0/24 except 192.0.2.0/25, 192.0.2.192/26 does not contain 192.0.2.1",
        "ipBlock",
    ),
    Case(
        block("192.0.2.0/25"),
        "192.0.2.0/24",
        True,
        "ipBlock 192.0.2.0/25 contains only 192.0.2.0/25 of 192.0.2.0/24",
        "ipBlock",
    ),
    Case(
        block("192.0.2.0/24", "192.0.2.1/32"),
        "192.0.2.0/31",
        True,
        "ipBlock 192.0.2.0/24 except 192.0.2.1/32 contains only 192.0.2.0 of 192.0.2.0/31",
        "ipBlock",
    ),
    Case(block("10.0.0.0/24"), "prod/v4", True, "ipBlock 10.0.0.0/24 contains prod/v4's address", "ipBlock"),
    Case(
        block("10.1.0.0/24"),
        "prod/v4",
        False,
        "ipBlock 10.1.0.0/24 does not contain prod/v4's address 10.0.0.7",
        "ipBlock",
    ),
    Case(
        block("10.1.0.0/24"),
        "prod/dual",
        False,
        "ipBlock 10.1.0.0/24 does not contain prod/dual's address 10.0.0.8 and fd00::8",
        "ipBlock",
    ),
    Case(
        block("10.0.0.0/8"),
        "prod/web",
        False,
        "the address of prod/web is not known, so ipBlock 10.0.0.0/8 is assumed not to contain it",
        "ipBlock",
    ),
    Case(block("0.0.0.0/0"), "prod/web", True, "ipBlock 0.0.0.0/0 covers a whole address family", "ipBlock"),
]

HOST_NETWORK = [
    Case(namespaces({}), "prod/agent", False, AS_A_POD, ""),
    Case(pods(labelled(app="other")), "prod/agent", False, AS_A_POD, ""),
    Case(
        block("192.168.0.0/24"), "prod/agent", True, "ipBlock 192.168.0.0/24 contains prod/agent's address", "ipBlock"
    ),
]


@pytest.mark.parametrize("case", [*PODS, *NAMESPACES, *BOTH, *BLOCKS, *HOST_NETWORK], ids=lambda case: case.reason)
def test_the_reason_and_the_field_that_decides(case: Case) -> None:
    state = state_of(WORLD)
    match = matched(state, case.peer, end_of(state, case.end))
    assert (match.matches, match.reason, match.field) == (case.matches, case.reason, case.field)


ASSUMPTIONS = [
    (
        block("10.0.0.0/8"),
        "prod/web",
        "the address of prod/web is not known: it is assumed not to lie in ipBlock 10.0.0.0/8",
    ),
    (block("0.0.0.0/0"), "prod/web", "the address of prod/web is not known: it is assumed to lie in ipBlock 0.0.0.0/0"),
    (
        namespaces(labelled(team="a")),
        "unheard-of/api",
        f"no Namespace object for unheard-of is in the input: it is assumed to have no label but {NAME_LABEL}="
        "unheard-of",
    ),
    (
        namespaces(term("team", "DoesNotExist")),
        "unheard-of/api",
        f"no Namespace object for unheard-of is in the input: it is assumed to have no label but {NAME_LABEL}="
        "unheard-of",
    ),
    (
        pods(labelled(app="agent")),
        "prod/agent",
        "prod/agent uses its node's network: network plugins may, but most do not, match it by its labels",
    ),
]


@pytest.mark.parametrize(("peer", "end", "assumption"), ASSUMPTIONS)
def test_a_match_that_depends_on_an_unknown_fact_says_so(peer: Object, end: str, assumption: str) -> None:
    state = state_of(WORLD)
    assert str(matched(state, peer, end_of(state, end)).assumption) == assumption


@pytest.mark.parametrize(
    ("peer", "end"),
    [
        pytest.param(block("10.0.0.0/24"), "prod/v4", id="a known address"),
        pytest.param(pods(labelled(app="other")), "prod/agent", id="labels that would not match anyway"),
        pytest.param(namespaces(labelled(team="b")), "staging/api", id="a namespace that is defined"),
        pytest.param(namespaces(labelled(**{NAME_LABEL: "prod"})), "unheard-of/api", id="its name is certain"),
        pytest.param(namespaces(labelled(**{NAME_LABEL: "unheard-of"})), "unheard-of/api", id="also where it matches"),
        pytest.param(
            namespaces(labelled(**{NAME_LABEL: "prod", "team": "a"})), "unheard-of/api", id="one certain no is enough"
        ),
        pytest.param(namespaces({}), "unheard-of/api", id="every namespace"),
        pytest.param(
            namespaces(labelled(team="a"), labelled(app="web")), "unheard-of/api", id="the pod is wrong anyway"
        ),
    ],
)
def test_what_is_certain_needs_no_assumption(peer: Object, end: str) -> None:
    state = state_of(WORLD)
    assert matched(state, peer, end_of(state, end)).assumption is None


def test_of_several_addresses_a_part_may_match() -> None:
    state = state_of(WORLD)
    some = matched(state, block("192.0.2.0/25"), end_of(state, "192.0.2.0/24"))
    every = matched(state, block("192.0.2.0/24"), end_of(state, "192.0.2.0/24"))
    assert [(one.matches, one.partial) for one in (some, every)] == [(True, True), (True, False)]


def test_only_the_families_over_which_two_pods_meet_count() -> None:
    state = state_of(WORLD)
    dual = member_in(state, "prod/dual")
    assert matched(state, block("10.0.0.0/8"), dual, (Family.IPV4,)).matches
    assert not matched(state, block("10.0.0.0/8"), dual, FAMILIES).matches


def test_ends_as_people_write_them() -> None:
    state = state_of(WORLD)
    assert end_text(member_in(state, "prod/web")) == "prod/web"
    assert end_text(Addresses.of(ip_network("192.0.2.1"), ip_network("fd00::1"))) == "192.0.2.1, fd00::1"
    assert end_text(Addresses.of(ip_network("10.0.0.0/8"))) == "10.0.0.0/8"
    assert end_text(Addresses.of(ip_network("fd00::/32"))) == "fd00::/32"


def test_labels_that_match_have_nothing_to_say() -> None:
    assert mismatch(parse_selector("app=web,!canary"), {"app": "web"}, "it") == ""


@settings(max_examples=examples(25))
@given(strategies.clusters())
def test_one_peer_and_one_pod_agree_with_the_index_over_all(objects: list[Object]) -> None:
    state = state_of(objects)
    bits = {member: state.identity(member).bit for member in state.members()}
    for one in state.tiers.policies():
        for direction, rules in one.rules.items():
            written = one.policy.spec.ingress if direction.field == "ingress" else one.policy.spec.egress
            for rule, member, family in product(rules, bits, FAMILIES):
                if family in member.families:
                    matches = any(
                        match_peer(peer, member, (family,), PeerScope(one.namespace, state.namespaces)).matches
                        for peer in written[rule.index].peers
                    )
                    selected = state.tiers.peers(rule.peers, family) >> bits[member] & 1
                    assert (rule.peers.everyone or matches) is bool(selected)


@given(strategies.peers)
def test_addresses_outside_are_in_a_peer_exactly_if_they_are_in_its_block(written: Object) -> None:
    state = state_of([])
    rule = compiled(policy("x/p", ingress=[admits(written)]))
    (peers,) = (one.peers for one in rule.all_rules())
    (peer,) = rule.policy.spec.ingress[0].peers
    for text in (*strategies.OUTSIDE, "10.0.0.1", "0.0.0.0"):
        family, number = parse_address(text)
        end = Addresses.in_family(family, ((number, number),))
        assert match_peer(peer, end, FAMILIES, PeerScope("x", state.namespaces)).matches is peers.addresses.contains(
            family, number
        )
