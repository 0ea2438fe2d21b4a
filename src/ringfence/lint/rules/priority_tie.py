"""Two policies of administrators with the same priority that disagree.

For two policies of a tier with the same `priority`, the order is not defined: network plugins differ, and may change
the order. It is reported if the other order would change what some pods of the input are allowed.

Remedy: give them different priorities.

Fires: one allows what the other denies:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: open}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Accept
    from: [{namespaces: {}}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: shut}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
```

Fires: a Pass rule denies nothing:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: leave}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Pass
    from: [{namespaces: {}}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: shut}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
```

Silent: the priorities differ:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: open}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Accept
    from: [{namespaces: {}}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: shut}
spec:
  tier: Admin
  priority: 6
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
```

Silent: they do the same:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: one}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: two}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
```

Silent: they are about different pods:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: open}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}
  ingress:
  - action: Accept
    from: [{namespaces: {}}]
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: shut}
spec:
  tier: Admin
  priority: 5
  subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: api}}}}
  ingress:
  - action: Deny
    from: [{namespaces: {}}]
```
"""

from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from typing import Any

from ringfence.engine.answers import UndefinedOrder, priorities_of_stack
from ringfence.engine.policies import CompiledPolicy, OwnPorts, Stack, Tiers, own_ports
from ringfence.engine.population import Identity, Member
from ringfence.lint.findings import FindingLevel, RelatedPlace
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis, Premise, doubtful, witness
from ringfence.lint.rule import Hit, LintRule
from ringfence.model.cluster_policies import PolicyTier
from ringfence.model.kinds import object_name
from ringfence.model.more import more_of
from ringfence.model.policies import Direction
from ringfence.sets.addresses import FAMILIES
from ringfence.sets.traffic import ALL_TRAFFIC

_Deciding = dict[UndefinedOrder, dict[Direction, list[Identity]]]
"""Policies whose order decides, with the affected pods by direction."""


def _check(linted: Linted) -> Iterator[Hit]:
    tiers = [linted.state.policies.cluster_policies(tier) for tier in PolicyTier]
    # The list is sorted by priority, so only neighbours need be compared. Usually all differ.
    if not any(_equal(policies) for policies in tiers):
        return
    places = {policy: place for place, policy in enumerate(policy for policies in tiers for policy in policies)}
    deciding = _deciding(linted)
    about_many: set[tuple[str, int]] = set()
    for order in sorted(deciding, key=lambda one: (places[one.first], places[one.second])):
        if order.many:
            # Many policies of one priority give many pairs: one finding for all of them is enough.
            if (order.tier, order.first.priority) in about_many:
                continue
            about_many.add((order.tier, order.first.priority))
        premises = [witness(linted, _pods(some), direction) for direction, some in deciding[order].items()]
        # One direction in which it is certain is enough for the finding.
        holding = next((one for one in premises if not doubtful(linted, [one])), premises[0])
        yield _hit(order, holding)


def _equal(policies: list[CompiledPolicy[Any]]) -> bool:
    """Whether any two policies of a tier have the same priority."""
    return any(first.priority == second.priority for first, second in pairwise(policies))


def _deciding(linted: Linted) -> _Deciding:
    """The policies whose order decides about traffic of some pods, and these pods."""
    tiers = linted.state.tiers
    stacks: defaultdict[tuple[Direction, Stack, OwnPorts], list[Identity]] = defaultdict(list)
    for identity in linted.state.population.identities():
        for direction in Direction:
            stack = tiers.stack(identity, direction)
            stacks[direction, stack, own_ports(stack, identity)].append(identity)
    found: _Deciding = {}
    for (direction, stack, own), identities in stacks.items():
        for order in _undefined(tiers, stack, own):
            found.setdefault(order, {}).setdefault(direction, []).extend(identities)
    return found


def _undefined(tiers: Tiers, stack: Stack, own: OwnPorts) -> set[UndefinedOrder]:
    found = set(priorities_of_stack(stack, partial(tiers.addresses_of, own=own), ALL_TRAFFIC))
    # Peers may be allowed over one family only, so each family has its own cells.
    for family in FAMILIES:
        found.update(priorities_of_stack(stack, partial(tiers.peers_of, own=own, family=family), ALL_TRAFFIC))
    return found


def _pods(identities: list[Identity]) -> Iterator[Member]:
    return (pod for identity in identities for pod in identity.pods())


def _hit(order: UndefinedOrder, premise: Premise) -> Hit:
    first, second = order.first, order.second
    more = f" and {more_of(len(order.many) - 2, 'policy', 'policies')}" if order.many else ""
    others = f"{first.kind_name} {first}{more}"
    message = (
        f"{second.kind_name} {second} has the same priority {second.priority} as {others}, and they disagree about "
        "some pods: which one decides is not defined"
    )
    related = (
        (RelatedPlace(first.origin.at("spec.priority"), "the same priority", object_name(first.policy)),)
        if first.origin
        else ()
    )
    return Hit(second, "spec.priority", message, "give them different priorities", related=related, premises=(premise,))


RULE = LintRule("RF139", "priority-tie", FindingLevel.WARNING, __doc__, _check, basis=Basis.PASSING)
