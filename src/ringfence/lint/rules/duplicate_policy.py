"""The input contains the same policy twice.

Two policies with the same kind, namespace and name are one object: the API server keeps the one that is applied last,
and the other one is lost silently.

Remedy: give one of them another name, or remove it.

Fires: only the second one counts:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
```

Fires: equal ones are one, too:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
```

Silent: the names differ:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
```

Silent: the namespaces differ:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: front}
spec:
  podSelector: {}
```
"""

from typing import Final

from ringfence.lint.findings import FindingLevel
from ringfence.lint.rule import LintRule, Needs, finds_nothing_else
from ringfence.model.kinds import KINDS
from ringfence.model.problems import Problem, ProblemCode

_POLICIES: Final = frozenset(kind.key for kind in KINDS.policies())


def _claims(problem: Problem) -> FindingLevel | None:
    is_policy = problem.object.partition(" ")[0] in _POLICIES
    return FindingLevel.ERROR if is_policy and problem.code == ProblemCode.DUPLICATE_OBJECT else None


RULE = LintRule(
    "RF125",
    "duplicate-policy",
    FindingLevel.ERROR,
    __doc__,
    finds_nothing_else,
    Needs.POLICIES,
    claims=_claims,
)
