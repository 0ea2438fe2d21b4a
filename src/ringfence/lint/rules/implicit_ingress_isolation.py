"""Egress rules alone, without `policyTypes`, isolate ingress as well.

Without `policyTypes`, a policy applies to ingress, and to egress too if it has an egress rule. A policy with egress
rules and without ingress rules therefore denies all ingress of its pods, which is easily overlooked. Calico's own
policies have another default.

Remedy: write `policyTypes: [Ingress, Egress]` if ingress is to be denied, and `policyTypes: [Egress]` if not.

Fires: no pod may connect to web any more:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
```

Fires: a rule that allows all egress implies ingress, too:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec:
  podSelector: {}
  egress: [{}]
```

Silent: policyTypes says it:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Ingress, Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
```

Silent: ingress is written, if only to deny it:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: []
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule, Needs
from ringfence.lint.written import SPEC_FIELDS
from ringfence.model.structure_edits import add_field


def _check(linted: Linted) -> Iterator[Hit]:
    for policy in linted.policies:
        # The engine's policy has the defaults of the API server. Only its places show which fields are written.
        written = policy.origin.fields if policy.origin else {}
        is_implied = "spec.policyTypes" not in written and "spec.ingress" not in written
        if is_implied and "spec.egress" in written and policy.policy.spec.egress:
            message = (
                "without policyTypes, a policy with egress rules isolates ingress as well, and this one allows none"
            )
            remedy = "write policyTypes: [Ingress, Egress] if that is meant, and policyTypes: [Egress] if not"
            edit = add_field(policy.origin, "spec", "policyTypes", "[Ingress, Egress]", SPEC_FIELDS)
            # The edit writes down what holds already, so it changes nothing, and makes it visible.
            yield Hit(policy, "spec.egress", message, remedy, edit=edit, is_safe=True)


RULE = LintRule("RF105", "implicit-ingress-isolation", FindingLevel.WARNING, __doc__, _check, Needs.POLICIES)
