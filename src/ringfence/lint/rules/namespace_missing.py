"""A policy without a namespace, in an input whose objects are in other namespaces.

A policy applies to one namespace. Without `metadata.namespace`, it is the namespace with which `kubectl apply` is run,
so the file can protect the wrong pods. It is reported if other objects of the input are in another namespace. Helm and
kustomize often set the namespace later; then it is correct.

Remedy: write `metadata.namespace`.

Fires: the pods are in shop and the policy in default:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
```

Fires: the other policy says where it belongs:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  podSelector: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b}
spec:
  podSelector: {}
```

Silent: all are in one namespace that is written:

```yaml
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

Silent: no object names a namespace:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec:
  podSelector: {matchLabels: {app: web}}
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule, Needs


def _check(linted: Linted) -> Iterator[Hit]:
    used = linted.namespaces_with_objects
    for policy in linted.policies:
        written = policy.origin.fields if policy.origin else {}
        if not written or "metadata.namespace" in written or policy.policy.metadata.generate_name:
            continue
        others = used - {policy.namespace}
        if others:
            message = (
                f"the policy names no namespace, so it is in {policy.namespace}; other objects are in {min(others)}"
            )
            yield Hit(policy, "metadata", message, "write metadata.namespace, unless another program sets it")


RULE = LintRule("RF124", "namespace-missing", FindingLevel.NOTE, __doc__, _check, Needs.POLICIES)
