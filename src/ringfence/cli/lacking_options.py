"""Options that a command is expected to have, and does not: why, and what to use instead."""

from collections.abc import Mapping
from typing import Final

_READS_NO_FILES: Final = (
    "doctor asks a live cluster what enforces policies, and manifests do not say it; to answer from files as a network "
    "plugin enforces them, use --plugin, as in `ringfence connections -f PATH --plugin cilium`"
)
_WHOLE_CLUSTER: Final = "policies are enforced, or not, on nodes and for all namespaces: leave it out"
_POSSIBLE_PODS: Final = (
    "what a plugin does to a connection depends on addresses, owners and nodes, and pods that do not exist yet have "
    "none; to ask about those that exist, use {} --plugin"
)
_EVERY_CLUSTER: Final = (
    "this is about the meaning that upstream gives to policies, in every cluster that could be; what a plugin makes of "
    "them depends on the cluster: use `ringfence diff {} --plugin NAME`"
)
_SAME_FOR_ALL: Final = "this is the same, whatever plugin enforces the policies: leave it out"

LACKING_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "doctor": {
        **dict.fromkeys(("-f", "--filename", "-k", "--kustomize", "-R", "--recursive"), _READS_NO_FILES),
        **dict.fromkeys(("-n", "--namespace", "-A", "--all-namespaces"), _WHOLE_CLUSTER),
        "--plugin": "doctor finds the plugin out; to list what is known of one, use --explain-traits NAME",
    },
    "exposure": {"--plugin": _POSSIBLE_PODS.format("sources and destinations")},
    "equivalent": {"--plugin": _EVERY_CLUSTER.format("A B")},
    "allows-at-most": {"--plugin": _EVERY_CLUSTER.format("A B --fail-on opened")},
    "redundant": {"--plugin": _EVERY_CLUSTER.format("PATH --without NAMESPACE/POLICY")},
    **{command: {"--plugin": _SAME_FOR_ALL} for command in ("get", "describe", "validate", "convert")},
}
"""The reason, by the name of the command and the option."""
