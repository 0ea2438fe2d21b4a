"""A rule that names its peers, and no ports.

A rule without ports allows every port and every protocol, also those that a workload opens later. Rules without peers
are left out: they allow everybody, which other rules report.

Remedy: list the ports that are needed.

Fires: api may connect to any port:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
```

Fires: an empty list means the same:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 203.0.113.0/24}}]
    ports: []
```

Silent: the port is named:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 8080}]
```

Silent: the policy has no direction for the rule:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress]
  egress:
  - to: [{podSelector: {matchLabels: {app: api}}}]
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.posture import is_of_the_system
from ringfence.lint.rule import Hit, LintRule, Needs, RuleGroup
from ringfence.lint.written import rules_in_force


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        # Without peers, too, it would be a rule that allows everything, which RF107 and RF211 are about.
        if rule.written.peers and not rule.written.ports and not is_of_the_system(linted, rule.policy.namespace):
            message = "the rule allows every port and every protocol: it lists no ports"
            yield Hit(rule.policy, rule.path, message, "list the ports that are needed")


RULE = LintRule("RF208", "all-ports", FindingLevel.NOTE, __doc__, _check, Needs.POLICIES, RuleGroup.POSTURE)
