"""A conclusion from the rows of a difference: the workloads that lose DNS."""

from pathlib import Path

import pytest
from tests.analysis.differences.clusters import DB, WORKLOADS, compared

DNS = """\
apiVersion: apps/v1
kind: %s
metadata: {name: dns, namespace: %s}
spec: {replicas: 2, selector: {matchLabels: {%s}}, template: {metadata: {labels: {%s}}}}
"""
COREDNS = DNS % ("Deployment", "kube-system", *["k8s-app: kube-dns"] * 2)
OPENSHIFT = DNS % ("DaemonSet", "openshift-dns", *["dns.operator.openshift.io/daemonset-dns: default"] * 2)
EGRESS = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: egress, namespace: prod}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [%s]
"""


def lost(folder: Path, server: str, rule: str) -> list[str]:
    """The workloads that lose DNS because of an egress policy with one rule."""
    found = compared(folder, (WORKLOADS, server), (WORKLOADS, server, EGRESS % rule))
    return [f"{', '.join(map(str, one.workloads))}: {', '.join(map(str, one.servers))}" for one in found.lost_dns]


@pytest.mark.parametrize(
    ("server", "named"), [(COREDNS, "kube-system/Deployment"), (OPENSHIFT, "openshift-dns/DaemonSet")]
)
def test_a_policy_that_forgets_dns_takes_it_from_the_pods_that_it_selects(
    tmp_path: Path, server: str, named: str
) -> None:
    within = "{to: [{podSelector: {}}]}"
    assert lost(tmp_path, server, within) == [f"prod/Deployment/web, prod/StatefulSet/db: {named}/dns"]


@pytest.mark.parametrize("port", ["53", "5353"])
def test_one_port_at_which_it_is_asked_is_enough(tmp_path: Path, port: str) -> None:
    assert lost(tmp_path, COREDNS, f"{{ports: [{{port: {port}, protocol: UDP}}]}}") == []


def test_tcp_alone_is_not(tmp_path: Path) -> None:
    assert lost(tmp_path, COREDNS, "{ports: [{port: 53, protocol: TCP}]}") != []


def test_other_workloads_and_addresses_are_no_dns_servers(tmp_path: Path) -> None:
    assert lost(tmp_path, COREDNS.replace("kube-dns", "other"), "") == []
    assert lost(tmp_path, COREDNS.replace("kube-system", "tools"), "") == []


def test_a_dns_server_that_no_longer_asks_another_has_not_lost_it(tmp_path: Path) -> None:
    of_servers = (EGRESS % "").replace("namespace: prod", "namespace: kube-system")
    found = compared(tmp_path, (WORKLOADS, COREDNS), (WORKLOADS, COREDNS, of_servers))
    assert found.connections
    assert found.lost_dns == []


def test_the_place_of_a_cause_is_a_line(tmp_path: Path) -> None:
    """Columns would differ between two revisions that differ in notation only."""
    found = compared(tmp_path, (WORKLOADS,), (WORKLOADS, DB))
    places = [cause.place for row in found.connections for cause in row.causes]
    assert places
    assert all(place and place.line and place == place.without_columns for place in places)
