"""The annotations that suppress findings about an object.

They are read separately, because other annotations are not kept: kubectl writes whole manifests into them, and policies
do not depend on them.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from ringfence.model.metadata import Labels

SUPPRESSION: Final = "ringfence.dev/ignore-"
"""The beginning of the key of such an annotation; the name of the rule follows it."""

_MARK: Final = b"ringfence.dev"


def suppressions_of(tree: Mapping[str, Any]) -> Labels | None:
    """The annotations of an object that suppress findings; None if it has none, or is not written as an object."""
    metadata = tree.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, Mapping) else None
    if not isinstance(annotations, Mapping):
        return None
    found = {str(key): str(value) for key, value in annotations.items() if str(key).startswith(SUPPRESSION)}
    return found or None


def suppressions_in(text: bytes | msgspec.Raw) -> Labels | None:
    """The same for an object in JSON, which is decoded only if it contains the prefix of the annotation."""
    return suppressions_of(msgspec.json.decode(text, type=dict)) if _MARK in bytes(text) else None
