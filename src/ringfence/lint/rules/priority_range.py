"""A priority that OVN-Kubernetes does not support.

An AdminNetworkPolicy has a priority from 0 to 1000, but OVN-Kubernetes supports only 0 to 99: others are stored and
never enforced. The rule applies if the configuration says `plugin: ovn-kubernetes`.

Remedy: write a priority from 0 to 99.

Fires with plugin ovn-kubernetes: 100 is one too many:

```yaml
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: shut}
spec:
  priority: 100
  subject: {namespaces: {}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
```

Fires with plugin ovn-kubernetes: the API allows 1000:

```yaml
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: shut}
spec:
  priority: 1000
  subject: {namespaces: {}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
```

Silent with plugin ovn-kubernetes: it is the last one:

```yaml
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: shut}
spec:
  priority: 99
  subject: {namespaces: {}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
```

Silent: another plugin enforces it:

```yaml
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: shut}
spec:
  priority: 100
  subject: {namespaces: {}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule, Needs
from ringfence.model.cluster_policies import AdminNetworkPolicy, PolicyTier

_LAST: Final = 99


def _check(linted: Linted) -> Iterator[Hit]:
    if linted.plugin != "ovn-kubernetes":
        return
    for policy in linted.state.policies.cluster_policies(PolicyTier.ADMIN):
        if isinstance(policy.policy, AdminNetworkPolicy) and policy.priority > _LAST:
            message = f"OVN-Kubernetes never enforces priority {policy.priority}: its last one is {_LAST}"
            yield Hit(policy, "spec.priority", message, f"write a priority from 0 to {_LAST}")


RULE = LintRule("RF140", "priority-range", FindingLevel.ERROR, __doc__, _check, Needs.POLICIES)
