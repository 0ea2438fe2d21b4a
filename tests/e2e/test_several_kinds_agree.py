"""`get` and `describe` print policies of several kinds as the real kubectl does."""

import re
from collections.abc import Iterator

import pytest
from click.testing import CliRunner

from ringfence.cli import cli

from .control_plane import ControlPlane
from .policy_definitions import GROUP
from .test_other_projects import apply, policy

SPEC = {"subject": {"namespaces": {}}, "ingress": [{"action": "Deny", "from": [{"namespaces": {}}]}]}


@pytest.fixture(scope="module")
def server(experimental_server: ControlPlane) -> Iterator[ControlPlane]:
    experimental_server.kubectl("create", "namespace", "several", check=False)
    names = {"namespace": "several"}
    netpol = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "spec": {"podSelector": {}}}
    apply(
        experimental_server,
        policy(f"{GROUP}/v1alpha2", "ClusterNetworkPolicy", "several", {"tier": "Admin", "priority": 1, **SPEC}),
        policy(f"{GROUP}/v1alpha1", "AdminNetworkPolicy", "several-old", {"priority": 2, **SPEC}),
        *({**netpol, "metadata": {"name": name, **names}} for name in ("a", "b", "several")),
    )
    yield experimental_server
    experimental_server.kubectl("delete", "netpol", "--all", "-n", "several")
    experimental_server.kubectl("delete", "cnp/several", "anp/several-old")


@pytest.mark.parametrize(
    "words",
    [
        "netpol,cnp",
        "anp,netpol,banp",
        "netpol,cnp -A",
        "cnp,netpol -A",
        "netpol,cnp -A --no-headers --show-labels",
        "banp,netpol",
        "netpol,networkpolicies",
        "cnp,anp -o name",
        "netpol,cnp several",
        "netpol,anp a several",
        "netpol/a cnp/several netpol/b",
        "netpol/a cnp/nope netpol/b",
        "cnp/several netpol/a -o jsonpath={.kind}",
    ],
)
def test_get_prints_several_kinds_as_kubectl_does(server: ControlPlane, words: str) -> None:
    assert_agrees(server, "get", words)


@pytest.mark.parametrize("words", ["cnp,anp", "netpol,cnp", "netpol/a cnp/several"])
def test_describe_prints_several_kinds_as_kubectl_does(server: ControlPlane, words: str) -> None:
    assert_agrees(server, "describe", words)


def assert_agrees(server: ControlPlane, *words: str) -> None:
    arguments = [*" ".join(words).split(), "-n", "several"]
    theirs = server.kubectl(*arguments, check=False)
    ours = CliRunner(env={"TZ": "UTC"}).invoke(cli, [*arguments, "--kubeconfig", str(server.kubeconfig)])
    assert without_ages(ours.stdout) == without_ages(theirs.stdout)
    assert bool(ours.exit_code) == bool(theirs.returncode)


def without_ages(text: str) -> str:
    """The text without ages, which grow. Their column is as wide as its header."""
    return re.sub(r"(?<=   )\d+[ms](\d+s)? *", "", text)
