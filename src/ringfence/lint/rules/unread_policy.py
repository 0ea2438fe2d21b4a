"""A policy of an unsupported kind.

ringfence reads NetworkPolicies and the administrators' policies of Kubernetes. Policies of network plugins and meshes
may allow or deny other traffic. ringfence recognises them, and answers about the pods that they select say so. Findings
of other rules are valid only as far as these policies do not change the traffic.

Remedy: none is needed; treat answers about these pods as answers without the policy.

Fires: Cilium's policies are not read:

```yaml
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress: [{}]
```

Fires: policies of Calico are not read either:

```yaml
apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: {name: guard}
spec:
  selector: all()
  types: [Ingress]
```

Silent: it is read:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
```

Silent: a staged policy changes nothing:

```yaml
apiVersion: projectcalico.org/v3
kind: StagedNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  selector: all()
  types: [Ingress]
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import LintRule, Needs, ObjectHit
from ringfence.model.unread_policies import Doubt


def _check(linted: Linted) -> Iterator[ObjectHit]:
    for policy in linted.state.doubts:
        if policy.doubt is Doubt.INERT:
            continue
        what = "this policy is" if policy.name else f"policies of kind {policy.kind} cannot be listed, and are"
        directions = " and ".join(direction.field for direction in policy.directions())
        message = f"{what} not read: it may change the {directions} of the pods that it selects"
        yield ObjectHit(str(policy), policy.place, message, "treat answers about these pods as answers without it")


RULE = LintRule("RF137", "unread-policy", FindingLevel.WARNING, __doc__, _check, Needs.POLICIES)
