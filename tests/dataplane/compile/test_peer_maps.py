"""Policies that deny and pass, as kernel programs: precedence holds for all overlaps and after all changes.

The policies are of two artificial kinds: one in front of NetworkPolicy and one behind it (`artificial_tier`).
"""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule
from tests import strategies
from tests.dataplane.compile.test_compiler import everywhere, on_node_m, packets
from tests.dataplane.expectations import is_allowed
from tests.dataplane.update.ways import check_way
from tests.engine.policies.artificial_tier import (
    BACK,
    FRONT,
    TieredCluster,
    acting,
    tier_policies,
    tier_policy,
    tiered_cluster_of,
    tiered_clusters,
)
from tests.example_counts import examples
from tests.semantics.objects import (
    Key,
    Object,
    admits,
    block,
    container_port,
    key_of,
    labelled,
    namespace,
    namespaces,
    pod,
    policy,
    port,
    sends,
)

from ringfence.dataplane.compile.compiler import Compiler
from ringfence.dataplane.program import Packet, Program, VerdictMap
from ringfence.dataplane.program import admits as passes
from ringfence.engine.population.pods import Member
from ringfence.engine.state import State
from ringfence.sets.addresses import Family, parse_address


def program_for(state: State) -> Program:
    return Compiler(state, everywhere).program()


@given(tiered_clusters(), st.sampled_from([everywhere, on_node_m]), st.randoms(use_true_random=False))
def test_a_program_does_what_the_engine_says(objects: list[Object], is_local: object, chance: Random) -> None:
    assert callable(is_local)
    state = tiered_cluster_of(objects).state
    program = Compiler(state, is_local).program()
    for packet in packets(state, chance):
        assert passes(program, packet) is is_allowed(state, packet, is_local), packet


# --- precedence -------------------------------------------------------------------------------------------------------

SERVER = pod("x/server", {"app": "server"}, addresses=["10.0.0.1", "fd00::1"])
FRIEND = pod("x/friend", {"app": "friend"}, addresses=["10.0.0.2", "fd00::2"])
OUTSIDE = ("192.0.2.7", "2001:db8::7")
FRIENDS = namespaces({}, labelled(app="friend"))
ADDRESSES = (block("0.0.0.0/0"), block("::/0"))


def reaches(program: Program, source: str, number: int = 80, protocol: int = 6) -> bool:
    family, opener = parse_address(source)
    _, server = parse_address("10.0.0.1" if family is Family.IPV4 else "fd00::1")
    return passes(program, Packet(family, opener, server, protocol, number))


both_families = pytest.mark.parametrize("index", [0, 1], ids=["IPv4", "IPv6"])


@both_families
@pytest.mark.parametrize("behind", ["allow", "pass"])
def test_a_deny_in_front_of_an_allow_holds_for_overlapping_peers_addresses_and_ports(behind: str, index: int) -> None:
    friend, outside = ("10.0.0.2", "fd00::2")[index], OUTSIDE[index]
    denying = acting("deny", FRIENDS, block("192.0.2.0/24"), block("2001:db8::/32"), ports=[port(80, to=90)])
    front = tier_policy(FRONT, "a", ingress=[denying, acting(behind)])
    program = program_for(tiered_cluster_of([SERVER, FRIEND, front]).state)
    for source in (friend, outside):
        assert not reaches(program, source)
        assert not reaches(program, source, 90)
        assert reaches(program, source, 91)
        assert reaches(program, source, 80, protocol=17)
    assert reaches(program, ("192.0.3.1", "2001:db9::1")[index])


@both_families
def test_an_allow_in_front_of_a_deny_holds_for_pods_inside_the_denied_addresses(index: int) -> None:
    front = tier_policy(FRONT, "a", ingress=[acting("allow", FRIENDS), acting("deny", *ADDRESSES)])
    program = program_for(tiered_cluster_of([SERVER, FRIEND, front]).state)
    assert reaches(program, ("10.0.0.2", "fd00::2")[index])
    assert not reaches(program, OUTSIDE[index])


@both_families
def test_a_deny_of_pods_holds_inside_the_addresses_that_a_network_policy_allows(index: int) -> None:
    front = tier_policy(FRONT, "a", ingress=[acting("deny", FRIENDS)])
    allowed = policy("x/p", labelled(app="server"), ingress=[admits(*ADDRESSES)])
    program = program_for(tiered_cluster_of([SERVER, FRIEND, front, allowed]).state)
    assert not reaches(program, ("10.0.0.2", "fd00::2")[index])
    assert reaches(program, OUTSIDE[index])


@pytest.mark.parametrize(("first", "behind", "passing"), [("deny", "allow", False), ("allow", "deny", True)])
def test_a_rule_by_port_name_decides_in_its_place_among_rules_by_number(first: str, behind: str, passing: bool) -> None:
    """The destination has the port number of the name."""
    friend = pod("x/friend", {"app": "friend"}, addresses=["10.0.0.2"], ports=[container_port("http", 80)])
    for_names, by_number = [port("http")], [port(80, to=81)]
    for one, other in ((for_names, by_number), (by_number, for_names)):
        rules = [acting(first, FRIENDS, ports=one), acting(behind, FRIENDS, ports=other)]
        program = program_for(tiered_cluster_of([SERVER, friend, tier_policy(FRONT, "a", egress=rules)]).state)
        (_, source), (_, destination) = parse_address("10.0.0.1"), parse_address("10.0.0.2")
        assert passes(program, Packet(Family.IPV4, source, destination, 6, 80)) is passing


def test_protocols_without_ports_are_denied_by_rules_about_all_traffic_only() -> None:
    on_port, wholly = (
        program_for(
            tiered_cluster_of(
                [SERVER, FRIEND, tier_policy(FRONT, "a", ingress=[acting("deny", FRIENDS, ports=some)])]
            ).state
        )
        for some in ([port(80)], [])
    )
    ping = Packet(Family.IPV4, parse_address("10.0.0.2")[1], parse_address("10.0.0.1")[1], 1)
    assert passes(on_port, ping)
    assert not passes(wholly, ping)


def test_an_address_that_two_pods_claim_is_allowed_only_what_both_are() -> None:
    cluster = tiered_cluster_of(
        [SERVER, FRIEND, tier_policy(FRONT, "a", ingress=[acting("allow", FRIENDS), acting("deny")])]
    )
    compiler = Compiler(cluster.state, everywhere)
    assert reaches(compiler.program(), "10.0.0.2")
    cluster.upsert(pod("x/foe", addresses=["10.0.0.2"]))
    assert not reaches(compiler.program(), "10.0.0.2")
    cluster.remove("Pod", "x", "foe")
    assert reaches(compiler.program(), "10.0.0.2")


def test_the_pod_of_a_claimed_address_that_no_rule_selects_has_the_rules_about_addresses() -> None:
    guard = tier_policy(FRONT, "a", ingress=[acting("allow", FRIENDS), acting("deny", block("10.0.0.0/8"))])
    foes = [pod("x/foe", addresses=["10.0.0.2"]), pod("x/far", addresses=["192.0.2.7"])]
    program = program_for(tiered_cluster_of([SERVER, FRIEND, *foes, guard]).state)
    assert not reaches(program, "10.0.0.2")
    twins = [pod(f"x/twin-{app}", {"app": app}, addresses=["192.0.2.8"]) for app in ("friend", "foe")]
    assert reaches(program_for(tiered_cluster_of([SERVER, *twins, guard]).state), "192.0.2.8")


def test_policies_that_deny_nothing_isolate_no_pod() -> None:
    harmless = [tier_policy(FRONT, "a", ingress=[acting("pass", FRIENDS), acting("allow")]), tier_policy(BACK, "b")]
    program = program_for(tiered_cluster_of([SERVER, FRIEND, *harmless]).state)
    assert program.collections == program_for(tiered_cluster_of([SERVER, FRIEND]).state).collections


def test_rules_that_only_allow_need_no_map_of_peers() -> None:
    """The order of such rules does not matter, so the chain looks into sets as it does for NetworkPolicies alone."""
    front = tier_policy(FRONT, "a", ingress=[acting("allow", FRIENDS)])
    program = program_for(tiered_cluster_of([SERVER, FRIEND, front, policy("x/p", ingress=[])]).state)
    assert not [one for one in program.collections.values() if isinstance(one, VerdictMap) and one.goto]
    assert reaches(program, "10.0.0.2")


def test_a_packet_costs_the_same_with_many_rules() -> None:
    """The number of rules stays the same, however many alternate between allowing and denying.

    Rules compare few ports.
    """

    def rules_of(count: int) -> int:
        rules = [acting("deny" if i % 2 else "allow", FRIENDS, ports=[port(1000 + i)]) for i in range(count)]
        program = program_for(tiered_cluster_of([SERVER, FRIEND, tier_policy(FRONT, "a", ingress=rules)]).state)
        return sum(len(chain.rules) for chain in program.chains.values())

    assert rules_of(200) == rules_of(100) <= rules_of(4)


def test_subjects_with_policies_of_their_own_share_the_classes_of_their_peers() -> None:
    """Otherwise there would be as many chains as subjects times peers."""

    def classes(count: int) -> int:
        servers = [pod(f"x/s{i}", {"server": f"{i}"}, addresses=[f"10.1.0.{i}"]) for i in range(count)]
        own = [
            policy(f"x/p{i}", labelled(server=f"{i}"), ingress=[admits(block(f"192.0.2.{i}/32"))]) for i in range(count)
        ]
        guard = tier_policy(FRONT, "a", ingress=[acting("allow", FRIENDS, ports=[port(90)]), acting("pass", FRIENDS)])
        compiler = Compiler(tiered_cluster_of([FRIEND, *servers, *own, guard]).state, lambda pod: pod.name != "friend")
        program = compiler.program()
        # One map of exceptions for each subject, and one that they share.
        assert len([name for name in program.collections if name.startswith("peers4")]) == count + 1
        return len([name for name in program.chains if name.startswith("ingress_peers_")])

    assert classes(8) == classes(2) == 1


@pytest.mark.parametrize("count", [1, 4, 5, 50])
def test_ports_are_the_same_however_many_ranges_a_class_has(count: int) -> None:
    """A few ranges are compared; many are looked up."""
    ranges = [port(1_000 * i, to=1_000 * i + 9) for i in range(1, count + 1)]
    front = tier_policy(FRONT, "a", ingress=[acting("allow", FRIENDS, ports=ranges), acting("deny", FRIENDS)])
    program = program_for(tiered_cluster_of([SERVER, FRIEND, front]).state)
    for number in (1_000, 1_009, 1_000 * count, 1_000 * count + 9):
        assert reaches(program, "10.0.0.2", number)
        assert not reaches(program, "10.0.0.2", number, protocol=17)
    for number in (999, 1_010, 1_000 * count - 1, 1_000 * count + 10):
        assert not reaches(program, "10.0.0.2", number)


# --- exceptions -------------------------------------------------------------------------------------------------------

GUARD = tier_policy(
    FRONT,
    "a",
    subject=labelled(app="server"),
    ingress=[acting("allow", FRIENDS, ports=[port(90)]), acting("deny", FRIENDS, ports=[port(91)])],
    egress=[acting("deny", FRIENDS, field="to", ports=[port(91)])],
)


@pytest.mark.parametrize(
    "peers",
    [pytest.param([FRIENDS], id="selectors"), pytest.param([block("10.0.0.0/24")], id="its address")],
)
def test_ports_that_a_network_policy_allows_to_a_peer_of_cluster_policies_are_an_exception(peers: list[Object]) -> None:
    own = policy("x/p", labelled(app="server"), ingress=[admits(*peers, ports=[port(80), port(91)])])
    program = program_for(tiered_cluster_of([SERVER, FRIEND, GUARD, own]).state)
    assert reaches(program, "10.0.0.2", 80)
    assert reaches(program, "10.0.0.2", 90)
    assert not reaches(program, "10.0.0.2", 91)
    assert not reaches(program, "10.0.0.2", 443)


def test_ports_that_a_network_policy_allows_to_all_peers_are_no_exception() -> None:
    own = policy("x/p", labelled(app="server"), ingress=[admits(ports=[port(80), port(91)])])
    program = program_for(tiered_cluster_of([SERVER, FRIEND, GUARD, own]).state)
    assert [reaches(program, "10.0.0.2", number) for number in (80, 90, 91, 443)] == [True, True, False, False]
    maps = [one for name, one in program.collections.items() if name.startswith("peers4_")]
    assert sorted(one.size for one in maps) == [0, 1, 1], "no exceptions; what is common; and the egress"


def test_ports_by_the_names_of_destinations_are_exceptions() -> None:
    named = pod("x/friend", {"app": "friend"}, addresses=["10.0.0.2"], ports=[{"name": "web", "containerPort": 8080}])
    own = policy("x/p", labelled(app="server"), egress=[sends(ports=[port("web")])])
    program = program_for(tiered_cluster_of([SERVER, named, GUARD, own]).state)
    _, server = parse_address("10.0.0.1")
    _, friend = parse_address("10.0.0.2")
    assert passes(program, Packet(Family.IPV4, server, friend, 6, 8080))
    assert not passes(program, Packet(Family.IPV4, server, friend, 6, 80))


# --- changes ----------------------------------------------------------------------------------------------------------


def test_a_peer_that_gets_other_labels_is_decided_about_again() -> None:
    """This holds also where its address and the set of identities stay the same."""
    guard = tier_policy(FRONT, "a", ingress=[acting("allow", FRIENDS, ports=[port(80)]), acting("deny")])
    cluster = tiered_cluster_of([SERVER, FRIEND, guard])
    compiler = Compiler(cluster.state, everywhere)
    assert reaches(compiler.program(), "10.0.0.2")
    cluster.upsert(pod("x/friend", {"app": "foe"}, addresses=["10.0.0.2", "fd00::2"]))
    assert not reaches(compiler.program(), "10.0.0.2")
    cluster.upsert(FRIEND)
    assert reaches(compiler.program(), "10.0.0.2")


def test_the_first_peer_of_a_map_that_was_empty_is_decided_about_again() -> None:
    guard = tier_policy(FRONT, "a", ingress=[acting("allow", FRIENDS, ports=[port(80)]), acting("deny", FRIENDS)])
    denied = tier_policy(BACK, "b", ingress=[acting("deny")])
    cluster = tiered_cluster_of([SERVER, guard, denied])
    compiler = Compiler(cluster.state, everywhere)
    assert not reaches(compiler.program(), "10.0.0.2")
    for labels, is_friend in (("friend", True), ("foe", False), ("friend", True)):
        cluster.upsert(pod("x/friend", {"app": labels}, addresses=["10.0.0.2", "fd00::2"]))
        assert reaches(compiler.program(), "10.0.0.2") is is_friend
    cluster.remove("Pod", "x", "friend")
    assert not reaches(compiler.program(), "10.0.0.2")


def test_the_first_peer_of_a_new_map_is_decided_about_by_rules_about_everyone() -> None:
    """Nobody has asked before whom these rules select."""
    foes = namespaces({}, labelled(app="foe"))
    of_others = tier_policy(FRONT, "a", subject=labelled(app="other"), ingress=[acting("deny", foes)])
    others = [pod(f"x/{app}", {"app": app}, addresses=[f"10.0.1.{n}"]) for n, app in enumerate(("other", "foe"))]
    cluster = tiered_cluster_of([SERVER, *others, of_others])
    compiler = Compiler(cluster.state, everywhere)
    compiler.program()
    cluster.upsert(pod("y/foe", {"app": "foe"}, addresses=["10.0.1.9"]))
    compiler.program()
    rules = [acting("deny", ports=[port(80)]), acting("allow", FRIENDS, ports=[port(80), port(90)]), acting("deny")]
    cluster.upsert(tier_policy(FRONT, "b", subject=labelled(app="server"), ingress=rules))
    compiler.program()
    cluster.upsert(pod("x/friend", {"app": "friend"}, addresses=["10.0.0.2"]))
    program = compiler.program()
    assert [number for number in (80, 90, 91) if reaches(program, "10.0.0.2", number)] == [90]


def test_peers_are_decided_about_again_when_their_namespace_gets_other_labels() -> None:
    """The peers move from one class to another."""
    teams = {"friends": 80, "others": 90}
    guard = [acting("allow", namespaces(labelled(team=team), {}), ports=[port(one)]) for team, one in teams.items()]
    policies = [tier_policy(FRONT, "a", ingress=guard), tier_policy(BACK, "b", ingress=[acting("deny")])]
    cluster = tiered_cluster_of([SERVER, namespace("y"), pod("y/peer", addresses=["10.0.0.3"]), *policies])
    compiler = Compiler(cluster.state, everywhere)
    for team, allowed in (("", 0), ("friends", 80), ("others", 90), ("friends", 80), ("", 0)):
        cluster.upsert(namespace("y", team=team))
        program = compiler.program()
        assert [one for one in (80, 90) if reaches(program, "10.0.0.3", one)] == ([allowed] if allowed else [])


def test_an_address_that_pods_of_two_identities_claim_is_decided_about_again() -> None:
    guard = [acting("allow", FRIENDS, ports=[port(80), port(81)]), acting("allow", namespaces({}), ports=[port(80)])]
    cluster = tiered_cluster_of([SERVER, tier_policy(FRONT, "a", ingress=[*guard, acting("deny")])])
    compiler = Compiler(cluster.state, everywhere)
    for one, other, numbers in (("friend", "foe", [80]), ("friend", "friend", [80, 81]), ("foe", "foe", [80])):
        cluster.upsert(pod("x/one", {"app": one}, addresses=["10.0.0.3"]))
        cluster.upsert(pod("y/other", {"app": other}, addresses=["10.0.0.3"]))
        program = compiler.program()
        assert [number for number in (80, 81) if reaches(program, "10.0.0.3", number)] == numbers


def test_classes_are_dropped_with_the_last_peer_that_has_them() -> None:
    def classes() -> set[str]:
        return {name for name in compiler.program().chains if name.startswith("ingress_peers_")}

    guard = [acting("allow", namespaces({}, labelled(app=f"{one}")), ports=[port(one)]) for one in (80, 90)]
    cluster = tiered_cluster_of([SERVER, tier_policy(FRONT, "a", ingress=[*guard, acting("deny")])])
    compiler = Compiler(cluster.state, everywhere)
    assert not classes()
    found = []
    for labels in ("80", "90", "80"):
        cluster.upsert(pod("x/peer", {"app": labels}, addresses=["10.0.0.3"]))
        found.append(classes())
    assert [len(one) for one in found] == [1, 1, 1]
    assert found[0] == found[2] != found[1]
    cluster.remove("Pod", "x", "peer")
    assert not classes()


def test_exceptions_are_decided_about_again_when_only_what_cluster_policies_select_has_changed() -> None:
    """The NetworkPolicy selects the peer as before."""
    guard = tier_policy(FRONT, "a", ingress=[acting("deny", namespaces(labelled(team="foes"), {}))])
    own = policy("x/p", labelled(app="server"), ingress=[admits(FRIENDS, ports=[port(80)])])
    peer = pod("y/friend", {"app": "friend"}, addresses=["10.0.0.3"])
    cluster = tiered_cluster_of([SERVER, namespace("y"), peer, guard, own])
    compiler = Compiler(cluster.state, everywhere)
    for team in ("", "foes", "friends", "foes", ""):
        cluster.upsert(namespace("y", team=team))
        assert reaches(compiler.program(), "10.0.0.3", 80) is (team != "foes")


def test_peers_are_decided_about_again_when_a_port_name_stands_for_another_port() -> None:
    """No rule selects other pods than before."""
    own = policy("x/p", labelled(app="server"), egress=[sends(FRIENDS, ports=[port("web")])])
    cluster = tiered_cluster_of([SERVER, FRIEND, GUARD, own])
    compiler = Compiler(cluster.state, everywhere)
    _, server = parse_address("10.0.0.1")
    _, friend = parse_address("10.0.0.2")
    for number in (8080, 9090, 8080):
        ports = [{"name": "web", "containerPort": number}]
        cluster.upsert(pod("x/friend", {"app": "friend"}, addresses=["10.0.0.2"], ports=ports))
        program = compiler.program()
        passing = [one for one in (8080, 9090) if passes(program, Packet(Family.IPV4, server, friend, 6, one))]
        assert passing == [number]


class Changes(RuleBasedStateMachine):
    """Objects are added, changed and removed. The program is equivalent to a new one, and every way to it is safe."""

    def __init__(self) -> None:
        super().__init__()
        self.cluster = TieredCluster()
        self.objects: dict[Key, Object] = {}
        self.compiler = Compiler(self.cluster.state, everywhere)
        self.present = self.compiler.program()
        self.chance = Random(0)

    @initialize(objects=tiered_clusters())
    def begin(self, objects: list[Object]) -> None:
        for obj in objects:
            self.upsert(obj)

    @rule(obj=st.one_of(tier_policies, strategies.objects))
    def upsert(self, obj: Object) -> None:
        self.objects[key_of(obj)] = obj
        self.cluster.upsert(obj)

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.objects)))
        del self.objects[key]
        self.cluster.remove(*key)

    @rule()
    def update(self) -> None:
        state = self.cluster.state
        old, new = self.present, self.compiler.program()
        asked = packets(state, self.chance)
        for packet in asked:
            assert passes(new, packet) is is_allowed(state, packet), packet
        check_way(old, new, packets=asked)
        self.present = new

    @rule()
    def unchanged_parts_are_the_same_objects(self) -> None:
        once, twice = self.compiler.program(), self.compiler.program()
        assert all(once.collections[name] is twice.collections[name] for name in once.collections)
        assert all(once.chains[name] is twice.chains[name] for name in once.chains)


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=examples(20), stateful_step_count=12)


def test_pods_of_other_nodes_are_only_peers() -> None:
    """A pod of another node is not a subject here. The test also shows that the checks above can fail."""
    front = tier_policy(FRONT, "a", ingress=[acting("deny")])
    state = tiered_cluster_of([SERVER, FRIEND, front]).state

    def nowhere(member: Member) -> bool:
        return False

    assert reaches(Compiler(state, nowhere).program(), "10.0.0.2")
