"""`-o jsonpath` prints the policies of a real API server as the real kubectl does."""

import pytest
from click.testing import CliRunner

from ringfence.cli import cli
from tests.render.formats.test_jsonpath import POLICY, PRINTED

from .control_plane import ControlPlane

OF_A_LIST = (
    "{.items[*].metadata.name}",
    '{range .items[*]}{.metadata.namespace}/{.metadata.name}{"\\n"}{end}',
    "{.items[0].spec}",
    "{.items[9].spec}",
)


@pytest.fixture
def stored(api_server: ControlPlane, namespace: str) -> str:
    """A namespace with two policies."""
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    for name in ("p", "q"):
        policy = {"apiVersion": "networking.k8s.io/v1", **POLICY, "metadata": POLICY["metadata"] | {"name": name}}
        policy["metadata"]["labels"] = {"app.kubernetes.io/name": "w"}
        assert api_server.request("POST", path, policy).status == 201
    return namespace


def test_jsonpath_of_a_policy_and_of_a_list_is_printed_as_by_kubectl(api_server: ControlPlane, stored: str) -> None:
    cases = [(["p"], template) for template, _ in PRINTED] + [([], template) for template in OF_A_LIST]
    for names, template in cases:
        words = ["get", "netpol", *names, "-n", stored, "-o", f"jsonpath={template}"]
        theirs = api_server.kubectl(*words, check=False)
        ours = CliRunner().invoke(cli, [*words, "--kubeconfig", str(api_server.kubeconfig)])
        assert (ours.stdout, ours.exit_code == 0) == (theirs.stdout, theirs.returncode == 0), template
