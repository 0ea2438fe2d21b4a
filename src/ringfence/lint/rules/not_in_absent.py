"""`NotIn` matches pods that lack the label.

A term with `NotIn` is met by every pod whose label has another value, and by every pod without the label. It is
reported if the selector selects pods with the label and pods without it: the latter are easily forgotten.

Remedy: add a term with `Exists` for the same key, or give the label to all pods.

Fires: web has no label env:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api, env: prod}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: prod, namespace: shop}
spec:
  podSelector: {matchExpressions: [{key: env, operator: NotIn, values: [dev]}]}
```

Fires: also in a peer:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api, env: prod}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: prod, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {matchExpressions: [{key: env, operator: NotIn, values: [dev]}]}}]
```

Silent: all pods have the label:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api, env: prod}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, env: dev}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: prod, namespace: shop}
spec:
  podSelector: {matchExpressions: [{key: env, operator: NotIn, values: [dev]}]}
```

Silent: Exists leaves them out:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api, env: prod}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: prod, namespace: shop}
spec:
  podSelector: {matchExpressions: [{key: env, operator: NotIn, values: [dev]}, {key: env, operator: Exists}]}
```

Silent: no pod has the label: those without it are meant:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: prod, namespace: shop}
spec:
  podSelector: {matchExpressions: [{key: env, operator: NotIn, values: [dev]}]}
```
"""

from collections.abc import Iterator

from ringfence.engine.policies import PodSelection
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import peers_in_force
from ringfence.model.metadata import LabelSelector
from ringfence.model.selectors import Operator
from ringfence.model.structure_edits import add_item


def _check(linted: Linted) -> Iterator[Hit]:
    for policy in linted.policies:
        yield from _hits(linted, policy, policy.subject, policy.policy.spec.pod_selector, "spec.podSelector")
    for peer in peers_in_force(linted):
        if peer.selection and peer.peer.pod_selector:
            yield from _hits(linted, peer.policy, peer.selection, peer.peer.pod_selector, f"{peer.path}.podSelector")


def _hits(
    linted: Linted, policy: PolicyInForce, selection: PodSelection, selector: LabelSelector, path: str
) -> Iterator[Hit]:
    keys = [term.key for term in selection.pods.terms if term.operator is Operator.NOT_IN]
    pods = linted.pods_of(selection) if keys else []
    for key in keys:
        without = [pod for pod in pods if key not in pod.labels]
        # If no pod has the label, the term has no effect at all, and it is not this mistake.
        if not without or len(without) == len(pods):
            continue
        # The compiled selection has no places. Of two equal terms, the first one is as good as the other.
        index = next(n for n, one in enumerate(selector.match_expressions) if (one.key, one.operator) == (key, "NotIn"))
        more = f" and {len(without) - 1} more" if len(without) > 1 else ""
        message = f"NotIn matches pods without the label {key} as well: {without[0]}{more}"
        edit = add_item(policy.origin, f"{path}.matchExpressions", f"{{key: {key}, operator: Exists}}")
        remedy = f"add key: {key}, operator: Exists if only pods with the label are meant"
        objects = ((linted.state.workload(without[0]), "a workload without the label"),)
        yield Hit(policy, f"{path}.matchExpressions[{index}]", message, remedy, edit=edit, objects=objects)


RULE = LintRule("RF128", "not-in-absent", FindingLevel.NOTE, __doc__, _check)
