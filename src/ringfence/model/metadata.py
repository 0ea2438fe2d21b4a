"""What objects of all kinds share: metadata, labels and selectors of labels, in the shape of the API.

Source: Kubernetes API v1.36, `meta/v1`.
"""

from typing import Annotated, Final

import msgspec

Int32 = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]
"""The API's integers: a number beyond 32 bits is refused when it is decoded, as a string is."""

Labels = dict[str, str]
NO_LABELS: Final[Labels] = {}


class OwnerReference(msgspec.Struct, frozen=True, rename="camel"):
    """Who made an object; the controller is the owner that counts."""

    kind: str = ""
    name: str = ""
    controller: bool | None = None


class ObjectMeta(msgspec.Struct, frozen=True, rename="camel"):
    """The metadata of everything but policies."""

    name: str = ""
    namespace: str = ""
    generate_name: str = ""
    labels: Labels | None = None
    owner_references: tuple[OwnerReference, ...] | None = None
    uid: str = ""
    deletion_timestamp: str | None = None


class NodeMeta(ObjectMeta, frozen=True, rename="camel"):
    """The metadata of a Node: in its annotations, network plugins write the addresses that they give it."""

    annotations: Labels | None = None


class ServiceMeta(ObjectMeta, frozen=True, rename="camel"):
    """The metadata of a Service: its annotations say how a load balancer leads to the pods."""

    annotations: Labels | None = None


class PolicyMeta(msgspec.Struct, frozen=True, rename="camel"):
    """The metadata of a policy: what `kubectl describe` prints, too."""

    name: str = ""
    namespace: str = ""
    generate_name: str = ""
    labels: Labels | None = None
    annotations: Labels | None = None
    creation_timestamp: str | None = None


class LabelSelectorRequirement(msgspec.Struct, frozen=True, rename="camel"):
    """One entry of `matchExpressions`, as written."""

    key: str = ""
    operator: str = ""
    values: tuple[str, ...] = ()


class LabelSelector(msgspec.Struct, frozen=True, rename="camel"):
    """A label selector as written; `selectors.compile_selector` makes it a `Selector`."""

    match_labels: Labels = {}
    match_expressions: tuple[LabelSelectorRequirement, ...] = ()
