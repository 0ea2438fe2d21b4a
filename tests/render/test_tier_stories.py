"""The explanation of a side that policies of administrators decide, word for word."""

from pathlib import Path

import pytest

from ringfence import Cluster
from ringfence.engine.policies import Action
from ringfence.model.kinds import CLUSTER_POLICY_KINDS
from ringfence.render.tier_stories import action_text

MANIFESTS = """\
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {tenant: a}}
---
apiVersion: v1
kind: Namespace
metadata: {name: bank, labels: {tenant: b}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: vault, namespace: bank}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tenant-guard}
spec:
  tier: Admin
  priority: 10
  subject: {namespaces: {matchLabels: {tenant: b}}}
  ingress:
  - name: own-namespaces-decide
    action: Pass
    from: [{namespaces: {matchLabels: {tenant: b}}}]
  - name: nobody-else
    action: Deny
    from: [{namespaces: {}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: bank}
spec:
  podSelector: {}
  ingress: [{}]
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: BaselineAdminNetworkPolicy
metadata: {name: default}
spec:
  subject: {namespaces: {}}
  egress:
  - action: Allow
    to: [{namespaces: {}}]
    ports: [{portNumber: {port: 443}}]
  - action: Deny
    to: [{namespaces: {}}]
"""


def told(tmp_path: Path, source: str, destination: str, port: int) -> list[str]:
    file = tmp_path / "c.yaml"
    file.write_text(MANIFESTS)
    text = Cluster.load(str(file)).can(source, destination, port=port).explain()
    _, story, *_ = text.replace(f"{tmp_path}/", "").split("\n\n")
    return story.splitlines()


def test_an_administrator_denies_what_a_network_policy_allows(tmp_path: Path) -> None:
    assert told(tmp_path, "shop/web", "bank/vault", 443) == [
        "egress of shop/web: allowed",
        "  NetworkPolicy: no policy isolates it, so Baseline decides",
        "  Baseline: BaselineAdminNetworkPolicy default allows it by egress[0]",
        "    BaselineAdminNetworkPolicy default  (c.yaml:39)",
        "      ✓ egress[0], Allow: to[0] matches, on TCP 443  (c.yaml:45)",
        "      - egress[1], Deny: to[0] matches, on all ports; not asked  (c.yaml:48)",
        "ingress of bank/vault: denied",
        '  Admin: ClusterNetworkPolicy tenant-guard denies it by ingress[1] "nobody-else"',
        "    ClusterNetworkPolicy tenant-guard, priority 10  (c.yaml:17)",
        '      - ingress[0] "own-namespaces-decide", Pass: no peer selects shop/web  (c.yaml:25)',
        "          from[0]: namespaces wants tenant=b, namespace shop has tenant=a  (c.yaml:27)",
        '      ✗ ingress[1] "nobody-else", Deny: from[0] matches, on all ports  (c.yaml:28)',
        "  NetworkPolicy: not asked",
        "    bank/open  (c.yaml:32)",
        "      - ingress[0]: it has no peers, so it matches every peer, on all ports; not asked  (c.yaml:37)",
    ]


def test_policies_that_seem_meant_for_a_pod_are_named_in_their_tier(tmp_path: Path) -> None:
    assert told(tmp_path, "bank/vault", "shop/web", 443)[:4] == [
        "egress of bank/vault: allowed",
        "  NetworkPolicy: no policy isolates it, so Baseline decides",
        "    bank/open selects bank/vault, but its policyTypes are [Ingress]; replies are always allowed  (c.yaml:32)",
        "  Baseline: BaselineAdminNetworkPolicy default allows it by egress[0]",
    ]


@pytest.mark.parametrize("kind", sorted(CLUSTER_POLICY_KINDS))
def test_an_action_is_written_as_its_kind_writes_it(kind: str) -> None:
    name = kind.partition(".")[0]
    allowing = "Accept" if name == "ClusterNetworkPolicy" else "Allow"
    assert [action_text(one, name) for one in (Action.ALLOW, Action.DENY, Action.PASS)] == [allowing, "Deny", "Pass"]
