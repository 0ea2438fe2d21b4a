"""The ends that an ipBlock matches, the addresses of pods, and the traffic that is allowed whatever policies say.

Source: the Kubernetes documentation of NetworkPolicy and the field descriptions of the API. Each row is checked with
the engine and with the naive evaluator.
"""

import pytest
from tests.semantics.claims import untrue
from tests.semantics.judges import Judge, both_judges
from tests.semantics.objects import Object, admits, block, namespaces, pod, pods, policy, port, sends, workload
from tests.semantics.table import (
    APP_CLIENT,
    APP_SERVER,
    WORLD,
    everybody,
    nobody,
    only,
    rows,
    with_egress,
    with_ingress,
)


@rows(
    ("one pod's address", [block("10.0.2.2/32"), block("fd00:2::2/128")], only("y/client")),
    (
        "all but one pod's",
        [block("10.0.0.0/8", "10.0.2.2/32"), block("fd00::/8", "fd00:2::2/128")],
        only("x/client", "x/other", "y/other", "z/client"),
    ),
    ("one family does not stand for the other", [block("0.0.0.0/0")], only("203.0.113.7")),
    ("both families: everybody", [block("0.0.0.0/0"), block("::/0")], everybody()),
    (
        "what one block excepts another may allow",
        [block("203.0.113.0/24", "203.0.113.0/28"), block("203.0.113.7/32")],
        only("203.0.113.7"),
    ),
    ("within an exception", [block("203.0.113.0/24", "203.0.113.0/28")], nobody()),
    ("beside an exception", [block("203.0.113.0/24", "203.0.113.16/28")], only("203.0.113.7")),
    ("exceptions may overlap", [block("203.0.113.0/24", "203.0.113.0/28", "203.0.113.0/30")], nobody()),
)
def test_blocks(written: list[Object], claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge(with_ingress(admits(*written)))) == []


@rows(
    (
        "selectors match no address outside the cluster",
        [sends(namespaces({}))],
        ["deny x/client -> 203.0.113.7", "deny x/client -> 2001:db8::7", "allow x/client -> x/server"],
    ),
    (
        "a block of addresses outside",
        [sends(block("203.0.113.0/24"), ports=[port(443)])],
        [
            "allow x/client -> 203.0.113.7 on TCP/443",
            "deny x/client -> 203.0.113.7 on TCP/80",
            "deny x/client -> 203.0.114.7 on TCP/443",
        ],
    ),
    (
        "an address outside names no ports",
        [sends(block("0.0.0.0/0"), block("::/0"), ports=[port("http")])],
        ["deny x/client -> 203.0.113.7 on TCP/8080", "allow x/client -> x/server on TCP/8080"],
    ),
    (
        "nothing outside is in force for an end outside",
        [{}],
        ["allow x/client -> 203.0.113.7", "allow 203.0.113.7 -> x/client"],
    ),
)
def test_egress_to_outside(written: list[Object], claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge(with_egress(*written))) == []


HOST_PINNED = workload("infra/pinned", "Deployment", pod("infra/any", hostNetwork=True, nodeName="here"))
ELSEWHERE = pod("x/elsewhere", nodeName="unheard-of")
ELSEWHERE["status"]["hostIPs"] = [{"ip": "192.168.0.9"}, {"ip": "fd09::9"}]
DENY_ALL = [policy("x/deny-all", ingress=[], egress=[])]
HOST_HERE = pod("infra/agent", {"app": "client"}, hostNetwork=True, nodeName="here")
HOST_THERE = pod("infra/elsewhere", {"app": "client"}, hostNetwork=True, nodeName="there")


@rows(
    ("a pod reaches itself", DENY_ALL, ["allow x/server -> x/server"]),
    ("its node reaches a pod", DENY_ALL, ["allow 192.168.0.1 -> x/server", "allow fd09::1 -> x/server"]),
    (
        "which the pod's own status may say as well",
        [*DENY_ALL, ELSEWHERE],
        ["allow 192.168.0.9 -> x/elsewhere", "allow fd09::9 -> x/elsewhere", "deny 192.168.0.1 -> x/elsewhere"],
    ),
    ("another node does not", DENY_ALL, ["deny 192.168.0.2 -> x/server", "deny fd09::2 -> x/server"]),
    ("a pod does not reach its node", DENY_ALL, ["deny x/server -> 192.168.0.1"]),
    ("a pod on the network of its node is that node", [*DENY_ALL, HOST_HERE], ["allow infra/agent -> x/server"]),
    ("and on that of another node it is not", [*DENY_ALL, HOST_THERE], ["deny infra/elsewhere -> x/server"]),
    (
        "so is one of a workload that is bound to that node",
        [*DENY_ALL, HOST_PINNED, policy("x/out", egress=[sends(block("192.168.0.1/32"), block("fd09::1/128"))])],
        ["allow infra/pinned -> x/server", "allow x/client -> infra/pinned"],
    ),
    (
        "a pod on its node's network is never a subject",
        [HOST_HERE, policy("infra/deny-all", ingress=[], egress=[])],
        ["allow x/client -> infra/agent", "allow infra/agent -> x/client"],
    ),
    (
        "no selector matches a pod on its node's network",
        [HOST_THERE, policy("x/in", APP_SERVER, ingress=[admits(namespaces({}))])],
        ["deny infra/elsewhere -> x/server", "allow y/client -> x/server"],
    ),
    (
        "its node's address does",
        [HOST_THERE, policy("x/in", ingress=[admits(block("192.168.0.2/32"), block("fd09::2/128"))])],
        ["allow infra/elsewhere -> x/server", "deny y/client -> x/server"],
    ),
)
def test_what_is_always_allowed(written: list[Object], claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge([*WORLD, *written])) == []


NOWHERE = pod("y/nowhere")


@rows(
    ("a block of a whole family", [block("0.0.0.0/0"), block("::/0")], ["allow y/nowhere -> x/server"]),
    ("of either family: the pod may have an address of any", [block("0.0.0.0/0")], ["allow y/nowhere -> x/server"]),
    (
        "less some that may be elsewhere",
        [block("0.0.0.0/0", "10.0.0.0/8"), block("::/0", "fd00::/8")],
        ["allow y/nowhere -> x/server"],
    ),
    (
        "but not less everything",
        [block("0.0.0.0/0", "0.0.0.0/1", "128.0.0.0/1"), block("::/0", "::/1", "8000::/1")],
        ["deny y/nowhere -> x/server"],
    ),
    ("a block of most of the addresses", [block("0.0.0.0/1"), block("128.0.0.0/1")], ["deny y/nowhere -> x/server"]),
)
def test_a_pod_without_an_address(written: list[Object], claims: list[str], judge: Judge) -> None:
    """Manifests do not contain the address of a pod: only a block of all addresses is sure to contain it."""
    assert untrue(claims, judge([*with_ingress(admits(*written)), NOWHERE])) == []


@rows(
    ("before it ends", "Running", ["allow y/job -> x/server"]),
    ("while it waits", "Pending", ["allow y/job -> x/server"]),
)
def test_a_pod_counts_until_it_ends(written: str, claims: list[str], judge: Judge) -> None:
    job = pod("y/job", phase=written)
    assert untrue(claims, judge([*with_ingress(admits(namespaces({}))), job])) == []


@both_judges
@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_the_address_of_a_pod_that_has_ended_may_be_that_of_another_pod(phase: str, judge: Judge) -> None:
    ended = pod("x/ended", {"app": "client"}, addresses=["203.0.113.7"], phase=phase)
    claims = ["deny 203.0.113.7 -> x/server", "allow x/client -> x/server"]
    assert untrue(claims, judge([*with_ingress(admits(pods(APP_CLIENT))), ended])) == []


FOUR, SIX = pod("x/four", addresses=["10.0.1.4"]), pod("x/six", addresses=["fd00:1::6"])
TWO = pod("x/two-families", addresses=["10.0.1.5", "fd00:1::5"])


@rows(
    ("two families in common", [], ["allow x/two-families -> x/server"]),
    ("one family in common", [], ["allow x/four -> x/two-families", "allow x/two-families -> x/six"]),
    ("no family in common", [], ["deny x/four -> x/six", "deny x/six -> x/four"]),
    (
        "every family in common must say yes",
        [policy("x/in", APP_SERVER, ingress=[admits(block("10.0.0.0/8"))])],
        ["allow x/four -> x/server", "deny x/six -> x/server", "deny x/two-families -> x/server"],
    ),
)
def test_pods_with_several_addresses(written: list[Object], claims: list[str], judge: Judge) -> None:
    assert untrue(claims, judge([*WORLD, FOUR, SIX, TWO, *written])) == []
