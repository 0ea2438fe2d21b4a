"""A rule that allows everything, beside others for the same pods.

Rules add up. A rule without peers and without ports, `{}`, allows all connections of its direction, so that every other
rule for the same pods has no effect: in the same policy, and in policies that select some of these pods.

Remedy: remove the rule, or the others.

Fires: the list of peers limits nobody:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
  - {}
```

Fires: the other policy is for some of the same pods:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
```

Silent: there is no other rule:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{}]
```

Silent: the rule has ports:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
  - ports: [{port: 443}]
```

Silent: the other policy is for other pods:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: open, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  policyTypes: [Egress]
  egress: [{}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel, RelatedPlace
from ringfence.lint.linted import Linted
from ringfence.lint.rule import MOST_RELATED, Hit, LintRule, Needs
from ringfence.lint.written import WrittenRule, allows_everything, rules_for_some_of_its_pods, rules_in_force
from ringfence.model.kinds import object_name
from ringfence.model.more import more_of
from ringfence.model.structure_edits import remove_item


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        if allows_everything(rule.compiled):
            others = [other for other in rules_for_some_of_its_pods(linted, rule) if _is_less(other, rule)]
            if others:
                yield _hit(rule, others)


def _is_less(other: WrittenRule, rule: WrittenRule) -> bool:
    """Whether a rule has no effect beside one that allows everything; of two of these, the first one stays."""
    if not allows_everything(other.compiled):
        return True
    # Otherwise each of two rules that allow everything would make the other one a finding.
    return (other.policy.name, other.compiled.index) > (rule.policy.name, rule.compiled.index)


def _hit(rule: WrittenRule, others: list[WrittenRule]) -> Hit:
    first, count = others[0], len(others)
    named = first.path if first.policy is rule.policy else f"{first.path} of {first.policy}"
    more = f" and {more_of(count - 1, 'rule')}" if count > 1 else ""
    message = (
        f"this rule allows everything, so that {named}{more} for the same pods {'have' if more else 'has'} no effect"
    )
    related = [
        RelatedPlace(other.policy.origin.at(other.path), "a rule that has no effect", object_name(other.policy.policy))
        for other in others[:MOST_RELATED]
        if other.policy.origin
    ]
    # Only one other rule of the same policy: of several, it is not known which were meant.
    edit = remove_item(first.policy.origin, first.path) if count == 1 and first.policy is rule.policy else None
    remedy = "remove this rule if the others are meant, and the others if all is to be allowed"
    return Hit(rule.policy, rule.path, message, remedy, edit=edit, is_safe=edit is not None, related=tuple(related))


RULE = LintRule("RF107", "allow-all-rule", FindingLevel.WARNING, __doc__, _check, Needs.POLICIES)
