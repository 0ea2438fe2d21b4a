"""What the API server refuses in a Namespace.

Source: `ValidateNamespace` in `pkg/apis/core/validation/validation.go`.
"""

from itertools import chain
from typing import Final

from ringfence.model.field_errors import FieldError, each_once
from ringfence.model.names import dns_label_errors
from ringfence.model.objects import Namespace
from ringfence.model.server_versions import ServerVersion
from ringfence.model.validation.labels import label_errors
from ringfence.model.validation.metadata import metadata_errors

_NAME_LABEL: Final = "kubernetes.io/metadata.name"


def namespace_errors(namespace: Namespace, server: ServerVersion) -> list[FieldError]:
    """Everything for which the API server would refuse to create `namespace`."""
    # Before it validates, the server gives it its name as a label.
    with_name = {_NAME_LABEL: namespace.metadata.name}
    return each_once(
        chain(
            metadata_errors(namespace.metadata, dns_label_errors, is_namespaced=False),
            label_errors(with_name, "metadata.labels"),
        )
    )
