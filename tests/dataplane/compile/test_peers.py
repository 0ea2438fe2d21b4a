"""Sets of the addresses of pods: which elements they contain, and how they follow changes."""

from collections.abc import Iterable

from tests.engine.policies.test_network_policies import compiled
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, container_port, labelled, namespace, namespaces, pod, pods, policy

from ringfence.dataplane.compile.peers import Grant, PodSet, TrackedSet, owners_of
from ringfence.dataplane.program import address_key, flow_key
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family, parse_address

POLICY = policy(
    "x/p",
    ingress=[
        admits(pods(labelled(friend="yes"))),
        admits(pods(labelled(foe="yes"))),
        admits(namespaces(labelled(team="a"))),
        admits(ports=[{"port": "http"}]),
    ],
)
"""The engine tells pods apart by what some policy reads; the sets are about the peers of this one's rules."""

FRIENDS, FOES, TEAM, EVERYONE = (rule.peers for rule in compiled(POLICY).rules[Direction.INGRESS])
HTTP = frozenset({("http", "TCP")})


def on_port(number: int) -> frozenset[tuple[str, int]]:
    return frozenset({("TCP", number)})


def address(text: str) -> bytes:
    return address_key(*parse_address(text))


def flow(text: str, port: int) -> bytes:
    return flow_key(address(text), 6, port)


class World:
    """A cluster, and one set of the addresses of its pods."""

    def __init__(
        self, objects: Iterable[Object], *grants: Grant, with_ports: bool = False, family: Family = Family.IPV4
    ) -> None:
        self.cluster = cluster_of([POLICY, *objects])
        self.tracked = TrackedSet(PodSet(family, with_ports, frozenset(grants)), self.cluster.state)

    @property
    def elements(self) -> frozenset[bytes]:
        return self.tracked.set.elements

    def refresh(self, *addresses: str, namespaces: Iterable[str] = (), relabelled: bool = False) -> frozenset[bytes]:
        owners = owners_of(self.cluster.state, map(parse_address, addresses))
        self.tracked.refresh(owners, frozenset(namespaces), relabelled=relabelled)
        return self.elements


def labelled_pod(path: str, address: str, *labels: str, **written: list[Object]) -> Object:
    return pod(path, dict.fromkeys(labels, "yes"), addresses=[address], ports=written.get("ports", []))


def test_a_set_holds_the_addresses_of_the_selected_pods_in_one_family() -> None:
    objects = [
        pod("x/a", {"friend": "yes"}, addresses=["10.0.0.1", "fd00::1"]),
        labelled_pod("x/b", "10.0.0.2"),
        labelled_pod("y/c", "10.0.0.3", "friend"),
        pod("x/d", {"friend": "yes"}, addresses=["10.0.0.4"], hostNetwork=True),
    ]
    assert World(objects, Grant(FRIENDS)).elements == {address("10.0.0.1")}
    assert World(objects, Grant(FRIENDS), family=Family.IPV6).elements == {address("fd00::1")}


def test_the_keys_of_a_set_with_ports_are_address_and_port_together() -> None:
    grants = (Grant(FRIENDS, on_port(80)), Grant(FOES, on_port(81)))
    world = World([labelled_pod("x/a", "10.0.0.1", "friend", "foe")], *grants, with_ports=True)
    assert world.elements == {flow("10.0.0.1", 80), flow("10.0.0.1", 81)}


def test_each_pod_gives_its_own_number_to_a_port_name() -> None:
    objects = [
        labelled_pod("x/a", "10.0.0.1", ports=[container_port("http", 80)]),
        labelled_pod("x/b", "10.0.0.2", ports=[container_port("http", 8080)]),
        labelled_pod("x/c", "10.0.0.3", ports=[container_port("http", 80, "UDP")]),
    ]
    world = World(objects, Grant(EVERYONE, names=HTTP), with_ports=True)
    assert world.elements == {flow("10.0.0.1", 80), flow("10.0.0.2", 8080)}


class TestAnAddressThatTwoPodsClaim:
    """One of the two pods has ended, and the agent does not know it yet."""

    GRANTS = (Grant(FRIENDS, on_port(80)), Grant(FOES, on_port(81)))

    def test_a_claimed_address_is_granted_only_what_both_pods_are(self) -> None:
        one, other = labelled_pod("x/a", "10.0.0.1", "friend"), labelled_pod("x/b", "10.0.0.1", "foe")
        assert World([one, other], *self.GRANTS, with_ports=True).elements == frozenset()
        both = labelled_pod("x/b", "10.0.0.1", "friend", "foe")
        assert World([one, both], *self.GRANTS, with_ports=True).elements == {flow("10.0.0.1", 80)}

    def test_a_claimed_address_is_granted_nothing_if_one_of_its_pods_is_granted_nothing(self) -> None:
        one, other = labelled_pod("x/a", "10.0.0.1", "friend"), labelled_pod("x/b", "10.0.0.1")
        assert World([one, other], Grant(FRIENDS)).elements == frozenset()

    def test_port_names_count_only_where_both_pods_mean_the_same_number(self) -> None:
        old = labelled_pod("x/a", "10.0.0.1", ports=[container_port("http", 80)])
        new = labelled_pod("x/b", "10.0.0.1", ports=[container_port("http", 8080)])
        assert World([old, new], Grant(EVERYONE, names=HTTP), with_ports=True).elements == frozenset()

    def test_a_claimed_address_is_granted_what_the_remaining_pod_is_when_the_other_is_gone(self) -> None:
        one, other = labelled_pod("x/a", "10.0.0.1", "friend"), labelled_pod("x/b", "10.0.0.1", "foe")
        world = World([one, other], *self.GRANTS, with_ports=True)
        world.cluster.remove("Pod", "x", "a")
        assert world.refresh("10.0.0.1", namespaces=["x"]) == {flow("10.0.0.1", 81)}


class TestChanges:
    def test_a_pod_that_comes_and_goes_is_added_and_removed(self) -> None:
        world = World([], Grant(FRIENDS))
        world.cluster.upsert(labelled_pod("x/a", "10.0.0.1", "friend"))
        assert world.refresh("10.0.0.1", namespaces=["x"]) == {address("10.0.0.1")}
        world.cluster.remove("Pod", "x", "a")
        assert world.refresh("10.0.0.1", namespaces=["x"]) == frozenset()

    def test_other_labels_of_a_namespace_select_other_pods(self) -> None:
        world = World([namespace("y", team="b"), labelled_pod("y/a", "10.0.0.1")], Grant(TEAM))
        assert world.elements == frozenset()
        world.cluster.upsert(namespace("y", team="a"))
        assert world.refresh(relabelled=True) == {address("10.0.0.1")}

    def test_without_a_change_the_set_is_the_same_object(self) -> None:
        world = World([labelled_pod("x/a", "10.0.0.1", "friend")], Grant(FRIENDS))
        before = world.tracked.set
        world.refresh("10.0.0.1", namespaces=["x"])
        assert world.tracked.set is before


def test_the_name_of_a_set_says_what_is_in_it() -> None:
    """Profiles with rules about the same pods share a set. Its name does not change when the pods do."""
    names = {
        PodSet(Family.IPV4, False, frozenset({Grant(FRIENDS)})).name,
        PodSet(Family.IPV6, False, frozenset({Grant(FRIENDS)})).name,
        PodSet(Family.IPV4, False, frozenset({Grant(FOES)})).name,
        PodSet(Family.IPV4, True, frozenset({Grant(FRIENDS, on_port(80))})).name,
    }
    assert len(names) == 4
    again = compiled(POLICY).rules[Direction.INGRESS][0].peers
    assert PodSet(Family.IPV4, False, frozenset({Grant(again)})).name in names
