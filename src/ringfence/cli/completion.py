"""Shell completion: the script for a shell, and the names that complete arguments and options.

Names come from the files of -f and -k, the kubeconfig, and the running laboratory. A live cluster is not asked: that
takes too long for a key press.
"""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

import click
from click.shell_completion import CompletionItem, ShellComplete, get_completion_class

from ringfence.cli import cli
from ringfence.cli.terminal import print_document, print_text
from ringfence.errors import RingfenceError

if TYPE_CHECKING:
    from ringfence.cluster import Cluster

_VARIABLE: Final = "_RINGFENCE_COMPLETE"
_FILES, _FOLDERS, _NOTHING_ELSE = 0, 16, 4
"""What cobra offers besides the printed words: file names, folders, or nothing (its `ShellCompDirective`)."""


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print the script that completes commands, options and names in a shell.

    For `kubectl ringfence`, kubectl calls kubectl_complete-ringfence, which is installed beside ringfence.

    \b
    Examples:
      source <(ringfence completion bash)                                   # in ~/.bashrc
      ringfence completion fish > ~/.config/fish/completions/ringfence.fish
    """
    found = get_completion_class(shell)
    assert found is not None
    print_document(found(cli, {}, "ringfence", _VARIABLE).source())


def complete_for_kubectl(words: list[str]) -> str:
    """The completions of the last word, as kubectl reads them from its plugins: one on each line, and a directive.

    Source: kubectl's `cmd/plugin_completion.go`; `ShellCompDirective` of github.com/spf13/cobra.
    """
    *before, incomplete = words or [""]
    found = ShellComplete(cli, {}, "kubectl ringfence", _VARIABLE).get_completions(before, incomplete)
    plain = [f"{one.value}\t{one.help}" if one.help else one.value for one in found if one.type == "plain"]
    kinds = {one.type for one in found}
    directive = _FILES if "file" in kinds else _FOLDERS if "dir" in kinds else _NOTHING_ELSE
    return "\n".join([*plain, f":{directive}"])


def kubectl_main() -> None:
    """Run `kubectl_complete-ringfence`."""
    import sys

    print_text(complete_for_kubectl(sys.argv[1:]))


def complete_endpoint(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The pods, workloads and Services of the manifests; with -n, also those of its namespace by their names alone."""
    cluster = _cluster(context)
    if cluster is None:
        return []
    names = set(_names(cluster))
    if namespace := context.params.get("namespace"):
        names |= {name.removeprefix(f"{namespace}/") for name in names if name.startswith(f"{namespace}/")}
    return _beginning(names, incomplete)


def complete_namespace(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The namespaces of the manifests."""
    cluster = _cluster(context)
    return _beginning(cluster.state.namespaces.names(), incomplete) if cluster else []


def complete_context(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The contexts of the kubeconfig."""
    from ringfence.sources.cluster import context_names

    try:
        return _beginning(context_names(context.params.get("kubeconfig")), incomplete)
    except RingfenceError:
        return []


def complete_policy(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The resource first, and then its policies in the namespace."""
    from ringfence.model.kinds import KINDS, namespace_of

    named = context.params.get("policies")
    if named is None:
        resources = [word for kind in KINDS.policies() for word in (kind.short_name, kind.plural, kind.name.lower())]
        # Resources may be a list, as in `netpol,cnp`: only the last word of it is being typed.
        before, comma, _ = incomplete.rpartition(",")
        return _beginning([before + comma + word for word in dict.fromkeys(resources)], incomplete)
    cluster = _cluster(context)
    if cluster is None:
        return []
    namespace = context.params.get("namespace") or cluster.namespace
    return _beginning(
        (
            policy.metadata.name
            for one in named
            for kind in one.kinds
            for policy in cluster.policies_of(kind.key)
            if namespace_of(policy) in ("", namespace)
        ),
        incomplete,
    )


def complete_policy_in_force(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The policies of the manifests, of all kinds and namespaces."""
    from ringfence.analysis.endpoints import policy_names

    cluster = _cluster(context)
    return [] if cluster is None else _beginning(policy_names(cluster.state), incomplete)


def complete_plugin(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The network plugins whose traits are known, and files."""
    from ringfence.plugins import plugins

    found = [CompletionItem(name) for name in _beginning(plugins(), incomplete)]
    # Files only if no name fits: a folder full of files would hide the few names.
    return found or [CompletionItem(incomplete, type="file")]


def complete_laboratory_pod(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The pods of the running laboratory."""
    from ringfence.lab.session import StatusReply, StatusRequest, send_request

    try:
        reply = send_request(context.obj or (context.parent.params["name"] if context.parent else ""), StatusRequest())
    except RingfenceError:
        return []
    assert isinstance(reply, StatusReply)
    return _beginning((pod.name for pod in reply.status.pods), incomplete)


def complete_pod_of_node(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[str]:
    """The pods of this node, if its agent answers."""
    from ringfence.agent.status_client import ask_agent

    try:
        status = ask_agent(context.params["listen"], "") if context.params.get("listen") else None
    except RingfenceError:
        return []
    return _beginning((f"{pod.namespace}/{pod.name}" for pod in status.pods), incomplete) if status else []


def _beginning(names: Iterable[str], incomplete: str) -> list[str]:
    return sorted(name for name in set(names) if name.startswith(incomplete))


def _cluster(context: click.Context) -> "Cluster | None":
    """The cluster of the manifests that are named so far; None if there are none, or if they cannot be read."""
    filenames, kustomize = context.params.get("filenames") or (), context.params.get("kustomize")
    if not filenames and not kustomize:
        return None
    from ringfence.cluster import Cluster

    try:
        return Cluster.load(
            *filenames,
            kustomize=kustomize,
            recursive=bool(context.params.get("recursive")),
            namespace=context.params.get("namespace") or "default",
        )
    except RingfenceError:
        return None


def _names(cluster: "Cluster") -> Iterator[str]:
    for member in cluster.state.members():
        yield f"{member.namespace}/{cluster.state.workload(member).name}"
    for namespace, name in cluster.state.services:
        yield f"{namespace}/svc/{name}"
