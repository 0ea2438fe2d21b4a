"""A policy that allows everything in a direction for all pods of its namespace.

It takes effect beside every other policy of the namespace: whatever these allow, everything is allowed. Such a policy
is often left over from a test.

Remedy: remove it, or narrow its rule.

Fires: its rule has neither peers nor ports:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec:
  podSelector: {}
  ingress: [{}]
```

Fires: all addresses of both families are everything:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: "::/0"}}]
```

Silent: it is for some pods:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{}]
```

Silent: the rule has ports:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: 8080}]
```

Silent: selectors of pods mean no addresses:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{namespaceSelector: {}}]
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.posture import is_of_the_system
from ringfence.lint.rule import Hit, LintRule, Needs, RuleGroup


def _check(linted: Linted) -> Iterator[Hit]:
    tiers = linted.state.tiers
    for policy in linted.policies:
        if policy.subject.pods.terms or is_of_the_system(linted, policy.namespace):
            continue
        for direction, rules in policy.rules.items():
            if rules and tiers.allows_everything(tiers.stack_of([policy], direction)):
                message = (
                    f"the policy allows all {direction.field} of all pods in namespace {policy.namespace}, whatever "
                    "other NetworkPolicies say"
                )
                yield Hit(policy, f"spec.{direction.field}", message, "remove it, or narrow its rule")


RULE = LintRule("RF211", "allow-all-policy", FindingLevel.NOTE, __doc__, _check, Needs.POLICIES, RuleGroup.POSTURE)
