"""A field that does not exist, or a key that is there twice.

Without strict decoding, the API server drops a field that it does not know, and kubectl the first of two equal keys. A
rule without its misspelt `form:` admits everybody. What is found is what `validate` finds.

Remedy: write the field as it is called, and each key once.

Fires, for without podSelector the policy selects all pods:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelektor: {matchLabels: {app: web}}
```

Fires, for the first list of peers is lost:

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

Silent, for all fields are known:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
```

Silent, for each key is there once:

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
