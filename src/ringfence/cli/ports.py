"""Ports on the command line: `3306`, `53/UDP`."""

import re
from typing import Final

import click

from ringfence.sets.traffic import PROTOCOLS

PORT_FORMAT: Final = "PORT[/PROTOCOL]"
"""How the help shows it."""


def parse_port(text: str) -> tuple[int, str]:
    """The number and the protocol, by default TCP. Raises click.BadParameter for anything else."""
    number, _, protocol = text.partition("/")
    protocol = (protocol or "TCP").upper()
    # `isdecimal` and `int` would accept the digits of every script.
    if not re.fullmatch("[0-9]{1,5}", number) or not 1 <= int(number) <= 65535 or protocol not in PROTOCOLS:
        raise click.BadParameter(
            f"{text!r} is not a valid port: use 3306 or 53/UDP (TCP, UDP or SCTP, from 1 to 65535)"
        )
    return int(number), protocol
