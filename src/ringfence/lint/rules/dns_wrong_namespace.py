"""A peer that is meant for the DNS server selects pods of the policy's own namespace.

The pods of the cluster's DNS server are in `kube-system`, or in the namespace that `dns` of the configuration names. A
peer with only `podSelector: {matchLabels: {k8s-app: kube-dns}}` selects pods of the policy's own namespace. If this has
none, names cannot be resolved.

Remedy: add `namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}` to the same peer, without a
dash.

Fires: the peer has no namespaceSelector:

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

Fires: the other peer does not change what this one means:

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

Silent: both selectors are in one peer:

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

Silent: the namespace has a DNS server of its own:

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

from ringfence.engine.population import NAME_LABEL
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import WrittenPeer, peers_in_force
from ringfence.model.dns_servers import DnsServer
from ringfence.model.structure_edits import add_field


def _check(linted: Linted) -> Iterator[Hit]:
    for peer in peers_in_force(linted):
        selection, namespace, server = peer.selection, peer.policy.namespace, meant_dns_server(linted, peer)
        # If the namespace has such pods, it may have a DNS server of its own.
        if server is None or selection is None or linted.may_select(selection):
            continue
        # A DNS server of this namespace may be in other files.
        if namespace not in linted.namespaces_with_pods:
            continue
        own = f"a podSelector alone means pods of namespace {namespace}, which has no DNS server"
        message = f"{own}: its pods are those with {server}"
        selector = f"{{matchLabels: {{{NAME_LABEL}: {server.namespace}}}}}"
        remedy = f"add namespaceSelector: {selector} to the same peer"
        edit = add_field(peer.policy.origin, peer.path, "namespaceSelector", selector, ("podSelector",))
        yield Hit(peer.policy, peer.path, message, remedy, edit=edit)


def meant_dns_server(linted: Linted, peer: WrittenPeer) -> DnsServer | None:
    """The DNS server of another namespace whose labels a peer without a namespaceSelector has."""
    pods = peer.peer.pod_selector
    if pods is None or peer.peer.namespace_selector is not None:
        return None
    for server in linted.dns_servers:
        if server.namespace != peer.policy.namespace and server.labels.items() <= pods.match_labels.items():
            return server
    return None


RULE = LintRule("RF116", "dns-wrong-namespace", FindingLevel.ERROR, __doc__, _check)
