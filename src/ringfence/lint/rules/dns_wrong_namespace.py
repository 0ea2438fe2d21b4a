"""A peer means the DNS server, and selects pods of the policy's own namespace.

The pods of the cluster's DNS server are in `kube-system`. A peer with `podSelector: {matchLabels: {k8s-app: kube-dns}}`
alone means pods of the policy's own namespace, which has none, so names cannot be resolved.

Remedy: add `namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}` to the same peer, without a
dash.

Fires, for the peer has no namespaceSelector:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {k8s-app: kube-dns}}}]
    ports: [{protocol: UDP, port: 53}]
```

Fires, for the other peer does not change what this one means:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - podSelector: {matchLabels: {k8s-app: kube-dns}}
    - ipBlock: {cidr: 10.96.0.10/32}
    ports: [{protocol: UDP, port: 53}]
```

Silent, for both selectors are in one peer:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    ports: [{protocol: UDP, port: 53}]
```

Silent, for the namespace has a DNS server of its own:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: dns, namespace: shop, labels: {k8s-app: kube-dns}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {k8s-app: kube-dns}}}]
    ports: [{protocol: UDP, port: 53}]
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.engine.population import NAME_LABEL
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import WrittenPeer, peers_in_force
from ringfence.model.structure_edits import add_field

_DNS_LABEL: Final = ("k8s-app", "kube-dns")
_DNS_NAMESPACE: Final = "kube-system"


def _check(linted: Linted) -> Iterator[Hit]:
    for peer in peers_in_force(linted):
        selection, namespace = peer.selection, peer.policy.namespace
        if not means_dns(peer) or selection is None or linted.may_select(selection):
            continue
        if namespace not in linted.namespaces_with_pods:
            continue
        message = (
            f"a podSelector alone means pods of namespace {namespace}, which has no DNS server: "
            f"the pods with {'='.join(_DNS_LABEL)} are in {_DNS_NAMESPACE}"
        )
        selector = f"{{matchLabels: {{{NAME_LABEL}: {_DNS_NAMESPACE}}}}}"
        remedy = f"add namespaceSelector: {selector} to the same peer"
        edit = add_field(peer.policy.origin, peer.path, "namespaceSelector", selector, ("podSelector",))
        yield Hit(peer.policy, peer.path, message, remedy, edit=edit)


def means_dns(peer: WrittenPeer) -> bool:
    """Whether a peer has the label of the DNS server, and no namespaceSelector, outside of its namespace."""
    pods = peer.peer.pod_selector
    is_alone = pods is not None and peer.peer.namespace_selector is None and peer.policy.namespace != _DNS_NAMESPACE
    return is_alone and pods is not None and _DNS_LABEL in pods.match_labels.items()


RULE = LintRule("RF116", "dns-wrong-namespace", FindingLevel.ERROR, __doc__, _check)
