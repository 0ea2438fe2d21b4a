"""Pods whose egress is allowed to other pods, but not to the DNS server.

A pod whose egress is isolated needs a rule for the DNS server, too. Without one it cannot resolve names, and the other
rules do not help clients that connect by name. The rule applies to policies with a rule to pods, if no rule at all
allows UDP 53 (or 5353, the port of OpenShift's DNS pods) to any peer. Rules that only name addresses do not need DNS.
Workloads with `dnsPolicy: None` are left out: their resolver may be in the pod.

Remedy: allow UDP and TCP 53 to the pods with `k8s-app: kube-dns` in `kube-system`, for all pods of the namespace.

Fires: web may connect to api, but cannot resolve names:

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
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 8080}]
```

Fires: clients ask over UDP first:

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
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}}]
    ports: [{port: 53}, {port: 443}]
```

Fires: a rule that denies DNS does not allow it:

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
  - action: Deny
    to: [{networks: [203.0.113.0/24]}]
    ports: [{portNumber: {protocol: UDP, port: 53}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}}]
    ports: [{port: 443}]
```

Silent: another policy allows it to all pods:

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
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}}]
    ports: [{port: 53, protocol: UDP}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: api}}}]
```

Silent: a policy that denies everything leaves nothing that needs names:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: sealed, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
```

Silent: the resolver is a container of the pod:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      dnsPolicy: None
      dnsConfig: {nameservers: [127.0.0.1]}
      containers: [{name: a, image: a}, {name: resolver, image: unbound}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {}}]
    ports: [{port: 443}]
```

Silent: the cache on the node answers at this address:

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
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {}}]
    ports: [{port: 443}]
  - to: [{ipBlock: {cidr: 169.254.20.10/32}}]
    ports: [{port: 53, protocol: UDP}]
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.engine.policies import Action, CompiledRule
from ringfence.engine.population import Identity, Member
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.lint.premises import Basis, witness
from ringfence.lint.rule import Hit, LintRule
from ringfence.model.policies import Direction

_PORTS: Final = (53, 5353)


def _check(linted: Linted) -> Iterator[Hit]:
    for policy in linted.policies:
        # A policy that allows only addresses, or nothing, needs no names.
        if any(rule.peers.everyone or rule.peers.selections for rule in policy.rules.get(Direction.EGRESS, ())):
            blocked = [one for one in linted.identities_of(policy.subject) if not _may_ask(linted, one)]
            pods = [pod for identity in blocked for pod in identity.pods() if not linted.has_its_own_resolver(pod)]
            if pods:
                yield _hit(linted, policy, pods)


def _may_ask(linted: Linted, pod: Identity) -> bool:
    """Whether some rule of any policy that selects a pod allows it a port of DNS servers, to any peer."""
    profiles = linted.state.tiers.profiles(pod, Direction.EGRESS)
    return any(rule.action is Action.ALLOW and _is_for_dns(rule) for profile in profiles for rule in profile.rules)


def _is_for_dns(rule: CompiledRule) -> bool:
    """Whether a rule allows UDP 53, or may do so because it names a UDP port."""
    # The number of a name is known only at its pods. A DNS server need not be in the input, so any name may be its
    # port.
    return bool(rule.names_of("UDP")) or any(rule.traffic.contains("UDP", port) for port in _PORTS)


def _hit(linted: Linted, policy: PolicyInForce, pods: list[Member]) -> Hit:
    pods.sort(key=lambda pod: pod.reference)
    premise = witness(linted, pods, Direction.EGRESS, is_refusal=True)
    message = (
        f"{premise.pods[0]} cannot resolve names: its egress is isolated, and no rule allows it UDP 53, "
        "so that it cannot use this policy's rules by name"
    )
    server = next(iter(linted.dns_servers), None)
    remedy = f"allow UDP and TCP 53 to the pods with {server}" if server else "allow UDP and TCP 53 to the DNS server"
    # An annotation of a pod suppresses what is about this pod alone, and not what is about others as well.
    alone = tuple(pods) if len(pods) == 1 else ()
    return Hit(policy, "spec.egress", message, remedy, pods=alone, premises=(premise,))


RULE = LintRule("RF114", "dns-blocked", FindingLevel.WARNING, __doc__, _check, basis=Basis.PASSING)
