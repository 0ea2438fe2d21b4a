"""A namespace in which a new pod would not be isolated for egress.

The rule examines a possible pod without labels: if no policy would isolate it for egress, a new workload without a
policy of its own is not isolated, and nobody notices. The policies need not have a certain form. Namespaces without
objects in the input and the `system-namespaces` of the configuration are left out.

Remedy: add a NetworkPolicy with `podSelector: {}` and `policyTypes: [Egress]` that has no rules.

Fires: the policy is for some pods:

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
  policyTypes: [Egress]
```

Fires: the policy is about ingress only:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
```

Silent: every pod is isolated:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
```

Silent: a pod without labels is isolated, too:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all-but-web, namespace: shop}
spec:
  podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web]}]}
  policyTypes: [Egress]
```

Silent: administrators deny what nobody allows:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: deny-by-default}
spec:
  tier: Baseline
  priority: 1
  subject: {namespaces: {}}
  egress:
  - action: Deny
    to: [{namespaces: {}}]
```
"""

from functools import partial

from ringfence.lint.findings import FindingLevel
from ringfence.lint.posture import open_namespaces
from ringfence.lint.premises import Basis
from ringfence.lint.rule import LintRule, Needs, RuleGroup
from ringfence.model.policies import Direction

RULE = LintRule(
    "RF204",
    "no-default-deny-egress",
    FindingLevel.NOTE,
    __doc__,
    partial(open_namespaces, direction=Direction.EGRESS),
    Needs.POLICIES,
    RuleGroup.POSTURE,
    basis=Basis.PASSING,
)
