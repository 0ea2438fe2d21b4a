"""Versions of Kubernetes, and what API servers of different versions accept.

Source: the feature gates in `pkg/features/kube_features.go` and the changelogs of Kubernetes, named at each constant.
"""

import re
from typing import Final

import msgspec

from ringfence.errors import InputError


class ServerVersion(msgspec.Struct, frozen=True, order=True):
    """A release of Kubernetes 1, by its minor version: they are compared by age."""

    minor: int

    def __str__(self) -> str:
        return f"1.{self.minor}"


OLDEST: Final = ServerVersion(20)
"""The first release whose rules are known here."""
NEWEST: Final = ServerVersion(37)
"""The release with which validation is compared, object by object (`tests/e2e/test_validation_agrees.py`)."""

END_PORTS: Final = ServerVersion(22)
"""Has the field `endPort` (KEP-2079); the servers before either refuse it or drop it and allow one port."""
SIDECARS: Final = ServerVersion(29)
"""Has the field `restartPolicy` of init containers (KEP-753)."""
STRICT_CIDRS: Final = ServerVersion(36)
"""Refuses CIDRs and addresses in ambiguous forms (feature gate `StrictIPCIDRValidation`, KEP-4858)."""
LAST_LENIENT: Final = ServerVersion(STRICT_CIDRS.minor - 1)
"""Accepts what any server accepted."""
LABEL_NAMES_OF_STATEFUL_SETS: Final = ServerVersion(27)
"""Refuses names of StatefulSets that have dots (CHANGELOG-1.27, change 114172)."""
RELAXED_SERVICE_NAMES: Final = ServerVersion(36)
"""Accepts Service names that begin with a digit (feature gate `RelaxedServiceNameValidation`, KEP-5311)."""
CONTAINER_RESTART_RULES: Final = ServerVersion(35)
"""Accepts a `restartPolicy` of every container (feature gate `ContainerRestartRules`, KEP-5307)."""


def parse_server_version(text: str) -> ServerVersion:
    """The version in `1.29`, `v1.29` or `v1.29.4-eks-1`. Raises InputError for another text, or an unknown version."""
    match = re.fullmatch(r"v?1\.(\d{1,3})\+?(?:[.-].*)?", text)
    if match is None:
        raise InputError(f"{text!r} is not a version of Kubernetes: use {NEWEST}, for example")
    version = ServerVersion(int(match[1]))
    if not OLDEST <= version <= NEWEST:
        raise InputError(f"the rules of Kubernetes {version} are not known: use a version from {OLDEST} to {NEWEST}")
    return version
