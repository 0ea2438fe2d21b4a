"""Options that users expect of a command that does not have them: the reason, and what to use instead."""

from collections.abc import Mapping
from typing import Final

_READS_NO_FILES: Final = (
    "doctor asks a live cluster which plugin enforces its policies, and manifests do not contain this; to ask about "
    "files as a network plugin enforces them, use --plugin, as in `ringfence connections -f PATH --plugin cilium`"
)
_WHOLE_CLUSTER: Final = "a node enforces the policies of all namespaces, or of none: leave it out"
_POSSIBLE_PODS: Final = (
    "what a plugin does to a connection depends on addresses, owners and nodes, and pods that do not exist yet have "
    "none; to ask about those that exist, use {} --plugin"
)
_EVERY_CLUSTER: Final = (
    "this command compares what policies mean upstream, in every possible cluster; how a plugin enforces them depends "
    "on the cluster: use `ringfence diff {} --plugin NAME`"
)
_PATHS: Final = "A and B are arguments, as in `ringfence {} before/ after/`"
_SAME_FOR_ALL: Final = "the output is the same for every network plugin: leave it out"

LACKING_OPTIONS: Final[Mapping[str, Mapping[str, str]]] = {
    "doctor": {
        **dict.fromkeys(("-f", "--filename", "-k", "--kustomize", "-R", "--recursive"), _READS_NO_FILES),
        **dict.fromkeys(("-n", "--namespace", "-A", "--all-namespaces"), _WHOLE_CLUSTER),
        "--plugin": "doctor detects the plugin; to list what is known of one, use --explain-traits NAME",
    },
    "exposure": {
        **dict.fromkeys(("-p", "--port"), "each row has all ports of the traffic: leave it out"),
        "--plugin": _POSSIBLE_PODS.format("sources and destinations"),
    },
    "snapshot": dict.fromkeys(("-o", "--output"), "a snapshot has one format; for others, use connections -o"),
    "equivalent": {
        **dict.fromkeys(("-f", "--filename"), _PATHS.format("equivalent")),
        "--plugin": _EVERY_CLUSTER.format("A B"),
    },
    "allows-at-most": {
        **dict.fromkeys(("-f", "--filename"), _PATHS.format("allows-at-most")),
        "--plugin": _EVERY_CLUSTER.format("A B --fail-on opened"),
    },
    "redundant": {"--plugin": _EVERY_CLUSTER.format("PATH --without NAMESPACE/POLICY")},
    **{command: {"--plugin": _SAME_FOR_ALL} for command in ("get", "describe", "validate", "convert")},
}
"""The reason, by the name of the command and the option."""
