"""The compiler: a program decides as the engine does, for any cluster and after any changes."""

from collections.abc import Callable
from ipaddress import ip_network
from itertools import product
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests import strategies
from tests.dataplane.expectations import ICMP, addresses_of, is_allowed
from tests.engine.members import state_of
from tests.example_counts import examples
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Key, Object, key_of, pod, policy

from ringfence import Cluster
from ringfence.dataplane.compile import address_rules, division, peers, pod_rules, subjects
from ringfence.dataplane.compile.compiler import Compiler, NodeGuard
from ringfence.dataplane.compile.peers import PROTOCOL_NUMBERS
from ringfence.dataplane.program import Packet, Program, admits, base_program
from ringfence.engine.population.pods import Member
from ringfence.engine.state import State
from ringfence.model.decoding import decode
from ringfence.sets.addresses import Addresses, Family, parse_address

OUTSIDE = [parse_address(text) for text in strategies.OUTSIDE]
NODES = [parse_address(text) for addresses in strategies.NODE_ADDRESSES.values() for text in addresses]
PORTS = (53, 80, 85, 65535)


FRIENDS: Object = {"podSelector": {"matchLabels": {"app": "friend"}}}
SERVERS: Object = {"matchLabels": {"app": "server"}}


def everywhere(member: Member) -> bool:
    return True


def on_node_m(member: Member) -> bool:
    return member.node == "m"


def program_for(state: State) -> Program:
    return Compiler(state, everywhere).program()


def packets(state: State, chance: Random) -> list[Packet]:
    """A sample of the connections between pods, nodes and outside addresses, over each protocol and over ICMP."""
    ends = {*addresses_of(state), *OUTSIDE, *NODES}
    pairs = [(one, other) for one, other in product(sorted(ends), repeat=2) if one[0] is other[0]]
    return [
        Packet(family, source, destination, ICMP[family])
        if protocol is None
        else Packet(family, source, destination, protocol, chance.choice(PORTS))
        for (family, source), (_, destination) in chance.choices(pairs, k=40)
        for protocol in (None, *PROTOCOL_NUMBERS.values())
    ]


@given(strategies.clusters(), st.sampled_from([everywhere, on_node_m]), st.randoms(use_true_random=False))
def test_a_program_does_what_the_engine_says(
    objects: list[Object], is_local: Callable[[Member], bool], chance: Random
) -> None:
    state = state_of(objects)
    program = Compiler(state, is_local).program()
    for packet in packets(state, chance):
        assert admits(program, packet) is is_allowed(state, packet, is_local), packet


@given(strategies.clusters(), st.randoms(use_true_random=False))
def test_large_products_of_pods_and_ports_mean_the_same(objects: list[Object], chance: Random) -> None:
    state = state_of(objects)
    with pytest.MonkeyPatch.context() as patch:
        for module in (peers, pod_rules):
            patch.setattr(module, "KEYS_OF_ITS_OWN", 1)
        program = program_for(state)
    for packet in packets(state, chance):
        assert admits(program, packet) is is_allowed(state, packet), packet


@given(strategies.clusters(), st.randoms(use_true_random=False))
def test_maps_of_peers_mean_the_same(objects: list[Object], chance: Random) -> None:
    """Usually a map exists where many rules select pods. In this test, it exists where any rule does."""
    state = state_of(objects)
    with pytest.MonkeyPatch.context() as patch:
        for module in (peers, pod_rules):
            patch.setattr(module, "KEYS_OF_ITS_OWN", 0)
        patch.setattr(pod_rules, "MOST_SHARED", 0)
        patch.setattr(address_rules, "MOST_PAIRS", chance.choice([0, 9]))
        program = program_for(state)
    for packet in packets(state, chance):
        assert admits(program, packet) is is_allowed(state, packet), packet


@given(strategies.clusters(), st.randoms(use_true_random=False))
def test_many_combinations_of_addresses_and_ports_mean_the_same(objects: list[Object], chance: Random) -> None:
    """Usually classes exist for more than a few combinations.

    Here any number has classes, with as many layers as possible.
    """
    state = state_of(objects)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(address_rules, "MOST_PAIRS", 0)
        patch.setattr(division, "_ALWAYS", 0)
        patch.setattr(division, "_GROWTH", 2)
        program = program_for(state)
    for packet in packets(state, chance):
        assert admits(program, packet) is is_allowed(state, packet), packet


def test_chains_whose_sets_have_grown_get_another_form_one_after_the_other() -> None:
    """Changes of other namespaces must not wait for all of them. Meanwhile the old form allows the same."""
    friend = [pod(f"x/friend-{i}", {"app": "friend"}, addresses=[f"10.0.1.{i}"]) for i in range(9)]
    servers = [pod(f"x/server-{i}", {"app": f"s{i}"}, addresses=[f"10.0.0.{i}"]) for i in range(3)]
    ports = [{"port": 80 + 2 * i} for i in range(3)]
    policies = [
        policy(f"x/p{i}", {"matchLabels": {"app": f"s{i}"}}, ingress=[{"from": [FRIENDS], "ports": ports[: i + 1]}])
        for i in range(3)
    ]
    cluster = cluster_of([*servers, *policies, friend[0]])
    compiler = Compiler(cluster.state, everywhere)
    with pytest.MonkeyPatch.context() as patch:
        for module in (peers, pod_rules):
            patch.setattr(module, "KEYS_OF_ITS_OWN", 3)
        patch.setattr(subjects, "REBUILT_AT_ONCE", 0)
        programs = [compiler.program()]
        assert not compiler.has_leftovers
        for one in friend[1:]:
            found = decode(one)
            assert found is not None
            cluster.state.upsert(found)
        while len(programs) == 1 or compiler.has_leftovers:
            programs.append(compiler.program())
        fresh = program_for(cluster.state)
    assert len(programs) == 1 + len(servers)
    for program in programs[1:]:
        for i, server in enumerate(servers):
            for number in range(80, 90):
                packet = Packet(Family.IPV4, 10 << 24 | 1 << 8 | 8, 10 << 24 | i, 6, number)
                assert admits(program, packet) is admits(fresh, packet) is (number in range(80, 81 + 2 * i, 2)), server
    assert [sum(one.chains.get(name) == chain for name, chain in fresh.chains.items()) for one in programs] == [
        len(fresh.chains) - left for left in (3, 2, 1, 0)
    ]


def test_policies_that_are_too_complex_close_their_pods_and_are_named() -> None:
    """Other pods stay as they were. When the policies are simpler, the pods are opened again."""
    server, other = (
        pod(f"x/{name}", {"app": name}, addresses=[f"10.0.0.{i}"]) for i, name in enumerate(["server", "other"])
    )
    blocks = [{"from": [{"ipBlock": {"cidr": f"10.{i}.0.0/16"}}], "ports": [{"port": i + 1}]} for i in range(9)]
    everybody = policy("x/o", {"matchLabels": {"app": "other"}}, ingress=[{"ports": [{"port": 80}]}])
    cluster = cluster_of([server, other, everybody, policy("x/p", SERVERS, ingress=blocks)])
    compiler = Compiler(cluster.state, everywhere)
    to_server, to_other = (Packet(Family.IPV4, 10 << 24 | 7, 10 << 24 | i, 6, port) for i, port in ((0, 1), (1, 80)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(division, "MOST_RANGES", 3)
        program = compiler.program()
    assert not admits(program, to_server)
    assert admits(program, to_other)
    (refusal,) = compiler.refusals()
    assert str(refusal).startswith(
        "the ingress rules of x/p cannot be enforced together, so their pods are closed: they "
    )
    cluster.upsert(policy("x/p", SERVERS, ingress=blocks[:5]))
    assert admits(compiler.program(), to_server)
    assert compiler.refusals() == []


def test_addresses_in_held_ranges_are_known_as_soon_as_a_pod_has_them() -> None:
    cluster = cluster_of([pod("x/a", addresses=["10.0.0.1"], nodeName="m"), pod("x/b", addresses=["10.0.0.2"])])
    compiler = Compiler(cluster.state, on_node_m, NodeGuard(Addresses.of(ip_network("10.0.0.0/24"))))

    def passing() -> set[int]:
        """Which of the first addresses an outside client can reach."""
        program = compiler.program()
        return {end for end in range(4) if admits(program, Packet(Family.IPV4, 1, (10 << 24) + end, 6, 80))}

    assert passing() == {1}, "the other pod's node knows it, not this one"
    cluster.upsert(pod("x/c", addresses=["10.0.0.3"], nodeName="m"))
    assert passing() == {1, 3}
    cluster.remove("Pod", "x", "a")
    assert passing() == {3}


def test_an_address_that_two_pods_claim_is_granted_only_what_both_pods_are() -> None:
    """An address may go to a new pod before the agent knows that the old one has ended."""
    old = pod("x/old", {"app": "friend"}, addresses=["10.0.0.2"])
    server = pod("x/server", {"app": "server"}, addresses=["10.0.0.1"])
    friends = policy("x/p", SERVERS, ingress=[{"from": [FRIENDS]}])
    cluster = cluster_of([old, server, friends])
    compiler = Compiler(cluster.state, everywhere)
    packet = Packet(Family.IPV4, (10 << 24) + 2, (10 << 24) + 1, 6, 80)
    assert admits(compiler.program(), packet)
    cluster.upsert(pod("x/new", addresses=["10.0.0.2"]))
    assert not admits(compiler.program(), packet)
    cluster.upsert(pod("x/new", {"app": "friend"}, addresses=["10.0.0.2"]))
    assert admits(compiler.program(), packet)


def test_two_pods_that_claim_one_address_and_differ_are_both_denied() -> None:
    isolated = pod("x/a", {"app": "server"}, addresses=["10.0.0.1"])
    free = pod("x/b", addresses=["10.0.0.1"])
    everybody = policy("x/p", SERVERS, ingress=[{"ports": [{"port": 80}]}])
    packet = Packet(Family.IPV4, 7, (10 << 24) + 1, 6, 80)
    assert admits(program_for(state_of([isolated, everybody])), packet)
    assert not admits(program_for(state_of([isolated, everybody, free])), packet)


def test_a_set_that_has_grown_large_is_shared() -> None:
    """A rule for few pods has keys of address and port.

    When there are many pods, their addresses become one shared set.
    """
    friends = policy("x/p", ingress=[{"from": [FRIENDS], "ports": [{"port": 80}, {"port": 81}]}])
    cluster = cluster_of([pod("x/server", addresses=["10.0.0.1"]), friends])
    compiler = Compiler(cluster.state, everywhere)

    def kinds() -> set[str]:
        return {name.partition("_")[0] for name in compiler.program().collections} & {"flows4", "pods4", "ports"}

    cluster.upsert(pod("x/f0", {"app": "friend"}, addresses=["10.1.0.0"]))
    assert kinds() == {"flows4"}
    for i in range(1, 3_000):
        cluster.upsert(pod(f"x/f{i}", {"app": "friend"}, addresses=[f"10.1.{i >> 8}.{i & 255}"]))
    assert kinds() == {"pods4", "ports"}


closings = st.frozensets(st.sampled_from(strategies.NAMESPACES))


class Changes(RuleBasedStateMachine):
    """Objects are added, changed and removed. After each step, the program means the same as that of a new compiler.

    The rules of a profile depend on the number of pods when they were written, so the two programs need not be equal.
    """

    def __init__(self) -> None:
        super().__init__()
        self.cluster = Cluster()
        self.objects: dict[Key, Object] = {}
        self.compiler = Compiler(self.cluster.state, everywhere)
        self.chance = Random(0)

    @initialize(objects=strategies.clusters())
    def begin(self, objects: list[Object]) -> None:
        for obj in objects:
            self.upsert(obj)

    @rule(obj=strategies.objects)
    def upsert(self, obj: Object) -> None:
        self.objects[key_of(obj)] = obj
        self.cluster.upsert(obj)

    @precondition(lambda self: self.objects)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from(sorted(self.objects)))
        del self.objects[key]
        self.cluster.remove(*key)

    @rule(closed=closings, refused=closings)
    def compile_without_some_namespaces(self, closed: frozenset[str], refused: frozenset[str]) -> None:
        """Compile while some namespaces are closed.

        Their pods are closed in both directions; other pods are not affected.
        """
        state = cluster_of(self.objects.values()).state
        program = self.compiler.program(closed, lambda namespace: namespace not in refused)
        closed_now = self.compiler.closed
        assert closed <= closed_now <= closed | refused
        subjects = [one for one in state.members() if one.addresses and not one.host_network]
        assert self.compiler.pods_in(closed_now) == sum(one.namespace in closed_now for one in subjects)
        fresh = Compiler(state, everywhere).program(closed_now)
        for packet in packets(state, self.chance):
            assert admits(program, packet) is admits(fresh, packet), packet
            ends = [state.members_at(packet.family, end) for end in (packet.source, packet.destination)]
            if ends[0] != ends[1] and any(one.namespace in closed_now for some in ends for one in some):
                assert not admits(program, packet), packet

    @rule()
    def compile(self) -> None:
        state = cluster_of(self.objects.values()).state
        program, fresh = self.compiler.program(), program_for(state)
        for name in base_program().collections:
            assert program.collections[name] == fresh.collections[name]
        assert program.chains.keys() == fresh.chains.keys()
        for packet in packets(state, self.chance):
            assert admits(program, packet) is admits(fresh, packet), packet

    @invariant()
    def unchanged_parts_are_the_same_objects(self) -> None:
        once, twice = self.compiler.program(), self.compiler.program()
        assert all(once.collections[name] is twice.collections[name] for name in once.collections)
        assert all(once.chains[name] is twice.chains[name] for name in once.chains)


TestChanges = Changes.TestCase
TestChanges.settings = settings(max_examples=examples(50), stateful_step_count=15)


class ChangesWithMaps(Changes):
    """The same changes, where each rule about pods is in a map of peers and each rule about addresses is in a class."""

    def __init__(self) -> None:
        self.patch = pytest.MonkeyPatch()
        for module in (peers, pod_rules):
            self.patch.setattr(module, "KEYS_OF_ITS_OWN", 0)
        self.patch.setattr(pod_rules, "MOST_SHARED", 0)
        self.patch.setattr(address_rules, "MOST_PAIRS", 0)
        super().__init__()

    def teardown(self) -> None:
        self.patch.undo()


TestChangesWithMaps = ChangesWithMaps.TestCase
TestChangesWithMaps.settings = settings(max_examples=examples(25), stateful_step_count=15)
