"""What the API server refuses in a Node, as far as its fields are read.

Source: `ValidateNode` in `pkg/apis/core/validation/validation.go`.
"""

from collections.abc import Iterator
from itertools import chain

from ringfence.model.cidrs import parse_cidr
from ringfence.model.field_errors import FieldError, each_once, invalid_object
from ringfence.model.names import subdomain_errors
from ringfence.model.objects import Node
from ringfence.model.server_versions import STRICT_CIDRS, ServerVersion
from ringfence.model.validation.addresses import cidr_errors
from ringfence.model.validation.metadata import metadata_errors


def node_errors(node: Node, server: ServerVersion) -> list[FieldError]:
    """Everything for which the API server would refuse to create `node`."""
    names = metadata_errors(node.metadata, subdomain_errors, is_namespaced=False)
    return each_once(chain(names, _pod_range_errors(node.spec.pod_cidrs or (), server)))


def _pod_range_errors(ranges: tuple[str, ...], server: ServerVersion) -> Iterator[FieldError]:
    path = "spec.podCIDRs"
    errors = [
        error
        for i, text in enumerate(ranges)
        for error in cidr_errors(text, f"{path}[{i}]", is_strict=server >= STRICT_CIDRS)
    ]
    yield from errors
    families = {parse_cidr(text).version for text in ranges} if not errors else ()
    if not errors and len(families) != len(ranges):
        yield invalid_object(path, ranges, "may specify no more than one CIDR for each IP family")
