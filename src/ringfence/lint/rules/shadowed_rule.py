"""A rule, a peer or a port without which nothing changes, in any cluster.

A part is shadowed if other rules and policies allow the same traffic for all possible pods. It misleads readers, and
removing the other rule later has an unexpected effect. Pods that do not exist yet count, so nothing that future pods
could need is reported. `ringfence redundant` decides the same. For a whole policy it is a note, because it may serve as
documentation.

A part that other tiers cover is not a mistake. A rule of administrators must also hold after a NetworkPolicy changes,
so it is reported only if other rules of its own tier decide the same. A rule of a NetworkPolicy that administrators'
policies decide earlier is a note: it takes effect when these change.

Remedy: remove it, or remove the wider rule that covers it.

Fires: another peer of the rule means the same pods and more:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from:
    - podSelector: {}
    - podSelector: {matchLabels: {app: web}}
```

Fires: a rule without peers admits everyone to this port:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - ports: [{port: 80}]
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 80}]
```

Fires as a note: the other policy isolates and allows the same and more:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{namespaceSelector: {}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {}}]
```

Fires as a note: administrators deny it before the NetworkPolicy is evaluated:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {team: blue}}}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tenants}
spec:
  tier: Admin
  priority: 5
  subject: {namespaces: {}}
  ingress:
  - {action: Deny, from: [{namespaces: {matchLabels: {team: blue}}}]}
```

Fires: the first rule of administrators denies the same and more:

```yaml
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: tenants}
spec:
  tier: Admin
  priority: 5
  subject: {namespaces: {}}
  ingress:
  - {action: Deny, from: [{namespaces: {matchExpressions: [{key: team, operator: Exists}]}}]}
  - {action: Deny, from: [{namespaces: {matchLabels: {team: blue}}}]}
```

Silent: administrators deny what NetworkPolicies do not allow today:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {}}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: shop}
spec:
  tier: Admin
  priority: 5
  subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}
  ingress:
  - {action: Pass, from: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: shop}}}]}
  - {action: Deny, from: [{namespaces: {}}]}
```

Silent: the egress of api is denied, which RF113 reports, and nothing else covers the rule:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Ingress, Egress]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
```

Silent: pods of both kinds could come:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: web}}
    - podSelector: {matchLabels: {role: client}}
```

Silent: a policy that denies everything isolates pods that no other policy selects:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
```
"""

from collections.abc import Iterator

from ringfence.analysis.possible import PartKind, RedundantPart
from ringfence.engine.possible import RulePlace
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis
from ringfence.lint.rule import Hit, LintRule, Needs, Unknown
from ringfence.lint.shadowed_parts import (
    PART_NAMES,
    depends_on_other_tiers,
    is_decided_by_its_tier,
    is_of_administrators,
    places_of_covers,
    why_covered,
)
from ringfence.lint.written import allows_everything
from ringfence.model.structure_edits import remove_item


def _check(linted: Linted) -> Iterator[Hit | Unknown]:
    yield from (_hit(one) for one in linted.redundancy.parts if _is_shadowed(one))
    for part, reason in linted.redundancy.undecided:
        yield Unknown(f"it would take too long to decide about {part}: {reason}")


def _is_shadowed(one: RedundantPart) -> bool:
    """Whether a part has no effect because it is covered, or on its own, and not because the other end denies.

    The latter is half-open (RF113), and it takes effect when the other end is changed. RF118 reports ipBlocks that
    match nothing, and RF107 rules beside one that allows everything. A policy without rules is a safety net, which
    others may cover.
    """
    policy, rule = one.part.policy, one.part.rule
    if len(one.covers) == 1 and isinstance(one.covers[0], RulePlace) and allows_everything(one.covers[0].rule):
        return False
    if one.part.regions and is_of_administrators(policy) and not is_decided_by_its_tier(one):
        return False
    if rule is None:
        is_net = not any(policy.rules.values())
        return not is_net and bool((one.covers and one.is_covered) or not one.part.regions)
    return bool(one.covers) or (not one.part.regions and rule.peers.block is None)


def _hit(one: RedundantPart) -> Hit:
    why = why_covered(one) if one.covers else one.reason
    is_for_others = depends_on_other_tiers(one)
    if is_for_others:
        remedy = "keep it if it is to hold when administrators change their policies; otherwise remove it"
    elif one.goes:
        remedy = "remove it, or what covers it if that is wider than it was meant to be"
    else:
        remedy = "keep it if the other parts are removed that cover it and that it covers"
    # A whole policy is a document, which may be all of its file: no edit removes it.
    may_go = one.goes and one.part.rule and not is_for_others
    edit = remove_item(one.part.policy.origin, one.part.path) if may_go else None
    return Hit(
        one.part.policy,
        one.part.path,
        f"nothing changes without {PART_NAMES[one.part.kind]}: {why}",
        remedy,
        FindingLevel.NOTE if one.part.kind is PartKind.POLICY or is_for_others else None,
        edit,
        edit is not None,
        related=tuple(places_of_covers(one.covers)),
    )


RULE = LintRule(
    "RF108",
    "shadowed-rule",
    FindingLevel.WARNING,
    __doc__,
    _check,
    Needs.POLICIES,
    basis=Basis.PASSING_EVERYWHERE,
)
