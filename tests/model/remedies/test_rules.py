"""How mistakes in the rules and selectors of a policy are mended."""

import pytest
from tests.model.remedies.mistaken import POLICY, problems, remedies


def test_the_policy_is_right() -> None:
    assert problems(POLICY) == []


PORTS = [
    ("80", '"3306"', 'remove the quotes: 3306 is a port number, "3306" is the name of a port'),
    ("80", "80-90", "write a range as two fields: port: 80 and endPort: 90"),
    ("80", "'80:90'", "write a range as two fields: port: 80 and endPort: 90"),
    ("80", "53/udp", "write two fields: port: 53 and protocol: UDP"),
    ("80", "tcp/http", "write two fields: port: http and protocol: TCP"),
    ("80", "80,443", "write one entry of `ports` for each port"),
    ("80", "'*'", "to allow all ports, leave out `port`; to allow all traffic, leave out `ports`"),
    ("80", "0", "to allow all ports, leave out `port`; to allow all traffic, leave out `ports`"),
    ("80", "70000", "use a port from 1 to 65535"),
    (
        "80",
        "HTTP",
        "use a port number, or the name of a container port: at most 15 lower-case letters, digits and dashes",
    ),
    ("80", "80\n      endPort: 70", "write the lower port in `port` and the higher one in `endPort`"),
    (
        "80",
        "http\n      endPort: 90",
        "write a number in `port`, without quotes: a range cannot start with a port name",
    ),
    ("port: 80", "endPort: 90", "add `port` with the first port of the range"),
    ("80", '80\n      endPort: "90"', "remove the quotes: 90"),
    ("TCP", "tcp", "write TCP"),
    ("TCP", "TPC", "write TCP"),
    ("TCP", "ALL", "to allow all protocols, leave out `ports`, or write one entry for each of TCP, UDP and SCTP"),
    ("TCP", "ICMP", "remove it: NetworkPolicies have no rules for ICMP"),
    ("TCP", "HTTP", "write one of TCP, UDP, SCTP"),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), PORTS)
def test_of_a_port(right: str, wrong: str, remedy: str) -> None:
    assert remedies(right, wrong) == {remedy}


TYPES_AND_SELECTORS = [
    ("[Ingress]", "[ingress]", "write Ingress"),
    ("[Ingress]", "[Inbound]", "write Ingress or Egress"),
    ("[Ingress]", "[Both]", "write both: [Ingress, Egress]"),
    ("[Ingress]", "[Ingress, Egress, Ingress]", "write each of Ingress and Egress at most once"),
    ("In,", "in,", "write In"),
    ("In,", "Equals,", "write In, with the value in `values`"),
    ("In,", "'!=',", "write NotIn, with the value in `values`"),
    ("In,", "Exist,", "write Exists"),
    ("In,", "Matches,", "write one of In, NotIn, Exists, DoesNotExist"),
    ("In,", "Exists,", "remove `values`, or use the operator In or NotIn"),
    ("[api]", "[]", "add at least one value, or use the operator Exists or DoesNotExist"),
    ("app: web", "app: 'web '", 'remove the blanks around "web"'),
    ("app: web", "app: a=b", "write each label on a line of its own, as `key: value`"),
    (
        "app: web",
        "app: web!",
        "use letters, digits, dashes, underscores and dots, with a letter or a digit at both ends",
    ),
    ("app: web", f"app: {'w' * 64}", "use a shorter text; long texts belong in annotations"),
    ("name: a", "name: My_Policy", "use lower-case letters, digits and dashes: my-policy"),
    ("name: a, ", "", "add `name` to `metadata`"),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), TYPES_AND_SELECTORS)
def test_of_a_type_a_selector_or_a_name(right: str, wrong: str, remedy: str) -> None:
    assert remedies(right, wrong) == {remedy}


ADDRESSES = [
    ("10.0.0.0/8", "10.0.0.5/8", "write 10.0.0.0/8 for the whole network, or 10.0.0.5/32 for the one address"),
    ("10.0.0.0/8", "010.0.0.0/8", "write 10.0.0.0/8"),
    ("10.0.0.0/8", "10.0.0.5", "add the prefix length: 10.0.0.5/32 for this one address"),
    ("10.0.0.0/8", "10.0.0.0/40", "the prefix length of such an address is a number from 0 to 32"),
    ("10.0.0.0/8", "'10.0.0.0/8,11.0.0.0/8'", "write one peer with an `ipBlock` for each"),
    (
        "10.0.0.0/8",
        "db.example.com",
        "`ipBlock` takes addresses, not names: use the addresses behind the name, or select pods by labels",
    ),
    (
        "cidr: 10.0.0.0/8, except: [10.1.0.0/16]",
        "",
        "add `cidr`, for example 10.9.8.0/24; 0.0.0.0/0 means all IPv4 addresses",
    ),
    (
        "10.1.0.0/16",
        "192.168.0.0/16",
        "`except` takes a part out of its own `cidr`: remove it, or name a part that is smaller than `cidr`",
    ),
    (
        "- ipBlock:",
        "  ipBlock:",
        "split it into two peers, each with its own dash: `- ipBlock:` and `- podSelector:`",
    ),
    (
        "- ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}",
        "- {}",
        "for all pods write `- namespaceSelector: {}`; for everything leave out `from`; else remove this peer",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), ADDRESSES)
def test_of_an_address_or_a_peer(right: str, wrong: str, remedy: str) -> None:
    assert remedies(right, wrong) == {remedy}


def test_a_right_value_needs_no_remedy_of_its_own() -> None:
    """A warning about a CIDR that is accepted names the standard spelling."""
    assert remedies("- podSelector", "- ipBlock: {cidr: '2001:DB8::/32'}\n    - podSelector") == {"write 2001:db8::/32"}
