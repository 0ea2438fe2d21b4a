"""A rule, a peer or a port without which nothing changes for the pods of the input.

Other rules cover it for the existing pods; pods that are created later may need it. RF108 reports parts that have no
effect in any cluster. Other rules report peers that select no pod, and peers that the other end refuses. Policies of
administrators, and parts that these decide about, are left out, because they are meant for future pods.

Remedy: keep it if other pods are to come; otherwise remove it.

Fires: all pods that api selects have the label of the other peer:

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

Fires: the only pod of web has the label of the other policy:

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

Silent: another pod has only one of the labels:

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

Silent: it has no effect in any cluster, which RF108 reports:

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
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis
from ringfence.lint.rule import Hit, LintRule, RuleGroup, Unknown
from ringfence.lint.shadowed_parts import PART_NAMES, is_of_administrators, places_of_covers
from ringfence.lint.written import allows_everything


def _check(linted: Linted) -> Iterator[Hit | Unknown]:
    found = redundancy_here(linted.state, linted.redundancy)
    yield from (_hit(one, covers) for one in found if (covers := _covers(one)))
    for part, reason in found.undecided:
        yield Unknown(f"it would take too long to decide about {part}: {reason}")


def _covers(one: RedundantPart) -> list[RulePlace]:
    """The rules that cover a part of a NetworkPolicy; none if RF107 reports it, or if administrators' policies decide.

    Whole policies are left out: they are more often safety nets than mistakes.
    """
    covers = [cover for cover in one.covers if isinstance(cover, RulePlace)]
    is_another = one.part.kind is PartKind.POLICY or all(allows_everything(cover.rule) for cover in covers)
    policies = [one.part.policy, *(cover.policy for cover in covers)]
    return [] if is_another or any(map(is_of_administrators, policies)) else covers


def _hit(one: RedundantPart, covers: list[RulePlace]) -> Hit:
    message = (
        f"nothing changes without {PART_NAMES[one.part.kind]} for the pods of the input: "
        f"{covers[0].policy} {covers[0].path}{f' and {len(covers) - 1} more' if len(covers) > 1 else ''} covers it"
    )
    related = tuple(places_of_covers(covers))
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
