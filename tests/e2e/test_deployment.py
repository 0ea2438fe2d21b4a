"""The manifests and the chart in `deploy/`, on the real API server.

The server accepts them, and they grant the rights that the agent needs and no others.
"""

import json
import re
import subprocess
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ringfence.agent.node_cleanup import CLEANED_BY, OwnPod, clean_nodes
from ringfence.agent.view import FOLLOWED
from ringfence.cli.agent import run_agent
from ringfence.errors import AgentError
from ringfence.model.cidrs import parse_cidr
from ringfence.sources.cluster import ApiServer

from . import parts
from .control_plane import ControlPlane

DEPLOY = Path(__file__).parents[2] / "deploy"
CHART = DEPLOY / "helm" / "ringfence"
SCHEMA = json.loads((CHART / "values.schema.json").read_text())
PATTERNS = [one["pattern"].strip("^$") for one in SCHEMA["properties"]["podRanges"]["items"]["anyOf"]]
"""How pod ranges may be written, in IPv4 and in IPv6."""
ACCOUNT = "system:serviceaccount:kube-system:ringfence-agent"
NEEDED = tuple(".".join(filter(None, (one.plural, one.row.group))) for one in FOLLOWED)
"""What the agent follows, as kubectl names it."""

Object = dict[str, Any]


@pytest.fixture(scope="module")
def deployed(api_server: ControlPlane) -> Iterator[ControlPlane]:
    """The control plane with the plain manifests applied."""
    api_server.kubectl("apply", "-k", str(DEPLOY / "kustomize"))
    yield api_server
    api_server.kubectl("delete", "-k", str(DEPLOY / "kustomize"))


def helm(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run the real helm, which contacts no cluster."""
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


def cleanup_container(objects: list[Object]) -> Object:
    [job] = [one for one in objects if one["kind"] == "Job"]
    [only] = job["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def cleanup_manifests() -> str:
    program = parts.find("kubectl")
    assert program
    built = subprocess.run([program, "kustomize", str(DEPLOY / "cleanup")], capture_output=True, text=True, check=True)
    return built.stdout


def options(arguments: list[str]) -> dict[str, Any]:
    """The options that the program reads from arguments, with the node's own address in place of its variable.

    Raises click.UsageError for unknown options.
    """
    known = [one.replace("$(NODE_ADDRESS)", "192.168.0.1") for one in arguments]
    return run_agent.make_context("agent", known).params


class TestRights:
    @pytest.mark.parametrize("resource", NEEDED)
    @pytest.mark.parametrize("verb", ["list", "watch"])
    def test_the_agent_may_list_and_watch_the_objects_that_it_needs(
        self, deployed: ControlPlane, verb: str, resource: str
    ) -> None:
        assert self.may(deployed, verb, resource)

    @pytest.mark.parametrize("verb", ["create", "patch"])
    def test_the_agent_may_write_events(self, deployed: ControlPlane, verb: str) -> None:
        assert self.may(deployed, verb, "events")

    @pytest.mark.parametrize("verb", ["get", "list", "watch", "update", "delete"])
    def test_the_agent_may_do_nothing_else_with_events(self, deployed: ControlPlane, verb: str) -> None:
        assert not self.may(deployed, verb, "events")

    def test_without_events_the_chart_gives_no_right_to_write_them(self) -> None:
        rules = [
            one["rules"]
            for one in templated("--set=events=false")
            if one["kind"] == "ClusterRole" and one["metadata"]["name"] == "ringfence-agent"
        ]
        assert "events" not in json.dumps(rules)
        assert "events" in json.dumps([one for one in templated() if one["kind"] == "ClusterRole"])

    @pytest.mark.parametrize("resource", [*NEEDED, "secrets", "configmaps", "services"])
    @pytest.mark.parametrize("verb", ["get", "create", "update", "patch", "delete"])
    def test_the_agent_has_no_other_rights(self, deployed: ControlPlane, verb: str, resource: str) -> None:
        assert not self.may(deployed, verb, resource)

    def test_the_agent_may_not_list_secrets(self, deployed: ControlPlane) -> None:
        assert not self.may(deployed, "list", "secrets")

    @staticmethod
    def may(control_plane: ControlPlane, verb: str, resource: str) -> bool:
        name, _, group = resource.partition(".")
        attributes = {"verb": verb, "resource": name, "group": group}
        review: Object = {"apiVersion": "authorization.k8s.io/v1", "kind": "SubjectAccessReview"}
        review |= {"spec": {"user": ACCOUNT, "resourceAttributes": attributes}}
        path = "/apis/authorization.k8s.io/v1/subjectaccessreviews"
        # `kubectl auth can-i` omits the group of a kind that the server does not have.
        answer = control_plane.request("POST", path, review)
        assert answer.status == 201, answer.body
        return bool(answer.body["status"]["allowed"])


class TestPod:
    @pytest.fixture
    def spec(self, deployed: ControlPlane) -> Object:
        found = deployed.kubectl("get", "daemonset", "-n", "kube-system", "ringfence-agent", "-o", "json").stdout
        spec = json.loads(found)["spec"]["template"]["spec"]
        assert isinstance(spec, dict)
        return spec

    def test_the_agent_runs_on_the_host_network_of_every_node(self, spec: Object) -> None:
        assert spec["hostNetwork"]
        assert spec["tolerations"] == [{"operator": "Exists"}]
        assert spec["priorityClassName"] == "system-node-critical"

    def test_the_agent_has_one_capability_and_one_folder(self, spec: Object) -> None:
        context = spec["containers"][0]["securityContext"]
        assert context["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
        assert context["readOnlyRootFilesystem"]
        assert context["allowPrivilegeEscalation"] is False
        assert "privileged" not in context
        assert [one["hostPath"] for one in spec["volumes"]] == [
            {"path": "/var/lib/ringfence", "type": "DirectoryOrCreate"}
        ]
        state = options(spec["containers"][0]["args"])["state_file"]
        assert [str(state.parent)] == [one["mountPath"] for one in spec["containers"][0]["volumeMounts"]]

    def test_the_old_agent_ends_before_the_new_one_starts(self, deployed: ControlPlane) -> None:
        found = deployed.kubectl("get", "daemonset", "-n", "kube-system", "ringfence-agent", "-o", "json").stdout
        assert json.loads(found)["spec"]["updateStrategy"]["rollingUpdate"]["maxSurge"] == 0

    def test_the_deployed_command_exists(self, spec: Object) -> None:
        only = spec["containers"][0]
        assert options(only["args"])["listen"] == ("127.0.0.1", only["livenessProbe"]["httpGet"]["port"])


class TestChart:
    def test_by_default_the_chart_renders_the_plain_manifests(self, real_parts: None) -> None:
        made = [one for one in templated() if "helm.sh/hook" not in one["metadata"].get("annotations", {})]
        program = parts.find("kubectl")
        assert program
        built = subprocess.run([program, "kustomize", str(DEPLOY / "kustomize")], capture_output=True, text=True)
        assert essence(made) == essence(documents(built.stdout))

    def test_a_server_accepts_the_chart_with_every_option(self, api_server: ControlPlane) -> None:
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
        assert chosen["log_format"] == "text"
        assert chosen["max_lag"] == 2.5
        assert chosen["second_look"] == 60
        assert chosen["remove_taint"]
        assert not chosen["events"]
        assert chosen["listen"] == ("192.168.0.1", 9000)

    def test_there_is_a_value_for_every_option(self) -> None:
        usual, chosen = options([]), options(container(templated(*EVERY_OPTION))["args"])
        assert {name for name in usual if usual[name] == chosen[name]} == OTHERWISE_CHOSEN

    def test_the_folder_of_the_node_can_be_chosen_or_left_out(self) -> None:
        chosen = daemon_set(templated("--set=stateDirectory=/srv/state"))["spec"]["template"]["spec"]
        assert chosen["volumes"][0]["hostPath"]["path"] == "/srv/state"
        without = templated("--set=stateDirectory=")
        assert "volumes" not in daemon_set(without)["spec"]["template"]["spec"]
        assert "volumeMounts" not in container(without)
        assert options(container(without)["args"])["state_file"] is None

    def test_to_remove_the_taint_the_agent_may_patch_nodes_and_nothing_more(self) -> None:
        usual, more = (
            next(one["rules"] for one in templated(f"--set=removeTaint={chosen}") if one["kind"] == "ClusterRole")
            for chosen in ("false", "true")
        )
        patching = {"apiGroups": [""], "resources": ["nodes"], "verbs": ["patch"]}
        assert [rule for rule in more if rule not in usual] == [patching]
        assert [rule for rule in usual if rule not in more] == []

    @pytest.mark.parametrize(
        ("chosen", "capabilities"), [("false", ["NET_ADMIN"]), ("true", ["NET_ADMIN", "SYS_NICE"])]
    )
    def test_repairs_come_first_with_one_more_capability(self, chosen: str, capabilities: list[str]) -> None:
        allowed = container(templated(f"--set=prioritizeRepairs={chosen}"))["securityContext"]["capabilities"]
        assert allowed == {"drop": ["ALL"], "add": capabilities}

    def test_exposed_metrics_are_read_at_the_address_of_the_node(self) -> None:
        probe = container(templated("--set", "metrics.expose=true"))["livenessProbe"]["httpGet"]
        assert "host" not in probe, "the kubelet then takes the pod's address, which is the node's"

    def test_a_digest_names_the_image_whatever_its_tag_is(self) -> None:
        digest = f"sha256:{'0123456789abcdef' * 4}"
        for one in (container, cleanup_container):
            image = one(
                templated(f"--set=image.repository=registry.example/ringfence,image.tag=v1,image.digest={digest}")
            )
            assert image["image"] == f"registry.example/ringfence@{digest}"

    def test_the_agents_are_placed_and_replaced_as_the_values_say(self) -> None:
        where = "affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0]"
        terms = f"{where}.matchExpressions[0].key=guarded,{where}.matchExpressions[0].operator=Exists"
        made = daemon_set(templated(f"--set={terms},updateStrategy.type=OnDelete"))["spec"]
        [expression] = made["template"]["spec"]["affinity"]["nodeAffinity"][
            "requiredDuringSchedulingIgnoredDuringExecution"
        ]["nodeSelectorTerms"][0]["matchExpressions"]
        assert expression == {"key": "guarded", "operator": "Exists"}
        assert made["updateStrategy"] == {"type": "OnDelete"}

    def test_more_options_can_be_given(self) -> None:
        assert options(container(templated("--set=extraArgs={--log-group=7}"))["args"])["log_group"] == 7

    def test_the_environment_of_the_agent_can_be_set(self) -> None:
        environment = container(templated("--set=env[0].name=HTTPS_PROXY,env[0].value=http://proxy:3128"))["env"]
        assert {"name": "HTTPS_PROXY", "value": "http://proxy:3128"} in environment

    @pytest.mark.parametrize(
        "value",
        [
            "mode=block",
            "logRate=0",
            "logGroup=0",
            "logFormat=xml",
            "maxLag=0",
            "maxLag=0.05",
            "secondLook=-1",
            "stateDirectory=var/lib",
            "stateDirectory=/",
            "metrics.port=70000",
            "unknown=1",
            "podRanges={10.0.0.0/33}",
            "podRanges={fd00::/129}",
            "podRanges={10.0.0.0}",
            "image.digest=sha256:1",
            "updateStrategy.type=Recreate",
            "updateStrategy.maxUnavailable=0",
            "cleanup.timeoutSeconds=0",
        ],
    )
    def test_values_without_a_meaning_are_refused(self, value: str) -> None:
        refused = helm("template", "trial", str(CHART), "--set", value, check=False)
        assert refused.returncode != 0
        assert "values don't meet the specifications of the schema" in refused.stderr

    def test_the_chart_is_well_formed(self) -> None:
        assert "0 chart(s) failed" in helm("lint", "--strict", str(CHART)).stdout


class TestPodRanges:
    """The chart accepts only ranges that the agent accepts, and it accepts every range in standard notation."""

    @given(st.sampled_from(PATTERNS).flatmap(lambda one: st.from_regex(one, fullmatch=True)))
    def test_the_agent_accepts_the_ranges_that_the_chart_accepts(self, text: str) -> None:
        assert chart_accepts(text)
        parse_cidr(text)

    @given(st.ip_addresses(), st.integers(0, 128))
    def test_the_chart_accepts_every_network(self, address: IPv4Address | IPv6Address, length: int) -> None:
        text = str(ip_network((address, length % (address.max_prefixlen + 1)), strict=False))
        assert chart_accepts(text)


def chart_accepts(pod_range: str) -> bool:
    """Whether the chart's schema accepts a range. Helm reads the patterns as Go does, which here equals Python."""
    return any(re.fullmatch(pattern, pod_range) for pattern in PATTERNS)


class TestCleanup:
    """After an uninstall, a Job removes the rules from all nodes. The test acts as the kubelets."""

    OWN = OwnPod("kube-system", "ringfence-cleanup-1")

    @pytest.fixture
    def client(self, api_server: ControlPlane) -> Iterator[ApiServer]:
        """The API server for the Job's service account. It has the Job's own pod and three nodes, two with Linux."""
        api_server.kubectl("apply", "-k", str(DEPLOY / "cleanup"))
        [template] = [one for one in documents(cleanup_manifests()) if one["kind"] == "Job"]
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": self.OWN.name, "namespace": self.OWN.namespace}}
        names = {"clean-a": "linux", "clean-b": "linux", "clean-w": "windows"}
        nodes = [
            {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name, "labels": {"kubernetes.io/os": system}}}
            for name, system in names.items()
        ]
        spec = {**template["spec"]["template"]["spec"], "nodeSelector": {"kubernetes.io/os": "linux"}}
        for one in (*nodes, {**pod, "spec": spec}):
            api_server.kubectl("apply", "-f", "-", stdin=json.dumps(one))
        yield ApiServer(None, str(api_server.existing_account("ringfence-cleanup", "kube-system")))
        api_server.kubectl("delete", "node", *names)
        for which in (self.OWN.name, f"--selector={CLEANED_BY}"):
            api_server.kubectl("delete", "pod", "-n", self.OWN.namespace, which, "--force", "--grace-period=0")
        api_server.kubectl("delete", "-k", str(DEPLOY / "cleanup"))

    def pods(self, api_server: ControlPlane) -> dict[str, Object]:
        """The pods that clean the nodes, by Node."""
        found = api_server.kubectl("get", "pods", "-n", "kube-system", "-l", CLEANED_BY, "-o", "json").stdout
        return {one["spec"]["nodeName"]: one for one in json.loads(found)["items"]}

    def finish(self, api_server: ControlPlane, *nodes: str) -> None:
        for node, pod in self.pods(api_server).items():
            if node in nodes:
                status = json.dumps({"status": {"phase": "Succeeded"}})
                name = pod["metadata"]["name"]
                api_server.kubectl("patch", "pod", "-n", "kube-system", name, "--subresource=status", "-p", status)

    def test_a_pod_on_each_selected_node_removes_its_rules(self, api_server: ControlPlane, client: ApiServer) -> None:
        seen: dict[str, Object] = {}

        def kubelets(_: float) -> None:
            seen.update(self.pods(api_server))
            self.finish(api_server, "clean-a", "clean-b")

        assert {"clean-a", "clean-b"} <= set(clean_nodes(client, self.OWN, 30, sleep=kubelets))
        assert "clean-w" not in seen
        spec = seen["clean-a"]["spec"]
        [only] = spec["containers"]
        assert only["command"] == ["ringfence", "agent", "--cleanup"]
        assert only["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["NET_ADMIN"]}
        assert (spec["hostNetwork"], spec["restartPolicy"]) == (True, "OnFailure")
        assert not self.pods(api_server), "they are deleted"

    def test_nodes_that_are_not_clean_in_time_are_named(self, api_server: ControlPlane, client: ApiServer) -> None:
        def kubelet(_: float) -> None:
            self.finish(api_server, "clean-a")

        with pytest.raises(AgentError, match=r"nodes were not cleaned within 2 s: .*clean-b"):
            clean_nodes(client, self.OWN, 2, sleep=kubelet)
        left = self.pods(api_server)
        assert set(left) <= {"clean-b"}
        assert all("deletionTimestamp" in pod["metadata"] for pod in left.values()), "their kubelets end them"

    def test_a_right_that_the_cleanup_lacks_is_named(self, api_server: ControlPlane, client: ApiServer) -> None:
        nobody = ApiServer(None, str(api_server.user("nobody")))
        with pytest.raises(AgentError, match='the nodes cannot be cleaned: pods "ringfence-cleanup-1" is forbidden'):
            clean_nodes(nobody, self.OWN, 1)

    def test_the_chart_runs_the_cleanup_when_it_is_uninstalled(self) -> None:
        made = templated()
        hooks = {one["kind"] for one in made if "helm.sh/hook" in one["metadata"].get("annotations", {})}
        assert hooks == {"ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Job"}
        assert cleanup_container(made)["args"] == ["clean-nodes", "--timeout=300"]
        assert not [one for one in templated("--set=cleanup.enabled=false") if one["kind"] == "Job"]

    def test_the_cleanup_of_the_chart_is_that_of_the_plain_manifests(self, real_parts: None) -> None:
        hooks = [one for one in templated() if "helm.sh/hook" in one["metadata"].get("annotations", {})]
        assert essence(hooks) == essence(documents(cleanup_manifests()))


EVERY_OPTION = (
    "--set=mode=observe,unknownPods=allow,existingConnections=keep,spoofedSources=allow,logDenied=true,logRate=5",
    "--set=podRanges={10.0.0.0/8,fd00::/64},metrics.expose=true,metrics.port=9000,maxLag=2.5,logGroup=7,logFormat=text",
    "--set=secondLook=60,events=false,removeTaint=true",
    "--set=podAnnotations.a=b,imagePullSecrets[0].name=secret,image.tag=v1,priorityClassName=",
)

OTHERWISE_CHOSEN = {"node", "context", "kubeconfig", "cleanup"}
"""Options for which the chart needs no value: of the downward API, of a service account, and of the clean-up."""


def essence(objects: list[Object]) -> dict[str, Object]:
    """Objects by kind, without labels and without the fields that a server would set."""
    found = {}
    for one in objects:
        kept = {field: value for field, value in one.items() if field != "metadata"}
        if one["kind"] in ("DaemonSet", "Job"):
            template = kept["spec"]["template"]
            [only] = template["spec"]["containers"]
            only.pop("imagePullPolicy", None)
            kept["spec"] = {**kept["spec"], "template": template["spec"]}
        found[one["kind"]] = kept
    return found
