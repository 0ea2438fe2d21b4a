"""A suppression that cannot be understood, or has no reason.

It suppresses nothing. Without a reason, nobody can tell later whether it is still right.

Remedy: write `# ringfence: ignore[RF113] reason`, with `until 2026-12-31` in the reason if it is to expire.

Fires: it has no reason:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: dbs}}  # ringfence: ignore[RF101]
```

Fires: there is no such rule:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: dbs}}  # ringfence: ignore[select-nothing] the pods come later
```

Fires: there is no such day:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: dbs}}  # ringfence: ignore[RF101] the pods come later, until 2026-02-30
```

Fires: there is no such word:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: dbs}}  # ringfence: disable RF101
```

Silent: it has a rule and a reason:

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

Silent: it is in a text, not in a comment:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop, annotations: {note: "# ringfence: ignore"}}
spec:
  podSelector: {matchLabels: {app: dbs}}
```
"""

from ringfence.lint.findings import FindingLevel
from ringfence.lint.rule import LintRule, Needs, decided_after_others

RULE = LintRule("RF003", "invalid-suppression", FindingLevel.WARNING, __doc__, decided_after_others, Needs.POLICIES)
