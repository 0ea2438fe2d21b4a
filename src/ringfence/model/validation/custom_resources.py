"""What the API server refuses in an object of a custom resource, by the schema of its definition.

Source: `apiextensions-apiserver/pkg/registry/customresource/strategy.go`.
"""

from collections.abc import Mapping
from itertools import chain

from ringfence.model.field_errors import FieldError, each_once
from ringfence.model.metadata import PolicyMeta
from ringfence.model.names import subdomain_errors
from ringfence.model.structural_schemas import Schema, as_stored, blocks_rules, rule_errors, schema_errors
from ringfence.model.validation.metadata import annotation_errors, metadata_errors


def custom_resource_errors(tree: Mapping[str, object], metadata: PolicyMeta, schema: Schema) -> list[FieldError]:
    """Everything for which an API server would refuse to create the object, which has no namespace.

    `tree` is the object as it is written, `metadata` what was read of its metadata.
    """
    # A new object has no status: the server drops one that it is created with.
    stored = as_stored({**tree, "metadata": tree.get("metadata") or {}, "status": None}, schema)
    errors = each_once(
        chain(
            metadata_errors(metadata, subdomain_errors, is_namespaced=False),
            annotation_errors(metadata.annotations or {}, "metadata.annotations"),
            schema_errors(stored, schema),
        )
    )
    return errors if blocks_rules(errors) else [*errors, *rule_errors(stored, schema)]
