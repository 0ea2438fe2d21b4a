"""Two policies with the same meaning.

Two policies of one namespace that select the same pods and have the same rules are one policy twice. Removing something
from only one of them has no effect.

Remedy: remove one of them.

Fires: only the names differ:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
```

Fires: the order and the spelling do not matter:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/9}}, {ipBlock: {cidr: 10.128.0.0/9}}]
  - ports: [{port: 80}, {port: 81}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec:
  podSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}
  ingress:
  - ports: [{port: 80, endPort: 81}]
  - from: [{ipBlock: {cidr: 10.0.0.0/8}}]
```

Silent: they select other pods:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
```

Silent: one is for egress as well:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: b, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
```

Silent: they are in different namespaces:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: shop}
spec:
  podSelector: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: front}
spec:
  podSelector: {}
```
"""

from collections.abc import Hashable, Iterator

from ringfence.engine.policies import CompiledRule
from ringfence.lint.findings import FindingLevel, RelatedPlace
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.lint.rule import Hit, LintRule, Needs
from ringfence.model.kinds import object_name


def _check(linted: Linted) -> Iterator[Hit]:
    first: dict[Hashable, PolicyInForce] = {}
    for policy in linted.policies:
        # Compared by key, because comparing each policy with each would be quadratic.
        other = first.setdefault(_meaning(policy), policy)
        if other is not policy:
            place = other.origin.at() if other.origin else None
            related = (
                (RelatedPlace(place, "the policy that says the same", object_name(other.policy)),) if place else ()
            )
            message = f"the policy says the same as {other}{f' ({place})' if place else ''}"
            yield Hit(policy, "", message, "remove one of them", related=related)


def _meaning(policy: PolicyInForce) -> Hashable:
    """A key for the meaning of a policy, without order and notation: equal keys mean the same in every cluster."""
    rules = frozenset((direction, frozenset(map(_meaning_of_rule, of))) for direction, of in policy.rules.items())
    # Sets, because neither the order of rules, peers and ports nor their repetition has a meaning.
    return policy.namespace, frozenset(policy.subject.pods.terms), rules


def _meaning_of_rule(rule: CompiledRule) -> Hashable:
    peers = rule.peers
    selected = frozenset((one.namespace, one.namespaces, one.pods) for one in peers.selections)
    return peers.everyone, selected, peers.block, rule.traffic, frozenset(rule.port_names)


RULE = LintRule("RF126", "same-policy", FindingLevel.NOTE, __doc__, _check, Needs.POLICIES)
