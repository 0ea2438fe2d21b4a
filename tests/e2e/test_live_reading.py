"""Reading a real API server: which objects are read, and which errors users get who may not read them."""

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from click.testing import CliRunner
from httpx2 import Client

from ringfence import Cluster
from ringfence.cli import cli
from ringfence.errors import EndpointError, LiveClusterError
from ringfence.model.kinds import kind_of, namespace_of
from ringfence.model.objects import Manifest, NetworkPolicy, Node, Object, PodLimit, Workload
from ringfence.model.policies import defaulted
from ringfence.model.problems import Severity
from ringfence.sources.cluster import listing as live
from ringfence.sources.cluster import responses
from ringfence.sources.cluster.responses import get_page
from ringfence.sources.manifests import read_files

from .control_plane import ControlPlane, running
from .credentials import Authority, write_kubeconfig
from .live_shop import LIVE_SHOP, create_live_shop

EVERY_KIND = Path(__file__).parent / "every_kind.yaml"
OF_EVERY_SERVER = [resource for resource in live.RESOURCES if not resource.row.is_custom]
NEEDED = ["namespaces", "pods", "networkpolicies.networking.k8s.io"]


@pytest.fixture(scope="module")
def api_server(real_parts: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """A control plane for these tests alone: objects of other tests would be read as well."""
    with running(tmp_path_factory.mktemp("live-reading")) as one:
        yield one


@pytest.fixture(scope="module")
def shop(api_server: ControlPlane) -> ControlPlane:
    """The control plane with the objects of `every_kind.yaml`, with the status that kubelets write."""
    api_server.kubectl("create", "--filename", str(EVERY_KIND))
    reported = [document for document in EVERY_KIND.read_text().split("\n---\n") if "\nstatus:" in document]
    arguments = ("apply", "--server-side", "--subresource=status", "--filename=-")
    api_server.kubectl(*arguments, stdin="\n---\n".join(reported))
    return api_server


def by_name(manifests: Iterable[Manifest]) -> dict[tuple[str, str, str], Object]:
    objects = [as_stored(manifest.object) for manifest in manifests]
    return {(kind_of(obj), namespace_of(obj), obj.metadata.name): obj for obj in objects}


def as_stored(obj: Object) -> Object:
    """The object as any server stores it: with the defaults of policies, and without times, identifiers and replicas.

    A server adds taints to a new Node and removes them when the Node is ready.
    """
    if isinstance(obj, NetworkPolicy):
        metadata = msgspec.structs.replace(obj.metadata, creation_timestamp=None)
        return defaulted(msgspec.structs.replace(obj, metadata=metadata))
    obj = msgspec.structs.replace(obj, metadata=msgspec.structs.replace(obj.metadata, uid=""))
    if isinstance(obj, Node):
        return msgspec.structs.replace(obj, spec=msgspec.structs.replace(obj.spec, taints=None))
    return msgspec.structs.replace(obj, limit=PodLimit()) if isinstance(obj, Workload) else obj


def test_objects_are_what_their_file_says(shop: ControlPlane) -> None:
    written = by_name(read_files([str(EVERY_KIND)]).manifests)
    reading = live.read(kubeconfig=str(shop.kubeconfig))
    stored = by_name(reading.manifests)
    assert {kind for kind, _, _ in written} == {resource.kind for resource in OF_EVERY_SERVER}
    assert {key: stored.get(key) for key in written} == written
    assert reading.problems == []
    assert {manifest.origin.file for manifest in reading.manifests} == {shop.url}


def test_a_live_cluster_is_compared_with_files_other_clusters_and_supposed_changes(
    shop: ControlPlane, tmp_path: Path
) -> None:
    without_web = tmp_path / "without-web.yaml"
    documents = EVERY_KIND.read_text().split("\n---\n")
    without_web.write_text(
        "\n---\n".join(one for one in documents if "kind: NetworkPolicy\nmetadata: {name: web" not in one)
    )

    def policies(*words: str) -> tuple[int, int]:
        """The number of policies that differ, and the exit code."""
        runner = CliRunner(env={"KUBECONFIG": str(shop.kubeconfig)})
        ended = runner.invoke(cli, ["diff", "-o", "json", "--ignore-errors", *words])
        summary = json.loads(ended.stdout)["summary"]
        return sum(count for name, count in summary.items() if name.startswith("policies")), ended.exit_code

    context = yaml.safe_load(shop.kubeconfig.read_text())["current-context"]
    assert policies("--context", context, "--to-context", context) == (0, 0)
    assert policies("--live", "--without", "shop/web") == (1, 1)
    assert policies("--live", "-f", str(EVERY_KIND))[0] == 0
    assert policies("--live", str(without_web)) == (1, 1)

    def exit_code(*words: str) -> int:
        return CliRunner(env={"KUBECONFIG": str(shop.kubeconfig)}).invoke(cli, words).exit_code

    assert exit_code("equivalent", "--live", str(EVERY_KIND), "--ignore-errors") == 0
    assert exit_code("equivalent", str(without_web), "--to-context", context, "--ignore-errors") == 1
    assert exit_code("allows-at-most", str(without_web), "--to-context", context, "--ignore-errors") == 0


LIVE_TESTS = """\
apiVersion: ringfence/v1
kind: ReachabilityTest
metadata: {{namespace: {0}}}
tests:
- {{name: service, from: web, to: svc/db, port: 3306, expect: allow}}
- {{name: outside, from: internet, to: db, port: 3306, expect: deny, because: db-policy}}
- {{name: only, to: db, port: 3306, expect: {{only-from: [web]}}, accept: assumptions}}
- {{name: isolated, pods: db, isolated: ingress}}
- {{name: second line, from: 203.0.113.7, to: db, port: 3306, expect: allow, without: db-policy}}
- {{name: misspelt, from: wbe, to: db, expect: deny}}
"""


def test_test_files_are_judged_by_the_objects_of_a_cluster(
    shop: ControlPlane, namespace: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    create_live_shop(shop, namespace)
    file = tmp_path / "tests.yaml"
    file.write_text(LIVE_TESTS.format(namespace))
    context = yaml.safe_load(shop.kubeconfig.read_text())["current-context"]

    def judged(*words: str) -> tuple[dict[str, Any], int]:
        runner = CliRunner(env={"KUBECONFIG": str(shop.kubeconfig)})
        command = ["test", str(file), "--context", context, "--ignore-errors", "-o", "json", *words]
        ended = runner.invoke(cli, command)
        return {one["name"]: one for one in json.loads(ended.stdout)["tests"]}, ended.exit_code

    found, exit_code = judged()
    assert {name: one["status"] for name, one in found.items()} == {
        "service": "passed", "outside": "passed", "only": "passed", "isolated": "passed", "second line": "passed",
        "misspelt": "error",
    }  # fmt: skip
    assert exit_code == 2
    assert found["misspelt"]["message"].endswith("did you mean web?")
    found, exit_code = judged("-k", "service or outside or only", "--lab")
    assert ({name: one["kernel"]["status"] for name, one in found.items()}, exit_code) == (
        dict.fromkeys(("service", "outside", "only"), "passed"),
        0,
    )

    shop.kubectl("delete", "networkpolicy", "db-policy", f"--namespace={namespace}")
    found, exit_code = judged("-k", "service or only or isolated")
    assert ({name: one["status"] for name, one in found.items()}, exit_code) == (
        {"service": "passed", "only": "failed", "isolated": "failed"},
        1,
    )
    assert found["isolated"]["message"].endswith("is not isolated for ingress: no policy selects it")


def test_later_differences_from_a_snapshot_of_a_cluster_are_found(
    shop: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    create_live_shop(shop, namespace)
    runner = CliRunner(env={"KUBECONFIG": str(shop.kubeconfig)})
    taken = runner.invoke(cli, ["snapshot", "--ignore-errors"])
    file = tmp_path / "connections.lock"
    file.write_text(taken.stdout)
    row = f"isolated {namespace}/db ingress\n"
    assert row in taken.stdout

    def changed(*words: str) -> tuple[int, str]:
        ended = runner.invoke(cli, ["test", "--snapshot", str(file), "--ignore-errors", *words])
        return ended.exit_code, ended.stdout

    assert changed()[0] == 0
    lines = f"! {namespace}/db is no longer isolated for ingress"
    exit_code, said = changed("--without", f"{namespace}/db-policy")
    assert (exit_code, lines in said) == (1, True)
    shop.kubectl("delete", "networkpolicy", "db-policy", f"--namespace={namespace}")
    exit_code, said = changed()
    assert (exit_code, lines in said) == (1, True)
    assert changed("--update")[0] == 0
    assert row not in file.read_text()
    assert changed()[0] == 0


LIMITS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {{name: canary, namespace: {0}}}
spec:
  podSelector: {{matchLabels: {{app: db}}}}
  ingress: [{{from: [{{podSelector: {{matchLabels: {{app: web, track: canary}}}}}}]}}]
"""


def test_claims_about_every_cluster_are_decided_for_the_policies_of_a_live_one(
    shop: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    own_shop = LIVE_SHOP.format(namespace).replace("10.244.9.", "10.244.8.")  # No two pods have the same address.
    shop.kubectl("create", "--filename=-", stdin=own_shop)
    reported = "---\n".join(own_shop.split("---\n")[:2])
    shop.kubectl("apply", "--server-side", "--subresource=status", "--filename=-", stdin=reported)
    stored = tmp_path / "stored.yaml"
    stored.write_text(shop.kubectl("get", "networkpolicies", "--all-namespaces", "--output=yaml").stdout)

    def asked(*words: str) -> tuple[dict[str, Any], int]:
        runner = CliRunner(env={"KUBECONFIG": str(shop.kubeconfig)})
        ended = runner.invoke(cli, [*words, "--ignore-errors", "-o", "json"])
        return json.loads(ended.stdout), ended.exit_code

    found, exit_code = asked("exposure", f"{namespace}/db")
    assert exit_code == 0
    (pods,) = (row["pods"] for row in found["exposure"] if row["direction"] == "ingress")
    own = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    assert [(one["namespaceSelector"], one["podSelector"]) for one in pods] == [(own, {"matchLabels": {"app": "web"}})]

    assert asked("equivalent", "--live", str(stored))[1] == 0
    assert asked("allows-at-most", "--live", str(stored))[1] == 0

    shop.kubectl("create", "--filename=-", stdin=LIMITS.format(namespace))
    found, exit_code = asked("redundant")
    assert exit_code == 1
    of_namespace = [one for one in found["redundant"] if one["namespace"] == namespace]
    assert [(one["part"], one["name"], one["coveredBy"][0]["name"]) for one in of_namespace] == [
        ("policy", "canary", "db-policy")
    ]
    assert asked("equivalent", "--live", str(stored))[1] == 0

    shop.kubectl("delete", "networkpolicy", "db-policy", f"--namespace={namespace}")
    assert asked("allows-at-most", "--live", str(stored))[1] == 0
    found, exit_code = asked("equivalent", "--live", str(stored))
    assert exit_code == 1
    example = found["counterexample"]
    assert example["destination"]["namespace"] == namespace

    shop.kubectl("delete", "networkpolicy", "canary", f"--namespace={namespace}")
    found, exit_code = asked("allows-at-most", "--live", str(stored))
    assert exit_code == 1
    assert found["counterexample"]["destination"]["namespace"] == namespace


def test_a_service_account_reads_as_much_as_an_administrator(shop: ControlPlane) -> None:
    resources = [kubectl_name(resource) for resource in OF_EVERY_SERVER]
    kubeconfig = shop.service_account("lister", resources, verbs=["list"])
    administrator = live.read(kubeconfig=str(shop.kubeconfig))
    assert live.read(kubeconfig=str(kubeconfig)) == administrator


def kubectl_name(resource: live.Resource) -> str:
    return f"{resource.plural}.{resource.row.group}" if resource.row.group else resource.plural


def test_kinds_that_the_user_may_not_list_are_left_out_with_a_warning(shop: ControlPlane) -> None:
    reading = live.read(kubeconfig=str(shop.service_account("restricted", NEEDED, verbs=["list"])))
    assert {kind_of(manifest.object) for manifest in reading.manifests} == {"Namespace", "Pod", "NetworkPolicy"}
    assert {problem.severity for problem in reading.problems} == {Severity.WARNING}
    assert [problem.message for problem in reading.problems if "nodes" in problem.message] == [
        'nodes are left out: nodes is forbidden: User "system:serviceaccount:default:restricted" '
        'cannot list resource "nodes" in API group "" at the cluster scope'
    ]
    assert len(reading.problems) == len(OF_EVERY_SERVER) - len(NEEDED)


def test_the_right_to_list_pods_is_needed(shop: ControlPlane) -> None:
    kubeconfig = shop.service_account("blind", ["namespaces", "networkpolicies.networking.k8s.io"], verbs=["list"])
    with pytest.raises(LiveClusterError, match=r'cannot list resource "pods".*the verb list on pods is needed'):
        live.read(kubeconfig=str(kubeconfig))


def test_credentials_that_are_not_accepted_are_an_error_with_a_remedy(api_server: ControlPlane, tmp_path: Path) -> None:
    kubeconfig = kubeconfig_of(api_server, tmp_path, {"token": "forged"})
    with pytest.raises(LiveClusterError, match=r'the credentials of context "other" are not accepted: log in again'):
        live.read(kubeconfig=str(kubeconfig))


def test_a_server_of_another_authority_is_not_trusted(api_server: ControlPlane, tmp_path: Path) -> None:
    stranger = Authority(tmp_path).certificate
    kubeconfig = write_kubeconfig(tmp_path / "other.kubeconfig", api_server.url, stranger, {"token": "secret"})
    with pytest.raises(LiveClusterError, match="certificate verify failed"):
        live.read(kubeconfig=str(kubeconfig))


def test_a_credential_plugin_is_asked_as_kubectl_asks_it(api_server: ControlPlane, tmp_path: Path) -> None:
    token = (api_server.service_account("guest", NEEDED, verbs=["list"]).parent / "guest.token").read_text()
    credential = {"apiVersion": PLUGIN_VERSION, "kind": "ExecCredential", "status": {"token": token}}
    plugin = tmp_path / "plugin"
    plugin.write_text(f"#!/bin/sh\necho '{json.dumps(credential)}'\n")
    plugin.chmod(0o755)
    exec_ = {"apiVersion": PLUGIN_VERSION, "command": "./plugin", "interactiveMode": "Never"}
    kubeconfig = kubeconfig_of(api_server, tmp_path, {"exec": exec_})
    assert "namespace/default" in api_server.kubectl("get", "namespaces", "-o", "name", kubeconfig=kubeconfig).stdout
    assert ("Namespace", "", "default") in by_name(live.read(kubeconfig=str(kubeconfig)).manifests)


PLUGIN_VERSION = "client.authentication.k8s.io/v1"


def kubeconfig_of(api_server: ControlPlane, folder: Path, user: dict[str, Any]) -> Path:
    return write_kubeconfig(folder / "other.kubeconfig", api_server.url, api_server.folder / "authority.crt", user)


def create_policies(api_server: ControlPlane, namespace: str, *names: str) -> None:
    for name in names:
        policy = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}}
        answer = api_server.request(
            "POST", f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies", policy
        )
        assert answer.status == 201


def policies_in(namespace: str, manifests: Iterable[Manifest]) -> set[str]:
    return {name for kind, owner, name in by_name(manifests) if (kind, owner) == ("NetworkPolicy", namespace)}


def test_a_list_of_several_pages_is_read_whole(
    api_server: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    create_policies(api_server, namespace, "a", "b", "c", "d", "e")
    monkeypatch.setattr(live, "PAGE", 2)
    reading = live.read(kubeconfig=str(api_server.kubeconfig))
    assert policies_in(namespace, reading.manifests) == {"a", "b", "c", "d", "e"}


def test_a_list_whose_pages_expire_is_read_anew(own_api_server: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list continues from the revision at which it began, unless that revision is compacted before the next page."""
    create_policies(own_api_server, "default", "a", "b", "c")
    ask = get_page
    asked: list[str] = []

    def ask_after_a_compaction(client: Client, path: str, parameters: dict[str, str]) -> Any:
        if parameters["continue"]:
            create_policies(own_api_server, "default", "meanwhile")
            own_api_server.compact()
            own_api_server.apiserver.stop()
            own_api_server.start()
        asked.append(path)
        return ask(client, path, parameters)

    monkeypatch.setattr(
        live, "RESOURCES", [resource for resource in live.RESOURCES if resource.kind == "NetworkPolicy"]
    )
    monkeypatch.setattr(live, "PAGE", 2)
    monkeypatch.setattr(responses, "get_page", ask_after_a_compaction)
    reading = live.read(kubeconfig=str(own_api_server.kubeconfig))
    assert policies_in("default", reading.manifests) == {"a", "b", "c", "meanwhile"}
    assert len(asked) == 3, "a page, one that has expired, and the whole list"


def test_a_server_that_does_not_run_is_an_error_with_a_remedy(own_api_server: ControlPlane) -> None:
    own_api_server.apiserver.kill()
    with pytest.raises(LiveClusterError, match=r"cannot be reached.*is the cluster running"):
        live.read(kubeconfig=str(own_api_server.kubeconfig))


def test_pods_that_take_no_part_are_named(shop: ControlPlane, namespace: str) -> None:
    shop.kubectl("run", "new", "--image=example.org/new", f"--namespace={namespace}")
    cluster = Cluster.live(kubeconfig=str(shop.kubeconfig))
    for text, reason in [
        (f"{namespace}/new", "has no address yet (Pending) and takes no part"),
        (f"{namespace}/*", "has no address yet (Pending) and takes no part"),
        ("shop/agent", "has finished (Failed) and takes no part"),
        ("shop/sts/db", "StatefulSet db in namespace shop has no pods"),
    ]:
        with pytest.raises(EndpointError, match=re.escape(reason)):
            cluster.can(text, "203.0.113.7", port=80)


def test_mistakes_in_a_live_cluster_are_found(api_server: ControlPlane) -> None:
    policy = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: linted, namespace: default}
spec:
  podSelector: {}
  ingress: [{ports: [{port: 8080, endPort: 8080}]}]
"""
    api_server.kubectl("create", "--filename=-", stdin=policy)
    try:
        runner = CliRunner(env={"KUBECONFIG": str(api_server.kubeconfig)})
        ended = runner.invoke(cli, ["lint", "--select", "RF129", "-o", "json", "--fail-on", "note"])
    finally:
        api_server.kubectl("delete", "networkpolicy", "linted", "--namespace=default")
    found = [one for one in json.loads(ended.stdout)["findings"] if one["object"] == "NetworkPolicy default/linted"]
    assert [(one["rule"], one["path"]) for one in found] == [("RF129", "spec.ingress[0].ports[0]")]
    assert ended.exit_code == 1


USED_SERVICES = """
apiVersion: v1
kind: Namespace
metadata: {name: used}
---
apiVersion: v1
kind: Pod
metadata: {name: hook, namespace: used, labels: {app: hook}}
spec: {containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Service
metadata: {name: hook, namespace: used}
spec: {selector: {app: hook}, ports: [{port: 443, targetPort: 8443}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: closed, namespace: used}
spec: {podSelector: {}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: site, namespace: used}
spec: {defaultBackend: {service: {name: hook, port: {number: 443}}}}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: used}
webhooks:
- name: hook.example.com
  clientConfig: {service: {name: hook, namespace: used}}
  # No request is about this group: the webhook is never called.
  rules: [{apiGroups: [example.com], apiVersions: [v1], resources: [examples], operations: [CREATE]}]
  failurePolicy: Ignore
  sideEffects: None
  admissionReviewVersions: [v1]
"""
STATUS_OF_HOOK = """
apiVersion: v1
kind: Pod
metadata: {name: hook, namespace: used}
status: {phase: Running, podIP: 10.244.7.7, podIPs: [{ip: 10.244.7.7}]}
"""


def test_webhooks_and_routes_whose_services_are_cut_off_are_found_in_a_live_cluster(api_server: ControlPlane) -> None:
    api_server.kubectl("create", "--filename=-", stdin=USED_SERVICES)
    runner = CliRunner(env={"KUBECONFIG": str(api_server.kubeconfig)})
    try:
        api_server.kubectl("apply", "--server-side", "--subresource=status", "--filename=-", stdin=STATUS_OF_HOOK)
        ended = runner.invoke(cli, ["lint", "--select", "RF134,RF135", "-o", "json"])
    finally:
        api_server.kubectl("delete", "--filename=-", "--wait=false", stdin=USED_SERVICES)
    document = json.loads(ended.stdout)
    assert [(one["rule"], one["object"]) for one in document["findings"]] == [
        ("RF134", "NetworkPolicy used/closed"),
        ("RF135", "NetworkPolicy used/closed"),
    ]
    assert document["skipped"] == []
