"""A workload that no policy isolates for egress.

A pod that no NetworkPolicy selects for egress is not isolated: it may connect to every pod and every address. A policy
of administrators that denies all pods of all namespaces isolates it, too. HostNetwork pods are left out (RF210), and so
are pods of the `system-namespaces` of the configuration. If a policy of an unsupported kind selects a workload, it is
not decided.

Remedy: deny egress by default in its namespace, and allow what it needs.

Fires: no policy selects it:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  policyTypes: [Egress]
```

Fires: the policy is about ingress only:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
```

Silent: a policy isolates it:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
```

Silent: administrators deny what nobody allows:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a}]}
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

Silent: it is part of every cluster:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: dns, namespace: kube-system}
spec:
  selector: {matchLabels: {app: dns}}
  template:
    metadata: {labels: {app: dns}}
    spec: {containers: [{name: a, image: a}]}
```
"""

from functools import partial

from ringfence.lint.findings import FindingLevel
from ringfence.lint.posture import open_workloads
from ringfence.lint.premises import Basis
from ringfence.lint.rule import LintRule, RuleGroup
from ringfence.model.policies import Direction

RULE = LintRule(
    "RF202",
    "not-isolated-egress",
    FindingLevel.NOTE,
    __doc__,
    partial(open_workloads, direction=Direction.EGRESS),
    group=RuleGroup.POSTURE,
    basis=Basis.PASSING,
)
