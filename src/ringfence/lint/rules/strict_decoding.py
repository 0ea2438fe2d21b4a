"""A field that does not exist, or a duplicate key.

Without strict decoding, the API server drops unknown fields, and kubectl drops the first of two equal keys. A rule with
`from` misspelt as `form` then allows everybody. `validate` reports the same.

Remedy: correct the name of the field, and write each key once.

Fires: without podSelector the policy selects all pods:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelektor: {matchLabels: {app: web}}
```

Fires: the first list of peers is lost:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    from: [{podSelector: {matchLabels: {app: api}}}]
```

Silent: all fields are known:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
```

Silent: each key is there once:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
  - from: [{podSelector: {matchLabels: {app: api}}}]
```
"""

from ringfence.lint.findings import FindingLevel
from ringfence.lint.rule import LintRule, Needs, finds_nothing_else
from ringfence.model.problems import Problem, ProblemCode


def _claims(problem: Problem) -> FindingLevel | None:
    return FindingLevel.ERROR if problem.code in (ProblemCode.UNKNOWN_FIELD, ProblemCode.DUPLICATE_KEY) else None


RULE = LintRule(
    "RF138",
    "strict-decoding",
    FindingLevel.ERROR,
    __doc__,
    finds_nothing_else,
    Needs.POLICIES,
    claims=_claims,
)
