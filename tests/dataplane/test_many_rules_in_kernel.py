"""Policies with very many blocks and ports in the real kernel: its decisions agree with those of the engine."""

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from itertools import count, product
from random import Random
from socket import socket

import pytest
from tests.dataplane.expectations import is_allowed
from tests.dataplane.network import Network, address, in_own_network, number
from tests.dataplane.traffic import PORT, traffic
from tests.engine.members import state_of
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, pod, pods, policy, port

from ringfence.dataplane.compile import PROTOCOL_NUMBERS, Compiler, loading
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Packet, RangeMap
from ringfence.engine.state import State
from ringfence.sets.addresses import FAMILIES, Family

pytestmark = pytest.mark.repeats_lines

SERVER, CLIENTS = 0, (1, 2, 3)
PORTS = (1001, 1002, 1500, 2001, 3999, 4000)
SOURCE_PORTS = count(10_000)
LENGTHS = {Family.IPV4: 32, Family.IPV6: 128}


def everywhere(*excepts: str) -> list[Object]:
    """Blocks that together contain all addresses of both families except some."""
    return [
        block("0.0.0.0/0", *(one for one in excepts if ":" not in one)),
        block("::/0", *(one for one in excepts if ":" in one)),
    ]


def single(*pods: int) -> list[Object]:
    return [block(cidr(one, family)) for one in pods for family in FAMILIES]


def cidr(of: int, family: Family) -> str:
    return f"{address(of, family)}/{LENGTHS[family]}"


def cidrs(of: int) -> list[str]:
    return [cidr(of, family) for family in FAMILIES]


def around(pod: int, length: int) -> list[Object]:
    """The blocks of this length that contain an address of a pod."""
    return [block(str(ip_network(f"{address(pod, family)}/{length}", strict=False))) for family in FAMILIES]


def others(count: int) -> list[Object]:
    """Blocks that contain the address of no pod."""
    return [block(one) for i in range(count) for one in (f"172.16.{i}.0/24", f"fd01:{i:x}::/32")]


def pods_named(name: str) -> Object:
    return pods(labelled(name=name))


def udp(*numbers: int) -> list[Object]:
    return [port(one, "UDP") for one in numbers]


def rules_of(rules: Iterable[Object]) -> Object:
    return policy("x/p", labelled(app="server"), ingress=list(rules))


POLICIES: dict[str, Object] = {
    "a product of blocks and ports": rules_of(
        [admits(*others(200), *single(1), ports=udp(*range(1, 1000, 2), 1001, 3999))]
    ),
    "rules that leave out one address and have a port of their own": rules_of(
        admits(*everywhere(*cidrs(CLIENTS[i % 3]), f"172.16.{i % 256}.0/24", f"fd01:{i:x}::/32"), ports=udp(1000 + i))
        for i in range(1, 300)
    ),
    "single addresses with a range of ports each": rules_of(
        [
            *(admits(one, ports=[port(1, "UDP", to=2000 + i)]) for i, one in enumerate(others(100))),
            *(admits(*single(client), ports=[port(1001 + client, "UDP", to=2000)]) for client in CLIENTS),
        ]
    ),
    "blocks that are nested, with a port each": rules_of(
        admits(*around(2, length), ports=[port(1000 + length % 4, "UDP", to=1400 + length)]) for length in range(32)
    ),
    "pods with a range of ports each": rules_of(
        [
            *(admits(pods_named(f"c{client}"), ports=[port(1001, "UDP", to=3998 + client)]) for client in CLIENTS),
            *(admits(pods_named(f"nobody{i}"), ports=[port(1, "UDP", to=4000 + i)]) for i in range(100)),
            *(admits(one, *single(3), ports=[port(4000, "UDP", to=4001 + i)]) for i, one in enumerate(others(20))),
        ]
    ),
    "wide rules with a port each, and narrow ones with a range each": rules_of(
        [
            *(admits(*everywhere(f"10.0.{i}.0/24", f"fd00:0:0:{i}::/64"), ports=udp(4000 - i)) for i in range(150)),
            *(admits(*single(client), ports=[port(1, "UDP", to=1000 + client)]) for client in CLIENTS),
            *(admits(one, ports=[port(1, "UDP", to=1000 + i)]) for i, one in enumerate(others(60))),
        ]
    ),
}


@pytest.mark.parametrize("family", FAMILIES, ids=str)
@pytest.mark.parametrize("policies", POLICIES)
@in_own_network
def test_every_datagram_is_treated_as_the_engine_says(policies: str, family: Family) -> None:
    network = Network(4)
    state = state_of([*world(), POLICIES[policies]])
    program = Compiler(state, lambda member: True).program()
    kernel = Kernel()
    kernel.apply(program)
    assert Kernel().present == program, "what is read back is what was put in"
    servers = {number_: network.udp(SERVER, number_, family) for number_ in PORTS}
    found = arriving(network, servers, family)
    assert found == set(allowed(state, family))
    assert 0 < len(found) < len(CLIENTS) * len(PORTS), "some are allowed and some are denied"


def arriving(network: Network, servers: Mapping[int, socket], family: Family) -> set[tuple[int, int]]:
    """The pairs of a client and a server port for which packets arrive.

    Each client sends each packet from a port that it had not used before.
    """
    for client, number_ in product(CLIENTS, PORTS):
        network.udp(client, next(SOURCE_PORTS), family).sendto(bytes([client]), (address(SERVER, family), number_))
    found = set()
    for number_, server in servers.items():
        while (datagram := network.delivered(server)) is not None:
            found.add((datagram[0], number_))
    return found


def test_the_policies_of_these_tests_need_classes() -> None:
    """This checks the precondition of the tests above."""
    for name, written in list(POLICIES.items())[1:]:
        program = Compiler(state_of([*world(), written]), lambda member: True).program()
        assert any(isinstance(one, RangeMap) for one in program.collections.values()), name
    program = Compiler(state_of([*world(), POLICIES["pods with a range of ports each"]]), lambda member: True).program()
    assert any(name.startswith("peers4") for name in program.collections)


class LoadedInPieces:
    """A network whose kernel is updated to one program after another while its policies change."""

    def __init__(self) -> None:
        self.cluster = cluster_of(world())
        self.network, self.kernel = Network(4), Kernel()
        self.compiler = Compiler(self.cluster.state, lambda member: True)
        self.servers = {family: {one: self.network.udp(SERVER, one, family) for one in PORTS} for family in FAMILIES}
        self.advance()

    @property
    def is_complete(self) -> bool:
        """Whether the next program equals the last one."""
        return not self.compiler.closed and not self.compiler.has_leftovers

    def advance(self, *, is_tried: bool = True) -> None:
        """Update the kernel to the next program, and test which packets pass."""
        program = self.compiler.program(present=self.kernel.present)
        self.kernel.apply(program)
        if is_tried:
            assert Kernel().present == program
            for family in FAMILIES:
                wanted = set() if self.compiler.closed else set(allowed(self.cluster.state, family))
                assert arriving(self.network, self.servers[family], family) == wanted

    def finish(self) -> int:
        """Continue until everything is loaded and all leftovers are removed; return the number of programs."""
        for programs in range(1, 1000):
            self.advance(is_tried=programs % 10 == 1)
            if self.is_complete:
                break
        self.advance()
        fresh = Compiler(self.cluster.state, lambda member: True).program()
        assert self.is_complete
        assert Kernel().present == fresh
        return programs


@pytest.mark.parametrize("policies", POLICIES)
@in_own_network
def test_a_large_profile_is_loaded_and_removed_in_pieces(policies: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel holds each of the intermediate programs.

    The last one equals the program that is loaded at once elsewhere.
    """
    for setting, value in (("AT_ONCE", 300), ("SLOWLY", 300), ("LARGE_CHAIN", 100), ("_PIECE", 100)):
        monkeypatch.setattr(loading, setting, value)
    loaded = LoadedInPieces()
    loaded.cluster.upsert(POLICIES[policies])
    assert loaded.finish() > 1
    loaded.cluster.remove("NetworkPolicy", "x", "p")
    assert loaded.finish() > 1
    loaded.cluster.upsert(POLICIES[policies])
    loaded.advance()
    loaded.cluster.remove("NetworkPolicy", "x", "p")
    loaded.finish()


@in_own_network
def test_no_packet_is_lost_or_passes_while_many_rules_change() -> None:
    """The classes of pods and addresses change with every policy and with the pods themselves."""
    network, cluster = Network(3), cluster_of([*world(), ground(0)])
    compiler, kernel = Compiler(cluster.state, lambda member: True), Kernel()
    kernel.apply(compiler.program())
    chance = Random(5)
    with traffic(network, allowed=1, forbidden=2, to=SERVER) as result:
        for count in range(150):
            for _ in range(chance.randint(1, 3)):
                cluster.upsert(chance.choice([ground, more, others_pod])(chance.randrange(1 << 16)))
            kernel.apply(compiler.program())
            if count % 20 == 0:
                kernel.revoke_forbidden()
    assert result.allowed.sent > 1_000
    assert result.allowed.arrived == result.allowed.sent
    assert result.forbidden.arrived == 0


def ground(seed: int) -> Object:
    """The first client may always send, by its name or by its address; the second client may never send."""
    chance = Random(seed)
    peer = chance.choice([[pods_named("c1")], single(1), everywhere(*cidrs(2))])
    ports = chance.choice([[port(PORT, "UDP")], [port(1, "UDP", to=4000 + chance.randrange(99))]])
    rules = [admits(*peer, ports=ports), *more_rules(chance)]
    chance.shuffle(rules)
    return policy("x/p", labelled(app="server"), ingress=rules)


def more(seed: int) -> Object:
    return policy(f"x/more{seed % 3}", labelled(app="server"), ingress=more_rules(Random(seed)))


def more_rules(chance: Random) -> list[Object]:
    """Rules about others, as many as make classes and a map of peers, or few."""
    count = chance.choice([2, 30])
    return [
        *(admits(pods_named(f"nobody{i}"), ports=[port(1, "UDP", to=4000 + i)]) for i in range(count)),
        *(admits(one, ports=[port(1, "UDP", to=4000 + i)]) for i, one in enumerate(others(count // 2))),
    ]


def others_pod(seed: int) -> Object:
    chance = Random(seed)
    return pod(f"x/o{seed % 9}", {"name": f"nobody{chance.randrange(40)}"}, addresses=[f"10.0.100.{seed % 9}"])


def world() -> list[Object]:
    return [
        pod("x/server", {"app": "server"}, addresses=[address(SERVER, family) for family in FAMILIES]),
        *(
            pod(f"x/c{one}", {"name": f"c{one}"}, addresses=[address(one, family) for family in FAMILIES])
            for one in CLIENTS
        ),
    ]


def allowed(state: State, family: Family) -> Iterable[tuple[int, int]]:
    for client, number_ in product(CLIENTS, PORTS):
        ends = number(client, family), number(SERVER, family)
        if is_allowed(state, Packet(family, *ends, PROTOCOL_NUMBERS["UDP"], number_)):
            yield client, number_
