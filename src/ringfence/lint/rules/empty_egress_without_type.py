"""An empty list of egress rules, and no `policyTypes`.

`egress: []` was meant to deny all egress. Without `policyTypes`, a policy applies to egress only if it has an egress
rule. So this one isolates its pods for ingress and not for egress.

Remedy: write `policyTypes: [Egress]`.

Fires: the policy denies ingress, not egress:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: no-egress, namespace: shop}
spec:
  podSelector: {}
  egress: []
```

Fires: rules for ingress do not change that:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: no-egress, namespace: shop}
spec:
  podSelector: {}
  ingress: [{}]
  egress: []
```

Silent: policyTypes lists egress:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: no-egress, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: []
```

Silent: policyTypes says that the policy is not for egress:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: no-ingress, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
  egress: []
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
        is_empty = "spec.egress" in written and not policy.policy.spec.egress
        if is_empty and "spec.policyTypes" not in written:
            message = (
                "an empty list of egress rules denies nothing without policyTypes: "
                "the policy isolates ingress, and egress stays as it is"
            )
            edit = add_field(policy.origin, "spec", "policyTypes", "[Egress]", SPEC_FIELDS)
            yield Hit(policy, "spec.egress", message, "write policyTypes: [Egress] to deny all egress", edit=edit)


RULE = LintRule("RF106", "empty-egress-without-type", FindingLevel.ERROR, __doc__, _check, Needs.POLICIES)
