"""`get` and `describe`: policies as kubectl prints them, from files or a cluster."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Final, NamedTuple

import click
import msgspec

from ringfence.analysis.endpoints import similar
from ringfence.cli import EXIT_UNUSABLE, EXIT_YES
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cli.options import as_one
from ringfence.cli.policy_arguments import NamedPolicies, WantedPolicies, wanted_policies
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
      ringfence get netpol,cnp -A -f manifests/
    """
    cluster = inputs.cluster()
    chosen = _choose_all(wanted, cluster)
    # As kubectl: an empty list is a document, but for a name that does not exist there is only an error.
    is_document = any(one.found for one in chosen) or not wanted.names
    match options.output:
        case "json" | "yaml" as output:
            if is_document:
                tree = _tree(wanted, cluster, chosen)
                print_document(json_text(tree) if output == "json" else yaml_text(tree))
        case JSONPathTemplate() as template:
            if is_document:
                print_exactly(_applied(template, _tree(wanted, cluster, chosen)))
        case "name":
            print_text("".join(_names(one, cluster) for one in chosen))
        case _:
            print_text(_tables(wanted, options, cluster, chosen))
    inputs.leave(cluster.problems, _exit_code(cluster, chosen))


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
    chosen = _choose_all(wanted, cluster, prefixes=True)
    found = [policy for one in chosen for policy in one.found]
    # kubectl lists the events of an object that is described alone. Files have none; those of a cluster are not read.
    is_alone = (
        len(found) == 1 and not any(one.missing for one in chosen) and wanted.names in ((), (found[0].metadata.name,))
    )
    events = is_alone and not inputs.is_live
    print_text("\n\n".join(_description(one, cluster, events=events) for one in chosen if one.found))
    inputs.leave(cluster.problems, _exit_code(cluster, chosen))


# --- which policies ---------------------------------------------------------------------------------------------------


class _Chosen(NamedTuple):
    """The policies of a kind that are wanted, and the names that no policy has."""

    kind: Kind
    found: list[Policy]
    missing: list[str]


def _kind(named: NamedPolicies, cluster: Cluster) -> Kind:
    """The kind that is wanted: if several share a short name, the first that has policies."""
    kinds = named.kinds
    return next((kind for kind in kinds if cluster.policies_of(kind.key)), kinds[0])


def _choose_all(wanted: WantedPolicies, cluster: Cluster, *, prefixes: bool = False) -> list[_Chosen]:
    """The policies that are wanted, in order; all of a kind at most once. A message says if there are none.

    If several kinds are wanted, `prefixes` has no effect and names must match exactly, as in kubectl.
    """
    named = [(_kind(one, cluster), one.names) for one in wanted.policies]
    # `netpol,networkpolicies` is one kind. With names, the same policy may be asked for twice, as in kubectl.
    named = named if wanted.names else list(dict.fromkeys(named))
    prefixes &= len({kind for kind, _ in named}) == 1
    chosen = [_choose(wanted, kind, names, cluster, prefixes=prefixes) for kind, names in named]
    if not wanted.names and not any(one.found for one in chosen):
        kinds = [one.kind for one in chosen]
        print_message(_nothing_found(wanted, kinds[0], cluster) if len(kinds) == 1 else "No resources found")
    return chosen


def _choose(wanted: WantedPolicies, kind: Kind, names: Sequence[str], cluster: Cluster, *, prefixes: bool) -> _Chosen:
    if kind.is_namespaced and names and wanted.all_namespaces:
        raise InputError("a resource cannot be retrieved by name across all namespaces")
    if kind.is_namespaced and wanted.all_namespaces and cluster.state.only_namespace:
        raise InputError(f"-A: only namespace {cluster.state.only_namespace} could be read: leave out -A")
    policies = _selected(wanted, kind, cluster)
    if not names:
        return _Chosen(kind, policies, [])
    found: list[Policy] = []
    missing = []
    for name in names:
        named = [policy for policy in policies if policy.metadata.name == name]
        # An exact name comes first: `db` must not describe `db-backup`, too.
        if not named and prefixes:
            named = [policy for policy in policies if policy.metadata.name.startswith(name)]
        found += named
        if not named:
            missing.append(name)
    return _Chosen(kind, found, missing)


def _nothing_found(wanted: WantedPolicies, kind: Kind, cluster: Cluster) -> str:
    """kubectl's message, with the namespaces that have such policies: files often have one, and not that of -n."""
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


def _exit_code(cluster: Cluster, chosen: Iterable[_Chosen]) -> int:
    """The exit code, after a message for each name that no policy of the namespace has."""
    code = EXIT_YES
    for kind, _, missing in chosen:
        namespace = cluster.namespace if kind.is_namespaced else ""
        known = [policy.metadata.name for policy in cluster.policies_of(kind.key) if namespace_of(policy) == namespace]
        where = f" in namespace {namespace}" if namespace else ""
        for name in missing:
            meant = similar(name, known)
            print_message(f'error: {kind.plural}.{kind.group} "{name}" not found{where}{meant}')
            code = EXIT_UNUSABLE
    return code


# --- what is printed: NetworkPolicies as kubectl describes them, others as any custom resource ------------------------


def _names(chosen: _Chosen, cluster: Cluster) -> str:
    if chosen.kind.schema is None:
        return names_text(_network_policies(chosen.found))
    return custom_names(map(cluster.document, chosen.found), chosen.kind)


def _tables(wanted: WantedPolicies, options: GetOptions, cluster: Cluster, chosen: Sequence[_Chosen]) -> str:
    """A table of each kind, in order, with an empty line between two that have headers."""
    some = [one for one in chosen if one.found]
    listed = some if wanted.names else chosen
    several = len({one.kind for one in listed}) > 1
    tables, namespaces = [], False
    for kind, group in groupby(some, key=lambda one: one.kind):
        found = [policy for one in group for policy in one.found]
        # In kubectl, tables behind one with a column for namespaces have that column, too.
        namespaces |= wanted.all_namespaces and kind.is_namespaced
        tables.append(_table(kind, cluster, found, _table_options(options, namespaces=namespaces, kinds=several)))
    return ("" if options.no_headers else "\n").join(tables)


def _table(kind: Kind, cluster: Cluster, found: Sequence[Policy], options: TableOptions) -> str:
    now = datetime.now(UTC)
    if kind.schema is None:
        return policy_table(_network_policies(found), now=now, options=options)
    return custom_table(map(cluster.document, found), kind, now=now, options=options)


def _description(chosen: _Chosen, cluster: Cluster, *, events: bool) -> str:
    if chosen.kind.schema is None:
        return description(_network_policies(chosen.found))
    return custom_description(map(cluster.document, chosen.found), events=events)


def _network_policies(found: Iterable[Policy]) -> list[NetworkPolicy]:
    return [policy for policy in found if isinstance(policy, NetworkPolicy)]


def _table_options(options: GetOptions, *, namespaces: bool, kinds: bool) -> TableOptions:
    return TableOptions(
        namespaces=namespaces,
        labels=options.show_labels,
        label_columns=tuple(column for group in options.label_columns for column in group.split(",")),
        headers=not options.no_headers,
        kinds=kinds,
    )


def _applied(template: JSONPathTemplate, tree: dict[str, Any]) -> str:
    try:
        return template.render(tree)
    except JSONPathError as error:
        raise InputError(f"-o jsonpath: {error}") from None


def _tree(wanted: WantedPolicies, cluster: Cluster, chosen: Iterable[_Chosen]) -> dict[str, Any]:
    """The policy if one was asked for by its name, else a List."""
    documents = [cluster.document(policy) for one in chosen for policy in one.found]
    return documents[0] if len(wanted.names) == 1 else list_document(documents)
