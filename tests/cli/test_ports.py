"""The option `-p`: several ports in one question, and single ports to probe."""

from collections.abc import Callable
from typing import Any

import click
from click.testing import CliRunner, Result

from ringfence.analysis.endpoints.ports import parse_port
from ringfence.cli.ports import port_option, single_port_option


def run(option: Callable[[Any], Any], *arguments: str) -> Result:
    @click.command()
    @option
    def command(ports: object) -> None:
        click.echo(ports)

    return CliRunner().invoke(command, arguments)


def test_all_ports_that_are_given_reach_the_command() -> None:
    found = run(port_option("Ports."), "-p", "22", "--port", "53/udp", "-p", "metrics", "-p8000-8080")
    assert found.stdout == "TCP 22,8000-8080; UDP 53 and metrics\n"


def test_without_a_port_the_question_is_about_all_traffic() -> None:
    assert run(port_option("Ports.")).stdout == "all traffic\n"
    assert run(port_option("Ports."), "-p", "all", "-p", "80").stdout == "all traffic\n"


def test_an_invalid_port_is_a_usage_error_with_the_valid_forms() -> None:
    found = run(port_option("Ports."), "-p", "80:TCP")
    assert found.exit_code == 2
    assert "'80:TCP' is not a valid port: use 3306, 53/UDP, 8000-8080, the name of a port, or all" in found.stderr


def test_only_single_ports_can_be_probed() -> None:
    assert run(single_port_option("Ports."), "-p", "22", "-p", "53/UDP").stdout == "(('TCP', 22), ('UDP', 53))\n"
    for text in ("8000-8080", "metrics", "all"):
        found = run(single_port_option("Ports."), "-p", text)
        assert found.exit_code == 2
        assert f"{text!r} is not one port number, which a probe needs: use 3306 or 53/UDP" in found.stderr


def test_a_range_of_one_port_is_a_single_port() -> None:
    assert parse_port("80-80") == parse_port("80")
