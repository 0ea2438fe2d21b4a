"""A policy selects pods that use their node's network.

A pod with `hostNetwork: true` has the address of its node, and Kubernetes does not define whether policies apply to it.
Most network plugins do not apply them, so such a pod is not isolated although a policy selects it. For a policy that
selects all pods of its namespace it is a note: it is meant for the others.

Remedy: run the pods without `hostNetwork`, or protect the node.

Fires: the agent is not isolated:

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
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: agent, namespace: shop}
spec:
  podSelector: {matchLabels: {app: agent}}
```

Fires as a note: the policy is for all pods:

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
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
```

Silent: the pods have a network of their own:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: agent, namespace: shop}
spec:
  selector: {matchLabels: {app: agent}}
  template:
    metadata: {labels: {app: agent}}
    spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: agent, namespace: shop}
spec:
  podSelector: {matchLabels: {app: agent}}
```

Silent: the policy is for other pods:

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
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule


def _check(linted: Linted) -> Iterator[Hit]:
    for policy in linted.policies if linted.host_network_pods else ():
        pods = [
            pod for pod in linted.host_network_pods.get(policy.namespace, ()) if policy.subject.pods.matches(pod.labels)
        ]
        if pods:
            more = f" and {len(pods) - 1} more" if len(pods) > 1 else ""
            message = f"{pods[0]}{more} with hostNetwork may not be isolated: few network plugins isolate nodes"
            # A policy for all pods is not meant for these in particular.
            level = None if policy.subject.pods.terms else FindingLevel.NOTE
            remedy, alone = "run the pods without hostNetwork, or protect the node", tuple(pods) if not more else ()
            yield Hit(
                policy,
                "spec.podSelector",
                message,
                remedy,
                level,
                pods=alone,
                objects=((linted.state.workload(pods[0]), "a workload with hostNetwork"),),
            )


RULE = LintRule("RF122", "host-network-subject", FindingLevel.WARNING, __doc__, _check)
