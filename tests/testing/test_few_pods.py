"""Few pods that represent many, and pods that must not be left out."""

from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    container_port,
    labelled,
    namespace,
    node,
    owned,
    pod,
    pods,
    policy,
    port,
    sends,
)
from tests.testing.worlds import message, status

from ringfence.analysis.endpoints import AskedPorts, resolve
from ringfence.cluster import Cluster
from ringfence.testing.few_pods import few_of_both

ACCEPT = "accept: [assumptions, unserved-ports]"
DENY_ALL = policy("x/deny-all", ingress=[])


def replicas(number: int) -> list[Object]:
    return [owned(pod(f"x/db-{index}", {"app": "db"}), "StatefulSet", "db") for index in range(number)]


def test_two_of_many_equal_pods_are_asked_about_each_other() -> None:
    cluster = cluster_of([*replicas(7), DENY_ALL])
    assert status(cluster, f"from: x/app=db, to: x/app=db, expect: deny, {ACCEPT}") == "passed"
    assert status(cluster, f"to: x/app=db, expect: {{only-from: []}}, {ACCEPT}") == "passed"
    open_to_each_other = policy("x/gossip", ingress=[admits(pods(labelled(app="db")))])
    cluster = cluster_of([*replicas(7), DENY_ALL, open_to_each_other])
    assert status(cluster, f"from: x/app=db, to: x/app=db, expect: allow, {ACCEPT}") == "passed"
    assert status(cluster, f"to: x/app=db, expect: {{only-from: []}}, {ACCEPT}") == "failed"
    assert status(cluster, f"to: x/app=db, expect: {{only-from: [x/app=db]}}, {ACCEPT}") == "passed"


def test_a_failure_says_for_how_many_pairs_it_is_so() -> None:
    """Of the pairs of seven clients and two servers, thirteen more than the first."""
    clients = [owned(pod(f"x/web-{index}", {"app": "web"}), "StatefulSet", "web") for index in range(7)]
    cluster = cluster_of([*replicas(2), *clients, DENY_ALL])
    said = message(cluster, f"from: x/app=web, to: x/app=db, port: 80, expect: allow, {ACCEPT}")
    assert said == "x/web-0 may not reach x/db-0 on TCP 80; the same holds for 13 other pairs"
    said = message(cluster, f"from: x/app=db, to: x/app=db, port: 80, expect: allow, {ACCEPT}")
    assert said == "x/db-0 may not reach x/db-1 on TCP 80; the same holds for 1 other pair"


def test_pods_that_no_policy_tells_apart_may_give_a_name_to_other_ports() -> None:
    """Each of the others is asked about its own port: the third one is the only one that is reached."""
    numbers = (80, 80, 81)
    servers = [pod(f"x/s-{at}", {"app": "s"}, ports=[container_port("http", one)]) for at, one in enumerate(numbers)]
    egress = policy("x/out", labelled(app="c"), egress=[sends(ports=[port(81)])])
    cluster = cluster_of([pod("x/c", {"app": "c"}), *servers, egress])
    assert status(cluster, f"from: x/c, port: http, expect: {{only-to: [x/s-2]}}, {ACCEPT}") == "passed"
    assert status(cluster, f"from: x/c, port: http, expect: {{only-to: []}}, {ACCEPT}") == "failed"


def on_node() -> Cluster:
    db = pod("x/db", {"app": "db"}, nodeName="n")
    return cluster_of([node("n", "10.1.0.1"), db, DENY_ALL])


def test_a_node_that_reaches_its_own_pods_is_not_one_of_the_others() -> None:
    assert status(on_node(), f"to: x/db, port: 80, expect: {{only-from: []}}, {ACCEPT}") == "passed"
    assert status(on_node(), f"to: x/db, expect: {{only-from: []}}, {ACCEPT}") == "passed"


def test_a_node_that_policies_admit_to_pods_of_others_is_one_of_the_others() -> None:
    first, second = (pod(f"x/db-{name}", {"app": "db"}, nodeName=name) for name in ("m", "n"))
    nodes = [node("m", "10.1.0.1"), node("n", "10.1.0.2")]
    open_to_one = policy("x/open", ingress=[admits({"ipBlock": {"cidr": "10.1.0.1/32"}})])
    cluster = cluster_of([*nodes, first, second, open_to_one])
    assert status(cluster, f"to: x/app=db, port: 80, expect: {{only-from: []}}, {ACCEPT}") == "failed"
    closed = cluster_of([*nodes, first, second, DENY_ALL])
    assert status(closed, f"to: x/app=db, port: 80, expect: {{only-from: []}}, {ACCEPT}") == "passed"


def test_a_node_may_be_admitted_to_its_own_pods() -> None:
    own = policy("x/own", ingress=[admits({"ipBlock": {"cidr": "10.1.0.1/32"}})])
    cluster = cluster_of([node("n", "10.1.0.1"), pod("x/db", {"app": "db"}, nodeName="n"), own])
    assert status(cluster, f"to: x/db, port: 80, expect: {{only-from: []}}, {ACCEPT}") == "passed"


def test_who_is_listed_must_reach_every_pod_of_the_end() -> None:
    """Two servers of which the policy of one admits both listed clients, and that of the other one only the first."""
    pairs = (("web", "10.0.0.1"), ("api", "10.0.0.2"))
    clients = [pod(f"x/{name}", {"app": name}, addresses=[address]) for name, address in pairs]
    servers = [
        pod(f"x/db-{name}", {"app": "db", "version": name}, addresses=[address])
        for name, address in (("a", "10.0.0.3"), ("b", "10.0.0.4"))
    ]
    web, api = (admits(pods(labelled(app=name)), ports=[port(80)]) for name in ("web", "api"))
    policies = [
        policy("x/a", labelled(version="a"), ingress=[web, api]),
        policy("x/b", labelled(version="b"), ingress=[web]),
    ]
    cluster = cluster_of([namespace("x"), *clients, *servers, *policies])
    test = "to: x/app=db, port: 80, expect: {only-from: [x/web, x/api]}, accept: [unserved-ports]"
    assert status(cluster, test) == "failed"
    assert "x/api is listed, and may not reach x/db-b" in message(cluster, test)
    both = policy("x/b", labelled(version="b"), ingress=[web, api])
    cluster = cluster_of([namespace("x"), *clients, *servers, policies[0], both])
    assert status(cluster, test) == "passed"


def test_of_pods_that_get_the_same_answer_one_is_asked_about_or_two_if_both_ends_have_them() -> None:
    servers, clients = replicas(7), [owned(pod(f"x/c-{at}", {"app": "c"}), "StatefulSet", "c") for at in range(5)]
    state = cluster_of([*servers, *clients, DENY_ALL]).state
    db, web = (resolve(state, f"x/app={app}", "x") for app in ("db", "c"))
    ports = AskedPorts()
    assert [list(map(str, one.ends)) for one in few_of_both(state, web, db, ports)] == [["x/c-0"], ["x/db-0"]]
    assert [list(map(str, one.ends)) for one in few_of_both(state, db, db, ports)] == [["x/db-0", "x/db-1"]] * 2
