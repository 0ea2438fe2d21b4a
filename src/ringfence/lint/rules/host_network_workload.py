"""A workload whose pods use the network of their node.

A pod with `hostNetwork: true` has the address of its node, and most network plugins apply no policy to it: nothing
isolates it, and to other pods it looks like the node. The `system-namespaces` of the configuration are left out,
because node agents need the host network.

Remedy: run the pods without `hostNetwork`, or protect the node.

Fires: its pods are not isolated:

```yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {hostNetwork: true, containers: [{name: a, image: a}]}
```

Fires: a policy does not change that:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: proxy, namespace: shop, labels: {app: proxy}}
spec: {hostNetwork: true, containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
```

Silent: its pods have a network of their own:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a}]}
```

Silent: it is part of every cluster:

```yaml
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: proxy, namespace: kube-system}
spec:
  selector: {matchLabels: {app: proxy}}
  template:
    metadata: {labels: {app: proxy}}
    spec: {hostNetwork: true, containers: [{name: a, image: a}]}
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel, name_of_reference
from ringfence.lint.linted import Linted
from ringfence.lint.posture import is_of_the_system
from ringfence.lint.rule import LintRule, ObjectHit, RuleGroup


def _check(linted: Linted) -> Iterator[ObjectHit]:
    pods = (pod for some in linted.host_network_pods.values() for pod in some)
    for workload in sorted({linted.state.workload(pod) for pod in pods}):
        if not is_of_the_system(linted, workload.namespace):
            message = "its pods have the address of their node, and most network plugins apply no policy to them"
            remedy = "run the pods without hostNetwork, or protect the node"
            yield ObjectHit(name_of_reference(workload), linted.place_of(workload), message, remedy)


RULE = LintRule("RF210", "host-network-workload", FindingLevel.NOTE, __doc__, _check, group=RuleGroup.POSTURE)
