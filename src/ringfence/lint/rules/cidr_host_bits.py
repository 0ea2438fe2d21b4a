"""A CIDR with two possible meanings.

`10.0.0.5/24` has bits behind its prefix, and `010.0.0.0/8` has a leading zero. Kubernetes reads them as 10.0.0.0/24 and
10.0.0.0/8 and warns. The author may have meant the address 10.0.0.5, and other programs read the zero as octal. API
servers from 1.36 refuse them; for older ones it is a warning. `validate` reports the same.

Remedy: write the canonical form.

Fires: it is a network or an address:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.5/24}}]
```

Fires: also for IPv6 in except:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: "2001:db8::/32", except: ["2001:db8:1::5/48"]}}]
```

Silent: it is canonical:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/24}}]
```

Silent: it is one address:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.5/32}}]
```
"""

from ringfence.lint.findings import FindingLevel
from ringfence.lint.rule import LintRule, Needs, finds_nothing_else
from ringfence.model.cidrs import STRICT_ERRORS
from ringfence.model.problems import Problem, ProblemCode


def _claims(problem: Problem) -> FindingLevel | None:
    is_refused = problem.code == ProblemCode.INVALID_VALUE and problem.message.endswith(STRICT_ERRORS)
    is_meant = is_refused or problem.code == ProblemCode.NONSTANDARD_CIDR
    return FindingLevel(problem.severity.value) if is_meant else None


RULE = LintRule(
    "RF117",
    "cidr-host-bits",
    FindingLevel.ERROR,
    __doc__,
    finds_nothing_else,
    Needs.POLICIES,
    claims=_claims,
)
