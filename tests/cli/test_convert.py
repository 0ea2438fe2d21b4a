"""`convert`: manifests in, manifests out, and nothing printed that is not proven."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from msgspec.structs import replace

from ringfence import Cluster
from ringfence.analysis.conversion import Converted, conversion
from ringfence.analysis.conversion.proof import ConversionDefect
from ringfence.cli import cli

POLICIES = """\
# Everybody resolves names.
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: dns}
spec:
  priority: 3
  subject: {namespaces: {}}
  egress:
  - action: Allow
    to: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    ports: # over both
    - portNumber: {protocol: UDP, port: 53}
    - portNumber: {port: 53}
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {namespaces: {}}
  ingress: [{action: Deny, from: [{namespaces: {}}]}]
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
spec: {containers: [{name: web, image: web}]}
"""
CONVERTED = """\
# Everybody resolves names.
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata:
  name: dns
spec:
  tier: Admin
  priority: 3
  subject:
    namespaces: {}
  egress:
  - action: Accept
    to:
    - namespaces:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
    protocols: # over both
    - udp:
        destinationPort:
          number: 53
    - tcp:
        destinationPort:
          number: 53
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata:
  name: default
spec:
  tier: Baseline
  priority: 1000
  subject:
    namespaces: {}
  ingress:
  - action: Deny
    from:
    - namespaces: {}
"""
SUMMARY = (
    "converted 2 policies to 2 ClusterNetworkPolicies; compared for 1 pod and all addresses outside the cluster, in "
    "both directions: nothing changes\n"
)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "policies.yaml"
    path.write_text(POLICIES)
    return path


def run(*words: object, text: str = "") -> Result:
    return CliRunner().invoke(cli, ["convert", *map(str, words)], input=text)


def test_yaml_with_the_comments_of_the_file(file: Path) -> None:
    result = run("-f", file)
    assert (result.exit_code, result.stdout) == (0, CONVERTED)
    assert result.stderr == (
        f"{file}:15: BaselineAdminNetworkPolicy default: it gets priority 1000 of the Baseline tier: it had none\n"
        + SUMMARY
    )


def test_standard_input() -> None:
    result = run("-f", "-", text=POLICIES)
    assert (result.exit_code, result.stdout.count("kind: ClusterNetworkPolicy")) == (0, 2)


def test_what_is_printed_is_read_again(file: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.yaml"
    again.write_text(run("-f", file).stdout)
    cluster = Cluster.load(again)
    assert cluster.problems == []
    assert [one.name for one in cluster.state.tiers.policies()] == ["dns", "default"]


def test_json_is_a_list_or_one_object(file: Path) -> None:
    document = json.loads(run("-f", file, "-o", "json").stdout)
    assert (document["kind"], [one["metadata"]["name"] for one in document["items"]]) == ("List", ["dns", "default"])
    file.write_text(POLICIES.partition("---\n")[0])
    assert json.loads(run("-f", file, "-o", "json").stdout)["kind"] == "ClusterNetworkPolicy"


def test_a_folder_gets_a_file_for_each_policy(file: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "new"
    result = run("-f", file, "--to", folder)
    assert (result.exit_code, result.stdout) == (0, "")
    assert f"wrote {folder / 'dns.yaml'}\nwrote {folder / 'default.yaml'}\n" in result.stderr
    assert (folder / "dns.yaml").read_text() == CONVERTED.partition("---\n")[0]
    again = run("-f", file, "--to", folder)
    assert again.exit_code == 2
    assert "dns.yaml exists there already: name another folder, or remove the file" in again.stderr


def test_nothing_to_convert_is_said(file: Path) -> None:
    file.write_text(POLICIES.rpartition("---\n")[2])
    result = run("-f", file)
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "No AdminNetworkPolicy or BaselineAdminNetworkPolicy found.\n"


def test_without_pods_it_says_that_nothing_was_compared(file: Path) -> None:
    file.write_text(POLICIES.rpartition("---\n")[0])
    assert "the input has no pods, so nothing was compared: read the whole cluster" in run("-f", file).stderr


def test_what_cannot_be_exact_is_refused_with_its_place_and_nothing_is_printed(file: Path) -> None:
    file.write_text(POLICIES.replace("protocol: UDP", "protocol: ICMP"))
    result = run("-f", file)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: {file}:12: AdminNetworkPolicy dns: a ClusterNetworkPolicy cannot name protocol "
        "'ICMP': it supports TCP, UDP, SCTP\nerror: nothing is converted: correct these policies first\n"
    )


def test_policies_with_errors_are_left_out_and_the_exit_code_says_so(file: Path) -> None:
    file.write_text(POLICIES.replace("action: Allow", "action: Accept"))
    result = run("-f", file)
    assert result.exit_code == 2
    assert result.stdout.count("kind: ClusterNetworkPolicy") == 1


@pytest.mark.parametrize(
    "change",
    [("{port: 53}", "{port: 0}"), ("action: Allow", "action: Allow\n    since: v2")],
    ids=["a field with an error", "an unknown field of a later version"],
)
def test_what_a_server_has_stored_with_errors_is_refused(file: Path, change: tuple[str, str]) -> None:
    """Only what fails closed of it is in force: that is not what the policy says."""
    file.write_text(POLICIES.replace("{name: dns}", "{name: dns, uid: 6b0a1f5e}").replace(*change))
    result = run("-f", file, "--ignore-errors")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "AdminNetworkPolicy dns: it has errors, so it is not clear what it means: correct them\n" in result.stderr


def test_a_conversion_that_changes_something_is_a_defect_and_not_printed(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert_one = conversion._converted

    def without_rules(*arguments: Any) -> Converted:
        found = convert_one(*arguments)
        policies = tuple(replace(one, spec=replace(one.spec, ingress=(), egress=())) for one in found.policies)
        return replace(found, policies=policies)

    monkeypatch.setattr(conversion, "_converted", without_rules)
    result = run("-f", file)
    assert isinstance(result.exception, ConversionDefect)
    assert result.stdout == ""
