"""What Kubernetes NetworkPolicies allow, why, and proof that the kernel agrees.

    from ringfence import Cluster

    cluster = Cluster.load("manifests/")
    verdict = cluster.can("prod/web", "prod/db", port=3306)
    print(verdict.explain())

These few names are the whole of the Python API; everything else may change without notice.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ringfence.cluster import Cluster
    from ringfence.errors import RingfenceError
    from ringfence.verdict import Verdict

__version__ = "0.2.0"
__all__ = ["Cluster", "RingfenceError", "Verdict", "__version__"]

_HOMES = {"Cluster": "ringfence.cluster", "Verdict": "ringfence.verdict", "RingfenceError": "ringfence.errors"}


def __getattr__(name: str) -> Any:
    """Import a name of the API when it is first used, so that `ringfence --help` does not load the engine."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
