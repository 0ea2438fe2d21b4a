"""DNS is allowed over UDP, but not over TCP.

Clients resolve names over UDP first. If the answer does not fit into a packet, they ask again over TCP 53. Without it,
some names with many addresses or signatures cannot be resolved.

Remedy: add TCP 53 to the same rule.

Fires: TCP 53 is missing:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    ports: [{protocol: UDP, port: 53}]
```

Fires: TCP 53 is allowed to another address only:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 10.0.0.53/32}}]
    ports: [{protocol: UDP, port: 53}]
  - to: [{ipBlock: {cidr: 10.0.0.54/32}}]
    ports: [{protocol: TCP, port: 53}]
```

Fires: TCP 53 is allowed to one of two peers only:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: node-local-dns}}
    ports: [{protocol: UDP, port: 53}]
  - to:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}
      podSelector: {matchLabels: {k8s-app: kube-dns}}
    ports: [{protocol: TCP, port: 53}]
```

Silent: both are there:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}}]
    ports: [{protocol: UDP, port: 53}, {protocol: TCP, port: 53}]
```

Silent: another policy for the same pods allows TCP 53 to everybody:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}}]
    ports: [{protocol: UDP, port: 53}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - ports: [{protocol: TCP}]
```

Silent: administrators allow TCP 53:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: policy.networking.k8s.io/v1alpha1
kind: AdminNetworkPolicy
metadata: {name: dns}
spec:
  priority: 10
  subject: {namespaces: {}}
  egress:
  - action: Allow
    to: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]
    ports: [{portNumber: {protocol: TCP, port: 53}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}}]
    ports: [{port: 53, protocol: UDP}]
```

Silent: the rule does not allow port 53:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: ntp, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}}]
    ports: [{protocol: UDP, port: 123}]
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.engine.policies import Action, CompiledRule, PodSelection
from ringfence.engine.population import Member
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis, Premise, subjects, witness
from ringfence.lint.rule import Hit, LintRule, Needs
from ringfence.lint.written import WrittenRule, rules_for_all_its_pods, rules_in_force
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import Direction
from ringfence.model.selectors import EVERYTHING, Selector
from ringfence.model.structure_edits import add_item

_PORT: Final = 53


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        traffic = rule.compiled.traffic
        is_for_dns = rule.direction is Direction.EGRESS and traffic.contains("UDP", _PORT)
        # A rule for all UDP ports is not meant for DNS.
        if is_for_dns and not traffic.contains("TCP", _PORT) and not traffic.contains("UDP", _PORT + 1):
            others = [one.compiled for one in rules_for_all_its_pods(linted, rule)]
            is_allowed = _is_allowed(rule, [one for one in others if one.traffic.contains("TCP", _PORT)])
            pods = [] if is_allowed else _without_others(linted, subjects(linted, rule.policy))
            if pods:
                yield _hit(rule, witness(linted, pods, Direction.EGRESS, is_refusal=True))


def _without_others(linted: Linted, pods: list[Member]) -> list[Member]:
    """The pods to which no policy of administrators allows TCP 53."""
    return [pod for pod in pods if pod.is_possible or not _administrators_allow(linted, pod)]


def _administrators_allow(linted: Linted, pod: Member) -> bool:
    profiles = linted.state.tiers.profiles(linted.state.identity(pod), Direction.EGRESS)
    policies = (one for profile in profiles for one in profile.policies if not isinstance(one.policy, NetworkPolicy))
    rules = (rule for policy in policies for rule in policy.rules.get(Direction.EGRESS, ()))
    return any(rule.action is Action.ALLOW and rule.traffic.contains("TCP", _PORT) for rule in rules)


def _is_allowed(rule: WrittenRule, others: list[CompiledRule]) -> bool:
    """Whether rules for the same pods cover all peers of a rule, in any cluster."""
    if any(other.peers.everyone for other in others):
        return True
    peers = rule.compiled.peers
    # Only a rule for everyone covers a rule for everyone, and there is none.
    if peers.everyone:
        return False
    wider = [selection for other in others for selection in other.peers.selections]
    left = peers.addresses
    for other in others:
        left -= other.peers.addresses
    return not left and all(any(_covers(one, selection) for one in wider) for selection in peers.selections)


def _covers(wider: PodSelection, selection: PodSelection) -> bool:
    """Whether a selection has a subset of the terms of another one, so that it selects at least the same pods."""
    if wider.namespace != selection.namespace and wider.namespaces != EVERYTHING:
        return False
    spaces = _is_part(wider.namespaces, selection.namespaces) if wider.namespaces else True
    return spaces and _is_part(wider.pods, selection.pods)


def _is_part(fewer: Selector, more: Selector | None) -> bool:
    return set(fewer.terms) <= set(more.terms if more else ())


def _hit(rule: WrittenRule, premise: Premise) -> Hit:
    message = "UDP 53 is allowed here and TCP 53 is not: clients use TCP for answers that do not fit into a packet"
    edit = add_item(rule.policy.origin, f"{rule.path}.ports", "{protocol: TCP, port: 53}")
    remedy = "add protocol: TCP, port: 53 to the rule"
    return Hit(rule.policy, f"{rule.path}.ports", message, remedy, edit=edit, premises=(premise,))


RULE = LintRule("RF115", "dns-udp-only", FindingLevel.NOTE, __doc__, _check, Needs.POLICIES, basis=Basis.PASSING)
