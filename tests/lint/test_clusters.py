"""Realistic clusters: all findings in them are true, and each inserted mistake is found.

A mistake is one change of a text. It is found at the wrong line, and it causes all other findings.
"""

from pathlib import Path
from typing import Final, NamedTuple

import pytest

from ringfence import Cluster
from ringfence.lint import FindingLevel, LintFinding

FOLDER: Final = Path(__file__).parent / "clusters"

FOUND: Final = {
    "monitoring": ["RF122 NetworkPolicy monitoring/node-exporter"],
    "cert-manager": ["RF132 NetworkPolicy cert-manager/cert-manager-webhook-allow-egress"],
}
"""The warnings about clusters without mistakes: all are true, whether or not they matter there."""


class Mistake(NamedTuple):
    """In the text of a cluster, `old` is written as `new`. `found` is a rule, `line` a part of the line of its finding.

    `besides` are the rules that report consequences of the mistake elsewhere.
    """

    cluster: str
    old: str
    new: str
    found: str
    line: str
    besides: tuple[str, ...] = ()


API_PORT = "        matchLabels: {app.kubernetes.io/name: api}\n    ports: [{port: %s}]"
OF_CONTROLLER = "podSelector:\n        matchLabels: {app.kubernetes.io/name: ingress-nginx}"
ADMITTING_CONTROLLER = f"""\
  - from:
    - namespaceSelector:
        matchLabels: {{kubernetes.io/metadata.name: ingress-nginx}}
      {OF_CONTROLLER}
    ports: [{{port: http}}]
"""
DNS = """\
    - namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: kube-system
      podSelector:
"""
DETAILS = "  - from: [{podSelector: {matchLabels: {app: productpage}}}]\n    ports: [{port: 9080}%s]\n---"
BETWEEN_RABBITS = """\
  - from: [{podSelector: {matchLabels: {app.kubernetes.io/name: rabbitmq}}}]
    ports: [{port: epmd}, {port: dist}, {port: 5672}]
"""
BETWEEN_CASSANDRAS = """\
  - from: [{podSelector: {matchLabels: {app: cassandra}}}]
    ports: [{port: intra-node}, {port: tls-intra-node}, {port: jmx}]
"""
ON_REDIS = """\
app.kubernetes.io/name: %s}}
    - podSelector: {matchLabels: {app.kubernetes.io/name: argocd-application-controller}}
    ports: [{port: 6379"""
OF_JOBS = "key: job, operator: In, values: [%s]"

MISTAKES: Final = [
    Mistake("shop", DNS, "    - podSelector:\n", "RF116", "- podSelector:"),
    Mistake("shop", API_PORT % 3000, API_PORT % 80, "RF110", "ports: [{port: 80}]", ("RF142",)),
    Mistake("shop", f"      {OF_CONTROLLER}", f"    - {OF_CONTROLLER}", "RF102", "- podSelector:"),
    Mistake(
        "shop",
        "matchLabels: {app.kubernetes.io/name: postgresql}\n  policyTypes",
        "matchLabels: {app.kubernetes.io/name: postgres}\n  policyTypes",
        "RF101",
        "podSelector:",
        ("RF113",),
    ),
    Mistake("shop", ADMITTING_CONTROLLER, "", "RF135", "podSelector:"),
    Mistake("shop", "ports: [{port: 5432}]\n  - to:", "ports: [{port: 3306}]\n  - to:", "RF142", "- podSelector:"),
    Mistake(
        "kube-system",
        "  - ports: [{port: https, protocol: TCP}]",
        "  - from: [{podSelector: {}}]\n    ports: [{port: https, protocol: TCP}]",
        "RF134",
        "podSelector: {matchLabels: {k8s-app: metrics-server}}",
    ),
    Mistake("kube-system", "- {port: dns, protocol: UDP}", "- {port: dns}", "RF111", "- {port: dns}"),
    Mistake("kube-system", "cidr: 169.254.20.10/32", "cidr: 10.96.0.10/32", "RF120", "cidr: 10.96.0.10/32"),
    Mistake("ambient", DETAILS % ", {port: 15008}", DETAILS % "", "RF133", "ingress:"),
    Mistake("ambient", "{app: reviews}}\n  policyTypes", "{app: reviews, version: v2}}\n  policyTypes", "RF101", "v2"),
    Mistake("ingress-nginx", "  - ports: [{port: webhook, protocol: TCP}]\n", "", "RF134", "component: controller"),
    Mistake(
        "ingress-nginx",
        "component: controller}}\n  policyTypes",
        "component: controler}}\n  policyTypes",
        "RF101",
        "controler",
        ("RF134",),
    ),
    Mistake(
        "monitoring",
        "namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}",
        "namespaceSelector: {matchLabels: {name: monitoring}}",
        "RF102",
        "name: monitoring",
    ),
    Mistake("monitoring", "ports: [{port: metrics}]", "ports: [{port: metrix}]", "RF111", "metrix"),
    Mistake(
        "monitoring",
        "policyTypes: [Ingress]\n  ingress:\n  - from: [{podSelector: {}}]",
        "policyTypes: [Egress]\n  ingress:\n  - from: [{podSelector: {}}]",
        "RF104",
        "ingress:",
    ),
    Mistake("argocd", ON_REDIS % "argocd-repo-server", ON_REDIS % "argocd-reposerver", "RF102", "argocd-reposerver"),
    Mistake(
        "argocd",
        "  - from: [{namespaceSelector: {}}]\n    ports: [{port: 5558, protocol: TCP}]",
        "  - {}",
        "RF107",
        "- {}",
    ),
    Mistake("argocd", "  - {}\n", "  - ports: [{port: 443}]\n", "RF110", "ports: [{port: 443}]"),
    Mistake(
        "cert-manager",
        "  - from: [{ipBlock: {cidr: 0.0.0.0/0}}]",
        "  - from: [{namespaceSelector: {}}]",
        "RF134",
        "podSelector:",
    ),
    Mistake("cert-manager", "  policyTypes: [Egress]\n", "", "RF105", "egress:"),
    Mistake(
        "tenants",
        "to: [{podSelector: {}}]\n    ports: [{port: http}]",
        "to: [{podSelector: {matchLabels: {app: prometheus}}}]\n    ports: [{port: 9090}]",
        "RF102",
        "app: prometheus",
    ),
    Mistake("statefulsets", BETWEEN_RABBITS, "", "RF141", "app.kubernetes.io/name: rabbitmq"),
    Mistake("statefulsets", BETWEEN_CASSANDRAS, "", "RF141", "app: cassandra"),
    Mistake("jobs", OF_JOBS % "backup, report, migrate", OF_JOBS % "back-up, reports", "RF101", "back-up"),
    Mistake(
        "jobs",
        "podSelector: {matchLabels: {job: backup}}",
        "podSelector: {matchLabels: {app: backup}}",
        "RF101",
        "app: backup",
    ),
]


def alarms(file: Path) -> list[LintFinding]:
    """The errors and the warnings."""
    return list(Cluster.load(file).lint().at_least(FindingLevel.WARNING))


@pytest.mark.parametrize("file", sorted(FOLDER.iterdir()), ids=lambda file: file.stem)
def test_nothing_is_found_in_a_cluster_that_is_meant_so(file: Path) -> None:
    assert [f"{one.rule} {one.object}" for one in alarms(file)] == FOUND.get(file.stem, [])


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda one: f"{one.cluster}: {one.found} at {one.line}")
def test_a_mistake_is_found_at_its_line(mistake: Mistake, tmp_path: Path) -> None:
    text = (FOLDER / f"{mistake.cluster}.yaml").read_text()
    assert text.count(mistake.old) == 1
    file = tmp_path / "cluster.yaml"
    file.write_text(text.replace(mistake.old, mistake.new))
    found = [one for one in alarms(file) if f"{one.rule} {one.object}" not in FOUND.get(mistake.cluster, [])]
    assert sorted({one.rule for one in found}) == sorted([mistake.found, *mistake.besides])
    places = [one.place for one in found if one.rule == mistake.found]
    assert mistake.line in file.read_text().splitlines()[places[0].line - 1]
