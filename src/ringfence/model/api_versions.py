"""The order of API versions: `v1` is later than `v1beta2`, which is later than `v1beta1` and than `v2alpha1`.

Source: kubernetes.io, "Versions in CustomResourceDefinitions", "Version priority".
"""

import re
from typing import Final

_VERSION: Final = re.compile("v([0-9]{1,9})(?:(alpha|beta)([0-9]{1,9}))?")
_STAGES: Final = ("alpha", "beta", None)


def is_later(version: str, known: str) -> bool:
    """Whether a version, such as `v1beta1`, is later than one that is known; a text that is not a version is not."""
    order, known_order = _order(version), _order(known)
    return order is not None and known_order is not None and order > known_order


def _order(version: str) -> tuple[int, int, int] | None:
    parts = _VERSION.fullmatch(version)
    return (_STAGES.index(parts[2]), int(parts[1]), int(parts[3] or 0)) if parts else None
