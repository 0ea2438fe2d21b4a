"""`get netpol` and `describe netpol`: as kubectl prints them, from files or a cluster."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from ringfence.cli import EXIT_NO
from ringfence.cli.inputs import Inputs, input_options
from ringfence.errors import InputError
from ringfence.model.documents import document, list_document
from ringfence.model.objects import NetworkPolicy
from ringfence.model.selectors import parse_selector
from ringfence.render import kubectl

_RESOURCE = "networkpolicies.networking.k8s.io"
_GROUPS = ("", ".networking.k8s.io", ".v1.networking.k8s.io")
_RESOURCES = {"netpol", *(name + group for name in ("networkpolicy", "networkpolicies") for group in _GROUPS)}


def _parse_names(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[str, ...]:
    """The names in `netpol NAME NAME` or in `netpol/NAME netpol/NAME`, kubectl's two ways of writing them."""
    if "/" in words[0]:
        resources = [word.partition("/")[0] for word in words]
        names = tuple(word.partition("/")[2] for word in words)
    else:
        resources, names = [words[0]], words[1:]
    for resource in resources:
        if resource.lower() not in _RESOURCES:
            raise click.BadParameter(f"{resource!r} is no resource that is read here; write netpol", context, parameter)
    if not all(names) or any("/" in name for name in names):
        raise click.BadParameter("write netpol NAME NAME, or netpol/NAME netpol/NAME", context, parameter)
    return names


_names = click.argument("names", nargs=-1, required=True, metavar="netpol [NAME]...", callback=_parse_names)
_all_namespaces = click.option("-A", "--all-namespaces", is_flag=True, help="Those of every namespace.")
_selector = click.option("-l", "--selector", default="", help="Only those with these labels: app=web,tier!=db.")


@click.command()
@_names
@_all_namespaces
@_selector
@click.option("--show-labels", is_flag=True, help="All labels as the last column.")
@click.option("-L", "--label-columns", multiple=True, metavar="KEY", help="A label as a column. Repeatable.")
@click.option("--no-headers", is_flag=True, help="Without the header line.")
@click.option("-o", "--output", type=click.Choice(["wide", "name", "json", "yaml"]), help="Another format.")
@input_options
def get(
    inputs: Inputs,
    names: tuple[str, ...],
    all_namespaces: bool,
    selector: str,
    show_labels: bool,
    label_columns: tuple[str, ...],
    no_headers: bool,
    output: str | None,
) -> None:
    """List NetworkPolicies as kubectl does.

    \b
    ringfence get netpol -f manifests/ -A
    ringfence get netpol db-policy -n prod -f manifests/ -o yaml
    """
    found, missing = _chosen(inputs, names, all_namespaces, selector)
    columns = tuple(column for group in label_columns for column in group.split(","))
    if output in ("json", "yaml"):
        if found or not names:
            click.echo(_written(found, output, single=len(names) == 1))
    elif output == "name":
        click.echo(kubectl.names(found), nl=False)
    else:
        listing = kubectl.get(
            found,
            now=datetime.now(UTC),
            all_namespaces=all_namespaces,
            show_labels=show_labels,
            label_columns=columns,
            headers=not no_headers,
        )
        click.echo(listing, nl=False)
    _leave(missing)


@click.command()
@_names
@_all_namespaces
@_selector
@input_options
def describe(inputs: Inputs, names: tuple[str, ...], all_namespaces: bool, selector: str) -> None:
    """Describe NetworkPolicies as kubectl does; a name stands for all that begin with it where none is called so.

    \b
    ringfence describe netpol db-policy -n prod -f manifests/
    """
    found, missing = _chosen(inputs, names, all_namespaces, selector, prefixes=True)
    click.echo(kubectl.describe_all(found), nl=False)
    _leave(missing)


def _chosen(
    inputs: Inputs, names: Sequence[str], all_namespaces: bool, selector: str, *, prefixes: bool = False
) -> tuple[list[NetworkPolicy], list[str]]:
    """The policies that are asked for, and the names for which there is none."""
    if names and all_namespaces:
        raise InputError("a resource cannot be retrieved by name across all namespaces")
    cluster = inputs.cluster()
    try:
        wanted = parse_selector(selector)
    except ValueError as error:
        raise InputError(f"-l {selector}: {error}") from None
    policies = kubectl.in_list_order(
        policy
        for policy in cluster.policies()
        if (all_namespaces or (policy.metadata.namespace or "default") == cluster.namespace)
        and wanted.matches(policy.metadata.labels or {})
    )
    if not names:
        if not policies:
            where = "" if all_namespaces else f" in {cluster.namespace} namespace."
            click.echo(f"No resources found{where}", err=True)
        return policies, []
    found: list[NetworkPolicy] = []
    missing = []
    for name in names:
        of_name = [policy for policy in policies if policy.metadata.name == name]
        if not of_name and prefixes:
            of_name = [policy for policy in policies if policy.metadata.name.startswith(name)]
        found += of_name
        if not of_name:
            missing.append(name)
    return found, missing


def _written(found: Sequence[NetworkPolicy], output: str, *, single: bool) -> str:
    """The policy that was asked for by its name, or a List of those that were found."""
    tree = document(found[0]) if single else list_document(found)
    if output == "json":
        from ringfence.render.json import text
    else:
        from ringfence.render.yaml import text
    return text(tree)


def _leave(missing: Sequence[str]) -> None:
    for name in missing:
        click.echo(f'Error from server (NotFound): {_RESOURCE} "{name}" not found', err=True)
    if missing:
        sys.exit(EXIT_NO)
