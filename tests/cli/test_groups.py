"""Every command line: options are written as for kubectl, and errors name the option or command that was meant."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ringfence import __version__
from ringfence.cli import cli
from ringfence.cli.arguments import move_options_after_command, read_arguments
from ringfence.cli.groups import Group

EXAMPLE = str(Path(__file__).parents[2] / "examples" / "three-tier")


def run(*words: str) -> Result:
    return CliRunner().invoke(cli, words, prog_name="ringfence")


@click.command()
@click.option("-n", "--namespace")
@click.option("-f", "--filename", multiple=True)
@click.option("-A", "--all", is_flag=True)
@click.option("--log/--no-log", default=None)
@click.argument("names", nargs=-1)
def listing(
    namespace: str | None, filename: tuple[str, ...], all: bool, log: bool | None, names: tuple[str, ...]
) -> None:
    """List."""
    click.echo(json.dumps([namespace, filename, all, log, names]))


@click.group(cls=Group)
def tool() -> None:
    """A tool."""


tool.add_command(listing)


def read(text: str) -> list[str]:
    return read_arguments(listing, click.Context(listing), text.split()).words


class TestArguments:
    @pytest.mark.parametrize(
        ("written", "read_as"),
        [
            pytest.param("-n=prod", "-n prod", id="a shorthand and an equals sign"),
            pytest.param("-nprod", "-n prod", id="a shorthand and its value"),
            pytest.param("-An=prod", "-A -n prod", id="a flag in front of it"),
            pytest.param("-n =prod", "-n =prod", id="the value may begin with an equals sign"),
            pytest.param("-n==prod", "-n =prod", id="only the first sign belongs to the option"),
            pytest.param("--namespace=prod", "--namespace=prod", id="a long option"),
            pytest.param("--all=true", "--all", id="a flag that is true"),
            pytest.param("-A=1", "-A", id="a short one"),
            pytest.param("--all=false", "", id="a flag that is false is left out"),
            pytest.param("--log=false", "--no-log", id="or is its opposite"),
            pytest.param("-f -n=x -n y", "-f -n=x -n y", id="the value of an option is left as it is"),
            pytest.param("-- -n=prod", "-- -n=prod", id="and so is everything behind two dashes"),
            pytest.param("- -x=1 --y=2", "- -x=1 --y=2", id="and what is unknown"),
        ],
    )
    def test_are_read_as_pflag_reads_them(self, written: str, read_as: str) -> None:
        assert read(written) == read_as.split()

    def test_the_value_may_be_empty(self) -> None:
        assert read("-n=") == ["-n", ""]

    def test_a_value_that_is_missing_is_left_to_click(self) -> None:
        assert read("-n") == ["-n"]

    def test_words_that_are_no_options_and_no_values_are_positional(self) -> None:
        words = ["a", "-n", "b", "-A", "c", "--filename=d", "--", "-e"]
        assert read_arguments(listing, click.Context(listing), words).positional == ["a", "c", "-e"]

    @given(
        st.lists(st.sampled_from(["-A", "-n", "-f", "--all", "--log", "x", "-", "--", "-Anx", "--no-log"]), max_size=6)
    )
    def test_what_click_reads_anyway_means_the_same(self, words: list[str]) -> None:
        rewritten = read_arguments(listing, click.Context(listing), words).words
        plain, ours = (CliRunner().invoke(listing, one) for one in (words, rewritten))
        assert (plain.exit_code, plain.stdout) == (ours.exit_code, ours.stdout)

    @pytest.mark.parametrize(
        ("words", "moved"),
        [
            ("-n prod get netpol", "get -n prod netpol"),
            ("-n=prod -A get netpol", "get -n=prod -A netpol"),
            ("-An prod get netpol", "get -An prod netpol"),
            ("-ARnprod get netpol", "get -ARnprod netpol"),
            ("--context c --kubeconfig=k can a b", "can --context c --kubeconfig=k a b"),
            ("get -n prod", "get -n prod"),
            ("--help", "--help"),
            ("-n", "-n"),
            ("", ""),
        ],
    )
    def test_options_of_a_command_may_stand_before_it(self, words: str, moved: str) -> None:
        assert move_options_after_command(words.split()) == moved.split()


class TestRepeatedOptions:
    def test_those_with_one_value_are_refused(self) -> None:
        for words in (["-n", "a", "-n", "b"], ["-n=a", "--namespace", "b"]):
            ended = CliRunner().invoke(tool, ["listing", *words])
            assert ended.exit_code == 2
            assert ended.stderr.endswith("Error: -n / --namespace is given 2 times, but takes one value\n")

    def test_one_before_and_one_after_the_command_are_two(self) -> None:
        assert "is given 2 times" in CliRunner().invoke(tool, ["-n", "a", "listing", "-n", "b"]).stderr

    def test_all_values_of_the_others_count_and_a_flag_may_be_repeated(self) -> None:
        ended = CliRunner().invoke(tool, ["listing", "-f", "a", "-f=b", "-A", "-A"])
        assert json.loads(ended.stdout) == [None, ["a", "b"], True, None, []]

    @pytest.mark.parametrize(
        "command",
        [
            "can prod/web prod/db",
            "explain prod/web prod/db",
            "connections",
            "matrix",
            "get netpol",
            "validate",
            "lab run",
        ],
    )
    @pytest.mark.parametrize("option", ["-n prod", "-k .", "-o json"])
    def test_of_every_command(self, command: str, option: str) -> None:
        ended = run(*command.split(), *option.split(), *option.split())
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert "is given 2 times, but takes one value" in ended.stderr


class TestWordsThatDoNotExist:
    @pytest.mark.parametrize(
        ("words", "message"),
        [
            ("cna", "there is no command 'cna'; did you mean can?"),
            ("frobnicate", "there is no command 'frobnicate': `ringfence --help` lists all"),
            ("lab ru", "there is no command 'ru'; did you mean run?"),
            ("can a b --namspace x", "there is no option --namspace; did you mean --namespace?"),
            ("--halp", "there is no option --halp; did you mean --help?"),
            ("can a b -x", "there is no option -x"),
        ],
    )
    def test_the_similar_one_is_named(self, words: str, message: str) -> None:
        ended = run(*words.split())
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert ended.stderr.endswith(f"Error: {message}\n")


class TestFilesWithoutAnOption:
    @pytest.mark.parametrize(
        "words", ["validate {}", "connections {}", "can {} prod/web prod/db", "get {}", "lab run {}"]
    )
    def test_the_error_says_how_to_name_them(self, words: str) -> None:
        ended = run(*words.format(EXAMPLE).split())
        assert (ended.exit_code, ended.stdout) == (2, "")
        assert ended.stderr.endswith(f"to read manifests, use -f: -f {EXAMPLE}\n")

    def test_in_place_of_an_endpoint(self) -> None:
        ended = run("can", "policy.yaml", "prod/db", "-f", EXAMPLE)
        assert ended.exit_code == 2
        assert ended.stderr.endswith("to read manifests, use -f: -f policy.yaml\n")

    def test_a_name_that_is_no_file_gets_no_such_hint(self) -> None:
        assert "-f" not in run("can", "prod/web", "prod/db", "prod/api", "-f", EXAMPLE).stderr


def test_options_before_the_command_count() -> None:
    before = run("-n", "prod", "-f", EXAMPLE, "get", "netpol")
    assert before.stdout == run("get", "netpol", "-n", "prod", "-f", EXAMPLE).stdout
    assert "db-policy" in before.stdout


def test_the_version_by_command_and_option() -> None:
    assert run("version").stdout == run("--version").stdout == f"ringfence {__version__}\n"
    assert json.loads(run("version", "-o", "json").stdout) == {"apiVersion": "ringfence/v1", "version": __version__}


def test_a_shorthand_with_an_equals_sign_means_what_it_means_to_kubectl(tmp_path: Path) -> None:
    manifests = tmp_path / "in.yaml"
    manifests.write_text("""
apiVersion: v1
kind: Pod
metadata: {name: prom, namespace: mon, labels: {app: prom}}
spec: {containers: [{name: c, image: x}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: deny, namespace: mon}
spec: {podSelector: {}, policyTypes: [Ingress]}
""")
    assert run("get", "netpol", "-n=mon", f"-f={manifests}", "-o=name").stdout == (
        "networkpolicy.networking.k8s.io/deny\n"
    )
    assert "mon/prom" in run("connections", "-n=mon", f"-f={manifests}").stdout
    assert run("can", "192.0.2.1", "mon/prom", "-p=80", f"-f={manifests}").stdout == (
        "no: 192.0.2.1 -> mon/prom on TCP 80\n"
    )
