"""Ports on the command line: the option `-p`, which may be given several times."""

from typing import Any, Final

import click

from ringfence.analysis.endpoints import AskedPorts, PortEntry, parse_port
from ringfence.cli.options import OptionDecorator
from ringfence.errors import InputError

_FORMAT: Final = "PORT"
ASKED_PORTS: Final = (
    "The ports of the destination: 3306, 53/UDP, 8000-8080, a port name, or all. Repeatable.  [default: all]"
)
"""The help of a question about ports."""


def port_option(help_text: str) -> OptionDecorator:
    """The option `-p`, whose values reach a command as one `AskedPorts` called `ports`."""
    return click.option(
        "-p", "--port", "ports", type=_port, metavar=_FORMAT, multiple=True, callback=_as_one, help=help_text
    )


def single_port_option(help_text: str) -> OptionDecorator:
    """The option `-p` for single ports by number, which reach a command as pairs of protocol and number."""
    return click.option("-p", "--port", "ports", type=_single_port, metavar=_FORMAT, multiple=True, help=help_text)


def _port(text: str) -> PortEntry:
    try:
        return parse_port(text)
    except InputError as error:
        raise click.BadParameter(str(error)) from None


def _single_port(text: str) -> tuple[str, int]:
    single = AskedPorts((_port(text),)).single
    if single is None:
        raise click.BadParameter(f"{text!r} is not one port number, which a probe needs: use 3306 or 53/UDP")
    return single


def _as_one(context: click.Context, parameter: click.Parameter, entries: tuple[Any, ...]) -> AskedPorts:
    return AskedPorts(entries)
