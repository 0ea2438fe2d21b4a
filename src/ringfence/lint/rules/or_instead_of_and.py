"""A namespaceSelector and a podSelector that were meant as one peer are two items of a list.

The items of a list are alternatives. A `namespaceSelector` in one item and a `podSelector` in the next one match all
pods of those namespaces, or pods with these labels in the policy's own namespace. Without the second dash they are one
peer: pods with these labels in those namespaces. It is a warning if the policy's own namespace has no such pods and
those namespaces have some: then only one peer can have been meant. Otherwise both meanings are possible, and it is a
note.

Remedy: remove the dash before `podSelector`, or put the `podSelector` first if two peers are meant.

Fires: there is no such pod in the namespace of the policy:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: audit, labels: {trust: official}}
---
apiVersion: v1
kind: Pod
metadata: {name: auditor, namespace: audit, labels: {role: auditor}}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: audit, labels: {role: other}}
---
apiVersion: v1
kind: Pod
metadata: {name: billing, namespace: clinic, labels: {app: billing}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: billing, namespace: clinic}
spec:
  podSelector: {matchLabels: {app: billing}}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {trust: official}}
    - podSelector: {matchLabels: {role: auditor}}
```

Fires: it does not matter that the other namespace has no other pods today:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: monitoring, labels: {team: operations}}
---
apiVersion: v1
kind: Pod
metadata: {name: prometheus, namespace: monitoring, labels: {app: prometheus}}
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
    - namespaceSelector: {matchLabels: {team: operations}}
    - podSelector: {matchLabels: {app: prometheus}}
```

Fires as a note: both namespaces have such pods:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: audit, labels: {trust: official}}
---
apiVersion: v1
kind: Pod
metadata: {name: auditor, namespace: audit, labels: {role: auditor}}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: audit, labels: {role: other}}
---
apiVersion: v1
kind: Pod
metadata: {name: auditor, namespace: clinic, labels: {role: auditor}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: clinic}
spec:
  podSelector: {}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {trust: official}}
    - podSelector: {matchLabels: {role: auditor}}
```

Silent: they are one peer:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: audit, labels: {trust: official}}
---
apiVersion: v1
kind: Pod
metadata: {name: auditor, namespace: audit, labels: {role: auditor}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: clinic}
spec:
  podSelector: {}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {trust: official}}
      podSelector: {matchLabels: {role: auditor}}
```

Silent: those namespaces have no such pod, so they cannot have been meant together:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: audit, labels: {trust: official}}
---
apiVersion: v1
kind: Pod
metadata: {name: other, namespace: audit, labels: {role: other}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: clinic, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: clinic}
spec:
  podSelector: {}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {trust: official}}
    - podSelector: {matchLabels: {app: web}}
```

Silent: the namespaceSelector means every namespace, and the podSelector comes first:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: clinic, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: clinic}
spec:
  podSelector: {}
  ingress:
  - from:
    - podSelector: {matchLabels: {app: web}}
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: clinic}}
```
"""

from collections.abc import Iterator
from itertools import pairwise

from ringfence.engine.policies import PodSelection, compile_peer
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import WrittenPeer, rules_in_force
from ringfence.model.objects import NetworkPolicyPeer
from ringfence.model.structure_edits import join_items


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        for first, second in pairwise(rule.peers()):
            joined = joined_selection(first, second)
            if joined and (hit := _hit(linted, first, second, joined)):
                yield hit


def joined_selection(first: WrittenPeer, second: WrittenPeer) -> PodSelection | None:
    """What a peer with only a namespaceSelector and one with a podSelector would select as one; None for others."""
    spaces, pods = first.peer.namespace_selector, second.peer.pod_selector
    if spaces is None or pods is None or first.peer.pod_selector or second.peer.namespace_selector:
        return None
    return compile_peer(NetworkPolicyPeer(pod_selector=pods, namespace_selector=spaces), first.policy.namespace)


def _hit(linted: Linted, first: WrittenPeer, second: WrittenPeer, joined: PodSelection) -> Hit | None:
    assert first.selection is not None
    assert second.selection is not None
    namespace = first.policy.namespace
    meant, all_there = linted.state.selected(joined), linted.state.selected(first.selection)
    has_own = linted.may_select(second.selection)
    # If both selectors select something on their own, two peers may be meant, unless one of them adds nothing.
    if not meant or (has_own and meant == all_there):
        return None
    pods = linted.pods_of(joined)
    both = f"pods with {joined.pods} in namespaces with {joined.namespaces}"
    message = (
        f"these are two peers: all pods of namespaces with {joined.namespaces}, or pods with {joined.pods} in "
        f"{namespace}"
    )
    remedy = f"remove the dash before podSelector to mean {both}, such as {pods[0]}"
    objects = ((linted.state.workload(pods[0]), "what both of them select"),)
    if has_own:
        message = f"{message}; as one peer they would be fewer"
        remedy = f"{remedy}; if two peers are meant, put the podSelector first"
        return Hit(first.policy, second.path, message, remedy, FindingLevel.NOTE, objects=objects)
    # The pods of the second peer may be in files that the input lacks.
    if namespace not in linted.namespaces_with_pods:
        return None
    edit = join_items(first.policy.origin, second.path)
    return Hit(first.policy, second.path, f"{message}, which has none", remedy, edit=edit, objects=objects)


RULE = LintRule("RF103", "or-instead-of-and", FindingLevel.WARNING, __doc__, _check)
