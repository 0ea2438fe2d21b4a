"""A thousand changes of policies, pods and labels under load: no allowed packet is lost and no forbidden one passes.

One pod sends to the server without pause and is allowed to. Another pod sends and is not allowed to. The reason changes
with every object: which policy selects the server, which label, namespace or address of the sender a rule names, and
which side denies.
"""

from random import Random

import pytest
from tests.dataplane.network import Network, address, in_own_network
from tests.dataplane.traffic import PORT, traffic
from tests.example_counts import examples
from tests.semantics.objects import (
    Object,
    admits,
    block,
    labelled,
    namespace,
    namespaces,
    pod,
    pods,
    policy,
    port,
    sends,
    term,
)

from ringfence.dataplane.compile import Compiler
from ringfence.dataplane.kernel import Kernel
from ringfence.engine.state import State
from ringfence.model.decoding import decode
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import defaulted

pytestmark = pytest.mark.more_in_ci

SERVER, FRIEND, STRANGER = range(3)
CHANGES = examples(2_500)
REVIEW_EVERY = 100

FRIENDLY, OTHER = ("red", "green"), ("blue", "grey")
"""Teams of the friend, and teams that only others are in."""

STRANGERS = term("team", "In", *OTHER)

ON_PORT = (port(PORT, "UDP"),)


class Cluster:
    """Objects that change at random. The friend may always reach the server; the stranger may never reach it."""

    def __init__(self) -> None:
        self.state = State(live=True)
        self._chance = Random(7)
        self._barred_by = {"server"}
        self._changes = [
            lambda: namespace("friends", tier=self._chance.choice(["inner", "middle"])),
            self._server,
            self._friend,
            self._stranger,
            self._other_pod,
            self._ground,
            self._another_policy,
            self._egress_of_friends,
            self._egress_of_strangers,
        ]
        for one in (namespace("friends", tier="inner"), namespace("strangers", tier="outer")):
            self._put(one)
        for change in self._changes[1:]:
            self._put(change())

    def change(self) -> None:
        """Add, remove or replace some objects, all at once."""
        for _ in range(self._chance.randint(1, 3)):
            if self._chance.random() < 0.2:
                kind, number = self._chance.choice(["Pod", "NetworkPolicy"]), self._chance.randrange(4)
                self.state.remove(kind, "servers", f"extra-{number}")
            elif self._chance.random() < 0.3:
                self._barred_by = self._chance.choice([{"server"}, {"stranger"}, {"server", "stranger"}])
                self._put(self._ground())
                self._put(self._egress_of_strangers())
            else:
                self._put(self._chance.choice(self._changes)())

    def _put(self, written: Object) -> None:
        obj = decode(written)
        assert obj is not None
        self.state.upsert(defaulted(obj) if isinstance(obj, NetworkPolicy) else obj)

    def _server(self) -> Object:
        return self._pod("servers/server", SERVER, app="server", version=self._chance.choice("123"))

    def _friend(self) -> Object:
        return self._pod("friends/friend", FRIEND, role="friend", team=self._chance.choice(FRIENDLY))

    def _stranger(self) -> Object:
        return self._pod("strangers/stranger", STRANGER, team=self._chance.choice(OTHER))

    def _other_pod(self) -> Object:
        number = self._chance.randrange(4)
        team, role = self._chance.choice(FRIENDLY + OTHER), self._chance.choice(["friend", "foe"])
        return self._pod(f"servers/extra-{number}", 100 + number, team=team, role=role)

    def _pod(self, path: str, number: int, **labels: str) -> Object:
        return pod(path, labels, addresses=[address(number)])

    def _ground(self) -> Object:
        """The policy that always isolates the server and always lets the friend in, for a reason that varies."""
        reasons = [
            namespaces({}, labelled(role="friend")),
            namespaces(term("tier", "In", "inner", "middle")),
            namespaces({}, term("team", "In", *FRIENDLY)),
            block(f"{address(FRIEND)}/32"),
            block("10.0.0.0/16", f"{address(STRANGER)}/32"),
        ]
        some = self._chance.sample(reasons, k=self._chance.randint(1, 3))
        if "server" not in self._barred_by:
            some.append(self._chance.choice([namespaces({}), block("10.0.0.0/16"), namespaces({}, STRANGERS)]))
        return policy("servers/ground", labelled(app="server"), ingress=[admits(*some, ports=self._ports())])

    def _another_policy(self) -> Object:
        """One of the policies that select the server at times and, at most, let others in."""
        peers = [
            pods(labelled(team=self._chance.choice(OTHER))),
            namespaces(term("tier", "Exists"), labelled(role="foe")),
            block("10.0.200.0/24"),
        ]
        subject = self._chance.choice([{}, labelled(version=self._chance.choice("123")), labelled(app="server")])
        rules = [admits(self._chance.choice(peers), ports=self._ports()) for _ in range(self._chance.randint(0, 2))]
        return policy(f"servers/extra-{self._chance.randrange(4)}", subject, ingress=rules)

    def _egress_of_friends(self) -> Object:
        target = self._chance.choice([namespaces({}, labelled(app="server")), block(f"{address(SERVER)}/32")])
        return policy("friends/egress", {}, egress=[sends(target, ports=self._ports())])

    def _egress_of_strangers(self) -> Object:
        allowing = [[sends(namespaces({}, labelled(app="server")))], [sends()]]
        rules = [] if "stranger" in self._barred_by else self._chance.choice(allowing)
        return policy("strangers/egress", {}, egress=rules)

    def _ports(self) -> tuple[Object, ...]:
        return self._chance.choice([(), ON_PORT, (port(1, "UDP", to=1000), port(443))])


@in_own_network
def test_no_change_of_any_object_loses_or_passes_a_packet() -> None:
    network, cluster = Network(3), Cluster()
    compiler, kernel = Compiler(cluster.state, lambda member: True), Kernel()
    kernel.apply(compiler.program())
    before = kernel.transactions
    with traffic(network, allowed=FRIEND, forbidden=STRANGER, to=SERVER) as result:
        for count in range(CHANGES):
            cluster.change()
            kernel.apply(compiler.program())
            if count % REVIEW_EVERY == 0:
                kernel.revoke_forbidden()
    assert kernel.transactions - before > CHANGES // 3
    assert result.allowed.sent > CHANGES
    assert result.allowed.arrived == result.allowed.sent
    assert result.forbidden.arrived == 0
