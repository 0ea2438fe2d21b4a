"""The side effects of a change of policies: exactly the other connections that it opens and closes."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import product

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.cluster_policy_strategies import clusters
from tests.example_counts import examples
from tests.semantics import naive_world
from tests.semantics.judges import by_the_letter, cluster_of
from tests.semantics.objects import Object, admits, block, labelled, owned, pod, pods, policy, port
from tests.semantics.test_agreement import ADDRESSES, PORTS, pod_names

from ringfence import Cluster
from ringfence.analysis.edits.policy_effects import SideEffects, side_effects, weight
from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.questions import Pair
from ringfence.engine.population import Member, Reference
from ringfence.model.decoding import decode
from ringfence.model.kinds import KINDS
from ringfence.model.objects import Policy
from ringfence.sets import intervals
from ringfence.sets.addresses import FAMILIES, Addresses, parse_address
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, PROTOCOLS, Traffic

WORLD = [
    pod("x/db", {"app": "db"}),
    pod("x/web", {"app": "web"}),
    pod("x/api", {"app": "api"}),
]
DB = labelled(app="db")
WEB = admits(pods(labelled(app="web")), ports=[port(80)])


def effects(world: Sequence[Object], change: Object, *question: str, number: int | None = None) -> SideEffects:
    cluster = cluster_of(world)
    pairs = cluster.can(*question, port=number).pairs if question else ()
    return side_effects(cluster.state, [model(change)], pairs)


def model(document: Object) -> Policy:
    decoded = decode(document)
    assert decoded is not None
    policy: Policy = KINDS.of(decoded).default(decoded)
    return policy


def lines(connections: Sequence[Connection]) -> list[str]:
    return [f"{text(one.source)} -> {text(one.destination)}: {one.traffic}" for one in connections]


def text(end: Reference | Addresses) -> str:
    return str(end) if isinstance(end, Reference) else " ".join(end.cidrs())


def test_a_port_more_is_opened_for_all_peers_of_the_rule_but_those_in_question() -> None:
    two = admits(pods(labelled(app="web")), pods(labelled(app="api")), ports=[port(80)])
    more = {**two, "ports": [port(80), port(81)]}
    found = effects(
        [*WORLD, policy("x/p", DB, ingress=[two])],
        policy("x/p", DB, ingress=[more]),
        *("x/web", "x/db"),
        number=81,
    )
    assert lines(found.opens) == ["x/api -> x/db: TCP 81"]
    assert found.closes == ()


def test_addresses_outside_count() -> None:
    closed, opened = (policy("x/p", DB, egress=[{"to": [block("192.0.2.0/24")], "ports": [port(n)]}]) for n in (1, 2))
    found = effects([*WORLD, closed], opened, "x/db", "192.0.2.7", number=2)
    assert lines(found.closes) == ["x/db -> 192.0.2.0/24: TCP 1"]
    assert all("192.0.2.7/32" not in line for line in lines(found.opens))


def test_what_the_other_side_denies_is_not_opened() -> None:
    closed = policy("x/p", DB, ingress=[])
    web_may_not = policy("x/q", labelled(app="web"), egress=[])
    found = effects([*WORLD, closed, web_may_not], policy("x/p", DB, ingress=[admits(pods({}))]))
    assert lines(found.opens) == ["x/api -> x/db: all traffic"]


def test_what_another_policy_allows_is_not_closed() -> None:
    both = [policy("x/p", DB, ingress=[WEB]), policy("x/q", DB, ingress=[WEB])]
    assert not effects([*WORLD, *both], policy("x/p", DB, ingress=[]))


def test_a_workload_is_named_where_all_its_pods_are_concerned() -> None:
    replicas = [owned(pod(f"x/r{number}", {"app": "r"}), "ReplicaSet", "r") for number in range(2)]
    world = [*WORLD, *replicas, policy("x/p", DB, ingress=[])]
    opened = policy("x/p", DB, ingress=[admits(pods(labelled(app="r")))])
    assert lines(effects(world, opened).opens) == ["x/ReplicaSet/r -> x/db: all traffic"]
    assert lines(effects(world, opened, "x/r0", "x/db").opens) == ["x/r1 -> x/db: all traffic"]


def test_nothing_is_left_of_a_comparison() -> None:
    cluster = cluster_of([*WORLD, policy("x/p", DB, ingress=[])])
    identities = len(list(cluster.state.population.identities()))
    side_effects(cluster.state, [model(policy("x/q", DB, ingress=[WEB]))], ())
    assert len(list(cluster.state.population.identities())) == identities
    assert not cluster.can("x/web", "x/db", port=80)


def test_the_weight_is_the_number_of_questions_and_the_limit_ends_the_count() -> None:
    cluster = cluster_of([*WORLD, policy("x/p", DB, ingress=[])])
    change = [model(policy("x/p", DB, ingress=[WEB, admits(pods(labelled(app="api")), ports=[port(1, to=10)])]))]
    pairs = cluster.can("x/web", "x/db", port=80).pairs
    assert weight(cluster.state, change, (), None) == 11
    assert weight(cluster.state, change, pairs, None) == 10
    assert weight(cluster.state, change, pairs, 10) == 10
    assert weight(cluster.state, change, pairs, 9) is None


# --- on random clusters -----------------------------------------------------------------------------------------------


@settings(max_examples=examples(50))
@given(clusters(), clusters(), st.data())
def test_the_side_effects_are_exactly_the_difference(
    objects: list[Object], others: list[Object], data: st.DataObject
) -> None:
    """... as the naive evaluator finds it, asked before and after the change."""
    policies = [one for one in others if one["kind"].endswith("NetworkPolicy")]
    assume(policies)
    change = data.draw(st.lists(st.sampled_from(policies), min_size=1, max_size=2, unique_by=key))
    before, after = objects, [*(one for one in objects if key(one) not in map(key, change)), *change]
    cluster, names = cluster_of(before), pod_names(before)
    assume(len(names) > 1)
    ends = data.draw(st.tuples(st.sampled_from(names), st.sampled_from([*names, *ADDRESSES])))
    number = data.draw(st.none() | st.sampled_from(PORTS))
    pairs = cluster.can(*ends, port=number).pairs
    found = side_effects(cluster.state, list(map(model, change)), pairs)
    opens, closes = by_pod(before, found.opens), by_pod(before, found.closes)
    judge_before, judge_after = by_the_letter(before), by_the_letter(after)
    for source, destination in [*product(names, names), *product(names, ADDRESSES), *product(ADDRESSES, names)]:
        for protocol, number in product(PROTOCOLS, PORTS):
            was = judge_before(source, destination, protocol, number)
            now = judge_after(source, destination, protocol, number)
            if is_asked(pairs, source, destination, protocol, number):
                was = now
            question = (source, destination, protocol, number)
            assert passes(opens, *question) is (now and not was), question
            assert passes(closes, *question) is (was and not now), question


@settings(max_examples=examples(50))
@given(clusters(), clusters(), st.data())
def test_the_weight_is_that_of_all_connections_by_pod(
    objects: list[Object], others: list[Object], data: st.DataObject
) -> None:
    policies = [one for one in others if one["kind"].endswith("NetworkPolicy")]
    assume(policies)
    change = data.draw(st.lists(st.sampled_from(policies), min_size=1, max_size=2, unique_by=key))
    cluster = cluster_of(objects)
    names = list(cluster.state.members())
    assume(names)
    source, destination = data.draw(st.sampled_from(names)), data.draw(st.sampled_from(names))
    pairs = cluster.can(str(source), str(destination), port=80).pairs
    found = weight(cluster.state, list(map(model, change)), pairs, None)
    was, is_there = listed(cluster), set(cluster.state.members())
    assert is_there == set(names)
    for one in change:
        cluster.upsert(one)
    now = listed(cluster)
    asked = was.pop((str(source), str(destination)), NO_TRAFFIC), now.pop((str(source), str(destination)), NO_TRAFFIC)
    of_pods = sum(size(changed(was.get(ends, NO_TRAFFIC), now.get(ends, NO_TRAFFIC))) for ends in {*was, *now})
    tcp_80 = Traffic.of("TCP", ((80, 80),))
    assert found == of_pods + size(changed(*asked) - tcp_80) + outside_difference(objects, change)


def outside_difference(objects: list[Object], change: list[Object]) -> int:
    """How many questions about addresses are answered differently."""
    one, other = cluster_of(objects), cluster_of(objects)
    for policy_document in change:
        other.upsert(policy_document)
    sides = zip(outside(one), outside(other), strict=True)
    return sum(
        number(addresses & others) * size(changed(was, now))
        for before, after in sides
        for addresses, was in before
        for others, now in after
    )


def outside(cluster: Cluster) -> Iterator[list[tuple[Addresses, Traffic]]]:
    """The traffic of each pod with every address, to it and from it."""
    listing: dict[tuple[str, bool], list[tuple[Addresses, Traffic]]] = defaultdict(list)
    for one in cluster.connections(pods=True):
        if isinstance(one.source, Addresses):
            listing[str(one.destination), True].append((one.source, one.traffic))
        elif isinstance(one.destination, Addresses):
            listing[str(one.source), False].append((one.destination, one.traffic))
    whole = Addresses.of()
    for family in FAMILIES:
        whole |= Addresses.in_family(family, ((0, (1 << (32 if family == 4 else 128)) - 1),))
    for member in sorted(map(str, cluster.state.members())):
        for inwards in (True, False):
            cells = listing[member, inwards]
            left = whole
            for addresses, _ in cells:
                left -= addresses
            yield [*cells, (left, NO_TRAFFIC)]


def listed(cluster: Cluster) -> dict[tuple[str, str], Traffic]:
    return {
        (str(one.source), str(one.destination)): one.traffic
        for one in cluster.connections(pods=True)
        if isinstance(one.source, Reference) and isinstance(one.destination, Reference)
    }


def changed(a: Traffic, b: Traffic) -> Traffic:
    return (a - b) | (b - a)


def number(addresses: Addresses) -> int:
    return sum(intervals.size(addresses.ranges(family)) for family in FAMILIES)


def size(traffic: Traffic) -> int:
    return sum(intervals.size(traffic.ports(protocol)) for protocol in PROTOCOLS) + traffic.other


def key(document: Object) -> tuple[str, str, str]:
    metadata = document["metadata"]
    return document["kind"], metadata.get("namespace", "default"), metadata["name"]


def is_asked(pairs: Sequence[Pair], source: str, destination: str, protocol: str, port_number: int) -> bool:
    return any(
        covers(pair.source, source)
        and covers(pair.destination, destination)
        and (pair.asked or ALL_TRAFFIC).contains(protocol, port_number)
        for pair in pairs
    )


def covers(end: Member | Addresses, name: str) -> bool:
    if isinstance(end, Member):
        return f"{end.namespace}/{end.name}" == name
    return "/" not in name and end.contains(*parse_address(name))


def by_pod(objects: list[Object], connections: Sequence[Connection]) -> list[tuple[object, object, Traffic]]:
    """The connections with the pods of each workload in place of it."""
    of_workload = defaultdict(set)
    for one in naive_world.pods(objects):
        for owner in one["metadata"].get("ownerReferences", ()):
            of_workload[f"{naive_world.namespace_of(one)}/{owner['name']}"].add(naive_world.name_of(one))

    def expanded(end: Reference | Addresses) -> object:
        if isinstance(end, Addresses):
            return end
        short = f"{end.namespace}/{end.name}"
        return of_workload.get(short, {short}) if end.kind != "Pod" else {short}

    return [(expanded(one.source), expanded(one.destination), one.traffic) for one in connections]


def passes(
    connections: list[tuple[object, object, Traffic]], source: str, destination: str, protocol: str, port_number: int
) -> bool:
    return any(
        has(sources, source) and has(destinations, destination) and traffic.contains(protocol, port_number)
        for sources, destinations, traffic in connections
        # The pods of a workload that is named with itself are two different ones, or the template that stands for them.
        if source != destination or sources == {source}
    )


def has(ends: object, name: str) -> bool:
    if isinstance(ends, Addresses):
        return "/" not in name and ends.contains(*parse_address(name))
    assert isinstance(ends, set)
    return name in ends
