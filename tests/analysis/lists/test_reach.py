"""Who can reach an endpoint, and what it can reach."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from tests import strategies
from tests.analysis.endpoints.test_endpoints import service
from tests.analysis.questions.test_questions import FROM_CLIENT, ONLY_NEW, WORLD, tcp
from tests.engine.population.test_workloads import made
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, block, labelled, pod, pods, policy, port, sends

from ringfence import RingfenceError
from ringfence.analysis.lists.reach import Reach
from ringfence.analysis.lists.reach_rows import AllowingRule, Permission
from ringfence.engine.population.pods import Reference
from ringfence.errors import InputError
from ringfence.model.policies import Direction
from ringfence.sets.addresses import ALL_ADDRESSES, NO_ADDRESSES, Addresses
from ringfence.sets.traffic import Traffic


def names(found: Iterable[object]) -> list[str]:
    return sorted(map(str, found))


def lines(found: Reach) -> dict[str, str]:
    """The allowed traffic, by the other end."""
    return {str(row.end): row.traffic_text for row in found.rows}


def test_who_reaches_a_pod() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    assert names(cluster.sources("x/new", 8080)) == ["x/client"]
    assert names(cluster.sources("x/new", 80)) == []
    assert names(cluster.sources("x/client", 80)) == ["x/new", "x/old", "x/stranger"]


def test_who_reaches_all_pods_behind_a_service() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    assert names(cluster.sources("x/svc/web", 80)) == ["x/client"]


def test_what_a_pod_reaches() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    assert names(cluster.destinations("x/client", 8080)) == ["x/new", "x/stranger"]
    assert names(cluster.destinations("x/stranger", 8080)) == ["x/client"]


def test_what_each_of_several_pods_reaches() -> None:
    cluster = cluster_of([*WORLD, ONLY_NEW])
    assert names(cluster.destinations("x/app=web", 80)) == ["x/client", "x/new", "x/stranger"], "old reaches new"


def test_a_node_reaches_its_pods() -> None:
    objects = [pod("x/h", hostNetwork=True, nodeName="n"), pod("x/a", nodeName="n"), pod("x/b", nodeName="m")]
    cluster = cluster_of([*objects, policy("x/p", ingress=[])])
    assert names(cluster.sources("x/a", 80)) == ["x/h"]
    assert names(cluster.destinations("x/h", 80)) == ["x/a"]


def test_a_set_of_pods_is_a_collection() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    found = cluster.sources("x/client", 80)
    client, old = (cluster.state.member(Reference("x", "Pod", name)) for name in ("client", "old"))
    assert old in found
    assert client not in found
    assert client in cluster.sources("x/old", 80)
    assert len(found) == len(list(found)) == 3
    assert repr(found) == "<3 pods>"


def test_a_set_of_pods_cannot_be_read_after_the_cluster_has_changed() -> None:
    cluster = cluster_of(WORLD)
    found = cluster.sources("x/client", 80)
    cluster.upsert(FROM_CLIENT)
    with pytest.raises(RingfenceError, match="the cluster has changed since this answer: ask again"):
        len(found)


def test_who_reaches_addresses_outside_the_cluster() -> None:
    only_docs = policy("x/p", labelled(app="client"), egress=[sends(block("192.0.2.0/24"))])
    cluster = cluster_of([*WORLD, only_docs])
    assert names(cluster.sources("192.0.2.7", 443)) == ["x/client", "x/new", "x/old", "x/stranger"]
    assert names(cluster.sources("192.0.0.0/16", 443)) == ["x/new", "x/old", "x/stranger"]
    assert names(cluster.destinations("192.0.2.7", 443)) == ["x/client", "x/new", "x/old", "x/stranger"]
    assert not cluster.sources("192.0.2.7", 443).addresses, "no policy decides between two addresses outside"
    assert lines(cluster.sources("192.0.0.0/16"))["x/client"] == "partly all traffic"


def test_who_reaches_a_service_that_also_leads_outside_the_cluster() -> None:
    bare = service("x/mixed", {}, ports=[{"port": 80}])
    endpoints = [
        {"addresses": ["192.0.2.7"]},
        {"addresses": ["192.0.2.8"], "targetRef": {"kind": "Pod", "name": "new"}},
    ]
    piece = {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "s", "namespace": "x", "labels": {"kubernetes.io/service-name": "mixed"}},
        "addressType": "IPv4",
        "endpoints": endpoints,
        "ports": [{"port": 80, "protocol": "TCP"}],
    }
    cluster = cluster_of([*WORLD, bare, piece, policy("x/p", labelled(release="new"), ingress=[])])
    assert names(cluster.sources("x/svc/mixed", 80)) == ["x/new"], "it reaches the address, which is all but itself"
    assert lines(cluster.sources("x/svc/mixed"))["x/client"] == "partly TCP 80"


def test_a_workload_stands_for_its_pods() -> None:
    cluster = cluster_of([*WORLD, made(Reference("x", "Deployment", "api"))])
    assert names(cluster.destinations("x/api", 80)) == ["x/client", "x/new", "x/old", "x/stranger"]


def test_a_workload_reaches_itself_where_its_pods_reach_one_another() -> None:
    api = Reference("x", "Deployment", "api")
    several, one = cluster_of([*WORLD, made(api, replicas=3)]), cluster_of([*WORLD, made(api, replicas=1)])
    closed = cluster_of([*WORLD, made(api, replicas=3), policy("x/p", labelled(**{"made-by": "api"}), ingress=[])])
    for question in ("sources", "destinations"):
        assert "x/Deployment/api" in names(getattr(several, question)("x/api", 80))
        assert "x/Deployment/api" not in names(getattr(one, question)("x/api", 80))
        assert "x/Deployment/api" not in names(getattr(closed, question)("x/api", 80))


@pytest.mark.parametrize("question", ["sources", "destinations"])
@pytest.mark.parametrize(
    ("port", "protocol", "message"),
    [
        (0, "TCP", "0 is not a valid port: use a number from 1 to 65535"),
        (65536, "TCP", "65536 is not a valid port: use a number from 1 to 65535"),
    ],
)
def test_a_port_that_does_not_exist_is_refused(question: str, port: int, protocol: str, message: str) -> None:
    cluster = cluster_of([pod("x/a"), pod("x/b")])
    with pytest.raises(InputError) as refusal:
        getattr(cluster, question)("x/a", port, protocol)
    assert str(refusal.value) == message


def test_addresses_outside_the_cluster_belong_to_the_answer() -> None:
    from_office = admits(block("203.0.113.0/24"), pods(labelled(app="client")), ports=[port(80)])
    cluster = cluster_of([*WORLD, policy("x/p", labelled(app="web"), ingress=[from_office])])
    found = cluster.sources("x/new", 80)
    assert str(found.addresses) == "203.0.113.0/24"
    assert str(found) == "x/client: TCP 80\n203.0.113.0/24: TCP 80"
    assert found
    assert cluster.sources("x/new", 81).addresses == NO_ADDRESSES
    assert not cluster.sources("x/new", 81)
    assert str(cluster.sources("x/new", 81)) == "nothing"
    assert cluster.destinations("x/new", 80).addresses == ALL_ADDRESSES


def test_without_a_port_the_traffic_is_listed() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    assert names(cluster.sources("x/new")) == ["x/client"]
    assert lines(cluster.sources("x/new")) == {"x/client": "TCP 8080"}
    assert lines(cluster.destinations("x/client")) == {
        "x/new": "TCP 8080",
        "x/old": "TCP 80",
        "x/stranger": "all traffic",
        "any address": "all traffic",
    }


def test_a_service_is_listed_by_its_own_ports() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    assert lines(cluster.sources("x/svc/web")) == {"x/client": "TCP 80"}
    open_to_all = policy("x/p", labelled(app="web"), ingress=[admits(ports=[port("http")])])
    assert lines(cluster_of([*WORLD, open_to_all]).sources("x/svc/web"))["any address"] == "TCP 80"


def test_what_only_some_pods_of_an_endpoint_allow_is_listed_apart() -> None:
    cluster = cluster_of([*WORLD, ONLY_NEW])
    (row,) = [row for row in cluster.sources("x/app=web", 80).rows if str(row.end) == "x/client"]
    assert (row.traffic, row.partly) == (Traffic(), tcp(80))
    assert str(row) == "x/client: partly TCP 80"
    assert "x/client" not in names(cluster.sources("x/app=web", 80))


def test_a_row_names_the_rules_that_let_it() -> None:
    to_new = policy("x/q", labelled(app="client"), egress=[sends(ports=[port(53)]), sends(pods(labelled(app="web")))])
    cluster = cluster_of([*WORLD, FROM_CLIENT, to_new])
    (row,) = cluster.sources("x/new").rows
    egress, ingress = AllowingRule("x", "q", Direction.EGRESS, 1), AllowingRule("x", "p", Direction.INGRESS, 0)
    assert (row.egress.isolated, row.ingress.isolated) == (True, True)
    assert ([str(rule) for rule in row.egress.rules], [str(rule) for rule in row.ingress.rules]) == (
        [str(egress)],
        [str(ingress)],
    )
    assert (str(egress), str(ingress)) == ("x/q egress[1]", "x/p ingress[0]")
    (row,) = [row for row in cluster.destinations("x/stranger").rows if str(row.end) == "any address"]
    assert row.egress == Permission(isolated=False, is_open=True)
    assert row.ingress.exempt == "policies do not apply outside the cluster"


def test_a_pod_that_does_not_exist_yet_reaches_and_is_reached() -> None:
    cluster = cluster_of([*WORLD, FROM_CLIENT])
    assert names(cluster.sources("pod:x/app=web", 80)) == []
    assert names(cluster.destinations("pod:x/app=client", 8080)) == ["x/client", "x/new", "x/stranger"]
    assert lines(cluster.destinations("pod:x/app=client"))["x/new"] == "TCP 8080"
    assert "pod:x/app=client" not in names(cluster.sources("x/client"))


def test_a_list_has_the_assumptions_of_all_its_answers() -> None:
    cluster = cluster_of([*WORLD, policy("x/p", labelled(app="web"), ingress=[admits(block("10.0.0.0/8"))])])
    assert "the address of x/client is not known: it is assumed not to lie in ipBlock 10.0.0.0/8" in (
        cluster.sources("x/new", 80).assumptions
    )


def test_a_name_of_a_pod_and_a_workload_is_refused_if_they_differ() -> None:
    api = [made(Reference("x", "Deployment", "api")), pod("x/api", {"app": "web"})]
    assert cluster_of([*WORLD, *api]).sources("x/api", 80)
    with pytest.raises(RingfenceError, match="x/api is ambiguous"):
        cluster_of([*WORLD, *api, FROM_CLIENT]).sources("x/api", 80)


def test_a_set_of_pods_stays_the_same_while_edits_are_tried() -> None:
    cluster = cluster_of([pod("x/a"), pod("x/b", {"app": "1"}), policy("x/p", egress=[sends()])])
    found = cluster.sources("x/a", 80)
    assert names(found) == ["x/b"]
    assert cluster.can("x/b", "x/a", port=80).edits
    assert names(found) == ["x/b"]


@settings(deadline=None)
@given(strategies.clusters())
def test_rows_agree_with_the_list_of_connections(world: list[Object]) -> None:
    cluster = cluster_of(world)
    listed = list(cluster.connections())
    ends = {end for one in listed for end in (one.source, one.destination) if isinstance(end, Reference)}
    for end in ends:
        text = f"{end.namespace}/{end.kind.lower()}/{end.name}"
        sources = [(one.source, one.traffic) for one in listed if one.destination == end]
        assert joined(rows(cluster.sources(text))) == joined(sources)
        reached = [(one.destination, one.traffic) for one in listed if one.source == end]
        assert joined(rows(cluster.destinations(text))) == joined(reached)


def rows(found: Reach) -> list[tuple[Reference | Addresses, Traffic]]:
    """The traffic that is allowed for all pods of the endpoint."""
    return [(row.end, row.traffic) for row in found.rows if row.traffic]


def joined(cells: Iterable[tuple[Reference | Addresses, Traffic]]) -> set[tuple[object, Traffic]]:
    """The cells, with all addresses of the same traffic as one."""
    outside: dict[Traffic, Addresses] = {}
    found: set[tuple[object, Traffic]] = set()
    for end, traffic in cells:
        if isinstance(end, Addresses):
            outside[traffic] = outside.get(traffic, NO_ADDRESSES) | end
        else:
            found.add((end, traffic))
    return found | {(addresses, traffic) for traffic, addresses in outside.items()}


def test_ports_of_a_service_with_one_number_are_different_ports() -> None:
    dns = service(
        "x/dns",
        {"app": "web"},
        ports=[{"name": "a", "port": 53}, {"name": "b", "port": 53, "protocol": "UDP", "targetPort": 53}],
    )
    only_udp = policy("x/p", labelled(app="web"), ingress=[admits(ports=[port(53, "UDP")])])
    cluster = cluster_of([*WORLD, dns, only_udp])
    assert lines(cluster.sources("x/svc/dns"))["any address"] == "UDP 53"


@settings(deadline=None)
@given(strategies.clusters())
def test_rows_of_several_pods_agree_with_the_answer_about_all(world: list[Object]) -> None:
    cluster = cluster_of(world)
    if not list(cluster.state.members()):
        return
    for row in cluster.sources("*").rows:
        if isinstance(row.end, Reference):
            text = f"{row.end.namespace}/{row.end.kind.lower()}/{row.end.name}"
            assert row.traffic == cluster.can(text, "*").traffic
    for row in cluster.destinations("*").rows:
        if isinstance(row.end, Reference):
            text = f"{row.end.namespace}/{row.end.kind.lower()}/{row.end.name}"
            assert row.traffic == cluster.can("*", text).traffic


class TestAddressesOfPods:
    """A question about an address is about its family only, and not about the other family of its pod."""

    DUAL = (
        pod("x/a", {"app": "a"}, addresses=["10.0.0.1", "fd00::1"]),
        pod("x/b", {"app": "b"}, addresses=["10.0.0.2", "fd00::2"]),
        service("x/a", {"app": "a"}, clusterIP="10.96.0.1", ports=[{"port": 80}]),
        policy("x/p", labelled(app="a"), ingress=[admits(block("0.0.0.0/0"))], egress=[sends(block("::/0"))]),
    )

    @pytest.mark.parametrize(
        ("destination", "reaching"),
        [("x/a", []), ("10.0.0.1", ["x/b"]), ("fd00::1", []), ("10.96.0.1", ["x/b"]), ("x/svc/a", ["x/b"])],
    )
    def test_who_reaches_it(self, destination: str, reaching: list[str]) -> None:
        assert list(map(str, cluster_of(self.DUAL).sources(destination, 80))) == reaching

    @pytest.mark.parametrize(("source", "reached"), [("x/a", []), ("10.0.0.1", []), ("fd00::1", ["x/b"])])
    def test_what_it_reaches(self, source: str, reached: list[str]) -> None:
        assert list(map(str, cluster_of(self.DUAL).destinations(source, 80))) == reached
