"""The space of all possible connections, as axes of boxes: the properties of two ends, and the traffic.

Each end is a pod or an address outside the cluster (`kind_axis`). A pod has labels, the labels of its namespace, an
address, and as a destination names of ports. An address outside the cluster may be that of a node, with the node's
labels, and may be one that domain names resolve to. A box that limits an axis of only one kind of end also limits the
kind, so the value of the axis for the other kind does not matter.

A node may have several addresses. An ipBlock matches a source node by all of its addresses or not at all
(`engine.policies.node_peers`): so a source is a host with one or more addresses (`sets.host_addresses`). It suffices to
look at nodes whose addresses are all internal: if a node with other addresses shows a difference, its internal ones and
the one by which it is allowed show it as well. As a destination, each address is a separate value.

Some values of labels are impossible:

- the value of a label has at most 63 characters of a certain form: a selector that names others matches nothing;
- every namespace has the label `kubernetes.io/metadata.name`, and its value is a DNS label.

Not every point of the space is a possible connection: two pods of one namespace have the same namespace labels, and
both ends have addresses of one family. `connections.connection_in` takes this into account.
"""

from enum import StrEnum
from functools import lru_cache
from typing import Final

import msgspec

from ringfence.engine.policies import PodSelection
from ringfence.engine.population import NAME_LABEL
from ringfence.model.names import dns_label_errors, label_value_errors
from ringfence.model.policies import Direction
from ringfence.model.selectors import EVERYTHING, Operator, Selector, Term
from ringfence.sets.addresses import ALL_ADDRESSES, LOOPBACK, Addresses
from ringfence.sets.boxes import Axis, AxisSet, Box, box_of
from ringfence.sets.host_addresses import HostAddresses
from ringfence.sets.label_values import ABSENT, ANY_VALUE, ONLY_ABSENT, PRESENT, LabelValues, none_of, one_of
from ringfence.sets.traffic import ALL_TRAFFIC, Traffic


class Role(StrEnum):
    """One of the two ends of a connection."""

    SOURCE = "source"
    DESTINATION = "destination"

    @property
    def other(self) -> "Role":
        """The other end."""
        return Role.DESTINATION if self is Role.SOURCE else Role.SOURCE


def subject_role(direction: Direction) -> Role:
    """The end whose policies decide about a direction: ingress is the destination's, egress the source's."""
    return Role.DESTINATION if direction is Direction.INGRESS else Role.SOURCE


class Labelled(StrEnum):
    """The object of one end whose label an axis is about."""

    NAMESPACE = "namespace"
    POD = "pod"
    NODE = "node"


class LabelAxis(msgspec.Struct, frozen=True, cache_hash=True):
    """The value of one label at one end; it may be absent."""

    role: Role
    labelled: Labelled
    key: str

    @property
    def universe(self) -> LabelValues:
        """All values; the name of a namespace is never absent."""
        return PRESENT if self.is_name else ANY_VALUE

    @property
    def is_name(self) -> bool:
        """Whether the label is the name of the namespace."""
        return self.labelled is Labelled.NAMESPACE and self.key == NAME_LABEL


class EndProperty(StrEnum):
    """A property of an end that is true or false."""

    PORT_NAME = "port name"
    """The destination port of the connection has this name and protocol."""
    NODE = "node"
    """The address is that of a node."""
    DOMAIN_NAME = "domain name"
    """The address is one that this domain name resolves to."""


YES: Final = one_of("yes")
# Two values only, unlike a label: so a box can hold for both, and then does not limit the axis at all.
_YES_OR_NO: Final = one_of("yes", ABSENT)


class PropertyAxis(msgspec.Struct, frozen=True, cache_hash=True):
    """Whether an end has a property: `YES`, or absent."""

    role: Role
    about: EndProperty
    name: str = ""

    @property
    def universe(self) -> LabelValues:
        """Yes and no."""
        return _YES_OR_NO


A_POD: Final = one_of("pod")
AN_ADDRESS: Final = one_of("address")
_A_POD_OR_AN_ADDRESS: Final = one_of("pod", "address")


class KindAxis(msgspec.Struct, frozen=True, cache_hash=True):
    """Whether an end is a pod (`A_POD`) or an address outside the cluster (`AN_ADDRESS`).

    A pod that uses its node's network is its node's address.
    """

    role: Role

    @property
    def universe(self) -> LabelValues:
        """Both kinds."""
        return _A_POD_OR_AN_ADDRESS


_POSSIBLE_ADDRESSES: Final = ALL_ADDRESSES - LOOPBACK


_POSSIBLE_HOSTS: Final = HostAddresses.without(LOOPBACK)


class AddressAxis(msgspec.Struct, frozen=True, cache_hash=True):
    """The address of a destination, or all addresses of a source, of which a pod has one; without loopback."""

    role: Role

    @property
    def universe(self) -> Addresses | HostAddresses:
        """All addresses but loopback addresses, to which policies do not apply."""
        return _POSSIBLE_HOSTS if self.role is Role.SOURCE else _POSSIBLE_ADDRESSES


class TrafficAxis(msgspec.Struct, frozen=True, cache_hash=True):
    """The protocol and the port of a connection."""

    @property
    def universe(self) -> Traffic:
        """All traffic."""
        return ALL_TRAFFIC


KIND: Final = {role: KindAxis(role) for role in Role}
ADDRESS: Final = {role: AddressAxis(role) for role in Role}
IS_NODE: Final = {role: PropertyAxis(role, EndProperty.NODE) for role in Role}
TRAFFIC: Final = TrafficAxis()


# The cache returns one object for each axis: a dict finds an identical key without comparing it.
@lru_cache(maxsize=1 << 16)
def label_axis(role: Role, labelled: Labelled, key: str) -> LabelAxis:
    """The axis of one label at one end."""
    return LabelAxis(role, labelled, key)


def name_axis(role: Role) -> LabelAxis:
    """The axis of the name of the namespace at one end."""
    return label_axis(role, Labelled.NAMESPACE, NAME_LABEL)


@lru_cache(maxsize=1 << 16)
def port_name_axis(name: str, protocol: str) -> PropertyAxis:
    """Whether the destination port of the connection has a name; each destination may give the name to any number."""
    return PropertyAxis(Role.DESTINATION, EndProperty.PORT_NAME, f"{name}/{protocol}")


@lru_cache(maxsize=1 << 16)
def domain_name_axis(role: Role, name: str) -> PropertyAxis:
    """Whether an address outside the cluster is one that a domain name, one of `resolved_names`, resolves to."""
    return PropertyAxis(role, EndProperty.DOMAIN_NAME, name)


def is_about_end(axis: Axis, role: Role) -> bool:
    """Whether an axis is about the end in a role."""
    return isinstance(axis, LabelAxis | PropertyAxis | KindAxis | AddressAxis) and axis.role is role


def is_about_port(axis: Axis) -> bool:
    """Whether an axis is about the port of a connection: its number or its name."""
    return axis is TRAFFIC or (isinstance(axis, PropertyAxis) and axis.about is EndProperty.PORT_NAME)


@lru_cache(maxsize=1 << 16)
def resolved_names(name: str) -> tuple[str, ...]:
    """A domain name and the wildcards that match it, whose addresses include its own: `*.example.com`.

    Source: network-policy-api, type `DomainName`: a wildcard matches all labels in its place, but not none; upper and
    lower case and a dot at the end make no difference.
    """
    written = name.lower().removesuffix(".")
    labels = written.split(".")
    # A wildcard is not its own wider form.
    first = 2 if labels[0] == "*" else 1
    return (written, *(f"*.{'.'.join(labels[number:])}" for number in range(first, len(labels))))


@lru_cache(maxsize=1 << 16)
def _single(value: str) -> LabelValues:
    """The set of one value: the same object for the same value, which intersects faster with itself."""
    return one_of(value)


@lru_cache(maxsize=1 << 16)
def values_of(term: Term, *, of_name: bool = False) -> LabelValues:
    """The values that meet one requirement of a selector, without invalid values of labels.

    With `of_name`, invalid names of namespaces are left out, too.
    """
    errors = dns_label_errors if of_name else label_value_errors
    match term.operator:
        case Operator.IN:
            # Stored policies may name values that no label can have: the API server keeps them
            # (`AllowInvalidLabelValueInSelector` of apimachinery).
            values = [value for value in term.values if not errors(value)]
            return _single(values[0]) if len(values) == 1 else one_of(*values)
        case Operator.NOT_IN:
            return none_of(*(value for value in term.values if not errors(value)))
        case Operator.EXISTS:
            return PRESENT
        case Operator.DOES_NOT_EXIST:
            return ONLY_ABSENT


def selector_limits(selector: Selector, role: Role, labelled: Labelled) -> list[tuple[Axis, AxisSet]]:
    """The limits of the box that a selector matches at one end."""
    axes = [label_axis(role, labelled, term.key) for term in selector.terms]
    return [(axis, values_of(term, of_name=axis.is_name)) for axis, term in zip(axes, selector.terms, strict=True)]


@lru_cache(maxsize=1 << 16)
def selection_box(selection: PodSelection, role: Role) -> Box | None:
    """The possible pods that a selection selects, at one end of a connection; None if it can select none."""
    limits: list[tuple[Axis, AxisSet]] = [(KIND[role], A_POD)]
    if selection.namespace is not None:
        limits.append((name_axis(role), _single(selection.namespace)))
    else:
        limits += selector_limits(selection.namespaces or EVERYTHING, role, Labelled.NAMESPACE)
    return box_of([*limits, *selector_limits(selection.pods, role, Labelled.POD)])
