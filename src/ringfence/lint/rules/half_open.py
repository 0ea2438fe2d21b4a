"""A peer that the policies of the other end refuse.

A connection between two pods needs the egress of its source and the ingress of its destination. A peer that names pods
by their labels was meant to let them connect. If their own policies refuse all of it, the connection is open at one end
only. It is found if no connection that the peer allows passes, between any pods of the input. Peers without a
`podSelector` that has labels are not looked at: they name nobody in particular.

Remedy: add a rule to a policy of the other end, or remove the peer. `ringfence explain` proposes the smallest edit.

Fires, for the egress of web is isolated and does not allow it:

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

Fires, for the two ends name different ports:

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

Silent, for the other end allows it:

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

Silent, for a peer that means all pods names none in particular:

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

from ringfence.engine.answers import is_exempt, side_traffic
from ringfence.engine.population import Member
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import WrittenPeer, peers_in_force
from ringfence.model.policies import Direction
from ringfence.sets.traffic import Traffic


def _check(linted: Linted) -> Iterator[Hit]:
    for peer in peers_in_force(linted):
        selection = peer.selection
        if selection is None or not selection.pods.terms or linted.operators_make_pods(selection):
            continue
        refused = _refused(linted, peer)
        if refused:
            yield _hit(linted, peer, *refused)


def _refused(linted: Linted, peer: WrittenPeer) -> tuple[Member, Member, Traffic] | None:
    """A pod of the policy, one of the peer, and what the peer's side allows; None if anything passes between any."""
    first: tuple[Member, Member, Traffic] | None = None
    assert peer.selection is not None
    others = linted.example_pods(peer.selection)
    for own in linted.example_pods(peer.policy.subject) if others else ():
        for other in others:
            source, destination = _ends(peer, own, other)
            named = peer.rule.traffic_to(destination)
            allowed = side_traffic(linted.state, other, _other_direction(peer), own)
            if not named or is_exempt(linted.state, source, destination) or named & allowed:
                return None
            first = first or (own, other, allowed)
    return first


def _ends(peer: WrittenPeer, own: Member, other: Member) -> tuple[Member, Member]:
    return (other, own) if peer.rule.direction is Direction.INGRESS else (own, other)


def _other_direction(peer: WrittenPeer) -> Direction:
    return Direction.EGRESS if peer.rule.direction is Direction.INGRESS else Direction.INGRESS


def _hit(linted: Linted, peer: WrittenPeer, own: Member, other: Member, allowed: Traffic) -> Hit:
    source, destination = _ends(peer, own, other)
    direction = _other_direction(peer)
    profiles = linted.state.tiers.profiles(linted.state.identity(other), direction)
    policies = sorted({str(policy) for profile in profiles for policy in profile.policies})
    named = peer.rule.traffic_to(destination)
    only = f"allow only {allowed} there" if allowed else "refuse it"
    message = (
        f"no connection that this peer allows passes: it allows {named} from {source} to {destination}, "
        f"and the {direction.field} rules of {other} ({', '.join(policies)}) {only}"
    )
    remedy = f"allow it in a policy for {direction.field} of {other}, or remove the peer"
    return Hit(peer.policy, peer.path, message, remedy)


RULE = LintRule("RF113", "half-open", FindingLevel.WARNING, __doc__, _check)
