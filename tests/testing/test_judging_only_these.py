"""`only-from` and `only-to`: who is listed may connect, and nobody else of those that are there."""

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    namespace,
    node,
    pod,
    pods,
    policy,
    port,
    sends,
)
from tests.testing.worlds import message, status

from ringfence.cluster import Cluster


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ("to: prod/db, port: 3306, expect: {only-from: [prod/api]}", "passed"),
        ("to: prod/db, port: 3306, expect: {only-from: []}", "failed"),
        ("to: prod/db, port: 3306, expect: {only-from: [prod/api, prod/web]}", "failed"),
        ("to: prod/db, port: 3306, expect: {only-from: [prod/web]}", "failed"),
        ("to: prod/db, expect: {only-from: [prod/api, 192.168.5.10]}", "failed"),
        ("to: prod/db, expect: {only-from: [prod/api]}", "passed"),
        ("to: prod/svc/db, port: 3306, expect: {only-from: [prod/api]}", "passed"),
        ("from: prod/db, expect: {only-to: [192.168.5.10]}", "passed"),
        ("from: prod/db, expect: {only-to: []}", "failed"),
        ("from: prod/db, expect: {only-to: [prod/api, 192.168.5.10]}", "failed"),
        ("from: prod/api, port: 3306, expect: {only-to: [prod/db]}", "failed"),
    ],
)
def test_only_these_may_connect(cluster: Cluster, test: str, expected: str) -> None:
    assert status(cluster, f"{test}, accept: assumptions") == expected


def client_of_named_ports(*more: Object) -> Cluster:
    """`x/client` may open TCP 8080 and TCP 9090 of `x/named`, which calls 8080 http, and TCP 9090 of `x/numbered`."""
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "web", "namespace": "x"},
        "spec": {"selector": {"app": "named"}, "ports": [{"name": "web", "port": 80, "targetPort": "http"}]},
    }
    egress = [
        sends(pods(labelled(app="named")), ports=[port(8080), port(9090)]),
        sends(pods(labelled(app="numbered")), ports=[port(9090)]),
    ]
    world = [
        pod("x/client", {"app": "client"}),
        pod("x/named", {"app": "named"}, ports=[container_port("http", 8080), container_port("metrics", 9090)]),
        pod("x/numbered", {"app": "numbered"}, ports=[container_port("metrics", 9090)]),
        pod("x/other", {"app": "other"}, ports=[container_port("ssh", 22)]),
        policy("x/out", labelled(app="client"), egress=egress),
    ]
    return cluster_of([*world, service, *more])


@pytest.mark.parametrize(
    ("listed", "ports", "expected"),
    [
        pytest.param("x/named, x/numbered", "http, 9090", "passed", id="each by the ports that it has"),
        pytest.param("x/named", "http, 9090", "failed", id="one that is not listed is reached by the number"),
        pytest.param("x/numbered", "http", "error", id="a listed one has no port of the name"),
        pytest.param("x/named", "http", "passed", id="the others have no port of the name"),
        pytest.param("", "http", "failed", id="one that is not listed is reached by the name"),
        pytest.param("x/svc/web", "web", "passed", id="a Service by the name of its own port"),
        pytest.param("x/svc/web", "http", "error", id="a Service is not asked for names at its pods"),
    ],
)
def test_each_destination_is_asked_about_the_names_that_it_has(listed: str, ports: str, expected: str) -> None:
    test = f"from: x/client, ports: [{ports}], expect: {{only-to: [{listed}]}}, accept: assumptions"
    assert status(client_of_named_ports(), test) == expected


def test_a_listed_destination_must_be_reached_by_name_and_by_number() -> None:
    """Its TCP 9090 is allowed, and its port with the name is not: of the pod, and of its Service."""
    half = pod("x/half", {"app": "half"}, ports=[container_port("http", 8081), container_port("metrics", 9090)])
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "half", "namespace": "x"},
        "spec": {"selector": {"app": "half"}, "ports": [{"name": "web", "port": 8081}, {"name": "m", "port": 9090}]},
    }
    more = policy("x/more", labelled(app="client"), egress=[sends(pods(labelled(app="half")), ports=[port(9090)])])
    cluster = client_of_named_ports(half, service, more)
    for listed, name in (("x/half", "http"), ("x/svc/half", "web")):
        test = f"from: x/client, ports: [{name}, 9090], expect: {{only-to: [{listed}]}}, accept: assumptions"
        assert message(cluster, test) == f"{listed} is listed, and x/client may not reach it on TCP 8081"


def test_addresses_are_asked_about_the_ports_that_are_given_by_number() -> None:
    """A name means nothing outside the cluster, but the number beside it does."""
    cluster = client_of_named_ports(policy("x/far", labelled(app="client"), egress=[sends(block("10.9.0.0/16"))]))
    listed = "from: x/client, expect: {only-to: [x/named, x/numbered]}, accept: [assumptions, unserved-ports]"
    assert message(cluster, f"{listed}, ports: [http, 9090]") == (
        "x/client may reach 10.9.0.0/16 on TCP 9090, which is not listed"
    )
    assert status(cluster, f"{listed.replace(', x/numbered', '')}, port: http") == "passed"


def test_only_these_says_who_is_not_listed_or_not_allowed(cluster: Cluster) -> None:
    ports = "to: prod/db, port: 3306, accept: assumptions"
    assert message(cluster, f"{ports}, expect: {{only-from: []}}") == (
        "prod/api may reach prod/db on TCP 3306, and is not listed"
    )
    assert message(cluster, f"{ports}, expect: {{only-from: [prod/api, prod/web]}}") == (
        "prod/web is listed, and may not reach prod/db on TCP 3306"
    )
    assert message(cluster, "from: prod/db, expect: {only-to: []}, accept: assumptions").endswith("which is not listed")


@pytest.mark.parametrize(("listed", "expected"), [("192.168.0.0/24", "failed"), ("192.168.0.1/32", "passed")])
def test_the_node_of_a_pod_always_reaches_it_and_is_none_of_the_others(listed: str, expected: str) -> None:
    cluster = Cluster()
    for one in (
        namespace("x"),
        node("m", "192.168.0.1"),
        node("n", "192.168.0.2"),
        pod("x/web", {"app": "web"}, addresses=["10.0.0.2"], nodeName="n"),
        pod("x/db", {"app": "db"}, addresses=["10.0.0.1"], nodeName="m"),
        policy("x/db", labelled(app="db"), ingress=[admits(pods(labelled(app="web")), block(listed))]),
    ):
        cluster.upsert(one)
    assert status(cluster, "name: t, to: x/db, port: 80, expect: {only-from: [x/web]}") == expected
