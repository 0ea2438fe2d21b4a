"""`get` and `describe` accept the arguments of kubectl, and print what it prints."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.sources.manifests.texts import read

from ringfence.cli import cli

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "three-tier")
TABLE = "NAME        POD-SELECTOR   AGE\ndb-policy   role=db        <unknown>\n"


def run(command: str) -> Result:
    return CliRunner().invoke(cli, [*command.split(), "-n", "prod", "-f", EXAMPLE])


@pytest.mark.parametrize(
    "words",
    [
        "netpol",
        "NetPol",
        "networkpolicies",
        "networkpolicy db-policy",
        "netpol/db-policy",
        "networkpolicies.networking.k8s.io",
        "networkpolicy.networking.k8s.io/db-policy",
        "networkpolicies.v1.networking.k8s.io db-policy",
    ],
)
def test_policies_are_named_as_in_kubectl(words: str) -> None:
    assert run(f"get {words}").stdout == TABLE
    assert run(f"describe {words}").stdout.startswith("Name:         db-policy\n")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("pods", "'pods' is not a supported resource: use netpol"),
        ("netpol/db-policy x", "'x' is not a supported resource: use netpol"),
        ("netpol netpol/db-policy", "use netpol NAME NAME or netpol/NAME netpol/NAME"),
        ("netpol/", "use netpol NAME NAME or netpol/NAME netpol/NAME"),
        ("", "Missing argument 'netpol [NAME]...'"),
    ],
)
def test_another_resource_or_syntax_is_an_error(words: str, message: str) -> None:
    result = run(f"get {words}")
    assert (result.exit_code, result.stdout) == (2, "")
    assert message in result.stderr


@pytest.mark.parametrize("output", ["json", "yaml"])
@pytest.mark.parametrize("words", ["netpol", "netpol db-policy"])
def test_the_output_can_be_read_again(words: str, output: str) -> None:
    written = run(f"get {words} -o {output}").stdout
    again = CliRunner().invoke(cli, ["describe", "netpol", "-n", "prod", "-f", "-"], input=written)
    assert again.stdout == run("describe netpol").stdout


@pytest.mark.parametrize("output", ["json", "yaml"])
def test_one_name_gives_one_policy_and_no_list(output: str) -> None:
    assert "kind: List" not in run("get netpol db-policy -o yaml").stdout
    assert "kind: List" in run("get netpol -o yaml").stdout
    assert len(read(run(f"get netpol db-policy -o {output}").stdout).manifests) == 1


@pytest.mark.parametrize("output", ["wide", "name", "json", "yaml"])
def test_a_missing_name_is_an_error_and_no_output(output: str) -> None:
    result = run(f"get netpol nope -o {output}")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == 'Error from server (NotFound): networkpolicies.networking.k8s.io "nope" not found\n'
