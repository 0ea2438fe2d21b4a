"""A peer that matches only pods that use their node's network.

A pod with `hostNetwork: true` uses the address of its node. In most network plugins selectors do not match it, so the
peer matches nobody.

Remedy: write an `ipBlock` with the addresses of the nodes.

Fires: the agent is seen as its node:

```yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {hostNetwork: true, containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: agent}}}]
```

Fires: all pods of that namespace use the node's network:

```yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: system}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {hostNetwork: true, containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: system}}}]
```

Silent: another pod has the label, too:

```yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {hostNetwork: true, containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: shop, labels: {app: agent}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: agent}}}]
```

Silent: the nodes are written:

```yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {hostNetwork: true, containers: [{name: a, image: a}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 192.168.0.0/24}}]
```
"""

from collections.abc import Iterator

from ringfence.engine.policies import PodSelection
from ringfence.engine.population import Member
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import peers_in_force


def _check(linted: Linted) -> Iterator[Hit]:
    for peer in peers_in_force(linted) if linted.host_network_pods else ():
        selection = peer.selection
        # One pod with an address of its own is enough for the peer to have a meaning.
        if selection is None or linted.state.selects_pods(selection) or linted.may_come(selection):
            continue
        if pods := _host_network_pods(linted, selection):
            message = (
                f"the peer matches only pods with hostNetwork, such as {pods[0]}, which have their nodes' addresses"
            )
            objects = ((linted.state.workload(pods[0]), "a workload with hostNetwork"),)
            remedy = "write an ipBlock with the addresses of the nodes"
            yield Hit(peer.policy, peer.path, message, remedy, objects=objects)


def _host_network_pods(linted: Linted, selection: PodSelection) -> list[Member]:
    within = linted.namespaces_of(selection)
    return [
        pod
        for namespace, pods in linted.host_network_pods.items()
        if namespace in within
        for pod in pods
        if selection.pods.matches(pod.labels)
    ]


RULE = LintRule("RF123", "host-network-peer", FindingLevel.WARNING, __doc__, _check)
