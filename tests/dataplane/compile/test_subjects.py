"""Subjects: which chain each address of the node's own pods has, and which changes are detected."""

from collections.abc import Callable

import pytest
from tests.agent.cluster_policies import cluster_policy, pods_of, rule
from tests.engine.policies.artificial_tier import FRONT, acting, tier_policy, tiered_cluster_of
from tests.semantics.objects import Object, admits, labelled, namespace, node, pod, policy, port

from ringfence.cluster import Cluster
from ringfence.dataplane.compile.subjects import Subjects
from ringfence.dataplane.program import CLOSED as CLOSED_CHAIN
from ringfence.dataplane.program import DENIED, Move, address_key
from ringfence.engine.population import Member
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family, parse_address

INGRESS_4 = (Direction.INGRESS, Family.IPV4)
SERVER = labelled(app="server")
CLOSED = policy("x/closed", SERVER, ingress=[])
HTTP_ONLY = policy("x/http", SERVER, ingress=[admits(ports=[port(80)])])


def server(name: str, *addresses: str, **spec: object) -> Object:
    return pod(f"x/{name}", {"app": "server"}, addresses=addresses, **spec)  # type: ignore[arg-type]


def key(text: str) -> bytes:
    return address_key(*parse_address(text))


class World:
    """A cluster, and the subjects of one of its nodes."""

    def __init__(self, *objects: Object, is_local: Callable[[Member], bool] = lambda member: True) -> None:
        self.cluster = tiered_cluster_of(objects)
        self.subjects = Subjects(self.cluster.state, is_local)

    def moves(self) -> list[Move]:
        """The moves for ingress over IPv4 that the next look finds."""
        return self.subjects.take_changes().moves[INGRESS_4]

    def chains(self) -> dict[bytes, str | None]:
        """The new chains that the next look finds."""
        return {move.key: move.new for move in self.moves()}


# --- who gets a chain -------------------------------------------------------------------------------------------------


def test_only_pods_that_some_policy_selects_have_a_chain() -> None:
    world = World(CLOSED, server("a", "10.0.0.1"), pod("x/free", addresses=["10.0.0.2"]))
    assert world.chains() == {key("10.0.0.1"): DENIED[Direction.INGRESS]}


def test_only_the_nodes_own_pods_with_a_network_of_their_own_have_a_chain() -> None:
    world = World(
        CLOSED,
        server("local", "10.0.0.1", nodeName="m"),
        server("remote", "10.0.0.2", nodeName="n"),
        server("host", "10.0.0.3", nodeName="m", hostNetwork=True),
        is_local=lambda member: member.node == "m",
    )
    assert world.chains().keys() == {key("10.0.0.1")}
    assert world.subjects.known_pod(parse_address("10.0.0.1"))
    assert not world.subjects.known_pod(parse_address("10.0.0.2"))


def test_pods_with_the_same_policies_have_one_chain_and_a_policy_that_allows_everything_needs_none() -> None:
    found = World(HTTP_ONLY, server("a", "10.0.0.1"), server("b", "10.0.0.2")).chains()
    assert len(found) == 2
    assert len(set(found.values())) == 1
    assert World(policy("x/open", SERVER, ingress=[{}]), server("a", "10.0.0.1")).chains() == {}


def test_an_address_that_two_pods_with_different_chains_claim_is_closed() -> None:
    world = World(HTTP_ONLY, server("a", "10.0.0.1"), pod("x/free", addresses=["10.0.0.1"]))
    assert world.chains() == {key("10.0.0.1"): CLOSED_CHAIN[Direction.INGRESS]}
    world = World(HTTP_ONLY, server("a", "10.0.0.1"), server("b", "10.0.0.1"))
    assert CLOSED_CHAIN[Direction.INGRESS] not in world.chains().values()


class TestAnAddressThatTwoPodsClaim:
    """A pod that a policy closes and a free pod have the same address. Which of them uses it may change at any time."""

    AT, CLOSED_THERE = key("10.0.0.1"), CLOSED_CHAIN[Direction.INGRESS]

    @staticmethod
    def kept(**status: object) -> Object:
        """The closed pod. It is being deleted, and a finalizer keeps its object."""
        written = server("kept", "10.0.0.1", nodeName="m")
        written["metadata"] |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "finalizers": ["example.org/keep"]}
        written["status"] |= status
        return written

    def world(self, *more: Object) -> World:
        free = pod("x/free", addresses=["10.0.0.1"], nodeName="m")
        free["status"]["containerStatuses"] = [{"name": "server", "state": {"running": {"startedAt": "2026"}}}]
        return World(CLOSED, self.kept(), free, *more)

    @pytest.mark.parametrize(
        "status",
        [
            pytest.param({"containerStatuses": [{"name": "server", "state": {"terminated": {}}}]}, id="has ended"),
            pytest.param({"containerStatuses": [{"name": "server", "state": {"waiting": {}}}]}, id="will not run"),
            pytest.param({"conditions": [{"type": "PodReadyToStartContainers", "status": "False"}]}, id="no network"),
            pytest.param({"phase": "Failed"}, id="has failed"),
        ],
    )
    def test_an_address_that_two_pods_claim_is_open_once_the_closed_pod_has_ended(
        self, status: dict[str, object]
    ) -> None:
        running = [{"name": "server", "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}}}]
        world = self.world(self.kept(containerStatuses=running))
        assert world.chains() == {self.AT: self.CLOSED_THERE}
        world.cluster.upsert(self.kept(**status))
        assert world.moves() == [Move(self.AT, self.CLOSED_THERE, None)]
        assert world.subjects.known_pod(parse_address("10.0.0.1"))
        world.cluster.upsert(self.kept(containerStatuses=running))
        assert world.moves() == [Move(self.AT, None, self.CLOSED_THERE)]

    def test_an_address_that_two_pods_claim_is_decided_anew_when_a_node_comes_or_goes(self) -> None:
        lost = server("lost", "10.0.0.2", nodeName="lost")
        world = World(CLOSED, node("m"), node("lost"), lost, pod("x/new", addresses=["10.0.0.2"], nodeName="m"))
        assert world.chains() == {key("10.0.0.2"): self.CLOSED_THERE}
        world.cluster.remove("Node", "", "lost")
        assert world.chains() == {key("10.0.0.2"): None}
        world.cluster.upsert(node("lost"))
        assert world.chains() == {key("10.0.0.2"): self.CLOSED_THERE}


# --- changes ----------------------------------------------------------------------------------------------------------


def test_no_change_is_found_where_nothing_has_changed() -> None:
    world = World(CLOSED, server("a", "10.0.0.1"))
    assert world.moves()
    changes = world.subjects.take_changes()
    assert not any(changes.moves.values())
    assert (changes.addresses, changes.namespaces, changes.relabelled) == (set(), frozenset(), False)


def test_a_pod_moves_between_chains_as_policies_come_and_go() -> None:
    world = World(server("a", "10.0.0.1"))
    assert world.moves() == []
    at, denied = key("10.0.0.1"), DENIED[Direction.INGRESS]
    world.cluster.upsert(CLOSED)
    assert world.moves() == [Move(at, None, denied)]
    world.cluster.upsert(HTTP_ONLY)
    ((_, old, new),) = world.moves()
    assert (old, new not in (None, denied)) == (denied, True)
    world.cluster.remove("NetworkPolicy", "x", "http")
    world.cluster.remove("NetworkPolicy", "x", "closed")
    assert world.moves() == [Move(at, new, None)]


def test_chains_that_no_pod_has_any_more_are_forgotten() -> None:
    """Otherwise the memory of an agent would grow without bound in a cluster whose policies come and go."""
    world = World(CLOSED, server("a", "10.0.0.1"))
    chains = set()
    for number in range(1, 21):
        world.cluster.upsert(policy(f"x/p{number}", SERVER, ingress=[admits(ports=[port(number)])]))
        chains |= set(world.chains().values())
        world.cluster.remove("NetworkPolicy", "x", f"p{number}")
    assert len(chains) == 20
    kept = {chain for chain in chains if chain and is_kept(world.subjects, chain)}
    assert 1 <= len(kept) <= 4


def test_chains_of_pods_that_are_gone_are_forgotten() -> None:
    world = World(CLOSED)
    chains = set()
    for number in range(1, 21):
        written = policy(f"x/p{number}", labelled(app=f"{number}"), ingress=[admits(ports=[port(number)])])
        world.cluster.upsert(written)
        world.cluster.upsert(pod("x/a", {"app": f"{number}"}, addresses=["10.0.0.1"]))
        chains |= set(world.chains().values())
    assert len(chains) == 20
    assert len({chain for chain in chains if chain and is_kept(world.subjects, chain)}) <= 4


def is_kept(subjects: Subjects, chain: str) -> bool:
    try:
        return bool(subjects.chains([chain]))
    except KeyError:
        return False


def test_a_pod_that_is_removed_leaves_its_chain_and_its_address() -> None:
    world = World(CLOSED, server("a", "10.0.0.1"), server("b", "10.0.0.2"))
    world.moves()
    world.cluster.remove("Pod", "x", "a")
    changes = world.subjects.take_changes()
    assert changes.moves[INGRESS_4] == [Move(key("10.0.0.1"), DENIED[Direction.INGRESS], None)]
    assert changes.addresses == {parse_address("10.0.0.1")}
    assert changes.namespaces == {"x"}
    assert not world.subjects.known_pod(parse_address("10.0.0.1"))


def test_a_pod_that_gets_another_address_is_isolated_there() -> None:
    world = World(CLOSED, server("a", "10.0.0.1"))
    world.moves()
    world.cluster.upsert(server("a", "10.0.0.2"))
    denied = DENIED[Direction.INGRESS]
    assert set(world.moves()) == {Move(key("10.0.0.1"), denied, None), Move(key("10.0.0.2"), None, denied)}


def test_other_labels_of_a_namespace_move_the_pods_that_cluster_scoped_policies_select() -> None:
    guarding = tier_policy(FRONT, "a", namespaces=labelled(guarded="yes"), ingress=[acting("deny")])
    world = World(namespace("x"), server("a", "10.0.0.1"), guarding)
    assert world.moves() == []
    world.cluster.upsert(namespace("x", guarded="yes"))
    changes = world.subjects.take_changes()
    assert len(changes.moves[INGRESS_4]) == 1
    assert changes.relabelled


class TestClosedNamespaces:
    """Pods of namespaces for which nothing is built at present."""

    FREE = pod("x/free", addresses=["10.0.0.2"])

    def test_all_pods_of_the_node_in_a_closed_namespace_are_denied_everything(self) -> None:
        world = World(HTTP_ONLY, server("a", "10.0.0.1"), self.FREE, pod("y/other", addresses=["10.0.0.3"]))
        moves = world.subjects.take_changes(frozenset({"x"})).moves
        for direction in Direction:
            denied = {move.key for move in moves[direction, Family.IPV4] if move.new == CLOSED_CHAIN[direction]}
            assert denied == {key("10.0.0.1"), key("10.0.0.2")}
        assert world.subjects.pods_in(frozenset({"x"})) == 2

    def test_nothing_is_built_for_a_closed_namespace(self) -> None:
        world = World(HTTP_ONLY, server("a", "10.0.0.1"))
        world.subjects.take_changes(frozenset({"x"}), may_build=never_asked)

    def test_pods_of_a_namespace_that_is_no_longer_closed_have_the_chains_of_their_policies(self) -> None:
        world = World(HTTP_ONLY, server("a", "10.0.0.1"), self.FREE)
        before = world.chains()
        world.subjects.take_changes(frozenset({"x"}))
        world.cluster.upsert(pod("x/late", {"app": "server"}, addresses=["10.0.0.4"]))
        world.subjects.take_changes(frozenset({"x"}))
        assert world.chains() == {
            **before,
            key("10.0.0.2"): None,
            key("10.0.0.4"): before[key("10.0.0.1")],
        }
        assert world.subjects.closed == set()

    def test_where_building_is_refused_a_namespace_is_closed_until_the_next_time(self) -> None:
        world = World(HTTP_ONLY, server("a", "10.0.0.1"), self.FREE)
        moves = world.subjects.take_changes(may_build=lambda namespace: False).moves
        assert {move.new for move in moves[INGRESS_4]} == {CLOSED_CHAIN[Direction.INGRESS]}
        assert world.subjects.closed == {"x"}
        world.moves()
        assert world.subjects.closed == set()

    def test_building_is_not_requested_for_chains_that_exist_or_need_not_be_built(self) -> None:
        world = World(HTTP_ONLY, server("a", "10.0.0.1"))
        built = world.chains()[key("10.0.0.1")]
        world.cluster.upsert(server("b", "10.0.0.2"))
        world.cluster.upsert(pod("x/free", addresses=["10.0.0.3"]))
        world.cluster.upsert(pod("y/db", {"app": "server"}, addresses=["10.0.0.4"]))
        world.cluster.upsert(policy("y/closed", SERVER, ingress=[]))
        moves = world.subjects.take_changes(may_build=never_asked).moves[INGRESS_4]
        assert {move.key: move.new for move in moves} == {
            key("10.0.0.2"): built,
            key("10.0.0.4"): DENIED[Direction.INGRESS],
        }

    def test_an_address_that_a_pod_of_another_namespace_claims_too_is_closed(self) -> None:
        world = World(server("a", "10.0.0.1"), pod("y/b", addresses=["10.0.0.1"]))
        moves = world.subjects.take_changes(frozenset({"x"})).moves[INGRESS_4]
        assert [move.new for move in moves] == [CLOSED_CHAIN[Direction.INGRESS]]


def never_asked(namespace: str) -> bool:
    raise AssertionError("nothing has to be built")


def test_what_administrators_change_is_built_on_behalf_of_no_namespace() -> None:
    """Tenants do not wait, and their pods are not closed, because of the changes of others."""
    cluster = Cluster(live=True)
    for obj in (HTTP_ONLY, server("a", "10.0.0.1"), pod("y/b", {"app": "server"}, addresses=["10.0.0.2"])):
        cluster.upsert(obj)
    asked: list[str] = []

    def noted(namespace: str) -> bool:
        asked.append(namespace)
        return True

    subjects = Subjects(cluster.state, lambda member: True)
    subjects.take_changes(may_build=noted)
    assert asked == ["x"]
    asked.clear()
    guard = cluster_policy("guard", pods_of(app="server"), rule("Deny", pods_of(app="web")))
    cluster.upsert(guard)
    subjects.take_changes(may_build=noted)
    assert set(asked) == {""}
    asked.clear()
    cluster.upsert(policy("x/http", SERVER, ingress=[admits(ports=[port(81)])]))
    cluster.upsert(cluster_policy("guard", pods_of(app="server"), rule("Deny", pods_of(app="other"))))
    subjects.take_changes(may_build=noted)
    assert sorted(asked) == ["", "x"], "both have changed for one of them"
