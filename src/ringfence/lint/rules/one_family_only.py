"""All addresses of one family are allowed, but none of the other family.

`0.0.0.0/0` means all IPv4 addresses and no IPv6 address. For pods with addresses of both families, the rule allows only
half of what was intended. It is reported if the policy selects such a pod.

Remedy: add a peer with `::/0`, or with `0.0.0.0/0` beside `::/0`.

Fires: web has an IPv6 address:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
status: {podIPs: [{ip: 10.0.0.5}, {ip: "fd00::5"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0}}]
```

Fires: the other family is missing:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
status: {podIPs: [{ip: 10.0.0.5}, {ip: "fd00::5"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: "::/0"}}]
    ports: [{port: 443}]
```

Silent: both are there:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
status: {podIPs: [{ip: 10.0.0.5}, {ip: "fd00::5"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: "::/0"}}]
```

Silent: web has an IPv4 address only:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
status: {podIPs: [{ip: 10.0.0.5}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0}}]
```

Silent: another rule for the same pods has the other family:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
status: {podIPs: [{ip: 10.0.0.5}, {ip: "fd00::5"}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]
  - to: [{ipBlock: {cidr: "::/0"}}]
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis, Premise, witness
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import WrittenPeer, rules_for_all_its_pods, rules_in_force
from ringfence.model.structure_edits import add_item
from ringfence.sets.addresses import FAMILIES, Family

_WHOLE: Final = {"0.0.0.0/0": Family.IPV4, "::/0": Family.IPV6}
_CIDR: Final = {family: cidr for cidr, family in _WHOLE.items()}


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        block = rule.compiled.peers.block
        if block is None or not block.covers_family:
            continue
        whole = {family: peer for peer in rule.peers() if (family := _family(peer))}
        # In a cluster of one family, the other one cannot be missing.
        pods = [pod for pod in linted.pods_of(rule.policy.subject) if len(pod.addresses) > 1]
        if len(whole) != 1 or not pods:
            continue
        ((family, peer),) = whole.items()
        other = next(one for one in FAMILIES if one is not family)
        traffic = rule.compiled.traffic
        # Another rule of the same pods may be for the other family.
        if not any(
            one.compiled.traffic & traffic == traffic
            and (one.compiled.peers.everyone or other in _families(one.peers()))
            for one in rules_for_all_its_pods(linted, rule)
        ):
            yield _hit(peer, other, witness(linted, pods, rule.direction, is_refusal=True))


def _family(peer: WrittenPeer) -> Family | None:
    """The family all of whose addresses a peer matches, apart from exceptions."""
    return _WHOLE.get(peer.peer.ip_block.cidr) if peer.peer.ip_block else None


def _families(peers: Iterator[WrittenPeer]) -> set[Family | None]:
    return set(map(_family, peers))


def _hit(peer: WrittenPeer, other: Family, premise: Premise) -> Hit:
    assert peer.peer.ip_block is not None
    message = (
        f"{peer.peer.ip_block.cidr} matches no {other} address, and pods of this policy have addresses of both families"
    )
    edit = add_item(peer.policy.origin, peer.path.rpartition("[")[0], f'{{ipBlock: {{cidr: "{_CIDR[other]}"}}}}')
    remedy = f"add a peer with {_CIDR[other]}"
    return Hit(peer.policy, peer.path, message, remedy, edit=edit, premises=(premise,))


RULE = LintRule("RF121", "one-family-only", FindingLevel.NOTE, __doc__, _check, basis=Basis.PASSING)
