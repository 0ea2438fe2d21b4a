"""A suppression whose last day is over.

A suppression with `until` and a day is valid up to that day. Afterwards it suppresses nothing, and the mistake is
reported again.

Remedy: correct the mistake, or set a new last day with a reason.

Fires: that day is over:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: dbs}}  # ringfence: ignore[RF101] the pods come later, until 2026-01-31
```

Fires: an annotation may expire, too:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop, annotations: {ringfence.dev/ignore-RF101: "soon, until 2026-01-31"}}
spec:
  podSelector: {matchLabels: {app: dbs}}
```

Silent: that day is far away:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: dbs}}  # ringfence: ignore[RF101] the pods come later, until 9999-12-31
```

Silent: without a day it never expires:

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
"""

from ringfence.lint.findings import FindingLevel
from ringfence.lint.rule import LintRule, Needs, decided_after_others

RULE = LintRule("RF002", "expired-suppression", FindingLevel.WARNING, __doc__, decided_after_others, Needs.POLICIES)
