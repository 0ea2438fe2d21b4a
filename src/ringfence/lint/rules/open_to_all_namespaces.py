"""An isolated workload that every pod of every namespace can reach.

Its policies allow some traffic from all possible pods, whatever their labels and their namespace are: a rule without
peers does this, a rule with `namespaceSelector: {}`, or several rules together. Workloads that are not isolated at all
are left out (RF201).

Remedy: name the namespaces whose pods may connect.

Fires: every namespace is meant:

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
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{namespaceSelector: {}}]
    ports: [{port: 8080}]
```

Fires: the two peers together mean every pod:

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
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from:
    - namespaceSelector: {}
      podSelector: {matchExpressions: [{key: tier, operator: Exists}]}
    - namespaceSelector: {}
      podSelector: {matchExpressions: [{key: tier, operator: DoesNotExist}]}
```

Silent: pods without the label are shut out:

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
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{namespaceSelector: {}, podSelector: {matchLabels: {app: scraper}}}]
```

Silent: only pods of its own namespace may connect:

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
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {}}]
```

Silent: administrators deny it:

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
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{namespaceSelector: {}}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: deny-by-default}
spec:
  tier: Admin
  priority: 1
  subject: {namespaces: {}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.posture import decided, is_about_all_pods, opening_hits, openings, passing_with_all_pods
from ringfence.lint.premises import Basis
from ringfence.lint.rule import Hit, LintRule, ObjectHit, RuleGroup, Unknown
from ringfence.model.policies import Direction
from ringfence.sets.traffic import Traffic


def _check(linted: Linted) -> Iterator[Hit | ObjectHit | Unknown]:
    found = openings(linted, Direction.INGRESS, passing_with_all_pods(linted), is_about_all_pods)
    remedy = "name the namespaces whose pods may connect"
    yield from decided(opening_hits(linted, Direction.INGRESS, found, _message, remedy))


def _message(workloads: str, traffic: Traffic) -> str:
    return f"every pod of every namespace may connect to {workloads}: {traffic}"


RULE = LintRule(
    "RF205",
    "open-to-all-namespaces",
    FindingLevel.NOTE,
    __doc__,
    _check,
    group=RuleGroup.POSTURE,
    basis=Basis.PASSING,
)
