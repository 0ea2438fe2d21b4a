"""Ports on the command line: a number, and a protocol if it is not TCP."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.cli.ports import parse_port


@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("3306", (3306, "TCP")),
        ("53/UDP", (53, "UDP")),
        ("53/udp", (53, "UDP")),
        ("2905/SCTP", (2905, "SCTP")),
        ("1", (1, "TCP")),
        ("65535", (65535, "TCP")),
        ("00080", (80, "TCP")),
        ("80/", (80, "TCP")),
    ],
)
def test_a_valid_port(text: str, port: tuple[int, str]) -> None:
    assert parse_port(text) == port


@pytest.mark.parametrize(
    "text", ["", "0", "65536", "-1", "+1", "http", "3306x", "80/ICMP", "80/TCP/x", " 80", "٨٠", "1_0"]
)
def test_an_invalid_port(text: str) -> None:
    with pytest.raises(click.BadParameter) as raised:
        parse_port(text)
    assert raised.value.message == (
        f"{text!r} is not a valid port: use 3306 or 53/UDP (TCP, UDP or SCTP, from 1 to 65535)"
    )


@given(st.text("0123456789/TCPUDPSCTPudp ", max_size=8))
def test_any_text_is_a_port_or_a_mistake(text: str) -> None:
    try:
        number, protocol = parse_port(text)
    except click.BadParameter:
        return
    assert 1 <= number <= 65535
    assert protocol in ("TCP", "UDP", "SCTP")
