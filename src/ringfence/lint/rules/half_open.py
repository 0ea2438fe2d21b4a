"""A peer that the policies of the other end refuse.

A connection between two pods needs the egress of its source and the ingress of its destination. A peer that selects
pods by labels is meant to allow connections with them. If their own policies deny all of these, the connection is open
at one end only. It is reported if none of the connections that the peer allows is possible between any pods of the
input. Peers without a `podSelector` with labels are left out, because they do not name particular pods. If both ends
name each other with different ports, RF142 reports it.

Remedy: add a rule to a policy of the other end, or remove the peer. `ringfence explain` proposes the smallest edit.

Fires: the egress of web is isolated and does not allow it:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
```

Fires: the policy of db admits others:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 5432}]
```

Silent: the other end allows it:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 5432}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {}}]
```

Silent: a peer that means all pods names none in particular:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {}}]
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis
from ringfence.lint.refusals import RefusedPeer, refusals
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.texts import listed


def _check(linted: Linted) -> Iterator[Hit]:
    # If a rule of the other end names this pod, too, RF142 compares the ports of both rules.
    return (_hit(linted, one) for one in refusals(linted) if one.naming is None)


def _hit(linted: Linted, one: RefusedPeer) -> Hit:
    only = f"allow only {one.allowed} there" if one.allowed else "refuse it"
    policies = listed(sorted({str(policy) for policy in one.policies}))
    message = (
        f"no connection that this peer allows passes: it allows {one.named} from {one.source} to {one.destination}, "
        f"and the {one.direction.field} rules of {one.other} ({policies}) {only}"
    )
    remedy = f"allow it in a policy for {one.direction.field} of {one.other}, or remove the peer"
    return Hit(
        one.peer.policy,
        one.peer.path,
        message,
        remedy,
        related=one.related,
        pods=(one.own, one.other),
        premises=one.premises(linted),
    )


RULE = LintRule("RF113", "half-open", FindingLevel.WARNING, __doc__, _check, basis=Basis.PASSING)
