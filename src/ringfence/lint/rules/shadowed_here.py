"""A rule, a peer or a port without which nothing changes for the pods of the input.

Other rules cover it, for the pods that there are; those to come may need it. What is for nothing in every cluster is
RF108. Peers that select no pod, and those that the other end refuses, are other rules' findings.

Remedy: keep it if other pods are to come; otherwise remove it.

Fires, for all pods that api selects have the label of the other peer:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api, tier: back}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: api}}
    - podSelector: {matchLabels: {tier: back}}
```

Fires, for the only pod of web has the label of the other policy:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web, tier: front}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: front, namespace: shop}
spec:
  podSelector: {matchLabels: {tier: front}}
  ingress:
  - ports: [{port: 80}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: 80}, {port: 443}]
```

Silent, for another pod has only one of the labels:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: v1
kind: Pod
metadata: {name: job, namespace: shop, labels: {tier: back}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: api}}
    - podSelector: {matchLabels: {tier: back}}
```

Silent, for it is for nothing in every cluster, which RF108 says:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: web}}
    - podSelector: {}
```
"""

from collections.abc import Iterator

from ringfence.analysis.differences import redundancy_here
from ringfence.analysis.possible import PartKind, RedundantPart
from ringfence.engine.possible import RulePlace
from ringfence.lint.findings import FindingLevel, RelatedPlace
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis
from ringfence.lint.rule import Hit, LintRule, RuleGroup, Unknown
from ringfence.lint.written import allows_everything
from ringfence.model.kinds import object_name

_WHAT = {PartKind.RULE: "this rule", PartKind.PEER: "this peer", PartKind.PORT: "this port entry"}


def _check(linted: Linted) -> Iterator[Hit | Unknown]:
    found = redundancy_here(linted.state, linted.redundancy)
    yield from (_hit(one) for one in found if _is_shadowed(one))
    for part, reason in found.undecided:
        yield Unknown(f"it would take too long to decide about {part}: {reason}")


def _is_shadowed(one: RedundantPart) -> bool:
    """Whether rules cover a part of a policy: whole policies are safety nets more often than mistakes."""
    covers = [cover for cover in one.covers if isinstance(cover, RulePlace)]
    return one.part.kind in _WHAT and bool(covers) and not all(allows_everything(cover.rule) for cover in covers)


def _hit(one: RedundantPart) -> Hit:
    covers = [cover for cover in one.covers if isinstance(cover, RulePlace)]
    message = (
        f"nothing changes without {_WHAT[one.part.kind]} for the pods of the input: "
        f"{covers[0].policy} {covers[0].path}{f' and {len(covers) - 1} more' if len(covers) > 1 else ''} covers it"
    )
    related = tuple(
        RelatedPlace(cover.policy.origin.at(cover.path), "what covers it", object_name(cover.policy.policy))
        for cover in covers
        if cover.policy.origin
    )
    return Hit(one.part.policy, one.part.path, message, "keep it if other pods are to come", related=related)


RULE = LintRule(
    "RF109",
    "shadowed-here",
    FindingLevel.NOTE,
    __doc__,
    _check,
    group=RuleGroup.THOROUGH,
    basis=Basis.PASSING_EVERYWHERE,
)
