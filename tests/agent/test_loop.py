"""The loop, on a real kernel: events go in, and packets fare as policies say."""

import io
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import pytest
from tests.agent.events import listing, removed, upserted
from tests.dataplane.network import Network, address, gateway, in_own_network, nft, received
from tests.semantics.objects import Object, admits, labelled, node, pod, pods, policy, port

from ringfence.agent import denials, loop
from ringfence.agent.denials import Denial
from ringfence.agent.journal import Journal
from ringfence.agent.loop import AgentLoop, Arrival, Inbox
from ringfence.agent.metrics import Metrics
from ringfence.agent.running import listening
from ringfence.agent.settings import ExistingConnections, Mode, Settings, UnknownPods
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import (
    ADDRESS,
    Chain,
    Field,
    Lookup,
    Program,
    RangeSet,
    Rule,
    RuleVerdict,
    address_key,
    base_program,
)
from ringfence.sets.addresses import Family
from ringfence.sources.cluster.events import Event, WatchInterrupted

SERVER, CLIENT = 0, 1
CLOSED = policy("x/closed", labelled(app="server"), ingress=[])
OPEN = policy("x/open", labelled(app="server"), ingress=[admits(pods(labelled(app="client")), ports=[port(80, "UDP")])])
HERE = node("here", "192.168.0.1")
HERE["spec"] = {"podCIDRs": ["10.0.0.0/16", "fd00::/16"]}


def on_node(app: str, number: int, home: str = "here", **more: object) -> Object:
    return pod(f"x/{app}", {"app": app}, addresses=[address(number)], nodeName=home, **more)  # type: ignore[arg-type]


BOTH = (on_node("server", SERVER), on_node("client", CLIENT))


class Running:
    """A loop in a thread of its own, beside a network whose router it programs."""

    def __init__(self, settings: Settings, network: Network | None) -> None:
        self.network = network or Network(2)
        self.log = io.StringIO()
        self._inbox: Inbox = Inbox()
        journal = Journal(self.log, as_json=False)
        self.loop = AgentLoop(settings, Kernel(), self._inbox, journal, Metrics(), time.monotonic)
        self._thread = threading.Thread(target=self.loop.run, daemon=True)
        self._thread.start()
        self._server = self.network.udp(SERVER, 80)
        self.listening = partial(listening, settings, self._inbox)

    def tell(self, *events: Event) -> None:
        for event in events:
            self._inbox.put(Arrival(event, time.monotonic()))

    def end(self) -> None:
        self._inbox.put(None)
        self._thread.join(10)
        assert not self._thread.is_alive()

    def passes(self) -> bool:
        """Whether a new connection from the client reaches the server."""
        self.network.udp(CLIENT).sendto(b"question", (address(SERVER), 80))
        return self.network.delivered(self._server) is not None

    def open_connection(self) -> tuple[socket.socket, socket.socket]:
        """The server's and the client's end of a connection on port 90 that was answered once."""
        server, client = self.network.udp(SERVER, 90), self.network.udp(CLIENT, 4000)
        client.sendto(b"question", (address(SERVER), 90))
        assert received(server) == b"question"
        server.sendto(b"answer", (address(CLIENT), 4000))
        assert received(client) == b"answer"
        return server, client

    def metric(self, name: str) -> float:
        """A metric, or the sum of one that has labels."""
        found = re.findall(rf"^{name}(?:{{.*}})? (\S+)$", self.loop.metrics().decode(), re.M)
        assert found, name
        return sum(map(float, found))


@contextmanager
def running(settings: Settings | None = None, network: Network | None = None) -> Iterator[Running]:
    one = Running(settings or Settings("here"), network)
    try:
        yield one
    finally:
        one.end()


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def programmed() -> bool:
    return "ringfence" in nft("list", "tables")


@in_own_network
def test_nothing_is_programmed_before_the_first_full_view() -> None:
    with running() as one:
        one.tell(*listing(*BOTH, CLOSED, kinds=("Pod", "NetworkPolicy", "Namespace")))
        eventually(lambda: one.metric("ringfence_objects") == 3)
        assert one.loop.unready() == "not listed yet: Node"
        assert not programmed()
        one.tell(*listing(HERE, kinds=["Node"]))
        eventually(lambda: not one.loop.unready())
        assert programmed()
        assert not one.passes()


@in_own_network
def test_a_policy_is_enforced_when_it_comes_and_no_longer_when_it_goes() -> None:
    with running() as one:
        one.tell(*listing(*BOTH, HERE))
        eventually(one.passes)
        one.tell(upserted(CLOSED))
        eventually(lambda: not one.passes())
        one.tell(upserted(OPEN))
        eventually(one.passes)
        one.tell(removed(OPEN))
        eventually(lambda: not one.passes())
        one.tell(removed(CLOSED))
        eventually(one.passes)


@in_own_network
def test_a_relabelled_pod_is_another_peer() -> None:
    with running() as one:
        one.tell(*listing(*BOTH, HERE, OPEN))
        eventually(one.passes)
        stranger = pod("x/client", {"app": "other"}, addresses=[address(CLIENT)], nodeName="here")
        one.tell(upserted(stranger))
        eventually(lambda: not one.passes())


@in_own_network
def test_only_the_nodes_own_pods_are_isolated_here() -> None:
    """A pod elsewhere is isolated there; here its packets only pass."""
    with running(Settings("here", unknown_pods=UnknownPods.ALLOW)) as one:
        one.tell(*listing(on_node("server", SERVER, home="elsewhere"), BOTH[CLIENT], HERE, CLOSED))
        eventually(lambda: not one.loop.unready())
        assert one.passes()


class TestUnknownPods:
    @staticmethod
    def client_is_unknown(choice: UnknownPods) -> bool:
        """Whether an unknown client reaches a server that nothing isolates."""
        with running(Settings("here", unknown_pods=choice)) as one:
            one.tell(*listing(BOTH[SERVER], HERE))
            eventually(lambda: not one.loop.unready())
            return one.passes()

    @in_own_network
    def test_they_wait_closed(self) -> None:
        assert not self.client_is_unknown(UnknownPods.HOLD)

    @in_own_network
    def test_or_they_need_not(self) -> None:
        assert self.client_is_unknown(UnknownPods.ALLOW)

    @in_own_network
    def test_one_that_becomes_known_is_let_go(self) -> None:
        with running() as one:
            one.tell(*listing(BOTH[SERVER], HERE))
            eventually(lambda: not one.loop.unready())
            one.tell(upserted(BOTH[CLIENT]))
            eventually(one.passes)

    @in_own_network
    def test_one_that_has_ended_is_held_again(self) -> None:
        """Its address may be another's soon."""
        with running() as one:
            one.tell(*listing(*BOTH, HERE))
            eventually(one.passes)
            one.tell(upserted(on_node("client", CLIENT, phase="Succeeded")))
            eventually(lambda: not one.passes())

    @in_own_network
    def test_the_ranges_may_change(self) -> None:
        with running() as one:
            elsewhere = node("here", "192.168.0.1")
            elsewhere["spec"] = {"podCIDRs": ["10.99.0.0/16"]}
            one.tell(*listing(BOTH[SERVER], elsewhere))
            eventually(one.passes)
            one.tell(upserted(HERE))
            eventually(lambda: not one.passes())


class TestOpenConnections:
    @staticmethod
    def survives(choice: ExistingConnections) -> bool:
        """Whether a connection that a new policy forbids goes on."""
        with running(Settings("here", existing_connections=choice)) as one:
            one.tell(*listing(*BOTH, HERE))
            eventually(lambda: not one.loop.unready())
            server, client = one.open_connection()
            one.tell(upserted(CLOSED))
            eventually(lambda: not one.passes())
            if choice is ExistingConnections.END:
                eventually(lambda: one.metric("ringfence_ended_connections_total") > 0)
            client.sendto(b"more", (address(SERVER), 90))
            survived = one.network.delivered(server) == b"more"
            assert survived is (one.metric("ringfence_ended_connections_total") == 0), "told after it is done"
            return survived

    @in_own_network
    def test_they_end(self) -> None:
        assert not self.survives(ExistingConnections.END)

    @in_own_network
    def test_or_they_are_kept(self) -> None:
        assert self.survives(ExistingConnections.KEEP)


class TestObserving:
    @in_own_network
    def test_everything_passes_and_is_counted(self) -> None:
        with running(Settings("here", mode=Mode.OBSERVE)) as one:
            one.tell(*listing(*BOTH, HERE, CLOSED))
            eventually(lambda: not one.loop.unready())
            assert one.passes()
            eventually(lambda: one.metric("ringfence_dropped_packets_total") == 1)

    @in_own_network
    def test_connections_that_an_agent_before_it_ended_go_on(self) -> None:
        with running() as before:
            before.tell(*listing(*BOTH, HERE))
            eventually(lambda: not before.loop.unready())
            server, client = before.open_connection()
            before.tell(upserted(CLOSED))
            eventually(lambda: before.metric("ringfence_ended_connections_total") > 0)
        network = before.network
        with running(Settings("here", mode=Mode.OBSERVE), network) as after:
            after.tell(*listing(*BOTH, HERE, CLOSED))
            eventually(lambda: not after.loop.unready())
            client.sendto(b"more", (address(SERVER), 90))
            assert received(server) == b"more"


class TestLogging:
    @in_own_network
    def test_a_denied_connection_is_told_with_its_reason_once(self) -> None:
        with running(Settings("here", log_denied=True)) as one:
            one.tell(*listing(*BOTH, HERE, CLOSED))
            eventually(lambda: not one.loop.unready())
            with one.listening():
                for _ in range(3):
                    assert not one.passes()
                line = "x/client -> x/server UDP/80 denied by ingress of x/closed: it allows nothing"
                eventually(lambda: line in one.log.getvalue())
            assert one.log.getvalue().count("it allows nothing source=") == 1

    @in_own_network
    def test_how_often_it_came_again_is_told_though_nobody_tries_any_more(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(denials, "QUIET", 1.0)
            with running(Settings("here", log_denied=True)) as one:
                one.tell(*listing(*BOTH, HERE, CLOSED))
                eventually(lambda: not one.loop.unready())
                with one.listening():
                    for _ in range(3):
                        assert not one.passes()
                    eventually(lambda: told_in_all(one.log.getvalue()) == 3)

    @in_own_network
    def test_a_packet_that_cannot_be_explained_stops_nothing(self) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(loop, "explained", failing)
            with running(Settings("here", log_denied=True)) as one:
                one.tell(*listing(*BOTH, HERE, CLOSED))
                eventually(lambda: not one.loop.unready())
                with one.listening():
                    assert not one.passes()
                    eventually(lambda: "a defect of ringfence" in one.log.getvalue())
                one.tell(upserted(OPEN))
                eventually(one.passes)


def told_in_all(log: str) -> int:
    """How many packets the lines about denials tell of."""
    return sum(1 + int(repeated) for repeated in re.findall(r"it allows nothing.* repeated=(\d+)", log))


def failing(*args: object, **kwargs: object) -> Denial:
    raise KeyError("unheard of")


class TestFaults:
    @in_own_network
    def test_a_table_that_somebody_deletes_comes_back(self) -> None:
        with running() as one:
            one.tell(*listing(*BOTH, HERE, CLOSED))
            eventually(lambda: not one.loop.unready())
            nft("delete", "table", "inet", "ringfence")
            eventually(lambda: programmed() and not one.passes())
            eventually(lambda: one.metric("ringfence_repairs_total") == 1)
            eventually(lambda: "somebody changed the table" in one.log.getvalue())

    @in_own_network
    def test_what_the_last_agent_left_stays_until_the_next_one_knows_better(self) -> None:
        with running() as first:
            first.tell(*listing(*BOTH, HERE, CLOSED))
            eventually(lambda: not first.loop.unready())
        assert not first.passes()
        second = Kernel()
        assert second.has_table

    @in_own_network
    def test_a_storm_of_events_is_enforced_in_few_rounds(self) -> None:
        with running() as one:
            one.tell(*listing(*BOTH, HERE))
            eventually(lambda: not one.loop.unready())
            before = one.metric("ringfence_enforcing_seconds_count")
            one.tell(*(upserted(policy(f"x/p{i}", labelled(app="server"), ingress=[])) for i in range(1_000)))
            eventually(lambda: one.metric("ringfence_objects") == 1_003)
            eventually(lambda: not one.passes())
            assert one.metric("ringfence_enforcing_seconds_count") - before < 200

    @in_own_network
    def test_a_policy_that_cannot_be_used_closes_its_pods_and_holds_nobody_back(self) -> None:
        with running() as one:
            one.tell(*listing(*BOTH, HERE))
            eventually(one.passes)
            wrong = policy("x/wrong", labelled(app="server"), ingress=[admits(ports=[{"port": 0, "protocol": "TCP"}])])
            one.tell(upserted(wrong))
            eventually(lambda: not one.passes())
            eventually(lambda: "must be between 1 and 65535" in one.log.getvalue())
            eventually(lambda: one.metric("ringfence_unusable_objects") == 1)
            assert not one.loop.unready()

    @in_own_network
    def test_a_part_that_the_kernel_refuses_closes_its_pods_and_is_tried_again(self) -> None:
        with running() as one:
            one.tell(*listing(*BOTH, HERE))
            eventually(one.passes)
            with refused_chains(one):
                one.tell(upserted(OPEN))
                eventually(lambda: "wrong" in one.loop.unready())
                assert not one.passes()
                eventually(lambda: one.metric("ringfence_failures_total") > 0)
            eventually(one.passes)
            eventually(lambda: not one.loop.unready())
            eventually(lambda: "in force now" in one.log.getvalue())

    @in_own_network
    def test_a_defect_of_ours_leaves_in_force_what_is_and_is_tried_again(self) -> None:
        with running() as one:
            one.tell(*listing(*BOTH, HERE, CLOSED))
            eventually(lambda: not one.loop.unready())
            compiler = one.loop._enforcement._compiler
            assert compiler is not None
            compiler.program = broken  # type: ignore[method-assign]
            one.tell(removed(CLOSED))
            eventually(lambda: "a defect of ringfence" in one.log.getvalue())
            eventually(one.passes)

    @in_own_network
    def test_a_node_that_is_not_there_is_no_node_to_enforce_on(self) -> None:
        with running(Settings("heer")) as one:
            one.tell(*listing(*BOTH, HERE, CLOSED))
            eventually(lambda: "there is no Node heer" in one.log.getvalue())
            assert one.loop.unready() == "there is no Node heer: is --node right?"

    @in_own_network
    def test_without_ranges_nobody_can_be_held(self) -> None:
        with running() as one:
            one.tell(*listing(*BOTH, node("here", "192.168.0.1")))
            eventually(lambda: "no pod can be held: the Node here says no podCIDRs" in one.log.getvalue())
            assert one.passes()

    @in_own_network
    def test_an_interrupted_watch_is_told_and_counted(self) -> None:
        with running() as one:
            one.tell(WatchInterrupted("Pod", "the server is gone", 0.5))
            eventually(lambda: "the server is gone" in one.log.getvalue())
            assert one.metric("ringfence_watch_restarts_total") == 1

    @in_own_network
    def test_a_loop_that_turns_is_well(self) -> None:
        with running() as one:
            one.tell(*listing(HERE))
            assert not one.loop.ailing()


@in_own_network
def test_the_node_itself_always_reaches_its_pods() -> None:
    with running() as one:
        one.tell(*listing(*BOTH, HERE, CLOSED))
        eventually(lambda: not one.passes())
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as kubelet:
            kubelet.bind((gateway(SERVER), 0))
            kubelet.sendto(b"are you well?", (address(SERVER), 80))
        assert received(one._server) == b"are you well?"


def broken() -> Program:
    raise ZeroDivisionError


@contextmanager
def refused_chains(one: Running) -> Iterator[None]:
    """For a while, every profile's chain looks into a set that the kernel refuses."""
    compiler = one.loop._enforcement._compiler
    assert compiler is not None
    sound = compiler.program
    first, second, third, last = (address_key(Family.IPV4, number) for number in (0, 10, 20, (1 << 32) - 1))
    overlapping = RangeSet(ADDRESS[Family.IPV4], frozenset({(first, third), (second, last)}))
    looking = Rule((Lookup((Field.SOURCE_4,), "wrong"),), RuleVerdict.RETURN)

    def unsound() -> Program:
        program = sound()
        chains = {
            name: Chain((looking, *chain.rules), chain.hook)
            for name, chain in program.chains.items()
            if name not in base_program().chains
        }
        return program.changed({"wrong": overlapping} if chains else {}, chains)

    compiler.program = unsound  # type: ignore[method-assign]
    yield
    compiler.program = sound  # type: ignore[method-assign]
