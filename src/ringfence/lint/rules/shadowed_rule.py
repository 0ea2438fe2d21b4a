"""A rule, a peer or a port without which nothing changes, in every cluster that could be.

What other rules and policies allow anyway, whatever pods come, is shadowed. Readers take it for more than it is, and
who removes the other rule one day is surprised. Pods that do not exist yet count, so nothing is reported that pods to
come could need. It is the decision of `ringfence redundant`. A whole policy is a note: it may be there for its name.

Remedy: remove it, or remove what is wider and covers it.

Fires, for another peer of the rule means the same pods and more:

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

Fires, for a rule without peers admits everyone to this port:

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

Fires as a note, for the other policy isolates and allows the same and more:

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

Silent, for pods of both kinds could come:

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

Silent, for a policy that denies everything isolates pods that no other policy selects:

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

from ringfence.analysis.possible import Cover, PartKind, RedundantPart
from ringfence.engine.possible import RulePlace
from ringfence.lint.findings import FindingLevel, RelatedPlace
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis
from ringfence.lint.rule import Hit, LintRule, Needs, Unknown
from ringfence.lint.written import allows_everything
from ringfence.model.kinds import object_name
from ringfence.model.structure_edits import remove_item

_WHAT = {
    PartKind.POLICY: "this policy",
    PartKind.RULE: "this rule",
    PartKind.PEER: "this peer",
    PartKind.PORT: "this port entry",
}


def _check(linted: Linted) -> Iterator[Hit | Unknown]:
    yield from (_hit(one) for one in linted.redundancy.parts if _is_shadowed(one))
    for part, reason in linted.redundancy.undecided:
        yield Unknown(f"it would take too long to decide about {part}: {reason}")


def _is_shadowed(one: RedundantPart) -> bool:
    """Whether a part is for nothing because of what covers it, or by itself, and not because the other end refuses.

    That is half-open (RF113), and who writes the other end next makes it count. Of ipBlocks that mean nothing, RF118
    says more, and of rules beside one that allows everything, RF107. A policy without rules is a safety net, which
    others may cover.
    """
    policy, rule = one.part.policy, one.part.rule
    if len(one.covers) == 1 and isinstance(one.covers[0], RulePlace) and allows_everything(one.covers[0].rule):
        return False
    if rule is None:
        is_net = not any(policy.rules.values())
        return not is_net and bool(one.covers or not one.part.regions)
    return bool(one.covers) or (not one.part.regions and rule.peers.block is None)


def _hit(one: RedundantPart) -> Hit:
    message = f"nothing changes without {_WHAT[one.part.kind]}: {_why(one)}"
    if one.goes:
        remedy = "remove it, or what covers it if that is wider than it was meant to be"
    else:
        remedy = "keep it if the other parts are removed that cover it and that it covers"
    edit = remove_item(one.part.policy.origin, one.part.path) if one.goes and one.part.rule else None
    return Hit(
        one.part.policy,
        one.part.path,
        message,
        remedy,
        FindingLevel.NOTE if one.part.kind is PartKind.POLICY else None,
        edit,
        edit is not None,
        related=tuple(
            RelatedPlace(cover.policy.origin.at(cover.path), "what covers it", object_name(cover.policy.policy))
            for cover in one.covers
            if isinstance(cover, RulePlace) and cover.policy.origin
        ),
    )


def _why(one: RedundantPart) -> str:
    if not one.covers:
        return one.reason
    first = _cover(one.covers[0], one)
    others = len(one.covers) - 1
    return f"{first} covers it" if not others else f"{first} and {others} more cover it together"


def _cover(cover: Cover, one: RedundantPart) -> str:
    if not isinstance(cover, RulePlace):
        return f"policy {cover}, which isolates the same pods,"
    if cover.rule is one.part.rule:
        return "the rest of its rule"
    place = cover.policy.origin.at(cover.path) if cover.policy.origin else None
    return f"{cover.policy} {cover.path}{f' ({place})' if place else ''}"


RULE = LintRule(
    "RF108",
    "shadowed-rule",
    FindingLevel.WARNING,
    __doc__,
    _check,
    Needs.POLICIES,
    basis=Basis.PASSING_EVERYWHERE,
)
