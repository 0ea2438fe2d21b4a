"""Remedies for mistakes in the administrators' policies."""

import re
from typing import Final

from ringfence.model.policies import Direction
from ringfence.model.problems import ProblemCode
from ringfence.model.remedies.mistakes import Mistake
from ringfence.model.remedies.rules import cidr, closest

_OTHER_WORDS: Final = {"allow": "Accept", "accept": "Allow", "drop": "Deny", "reject": "Deny"}
"""The names of the actions in other kinds of policies."""

_NO_PEERS: Final = "name the peers of the rule, each after a dash; `- namespaces: {}` are all pods"

_ONE_FIELD: Final = {
    "subject": "write `namespaces` or `pods` in it; `namespaces: {}` selects all pods",
    "from": "each peer has exactly one field; `namespaces: {}` selects all pods",
    "to": (
        "each peer has exactly one field; `namespaces: {}` selects all pods, `networks: [0.0.0.0/0]` all IPv4 addresses"
    ),
    "protocols": (
        "each entry has exactly one of tcp, udp, sctp, destinationNamedPort; for all traffic, leave out `protocols`"
    ),
    "ports": "each entry has exactly one of portNumber, portRange and namedPort; for all traffic, leave out `ports`",
    "destinationPort": "write either `number` or `range` with `start` and `end`",
    **dict.fromkeys(
        ("tcp", "udp", "sctp"), "add `destinationPort`; for all ports, use `range: {start: 1, end: 65535}`"
    ),
}
"""The remedies for objects that must have exactly one of several fields."""


def choice(mistake: Mistake) -> str:
    """For a value that is not one of a few."""
    known = re.findall(r'"([^"]+)"', mistake.detail)
    meant = _OTHER_WORDS.get(mistake.text.lower())
    return f"write {meant}" if meant in known else closest(mistake.text, known) or f"write one of {', '.join(known)}"


def priority(mistake: Mistake) -> str:
    """For the priority of a policy."""
    return "use a number from 0 to 1000; the policy with the lowest number is evaluated first"


def one_field(mistake: Mistake) -> str:
    """For an object that must have exactly one of several fields, and has none or more."""
    is_about_fields = "properties" in mistake.detail or "at most 1 item" in mistake.detail
    return _ONE_FIELD.get(mistake.field, "") if is_about_fields else ""


def no_peers(mistake: Mistake) -> str:
    """For a rule without peers."""
    is_whole_list = mistake.field in [direction.peers_field for direction in Direction] and mistake.path[-1] != "]"
    return _NO_PEERS if is_whole_list else ""


_EMPTY: Final = {
    **dict.fromkeys(("from", "to"), _NO_PEERS),
    "protocols": "add an entry; for all traffic, leave out `protocols`",
    "ports": "add an entry; for all traffic, leave out `ports`",
    "networks": "add a CIDR, or remove this peer",
    "domainNames": "add a name, or remove this peer",
}
"""The remedies for lists that must not be empty."""


def empty_list(mistake: Mistake) -> str:
    """For a list without items. Unlike in a NetworkPolicy, an empty list of peers does not mean everybody."""
    return _EMPTY.get(mistake.field, "") if "at least 1 items" in mistake.detail else ""


_TOO_MANY: Final = {
    **dict.fromkeys(
        ("ingress", "egress"), "move the last rules to another policy, whose `priority` is the next number"
    ),
    **dict.fromkeys(("from", "to"), "move some peers to another rule right behind, with the same action and ports"),
    **dict.fromkeys(
        ("protocols", "ports"), "move some ports to another rule right behind, with the same action and peers"
    ),
    **dict.fromkeys(("networks", "domainNames"), "move some to another peer of this rule"),
}
"""The remedies for lists that have too many items."""


def too_many(mistake: Mistake) -> str:
    """For a list with more items than the API server accepts."""
    return _TOO_MANY.get(mistake.field, "")


def network(mistake: Mistake) -> str:
    """For an entry of `networks`."""
    if re.search("[,;]", mistake.text):
        return "write one entry of `networks` for each"
    if re.search("[g-zG-Z]", mistake.text):
        return "`networks` takes addresses, not names: write names in `domainNames`, in a rule with the action Accept"
    return cidr(mistake)


def domain_name(mistake: Mistake) -> str:
    """For an entry of `domainNames`."""
    return "write a name with a dot: example.com, or *.example.com for all names below it"


def port(mistake: Mistake) -> str:
    """For the number of a port, and of a range of ports."""
    if "Start port" in mistake.detail:
        return "write the lower port in `start` and the higher one in `end`; one port is a `number`"
    return "" if mistake.code == ProblemCode.WRONG_TYPE else "use a port from 1 to 65535"


def whole_rule(mistake: Mistake) -> str:
    """For a rule or a policy as a whole."""
    if "namedPorts" in mistake.detail:
        return "write port numbers, or put the peers that are not pods into a separate rule"
    return "name it `default`" if "baseline admin network policy" in mistake.detail else ""


_IN_A_RULE: Final = re.compile(r"spec\.(ingress|egress)\[\d+\]\.\w+")
_IN_A_PEER: Final = re.compile(r"spec\.(ingress|egress)\[\d+\]\.(from|to)\[\d+\]\.\w+")


def foreign_field(mistake: Mistake) -> str:
    """For a field that NetworkPolicies and the older kinds have in this place."""
    is_in_peer = _IN_A_PEER.fullmatch(mistake.path) is not None
    match mistake.name:
        case "ports" if _IN_A_RULE.fullmatch(mistake.path):
            return "write `protocols`, such as `- tcp: {destinationPort: {number: 80}}`"
        case "ipBlock" if is_in_peer:
            return "write `networks: [10.0.0.0/8]`, in a rule of `egress`"
        case "podSelector" | "namespaceSelector" if is_in_peer or mistake.path == f"spec.subject.{mistake.name}":
            return "write `pods: {namespaceSelector: {}, podSelector: {}}`, or `namespaces: {}` for all their pods"
    return ""


def duplicate(mistake: Mistake) -> str:
    """For an item that a list has twice."""
    return "remove one of the two"
