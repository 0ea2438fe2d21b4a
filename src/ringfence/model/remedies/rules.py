"""Remedies for mistakes in a policy: in its rules, its selectors and its policyTypes."""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from ipaddress import ip_address
from typing import Final

from ringfence.model.cidrs import cidr_spelling
from ringfence.model.policies import Direction
from ringfence.model.problems import ProblemCode
from ringfence.model.remedies.mistakes import Mistake
from ringfence.model.selectors import Operator
from ringfence.sets.traffic import PROTOCOLS

# --- ports and protocols ----------------------------------------------------------------------------------------------

_RANGE: Final = re.compile(r"\s*(\d{1,5})\s*[-:.–]{1,2}\s*(\d{1,5})\s*")
_LIST: Final = re.compile(r"[\w-]+(\s*[,;]\s*[\w-]+)+")
_WITH_PROTOCOL: Final = re.compile(r"(\w+)/(tcp|udp|sctp)|(tcp|udp|sctp)/(\w+)", re.I)
_EVERYTHING: Final = ("*", "all", "any", "-1", "0")


def port_name(mistake: Mistake) -> str:
    """For a text as `port`: a number in quotes, a range, a list, a protocol with it, or no name."""
    text = mistake.text
    if not text:
        return ""
    if isinstance(mistake.meant, int):
        return f'remove the quotes: {mistake.meant} is a port number, "{text}" is the name of a port'
    if found := _RANGE.fullmatch(text):
        return f"write a range as two fields: port: {found[1]} and endPort: {found[2]}"
    if found := _WITH_PROTOCOL.fullmatch(text):
        protocol, port = (found[2] or found[3]).upper(), found[1] or found[4]
        return f"write two fields: port: {port} and protocol: {protocol}"
    if _LIST.fullmatch(text):
        return "write one entry of `ports` for each port"
    if text.lower() in _EVERYTHING:
        return "to allow all ports, leave out `port`; to allow all traffic, leave out `ports`"
    return "use a port number, or the name of a container port: at most 15 lower-case letters, digits and dashes"


def port_number(mistake: Mistake) -> str:
    """For a number as `port`."""
    if isinstance(mistake.value, int) and mistake.value <= 0:
        return "to allow all ports, leave out `port`; to allow all traffic, leave out `ports`"
    return "use a port from 1 to 65535"


def end_port(mistake: Mistake) -> str:
    """For `endPort`, which needs a numeric `port` that is not above it."""
    if "greater" in mistake.detail:
        return "write the lower port in `port` and the higher one in `endPort`"
    if "non-numeric" in mistake.detail:
        return "write a number in `port`, without quotes: a range cannot start with a port name"
    if "not specified" in mistake.detail:
        return "add `port` with the first port of the range"
    return port_number(mistake)


def protocol(mistake: Mistake) -> str:
    """For `protocol`."""
    if mistake.text.lower() in _EVERYTHING:
        return "to allow all protocols, leave out `ports`, or write one entry for each of TCP, UDP and SCTP"
    if mistake.text.lower().startswith("icmp"):
        return "remove it: NetworkPolicies have no rules for ICMP"
    return closest(mistake.text, PROTOCOLS) or f"write one of {', '.join(PROTOCOLS)}"


# --- policy types and selectors ---------------------------------------------------------------------------------------

_OPERATOR_SIGNS: Final = {
    **dict.fromkeys(("=", "==", "equals", "equal", "eq"), Operator.IN),
    **dict.fromkeys(("!=", "notequals", "notequal", "ne"), Operator.NOT_IN),
}


def policy_type(mistake: Mistake) -> str:
    """For an entry of `policyTypes`."""
    if "more than two" in mistake.detail:
        return "write each of Ingress and Egress at most once"
    if mistake.text.lower() in ("both", *_EVERYTHING):
        return "write both: [Ingress, Egress]"
    return closest(mistake.text, Direction) or "write Ingress or Egress"


def operator(mistake: Mistake) -> str:
    """For the operator of a `matchExpressions` entry."""
    if sign := _OPERATOR_SIGNS.get(mistake.text.lower()):
        return f"write {sign}, with the value in `values`"
    return closest(mistake.text, Operator) or f"write one of {', '.join(Operator)}"


def selector_values(mistake: Mistake) -> str:
    """For `values` that the operator does not have, or lacks."""
    if mistake.code == ProblemCode.FORBIDDEN_VALUE:
        return "remove `values`, or use the operator In or NotIn"
    return "add at least one value, or use the operator Exists or DoesNotExist"


# --- addresses --------------------------------------------------------------------------------------------------------


def cidr(mistake: Mistake) -> str:
    """For `cidr` and `except`."""
    text = mistake.text.strip()
    if "strict subset" in mistake.detail:
        return "`except` takes a part out of its own `cidr`: remove it, or name a part that is smaller than `cidr`"
    try:
        spelling = cidr_spelling(text)
    except ValueError:
        return _unreadable_cidr(text)
    if text != mistake.text:
        return f"remove the blanks: {text}"
    if spelling.has_surplus_bits:
        single = f"{spelling.address}/{spelling.address.max_prefixlen}"
        return f"write {spelling.network} for the whole network, or {single} for the one address"
    return f"write {spelling.network}"


def _unreadable_cidr(text: str) -> str:
    if re.search("[,;]", text):
        return "write one peer with an `ipBlock` for each"
    address, slash, _ = text.partition("/")
    try:
        width = ip_address(address).max_prefixlen
    except ValueError:
        if re.search("[g-zG-Z]", text):
            return "`ipBlock` takes addresses, not names: use the addresses behind the name, or select pods by labels"
        return "write an address and a prefix length: 10.9.8.0/24, or 10.9.8.7/32 for one address"
    if slash:
        return f"the prefix length of such an address is a number from 0 to {width}"
    return f"add the prefix length: {text}/{width} for this one address"


def no_cidr(mistake: Mistake) -> str:
    """For an `ipBlock` without `cidr`."""
    return "add `cidr`, for example 10.9.8.0/24; 0.0.0.0/0 means all IPv4 addresses"


# --- peers ------------------------------------------------------------------------------------------------------------


def peer(mistake: Mistake) -> str:
    """For a peer that is empty, or that is both addresses and pods."""
    if mistake.code == ProblemCode.FORBIDDEN_VALUE:
        return "split it into two peers, each with its own dash: `- ipBlock:` and `- podSelector:`"
    all_pods = "`- namespaceSelector: {}`"
    return f"for all pods write {all_pods}; for everything leave out `{mistake.field}`; else remove this peer"


def closest(text: str, known: Iterable[str]) -> str:
    """The sentence that names the known value most like `text`; empty if none is much like it."""
    by_letters = {each.lower(): each for each in known}
    close = get_close_matches(text.lower(), by_letters, n=1, cutoff=0.6)
    return f"write {by_letters[close[0]]}" if close else ""
