"""Rules of a direction that `policyTypes` does not list.

`policyTypes` says for which directions a policy is. Rules of another direction are accepted and have no effect: the
pods are not isolated in it, and everything is allowed.

Remedy: add the direction to `policyTypes`, or remove the rules.

Fires: egress is not listed:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
```

Fires: ingress is not listed:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  ingress:
  - from: [{podSelector: {matchLabels: {app: db}}}]
```

Silent: without policyTypes egress rules count:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
```

Silent: no rule in a direction that is listed denies everything in it:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
  ingress: []
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule, Needs
from ringfence.model.policies import Direction, rules_of
from ringfence.model.structure_edits import add_item


def _check(linted: Linted) -> Iterator[Hit]:
    for policy in linted.policies:
        for direction in Direction:
            if direction not in policy.rules and rules_of(policy.policy, direction):
                message = (
                    f"the {direction.field} rules have no effect: policyTypes does not list {direction}, "
                    f"so the policy leaves {direction.field} as it is"
                )
                remedy = f"add {direction} to policyTypes, or remove the {direction.field} rules"
                edit = add_item(policy.origin, "spec.policyTypes", str(direction))
                yield Hit(policy, f"spec.{direction.field}", message, remedy, edit=edit)


RULE = LintRule("RF104", "direction-not-listed", FindingLevel.ERROR, __doc__, _check, Needs.POLICIES)
