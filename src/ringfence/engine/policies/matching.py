"""Why one peer selects the other end of a connection, or does not, in words.

The functions here answer for a single peer and a single end what `selection` answers for all identities at once; a
property test holds the two together.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import NamedTuple

import msgspec

from ringfence.engine.policies.node_peers import NodePeers, block_of_sources
from ringfence.engine.population import NAME_LABEL, Member, Namespaces
from ringfence.model.cidrs import parse_cidr
from ringfence.model.metadata import LabelSelector
from ringfence.model.objects import IPBlock, NetworkPolicyPeer
from ringfence.model.selectors import Operator, Selector, Term, compile_selector
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses, Family, Network, address_text

End = Member | Addresses
"""A pod, or addresses outside the cluster. A statement about several addresses is true for each of them."""


class Assumption(msgspec.Struct, frozen=True):
    """A fact that is missing, and what is assumed instead.

    The sentence about a pod is given as what stands before and after its name, and before and after the names of
    several. One about a namespace is complete. What the sentence says is given as values, too, where another sentence
    can say the same or more: that the addresses of a pod lie `outside` of some, or that policies are `unordered`, which
    are given by kind and name.
    """

    of_one: tuple[str, str]
    of_several: tuple[str, str] | None = None
    pod: Member | None = None
    outside: "OutsideOf | None" = None
    unordered: frozenset[str] = frozenset()

    def of(self, names: str, *, several: bool) -> str:
        """The sentence about the pod, or the pods, that `names` stands for."""
        if self.of_several is None:
            return "".join(self.of_one)
        before, after = self.of_several if several else self.of_one
        return f"{before}{names}{after}"

    def __str__(self) -> str:
        return self.of(str(self.pod), several=False)


class OutsideOf(msgspec.Struct, frozen=True):
    """That no address of a pod is one of some `addresses`.

    Where a peer stands for all addresses of some `families` but these, the pod is assumed to have one of such a family.
    """

    addresses: Addresses
    families: tuple[Family, ...] = ()


def pods_text(pods: Collection[Member]) -> str:
    """Some pods inside a sentence: the only one, or their number and the first by name."""
    first = min(map(str, pods))
    return first if len(pods) == 1 else f"{len(pods)} pods, such as {first},"


class PeerMatch(msgspec.Struct, frozen=True):
    """Whether something matches, why (not), and the field inside it that decides.

    `assumption` names the missing fact if the answer is assumed. `partial` says that only a part matches: some of
    several addresses, or one of two address families.
    """

    matches: bool
    reason: str
    field: str = ""
    assumption: Assumption | None = None
    partial: bool = False


def end_text(end: End) -> str:
    """An end as people write it: `prod/web`, or addresses."""
    if isinstance(end, Member):
        return str(end)
    if all(low == high for low, high in end.v4 + end.v6):
        # Single addresses, such as those of a node: questions name them without a prefix length.
        return ", ".join(cidr.partition("/")[0] for cidr in end.cidrs())
    return str(end)


class PeerScope(NamedTuple):
    """What the peers of a policy in `namespace` can select.

    `nodes` are given where the peer is a source. Blocks mean only addresses `within`.
    """

    namespace: str
    namespaces: Namespaces
    nodes: NodePeers | None = None
    within: Addresses = ALL_ADDRESSES


def match_peer(peer: NetworkPolicyPeer, end: End, families: tuple[Family, ...], scope: PeerScope) -> PeerMatch:
    """Whether a peer selects `end`, a pod that is reached over all of `families`.

    Of several addresses it is enough that a block contains some.
    """
    if peer.ip_block:
        return _match_block(peer.ip_block, end, families, scope)
    if isinstance(end, Addresses):
        return PeerMatch(False, "selectors select pods only, never addresses outside the cluster")
    # A hostNetwork pod has its node's address, so selectors cannot tell it from the node (Kubernetes documentation,
    # "NetworkPolicy and hostNetwork pods").
    if end.host_network:
        return _match_host_network(peer, end, scope)
    return _match_selectors(peer, end, scope)


def over_families(matches: Mapping[Family, PeerMatch]) -> PeerMatch:
    """One match for all families; where they differ, what holds for the families that match."""
    matching = [family for family, match in matches.items() if match.matches]
    first, *rest = matches.values()
    if not rest or len(matching) in (0, len(matches)):
        return first
    match = matches[matching[0]]
    return msgspec.structs.replace(match, reason=f"over {matching[0]} only: {match.reason}", partial=True)


def mismatch(selector: Selector, labels: dict[str, str], owner: str) -> str:
    """The terms that `labels` do not meet, and what `owner` has instead, in words."""
    return " and ".join(_term_mismatch(term, labels, owner) for term in selector.mismatches(labels))


def _match_selectors(peer: NetworkPolicyPeer, member: Member, scope: PeerScope) -> PeerMatch:
    namespace, namespaces = scope.namespace, scope.namespaces
    labels = namespaces.labels(member.namespace)
    pods = compile_selector(peer.pod_selector) if peer.pod_selector else None
    spaces = compile_selector(peer.namespace_selector) if peer.namespace_selector else None
    if spaces is None and member.namespace != namespace:
        reason = f"a podSelector alone selects pods of the policy's own namespace {namespace}; {member} is elsewhere"
        return PeerMatch(False, reason, "podSelector")
    pods_wrong = mismatch(pods, member.labels, str(member)) if pods else ""
    spaces_wrong = mismatch(spaces, labels, f"namespace {member.namespace}") if spaces else ""
    assumption = None if pods_wrong or spaces is None else namespace_assumption(spaces, member.namespace, namespaces)
    if not pods_wrong and not spaces_wrong:
        return PeerMatch(True, f"selects {member}", assumption=assumption)
    parts = []
    if spaces and spaces_wrong:
        parts.append(f"namespaceSelector wants {spaces_wrong}{_name_hint(spaces, member.namespace)}")
    if pods_wrong:
        parts.append(f"podSelector wants {pods_wrong}")
    reason = "; ".join(parts)
    if pods and spaces and not (pods_wrong and spaces_wrong):
        good = "podSelector" if spaces_wrong else "namespaceSelector"
        reason += f"; {good} matches, but both selectors of one peer must"
    field = selector_field("namespaceSelector", peer.namespace_selector, spaces, labels) if spaces_wrong else ""
    field = field or selector_field("podSelector", peer.pod_selector, pods, member.labels)
    return PeerMatch(False, reason, field, assumption)


def namespace_assumption(selector: Selector, namespace: str, namespaces: Namespaces) -> Assumption | None:
    """The fact that is missing to decide whether a selector matches a namespace; its name alone may decide."""
    about_name = [term for term in selector.terms if term.key == NAME_LABEL]
    # The API server gives every namespace this label (`NamespaceDefaultLabelName`, stable since 1.22), so its value is
    # known without the object.
    settled = len(about_name) == len(selector.terms) or not Selector(tuple(about_name)).matches({NAME_LABEL: namespace})
    if settled or namespaces.is_defined(namespace):
        return None
    missing = f"no Namespace object for {namespace} is in the input"
    return Assumption((f"{missing}: it is assumed to have no label but {NAME_LABEL}={namespace}", ""))


def host_network_assumption(host: Member) -> Assumption:
    """What is assumed where a selector matches the labels of a hostNetwork pod."""
    plugins = "network plugins may, but most do not, match"
    return Assumption(
        ("", f" uses its node's network: {plugins} it by its labels"),
        ("", f" use their nodes' network: {plugins} them by their labels"),
        host,
    )


def _match_host_network(peer: NetworkPolicyPeer, member: Member, scope: PeerScope) -> PeerMatch:
    reason = (
        f"{member} uses its node's network: selectors do not select it, only an ipBlock with its node's address can"
    )
    as_a_pod = _match_selectors(peer, member, scope)
    return PeerMatch(False, reason, assumption=host_network_assumption(member) if as_a_pod.matches else None)


def _match_block(block: IPBlock, end: End, families: tuple[Family, ...], scope: PeerScope) -> PeerMatch:
    network = parse_cidr(block.cidr)
    written = f"ipBlock {block.cidr}" + (f" except {', '.join(block.excepts)}" if block.excepts else "")
    literally = Addresses.of(network) - Addresses.of(*map(parse_cidr, block.excepts))
    meant = block_of_sources(block, scope.nodes) if scope.nodes else literally
    if scope.within is not ALL_ADDRESSES:
        meant, literally = meant & scope.within, literally & scope.within
    if isinstance(end, Addresses):
        return address_match(written, meant, literally, end, "ipBlock")
    if not end.addresses:
        covered = [network] if network.prefixlen == 0 and meant else []
        return unknown_address_match(written, meant, covered, end, "ipBlock")
    outside = [
        address_text(family, number)
        for family, number in end.addresses
        if family in families and not meant.contains(family, number)
    ]
    if outside:
        return PeerMatch(False, f"{written} does not contain {end}'s address {' and '.join(outside)}", "ipBlock")
    # A block for sources means all addresses of a node if it contains one (`node_peers`); the reason then says so,
    # because the written CIDR does not contain this address.
    by_node = not all(literally.contains(*address) for address in end.addresses if address[0] in families)
    address = f"another address of {end}'s node" if by_node else f"{end}'s address"
    return PeerMatch(True, f"{written} contains {address}", "ipBlock")


def address_match(written: str, meant: Addresses, literally: Addresses, end: Addresses, field: str) -> PeerMatch:
    """Whether a peer, in the words `written`, matches some addresses.

    It stands for the addresses `meant`, and names those in `literally`: nodes are meant by any of their addresses.
    """
    inside = end & meant
    if not inside:
        by_node = end & literally
        because = f": it leaves out another address of the node that has {end_text(by_node)}" if by_node else ""
        return PeerMatch(False, f"{written} does not contain {end_text(end)}{because}", field)
    partial = bool(end - inside)
    part = f"only {end_text(inside)} of " if partial else ""
    by_node = inside - literally
    because = f": another address of the node that has {end_text(by_node)}" if by_node else ""
    if by_node == end:
        return PeerMatch(True, f"{written} contains another address of the node that has {end_text(end)}", field)
    return PeerMatch(True, f"{written} contains {part}{end_text(end)}{because}", field, partial=partial)


def unknown_address_match(
    written: str, meant: Addresses, covered: Sequence[Network], member: Member, field: str
) -> PeerMatch:
    """Whether a peer that means some addresses is assumed to match a pod whose address is not known.

    `covered` are the address families that the peer stands for, each as a network, apart from its exceptions.
    """
    if covered:
        reason = f"{written} covers a whole address family"
        outside = OutsideOf(Addresses.of(*covered) - meant, tuple(Family(one.version) for one in covered))
        return PeerMatch(True, reason, field, _address_assumption(member, f"to lie in {written}", outside))
    reason = f"the address of {member} is not known, so {written} is assumed not to contain it"
    return PeerMatch(False, reason, field, _address_assumption(member, f"not to lie in {written}", OutsideOf(meant)))


def _address_assumption(member: Member, assumed: str, outside: OutsideOf) -> Assumption:
    return Assumption(
        ("the address of ", f" is not known: it is assumed {assumed}"),
        ("the addresses of ", f" are not known: they are assumed {assumed}"),
        member,
        outside,
    )


def _term_mismatch(term: Term, labels: dict[str, str], owner: str) -> str:
    value = labels.get(term.key)
    if term.operator is Operator.DOES_NOT_EXIST:
        return f"no label {term.key}, {owner} has {term.key}={value}"
    wanted = f"the label {term.key}" if term.operator is Operator.EXISTS else str(term)
    return f"{wanted}, {owner} has " + (f"no label {term.key}" if value is None else f"{term.key}={value}")


def _name_hint(selector: Selector, namespace: str) -> str:
    """A hint at the most common mistake about namespaces: that their name is a label called `name`."""
    by_name = any(term.key == "name" and namespace in term.values for term in selector.terms)
    return f" (a namespace's name is its label {NAME_LABEL})" if by_name else ""


def selector_field(field: str, written: LabelSelector | None, selector: Selector | None, labels: dict[str, str]) -> str:
    """The path, inside a peer, of the first term that does not match."""
    if written is None or selector is None:
        return field
    for term in selector.mismatches(labels):
        for path in _term_paths(written, term):
            return f"{field}.{path}"
    return field


def _term_paths(written: LabelSelector, term: Term) -> Iterator[str]:
    if term.operator is Operator.IN and written.match_labels.get(term.key) in term.values:
        yield f"matchLabels.{term.key}"
    for index, expression in enumerate(written.match_expressions):
        if expression.key == term.key and expression.operator == term.operator:
            yield f"matchExpressions[{index}]"
