"""Policies that deny and pass, in the real kernel: its decisions agree with the engine, also while policies change.

The policies are of two artificial kinds: one in front of NetworkPolicy and one behind it. No change loses an allowed
packet or passes a forbidden one.
"""

from itertools import permutations
from random import Random

import pytest
from tests.dataplane.expectations import is_allowed
from tests.dataplane.network import Network, address, in_own_network, number
from tests.dataplane.traffic import PORT, traffic
from tests.engine.policies.artificial_tier import BACK, FRONT, TieredCluster, acting, tier_policy, tiered_cluster_of
from tests.example_counts import examples
from tests.semantics.objects import Object, admits, block, labelled, namespace, namespaces, pod, policy, port

from ringfence.dataplane.compile import PROTOCOL_NUMBERS, Compiler
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Packet
from ringfence.sets.addresses import FAMILIES, Family

SERVER, FRIEND, STRANGER = range(3)
NAMES = ("server", "friend", "stranger")
CHANGES = examples(1_000)


def pods() -> list[Object]:
    return [
        pod(f"x/{name}", {"app": name}, addresses=[address(index, family) for family in FAMILIES])
        for index, name in enumerate(NAMES)
    ]


def labelled_pods(*names: str) -> list[Object]:
    return [namespaces({}, labelled(app=name)) for name in names]


def addresses_of(*indexes: int) -> list[Object]:
    lengths = {Family.IPV4: 32, Family.IPV6: 128}
    return [block(f"{address(index, family)}/{lengths[family]}") for index in indexes for family in FAMILIES]


CLUSTERS = {
    "a deny of pods inside allowed addresses": [
        tier_policy(FRONT, "a", ingress=[acting("deny", *labelled_pods("stranger"))]),
        policy("x/p", ingress=[admits(block("0.0.0.0/0"), block("::/0"))]),
    ],
    "an allow of pods in front of denied addresses": [
        tier_policy(
            FRONT,
            "a",
            ingress=[acting("allow", *labelled_pods("friend")), acting("deny", block("0.0.0.0/0"), block("::/0"))],
        )
    ],
    "ports that overlap": [
        tier_policy(FRONT, "a", 1, ingress=[acting("allow", *labelled_pods("friend"), ports=[port(81, "UDP")])]),
        tier_policy(FRONT, "b", 2, ingress=[acting("deny", ports=[port(80, "UDP", to=81)])]),
    ],
    "a pass to a NetworkPolicy, and a baseline behind it": [
        tier_policy(FRONT, "a", ingress=[acting("pass", *labelled_pods("friend")), acting("deny")]),
        policy("x/p", labelled(app="server"), ingress=[admits(*labelled_pods("friend"), ports=[port(80, "UDP")])]),
        tier_policy(BACK, "b", ingress=[acting("deny")]),
    ],
    "egress by addresses": [
        tier_policy(
            FRONT,
            "a",
            egress=[
                acting("deny", *addresses_of(SERVER), field="to", ports=[port(80, "UDP")]),
                acting("allow", *labelled_pods("server"), field="to"),
                acting("deny", *addresses_of(FRIEND), field="to"),
            ],
        )
    ],
}


@pytest.mark.parametrize("family", FAMILIES, ids=str)
@pytest.mark.parametrize("policies", CLUSTERS)
@in_own_network
def test_every_datagram_is_treated_as_the_engine_says(policies: str, family: Family) -> None:
    network = Network(3)
    state = tiered_cluster_of([*pods(), *CLUSTERS[policies]]).state
    program = Compiler(state, lambda member: True).program()
    Kernel().apply(program)
    assert Kernel().present == program, "what is read back is what was put in"
    servers = {(index, number_): network.udp(index, number_, family) for index in range(3) for number_ in (80, 81)}
    clients = [network.udp(index, 0, family) for index in range(3)]
    expected = set()
    for source, destination in permutations(range(3), 2):
        for one in (80, 81):
            clients[source].sendto(f"{source}".encode(), (address(destination, family), one))
            packet = Packet(family, number(source, family), number(destination, family), PROTOCOL_NUMBERS["UDP"], one)
            if is_allowed(state, packet):
                expected.add((source, destination, one))
    found = set()
    for (destination, one), server in servers.items():
        while (datagram := network.delivered(server)) is not None:
            found.add((int(datagram), destination, one))
    assert found == expected
    assert 0 < len(expected) < 12, "some are allowed and some are denied"


class Cluster:
    """Objects that change at random. The friend may always reach the server; the stranger may never reach it."""

    def __init__(self) -> None:
        self.cluster = TieredCluster()
        self._chance = Random(11)
        for obj in (namespace("x"), *pods()):
            self.cluster.upsert(obj)
        self._ground()

    def change(self) -> None:
        """Swap priorities, add or remove policies, or relabel pods: one or several of these at once."""
        for _ in range(self._chance.randint(1, 3)):
            self._chance.choice([self._ground, self._more, self._fewer, self._relabel, self._another_pod])()

    def _ground(self) -> None:
        """The reason for both verdicts: by priority, by pods or by addresses, in one tier or another."""
        friends = self._chance.choice([labelled_pods("friend"), addresses_of(FRIEND)])
        strangers = self._chance.choice([labelled_pods("stranger"), addresses_of(STRANGER), []])
        low, high = sorted(self._chance.sample(range(10, 90), 2))
        ports = self._chance.choice([[], [port(PORT, "UDP")]])
        self.cluster.upsert(tier_policy(FRONT, "friends", low, ingress=[acting("allow", *friends, ports=ports)]))
        self.cluster.upsert(tier_policy(FRONT, "strangers", high, ingress=[acting("deny", *strangers, ports=ports)]))

    def _more(self) -> None:
        action = self._chance.choice(["allow", "deny", "pass"])
        rule = acting(action, *labelled_pods("other", "server"), ports=[port(self._chance.randrange(1, 100), "UDP")])
        name = f"extra-{self._chance.randrange(3)}"
        self.cluster.upsert(
            tier_policy(self._chance.choice([FRONT, BACK]), name, 5, ingress=[rule], egress=[acting("pass")])
        )
        self.cluster.upsert(policy(f"x/{name}", ingress=[admits(*labelled_pods("friend"))]))

    def _fewer(self) -> None:
        name = f"extra-{self._chance.randrange(3)}"
        for kind, space in ((FRONT, ""), (BACK, ""), ("NetworkPolicy", "x")):
            self.cluster.remove(kind, space, name)

    def _relabel(self) -> None:
        index = self._chance.randrange(3)
        labels = {"app": NAMES[index], "version": self._chance.choice("123")}
        addresses = [address(index, family) for family in FAMILIES]
        self.cluster.upsert(pod(f"x/{NAMES[index]}", labels, addresses=addresses))

    def _another_pod(self) -> None:
        other = 100 + self._chance.randrange(4)
        labels = {"app": self._chance.choice(["other", "friend", "stranger"])}
        self.cluster.upsert(pod(f"x/other-{other}", labels, addresses=[address(other)]))


@pytest.mark.more_in_ci
@in_own_network
def test_no_change_of_policies_that_deny_and_pass_loses_or_passes_a_packet() -> None:
    network, cluster = Network(3), Cluster()
    compiler, kernel = Compiler(cluster.cluster.state, lambda member: True), Kernel()
    kernel.apply(compiler.program())
    before = kernel.transactions
    with traffic(network, allowed=FRIEND, forbidden=STRANGER, to=SERVER) as result:
        for count in range(CHANGES):
            cluster.change()
            kernel.apply(compiler.program())
            if count % 100 == 0:
                kernel.revoke_forbidden()
    assert kernel.transactions - before > CHANGES // 2
    assert result.allowed.sent > CHANGES
    assert result.allowed.arrived == result.allowed.sent
    assert result.forbidden.arrived == 0
