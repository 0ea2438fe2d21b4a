"""The arguments of `get` and `describe`: which policies, named as in kubectl."""

from itertools import groupby

import click
import msgspec

from ringfence.cli.completion import complete_policy
from ringfence.cli.options import as_one
from ringfence.model.kinds import KINDS, Kind

RESOURCES = "netpol|cnp|anp|banp"
"""The short names of the resources, as help shows them."""


class NamedPolicies(msgspec.Struct, frozen=True):
    """A resource, in lower case, and the names of some of its policies; without names, all of them are meant."""

    resource: str
    names: tuple[str, ...] = ()

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds that the resource may mean: two of them have the same short name."""
        return kinds_of_resource(self.resource)


class WantedPolicies(msgspec.Struct, frozen=True):
    """The arguments and options of `get` and `describe` that choose policies, of one resource or of several."""

    policies: tuple[NamedPolicies, ...]
    all_namespaces: bool
    selector: str

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the policies, once for each resource; none if all are wanted."""
        return tuple(name for one in self.policies for name in one.names)


def kinds_of_resource(resource: str) -> tuple[Kind, ...]:
    """The kinds of policies that kubectl knows by this word in lower case: the short name, or singular or plural.

    Those may be followed by a group, or by a version and a group.
    """
    return tuple(kind for kind in KINDS.policies() if resource in _words(kind))


def _words(kind: Kind) -> set[str]:
    version = kind.api_versions[0].rpartition("/")[2]
    suffixes = ("", f".{kind.group}", f".{version}.{kind.group}")
    words = [one for one in (kind.short_name, kind.name.lower(), kind.plural) if one]
    return {word + suffix for word in words for suffix in suffixes}


def _parse(context: click.Context, parameter: click.Parameter, words: tuple[str, ...]) -> tuple[NamedPolicies, ...]:
    """What `netpol NAME NAME`, `netpol,cnp` or `netpol/NAME cnp/NAME` names: kubectl accepts all of them."""
    # The first word decides about the form of all others.
    if any("/" in word for word in words[:1]):
        pairs = [word.partition("/")[::2] for word in words]
    else:
        pairs = [(resource, name) for resource in dict.fromkeys(words[0].split(",")) for name in words[1:] or ("",)]
    for resource, _ in pairs:
        if not kinds_of_resource(resource.lower()):
            message = f"{resource!r} is not a supported resource: use netpol, cnp, anp or banp"
            raise click.BadParameter(message, context, parameter)
    names = [name for _, name in pairs]
    if any("/" in name for name in names) or (not all(names) and ("/" in words[0] or len(words) > 1)):
        short = kinds_of_resource(pairs[0][0].lower())[0].short_name
        message = f"use {short} NAME NAME or {short}/NAME {short}/NAME"
        raise click.BadParameter(message, context, parameter)
    # Only neighbours are joined: the order of the output is that of the arguments.
    grouped = groupby(pairs, key=lambda pair: pair[0].lower())
    return tuple(NamedPolicies(resource, tuple(name for _, name in some if name)) for resource, some in grouped)


wanted_policies = as_one(
    WantedPolicies,
    "wanted",
    (
        click.argument(
            "policies",
            nargs=-1,
            required=True,
            metavar=f"{RESOURCES} [NAME]...",
            callback=_parse,
            shell_complete=complete_policy,
        ),
        click.option("-A", "--all-namespaces", is_flag=True, help="List the policies of all namespaces."),
        click.option(
            "-l", "--selector", default="", metavar="SELECTOR", help="A label selector, such as app=web,tier!=db."
        ),
    ),
)
