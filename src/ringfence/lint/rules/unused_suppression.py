"""A suppression that suppresses nothing.

The mistake no longer exists. If the suppression stays, it hides the next mistake of its kind. It is reported only for
rules that were applied and could be decided.

Remedy: remove it, or those of its rules that find nothing.

Fires: the policy selects a pod:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}  # ringfence: ignore[RF101] the pods come with the next release
```

Fires: the mistake is on another line:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:  # ringfence: ignore[RF101] this is the line of spec
  podSelector: {matchLabels: {app: dbs}}
```

Fires: an annotation suppresses nothing, either:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop, annotations: {ringfence.dev/ignore-RF101: soon}}
spec:
  podSelector: {matchLabels: {app: db}}
```

Silent: the policy selects no pod:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: dbs}}  # ringfence: ignore[RF101] the pods come with the next release
```

Silent: the rule is not known: that is another mistake:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}  # ringfence: ignore[RF999] no such rule
```

Silent: it stands above the line:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  # ringfence: ignore[RF101] the pods come with the next release
  podSelector: {matchLabels: {app: dbs}}
```
"""

from ringfence.lint.findings import FindingLevel
from ringfence.lint.rule import LintRule, Needs, decided_after_others

RULE = LintRule("RF001", "unused-suppression", FindingLevel.WARNING, __doc__, decided_after_others, Needs.POLICIES)
