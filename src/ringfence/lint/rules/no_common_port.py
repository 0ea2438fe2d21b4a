"""Two ends that name each other and have no port in common.

The egress rule of a source and the ingress rule of a destination both name the other end by its labels, so a connection
was intended. But they name different ports or protocols, and no traffic is allowed. It is reported if none of the
connections that the peer allows is possible between any pods of the input. The finding is at the rule whose port the
destination does not declare, or else at the rule of the source; the other one is a related place.

Remedy: write the port on which the destination listens in both rules.

Fires: db listens on one of them at most:

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
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 5433}]
```

Fires: the protocols differ:

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
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 5432, protocol: UDP}]
```

Fires: db declares the port that its own policy names, so that it is found at the other end:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
spec: {containers: [{name: db, image: db, ports: [{containerPort: 5432}]}]}
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
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 3306}]
```

Silent: they agree:

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
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 5432}]
```

Silent: the range has the port:

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
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 5000, endPort: 5999}]
```
"""

from collections.abc import Iterator, Sequence

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis, doubtful
from ringfence.lint.refusals import RefusedPeer, refusals
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.texts import listed
from ringfence.model.policies import Direction

_Ends = tuple[tuple[str, str], tuple[str, str]]
"""The policy and the path of a rule, and those of the rule of the other end."""


def _check(linted: Linted) -> Iterator[Hit]:
    return (_hit(linted, one) for one in _one_of_two(linted, refusals(linted)))


def _one_of_two(linted: Linted, refused: Sequence[RefusedPeer]) -> Iterator[RefusedPeer]:
    """The peers that the other end names, too; of two rules that refuse each other, the one that is probably wrong."""
    naming = [one for one in refused if one.naming]
    certain: dict[_Ends, bool] = {}
    for one in naming:
        # A finding with a premise in doubt is not shown, so it cannot be the one that stays.
        if doubtful(linted, one.premises(linted)) is None:
            certain[_ends(one)] = certain.get(_ends(one), False) or _names_no_declared_port(one)
    for one in naming:
        own, other = _ends(one)
        mine, theirs = certain.get((own, other)), certain.get((other, own))
        is_egress = one.peer.rule.direction is Direction.EGRESS
        # One finding for both: at the rule with a port that the pod does not declare, else at the egress rule.
        if theirs is None or (mine is not None and (mine, is_egress) > (theirs, not is_egress)):
            yield one


def _ends(one: RefusedPeer) -> _Ends:
    assert one.naming is not None
    return (str(one.peer.policy), one.peer.rule.path), (str(one.naming.policy), one.naming.path)


def _names_no_declared_port(one: RefusedPeer) -> bool:
    """Whether a rule names only ports that the destination does not declare, though it declares some."""
    declared = one.destination.container_ports
    return bool(declared) and not any(one.named.contains(port.protocol, port.port) for port in declared)


def _hit(linted: Linted, one: RefusedPeer) -> Hit:
    message = (
        f"{one.source} and {one.destination} name each other, and have no port in common: "
        f"this rule allows {one.named}, and {one.naming} and all other rules of {one.other} allow {one.allowed}"
    )
    declared = listed(f"{port.protocol} {port.port}" for port in one.destination.container_ports)
    port = f"the port on which {one.destination} listens" + (f" ({declared})" if declared else "")
    return Hit(
        one.peer.policy,
        one.peer.path,
        message,
        f"write {port} in both rules",
        related=one.related,
        pods=(one.own, one.other),
        premises=one.premises(linted),
    )


RULE = LintRule("RF142", "no-common-port", FindingLevel.WARNING, __doc__, _check, basis=Basis.PASSING)
