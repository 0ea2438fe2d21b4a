"""What `deploy/` holds, on the real API server: it is accepted, and may do what the agent needs and no more."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from ringfence.cli.agent import run_agent

from . import parts
from .control_plane import ControlPlane

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "ringfence"
ACCOUNT = "system:serviceaccount:kube-system:ringfence-agent"
NEEDED = ("namespaces", "pods", "nodes", "networkpolicies.networking.k8s.io")

Object = dict[str, Any]


@pytest.fixture(scope="module")
def deployed(api_server: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with the plain manifests applied."""
    api_server.kubectl("apply", "-k", str(DEPLOY / "kustomize"))
    yield api_server
    api_server.kubectl("delete", "-k", str(DEPLOY / "kustomize"))


def helm(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Runs the real helm; it asks no cluster."""
    program = parts.find("helm")
    if program is None:
        pytest.skip(f"helm not found: `{parts.BUILD_COMMAND}` fetches it first")
    done = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert done.returncode == 0 or not check, done.stderr
    return done


def templated(*arguments: str) -> list[Object]:
    """The objects of the chart."""
    return documents(helm("template", "trial", str(CHART), "--namespace=kube-system", *arguments).stdout)


def documents(text: str) -> list[Object]:
    return [document for document in yaml.safe_load_all(text) if document]


def daemon_set(objects: list[Object]) -> Object:
    [found] = [one for one in objects if one["kind"] == "DaemonSet"]
    return found


def container(objects: list[Object]) -> Object:
    [only] = daemon_set(objects)["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def options(arguments: list[str]) -> dict[str, Any]:
    """What the program reads from arguments, with the node's own address in place of its variable.

    Raises click.UsageError for what it does not know.
    """
    known = [one.replace("$(NODE_ADDRESS)", "192.168.0.1") for one in arguments]
    return run_agent.make_context("agent", known).params


class TestRights:
    @pytest.mark.parametrize("resource", NEEDED)
    @pytest.mark.parametrize("verb", ["list", "watch"])
    def test_the_agent_may_follow_what_it_needs(self, deployed: ControlPlane, verb: str, resource: str) -> None:
        assert self.may(deployed, verb, resource)

    @pytest.mark.parametrize("resource", [*NEEDED, "secrets", "configmaps", "services"])
    @pytest.mark.parametrize("verb", ["get", "create", "update", "patch", "delete"])
    def test_and_nothing_else(self, deployed: ControlPlane, verb: str, resource: str) -> None:
        assert not self.may(deployed, verb, resource)

    def test_it_may_not_even_list_what_it_does_not_need(self, deployed: ControlPlane) -> None:
        assert not self.may(deployed, "list", "secrets")

    @staticmethod
    def may(control_plane: ControlPlane, verb: str, resource: str) -> bool:
        arguments = ("auth", "can-i", verb, resource, "--all-namespaces", f"--as={ACCOUNT}")
        return control_plane.kubectl(*arguments, check=False).returncode == 0


class TestPod:
    @pytest.fixture
    def spec(self, deployed: ControlPlane) -> Object:
        found = deployed.kubectl("get", "daemonset", "-n", "kube-system", "ringfence-agent", "-o", "json").stdout
        spec = json.loads(found)["spec"]["template"]["spec"]
        assert isinstance(spec, dict)
        return spec

    def test_it_is_in_the_nodes_network_on_every_node(self, spec: Object) -> None:
        assert spec["hostNetwork"]
        assert spec["tolerations"] == [{"operator": "Exists"}]
        assert spec["priorityClassName"] == "system-node-critical"

    def test_it_has_one_capability_and_writes_no_file(self, spec: Object) -> None:
        context = spec["containers"][0]["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
        assert context["readOnlyRootFilesystem"]
        assert context["allowPrivilegeEscalation"] is False
        assert "privileged" not in context
        assert "volumes" not in spec

    def test_the_old_one_goes_before_the_new_one_comes(self, deployed: ControlPlane) -> None:
        found = deployed.kubectl("get", "daemonset", "-n", "kube-system", "ringfence-agent", "-o", "json").stdout
        assert json.loads(found)["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"] == 0

    def test_what_is_deployed_is_a_command_that_the_program_knows(self, spec: Object) -> None:
        only = spec["containers"][0]
        assert options(only["args"])["listen"] == ("127.0.0.1", only["livenessProbe"]["httpGet"]["port"])


class TestChart:
    def test_by_default_it_makes_what_the_plain_manifests_do(self, real_parts: None) -> None:
        program = parts.find("kubectl")
        assert program
        built = subprocess.run([program, "kustomize", str(DEPLOY / "kustomize")], capture_output=True, text=True)
        assert essence(templated()) == essence(documents(built.stdout))

    def test_a_server_takes_it_with_every_option(self, api_server: ControlPlane) -> None:
        text = helm("template", "trial", str(CHART), "--namespace=kube-system", *EVERY_OPTION).stdout
        api_server.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)

    def test_values_become_options_of_the_program(self) -> None:
        chosen = options(container(templated(*EVERY_OPTION))["args"])
        assert chosen["mode"] == "observe"
        assert chosen["unknown_pods"] == "allow"
        assert chosen["existing_connections"] == "keep"
        assert chosen["spoofed_sources"] == "allow"
        assert chosen["pod_ranges"] == ("10.0.0.0/8", "fd00::/64")
        assert chosen["log_denied"]
        assert chosen["log_rate"] == 5
        assert chosen["log_group"] == 7
        assert chosen["listen"] == ("192.168.0.1", 9000)

    def test_exposed_metrics_are_asked_for_at_the_nodes_address(self) -> None:
        probe = container(templated("--set", "metrics.expose=true"))["livenessProbe"]["httpGet"]
        assert "host" not in probe, "the kubelet then takes the pod's address, which is the node's"

    @pytest.mark.parametrize("value", ["mode=block", "logRate=0", "metrics.port=70000", "unknown=1"])
    def test_values_that_mean_nothing_are_refused(self, value: str) -> None:
        refused = helm("template", "trial", str(CHART), "--set", value, check=False)
        assert refused.returncode != 0
        assert "values don't meet the specifications of the schema" in refused.stderr

    def test_it_is_well_formed(self) -> None:
        assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART)).stdout


EVERY_OPTION = (
    "--set=mode=observe,unknownPods=allow,existingConnections=keep,spoofedSources=allow,logDenied=true,logRate=5",
    "--set=podRanges={10.0.0.0/8,fd00::/64},metrics.expose=true,metrics.port=9000,extraArgs={--log-group=7}",
    "--set=podAnnotations.a=b,imagePullSecrets[0].name=secret,image.tag=v1,priorityClassName=",
)


def essence(objects: list[Object]) -> dict[str, Object]:
    """Objects by kind, without their labels, and without what a server would fill in."""
    found = {}
    for one in objects:
        kept = {field: value for field, value in one.items() if field != "metadata"}
        if one["kind"] == "DaemonSet":
            template = kept["spec"]["template"]
            [only] = template["spec"]["containers"]
            only.pop("imagePullPolicy", None)
            kept["spec"] = {**kept["spec"], "template": template["spec"]}
        found[one["kind"]] = kept
    return found
