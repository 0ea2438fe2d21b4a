"""`get` and `describe`: policies as kubectl prints them, from files or a cluster."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
import msgspec

from ringfence.analysis.endpoints import similar
from ringfence.cli import EXIT_UNUSABLE, EXIT_YES
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cli.options import as_one
from ringfence.cli.policy_arguments import WantedPolicies, wanted_policies
from ringfence.cli.terminal import print_document, print_exactly, print_message, print_text
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.model.documents import list_document
from ringfence.model.kinds import Kind, namespace_of
from ringfence.model.objects import NetworkPolicy, Policy
from ringfence.model.selector_text import parse_list_selector
from ringfence.render.custom_resources import custom_description, custom_names, custom_table
from ringfence.render.descriptions import TableOptions
from ringfence.render.formats import JSONPathError, JSONPathTemplate, json_text, parse_template, yaml_text
from ringfence.render.policies import description, in_list_order, names_text, policy_table

_MOST_NAMESPACES: Final = 3
"""Namespaces that a message names."""


class GetOptions(msgspec.Struct, frozen=True):
    """The options that say how `get` prints."""

    show_labels: bool
    label_columns: tuple[str, ...]
    no_headers: bool
    output: str | JSONPathTemplate | None


class OutputFormat(click.Choice[str]):
    """The formats of `get`: one by its name, or `jsonpath=TEMPLATE`."""

    def __init__(self) -> None:
        super().__init__(["wide", "name", "json", "yaml", "jsonpath=TEMPLATE"])

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The name of a format, or the template."""
        name, _, template = value.partition("=") if isinstance(value, str) else ("", "", "")
        if name != "jsonpath":
            return super().convert(value, param, ctx)
        if not template:
            self.fail("jsonpath needs a template: -o jsonpath='{.items[*].metadata.name}'", param, ctx)
        try:
            return parse_template(template)
        except JSONPathError as error:
            self.fail(f"jsonpath: {error}", param, ctx)


_get_options = as_one(
    GetOptions,
    "options",
    (
        click.option("--show-labels", is_flag=True, help="Show all labels in the last column."),
        click.option(
            "-L", "--label-columns", multiple=True, metavar="KEY", help="Show a label as a column. Repeatable."
        ),
        click.option("--no-headers", is_flag=True, help="Leave out the header line."),
        click.option(
            "-o",
            "--output",
            type=OutputFormat(),
            help="The output format.",
        ),
    ),
)


@click.command()
@wanted_policies
@_get_options
@input_options
def get(wanted: WantedPolicies, options: GetOptions, inputs: Inputs) -> None:
    """List policies as kubectl does.

    netpol are NetworkPolicies; cnp, anp and banp are the administrators': ClusterNetworkPolicies,
    AdminNetworkPolicies and the BaselineAdminNetworkPolicy.

    \b
    Examples:
      ringfence get netpol -f manifests/ -A
      ringfence get netpol db-policy -n prod -f manifests/ -o yaml
      ringfence get netpol -A -f manifests/ -o jsonpath='{.items[*].metadata.name}'
      ringfence get cnp -f manifests/
    """
    cluster = inputs.cluster()
    kind = _kind(wanted, cluster)
    found, missing = _choose(wanted, kind, cluster)
    match options.output:
        case "json" | "yaml" as output:
            if found or not wanted.names:
                tree = _tree(wanted, cluster, found)
                print_document(json_text(tree) if output == "json" else yaml_text(tree))
        case JSONPathTemplate() as template:
            if found or not wanted.names:
                print_exactly(_applied(template, _tree(wanted, cluster, found)))
        case "name":
            print_text(_names(kind, cluster, found))
        case _:
            print_text(_table(kind, cluster, found, _table_options(wanted, options, kind)))
    inputs.leave(cluster.problems, _exit_code(kind, cluster, missing))


@click.command()
@wanted_policies
@input_options
def describe(wanted: WantedPolicies, inputs: Inputs) -> None:
    """Describe policies as kubectl does.

    If no policy has the given NAME, describe all policies whose names begin with it.

    \b
    Examples:
      ringfence describe netpol db-policy -n prod -f manifests/
      ringfence describe banp default -f manifests/
    """
    cluster = inputs.cluster()
    kind = _kind(wanted, cluster)
    found, missing = _choose(wanted, kind, cluster, prefixes=True)
    # kubectl lists the events of an object that is described alone. Files have none; those of a cluster are not read.
    is_alone = len(found) == 1 and not missing and wanted.names in ((), (found[0].metadata.name,))
    print_text(_description(kind, cluster, found, events=is_alone and not inputs.is_live))
    inputs.leave(cluster.problems, _exit_code(kind, cluster, missing))


# --- which policies ---------------------------------------------------------------------------------------------------


def _kind(wanted: WantedPolicies, cluster: Cluster) -> Kind:
    """The kind that is wanted: of several that share a short name, one of which there are policies."""
    kinds = wanted.policies.kinds
    return next((kind for kind in kinds if cluster.policies_of(kind.key)), kinds[0])


def _choose(
    wanted: WantedPolicies, kind: Kind, cluster: Cluster, *, prefixes: bool = False
) -> tuple[list[Policy], list[str]]:
    """The policies that are wanted, and the names that no policy has."""
    if kind.is_namespaced and wanted.names and wanted.all_namespaces:
        raise InputError("a resource cannot be retrieved by name across all namespaces")
    if kind.is_namespaced and wanted.all_namespaces and cluster.state.only_namespace:
        raise InputError(f"-A: only namespace {cluster.state.only_namespace} could be read: leave out -A")
    policies = _selected(wanted, kind, cluster)
    if not wanted.names:
        if not policies:
            print_message(_nothing_found(wanted, kind, cluster))
        return policies, []
    found: list[Policy] = []
    missing = []
    for name in wanted.names:
        named = [policy for policy in policies if policy.metadata.name == name]
        if not named and prefixes:
            named = [policy for policy in policies if policy.metadata.name.startswith(name)]
        found += named
        if not named:
            missing.append(name)
    return found, missing


def _nothing_found(wanted: WantedPolicies, kind: Kind, cluster: Cluster) -> str:
    """kubectl's message, and where such policies are: files often have those of one namespace, and that another one."""
    if wanted.all_namespaces or not kind.is_namespaced:
        return "No resources found"
    message = f"No resources found in {cluster.namespace} namespace."
    elsewhere = Counter(namespace_of(one) for one in _selected(wanted, kind, cluster, all_namespaces=True))
    if not elsewhere:
        return message
    counts = [f"{count} in {namespace}" for namespace, count in sorted(elsewhere.items())]
    where = ", ".join(counts[:_MOST_NAMESPACES]) + (", ..." if len(counts) > _MOST_NAMESPACES else "")
    option = next(iter(elsewhere)) if len(elsewhere) == 1 else "NAMESPACE"
    return f"{message} {where}: use -n {option} or -A"


def _selected(wanted: WantedPolicies, kind: Kind, cluster: Cluster, *, all_namespaces: bool = False) -> list[Policy]:
    """The policies of the namespace, or of all, that the label selector matches."""
    try:
        selector = parse_list_selector(wanted.selector)
    except ValueError as error:
        raise InputError(f"-l {wanted.selector}: {error}") from None
    everywhere = all_namespaces or wanted.all_namespaces or not kind.is_namespaced
    return in_list_order(
        policy
        for policy in cluster.policies_of(kind.key)
        if (everywhere or namespace_of(policy) == cluster.namespace) and selector.matches(policy.metadata.labels or {})
    )


def _exit_code(kind: Kind, cluster: Cluster, missing: Sequence[str]) -> int:
    """The exit code, after a message for each name that no policy of the namespace has."""
    namespace = cluster.namespace if kind.is_namespaced else ""
    known = [policy.metadata.name for policy in cluster.policies_of(kind.key) if namespace_of(policy) == namespace]
    where = f" in namespace {namespace}" if namespace else ""
    for name in missing:
        meant = similar(name, known)
        print_message(f'error: {kind.plural}.{kind.group} "{name}" not found{where}{meant}')
    return EXIT_UNUSABLE if missing else EXIT_YES


# --- what is printed: NetworkPolicies as kubectl describes them, others as any custom resource ------------------------


def _names(kind: Kind, cluster: Cluster, found: Sequence[Policy]) -> str:
    if kind.schema is None:
        return names_text(_network_policies(found))
    return custom_names(map(cluster.document, found), kind)


def _table(kind: Kind, cluster: Cluster, found: Sequence[Policy], options: TableOptions) -> str:
    now = datetime.now(UTC)
    if kind.schema is None:
        return policy_table(_network_policies(found), now=now, options=options)
    return custom_table(map(cluster.document, found), kind, now=now, options=options)


def _description(kind: Kind, cluster: Cluster, found: Sequence[Policy], *, events: bool) -> str:
    if kind.schema is None:
        return description(_network_policies(found))
    return custom_description(map(cluster.document, found), events=events)


def _network_policies(found: Iterable[Policy]) -> list[NetworkPolicy]:
    return [policy for policy in found if isinstance(policy, NetworkPolicy)]


def _table_options(wanted: WantedPolicies, options: GetOptions, kind: Kind) -> TableOptions:
    return TableOptions(
        namespaces=wanted.all_namespaces and kind.is_namespaced,
        labels=options.show_labels,
        label_columns=tuple(column for group in options.label_columns for column in group.split(",")),
        headers=not options.no_headers,
    )


def _applied(template: JSONPathTemplate, tree: dict[str, Any]) -> str:
    try:
        return template.render(tree)
    except JSONPathError as error:
        raise InputError(f"-o jsonpath: {error}") from None


def _tree(wanted: WantedPolicies, cluster: Cluster, found: Sequence[Policy]) -> dict[str, Any]:
    """The policy if it was asked for by its name, else a List."""
    documents = [cluster.document(policy) for policy in found]
    return documents[0] if len(wanted.names) == 1 else list_document(documents)
