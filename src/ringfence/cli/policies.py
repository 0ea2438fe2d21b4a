"""`get netpol` and `describe netpol`: policies as kubectl prints them, from files or a cluster."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import click
import msgspec

from ringfence.analysis.endpoints import similar
from ringfence.cli import EXIT_UNUSABLE, EXIT_YES
from ringfence.cli.completion import complete_policy
from ringfence.cli.inputs import Inputs, input_options
from ringfence.cli.options import as_one
from ringfence.cli.terminal import print_document, print_exactly, print_message, print_text
from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.model.documents import stored_document, stored_list
from ringfence.model.kinds import namespace_of
from ringfence.model.objects import NetworkPolicy
from ringfence.model.selector_text import parse_list_selector
from ringfence.render.formats import JSONPathError, JSONPathTemplate, json_text, parse_template, yaml_text
from ringfence.render.policies import TableOptions, description, in_list_order, names_text, policy_table

_RESOURCE: Final = "networkpolicies.networking.k8s.io"
_GROUPS: Final = ("", ".networking.k8s.io", ".v1.networking.k8s.io")
_RESOURCES: Final = {"netpol", *(name + group for name in ("networkpolicy", "networkpolicies") for group in _GROUPS)}

_MOST_NAMESPACES: Final = 3
"""Namespaces that a message names."""


def _parse_names(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """The names in `netpol NAME NAME` or `netpol/NAME netpol/NAME`: kubectl accepts both."""
    if "/" in words[0]:
        resources = [word.partition("/")[0] for word in words]
        names = tuple(word.partition("/")[2] for word in words)
    else:
        resources, names = [words[0]], words[1:]
    for resource in resources:
        if resource.lower() not in _RESOURCES:
            raise click.BadParameter(f"{resource!r} is not a supported resource: use netpol", context, parameter)
    if not all(names) or any("/" in name for name in names):
        raise click.BadParameter("use netpol NAME NAME or netpol/NAME netpol/NAME", context, parameter)
    return names


class WantedPolicies(msgspec.Struct, frozen=True):
    """The arguments and options of `get` and `describe` that choose policies."""

    names: tuple[str, ...]
    all_namespaces: bool
    selector: str


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


_wanted_policies = as_one(
    WantedPolicies,
    "wanted",
    (
        click.argument(
            "names",
            nargs=-1,
            required=True,
            metavar="netpol [NAME]...",
            callback=_parse_names,
            shell_complete=complete_policy,
        ),
        click.option("-A", "--all-namespaces", is_flag=True, help="List the policies of all namespaces."),
        click.option(
            "-l", "--selector", default="", metavar="SELECTOR", help="A label selector, such as app=web,tier!=db."
        ),
    ),
)

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
@_wanted_policies
@_get_options
@input_options
def get(wanted: WantedPolicies, options: GetOptions, inputs: Inputs) -> None:
    """List NetworkPolicies as kubectl does.

    \b
    Examples:
      ringfence get netpol -f manifests/ -A
      ringfence get netpol db-policy -n prod -f manifests/ -o yaml
      ringfence get netpol -A -f manifests/ -o jsonpath='{.items[*].metadata.name}'
    """
    cluster = inputs.cluster()
    found, missing = _choose(wanted, cluster)
    match options.output:
        case "json" | "yaml" as output:
            if found or not wanted.names:
                print_document(_written(found, output, single=len(wanted.names) == 1))
        case JSONPathTemplate() as template:
            if found or not wanted.names:
                print_exactly(_applied(template, found, single=len(wanted.names) == 1))
        case "name":
            print_text(names_text(found))
        case _:
            print_text(policy_table(found, now=datetime.now(UTC), options=_table_options(wanted, options)))
    inputs.leave(cluster.problems, _exit_code(cluster, missing))


@click.command()
@_wanted_policies
@input_options
def describe(wanted: WantedPolicies, inputs: Inputs) -> None:
    """Describe NetworkPolicies as kubectl does.

    If no policy has the given NAME, describe all policies whose names begin with it.

    \b
    Examples:
      ringfence describe netpol db-policy -n prod -f manifests/
    """
    cluster = inputs.cluster()
    found, missing = _choose(wanted, cluster, prefixes=True)
    print_text(description(found))
    inputs.leave(cluster.problems, _exit_code(cluster, missing))


def _choose(
    wanted: WantedPolicies, cluster: Cluster, *, prefixes: bool = False
) -> tuple[list[NetworkPolicy], list[str]]:
    """The policies that are wanted, and the names that no policy has."""
    if wanted.names and wanted.all_namespaces:
        raise InputError("a resource cannot be retrieved by name across all namespaces")
    if wanted.all_namespaces and cluster.state.only_namespace:
        raise InputError(f"-A: only namespace {cluster.state.only_namespace} could be read: leave out -A")
    policies = _selected(wanted, cluster)
    if not wanted.names:
        if not policies:
            print_message(_nothing_found(wanted, cluster))
        return policies, []
    found: list[NetworkPolicy] = []
    missing = []
    for name in wanted.names:
        named = [policy for policy in policies if policy.metadata.name == name]
        if not named and prefixes:
            named = [policy for policy in policies if policy.metadata.name.startswith(name)]
        found += named
        if not named:
            missing.append(name)
    return found, missing


def _nothing_found(wanted: WantedPolicies, cluster: Cluster) -> str:
    """kubectl's message, and where such policies are: files often have those of one namespace, and that another one."""
    if wanted.all_namespaces:
        return "No resources found"
    message = f"No resources found in {cluster.namespace} namespace."
    elsewhere = Counter(namespace_of(one) for one in _selected(wanted, cluster, all_namespaces=True))
    if not elsewhere:
        return message
    counts = [f"{count} in {namespace}" for namespace, count in sorted(elsewhere.items())]
    where = ", ".join(counts[:_MOST_NAMESPACES]) + (", ..." if len(counts) > _MOST_NAMESPACES else "")
    option = next(iter(elsewhere)) if len(elsewhere) == 1 else "NAMESPACE"
    return f"{message} {where}: use -n {option} or -A"


def _selected(wanted: WantedPolicies, cluster: Cluster, *, all_namespaces: bool = False) -> list[NetworkPolicy]:
    """The policies of the namespace, or of all, that the label selector matches."""
    try:
        selector = parse_list_selector(wanted.selector)
    except ValueError as error:
        raise InputError(f"-l {wanted.selector}: {error}") from None
    return in_list_order(
        policy
        for policy in cluster.policies()
        if (all_namespaces or wanted.all_namespaces or namespace_of(policy) == cluster.namespace)
        and selector.matches(policy.metadata.labels or {})
    )


def _table_options(wanted: WantedPolicies, options: GetOptions) -> TableOptions:
    return TableOptions(
        namespaces=wanted.all_namespaces,
        labels=options.show_labels,
        label_columns=tuple(column for group in options.label_columns for column in group.split(",")),
        headers=not options.no_headers,
    )


def _applied(template: JSONPathTemplate, found: Sequence[NetworkPolicy], *, single: bool) -> str:
    try:
        return template.render(_tree(found, single=single))
    except JSONPathError as error:
        raise InputError(f"-o jsonpath: {error}") from None


def _written(found: Sequence[NetworkPolicy], output: str, *, single: bool) -> str:
    tree = _tree(found, single=single)
    return json_text(tree) if output == "json" else yaml_text(tree)


def _tree(found: Sequence[NetworkPolicy], *, single: bool) -> dict[str, Any]:
    """The policy if it was asked for by its name, else a List."""
    return stored_document(found[0]) if single else stored_list(found)


def _exit_code(cluster: Cluster, missing: Sequence[str]) -> int:
    """The exit code, after a message for each name that no policy of the namespace has."""
    known = [policy.metadata.name for policy in cluster.policies() if namespace_of(policy) == cluster.namespace]
    for name in missing:
        meant = similar(name, known)
        print_message(f'error: {_RESOURCE} "{name}" not found in namespace {cluster.namespace}{meant}')
    return EXIT_UNUSABLE if missing else EXIT_YES
