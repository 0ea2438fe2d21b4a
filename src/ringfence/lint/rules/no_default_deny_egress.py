"""A namespace in which a new pod would not be isolated for egress.

It is decided for a pod without any label, which does not exist yet: if no policy would isolate it for egress, nobody
notices when a new workload comes without a policy. The policies need not have a certain form. Namespaces of which the
input has nothing are not looked at, and neither are the `system-namespaces` of the configuration.

Remedy: add a NetworkPolicy with `podSelector: {}` and `policyTypes: [Egress]` that has no rules.

Fires, for the policy is for some pods:

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

Fires, for the policy is about ingress only:

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

Silent, for every pod is isolated:

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

Silent, for a pod without labels is isolated, too:

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

Silent, for administrators deny what nobody allows:

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
