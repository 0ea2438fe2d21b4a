"""A wide block allows connections to the metadata server of the cloud.

At 169.254.169.254 most clouds serve the credentials of a machine to every program that runs on it. A rule for all
outside addresses, such as `0.0.0.0/0`, allows pods to read them, too. It is reported if the pods may connect to TCP 80
there. A block with only this address is not reported, because it is intended.

Remedy: add `except: [169.254.169.254/32]` to the block.

Fires: the block has the address:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
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

Fires: the block under except is another one:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]
    ports: [{port: 80}]
```

Silent: except leaves it out:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}]
```

Silent: only TCP 443 is allowed:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0}}]
    ports: [{port: 443}]
```

Silent: the address alone is meant:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 169.254.169.254/32}}]
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.engine.policies import own_ports
from ringfence.engine.population import Member
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.lint.premises import Basis, Premise, subjects, witness
from ringfence.lint.rule import Hit, LintRule, Needs
from ringfence.lint.written import WrittenPeer, WrittenRule, rules_in_force
from ringfence.model.policies import Direction
from ringfence.model.structure_edits import add_field, add_item
from ringfence.sets.addresses import Addresses, Family, parse_address
from ringfence.sets.partitions import Partition
from ringfence.sets.traffic import Traffic

_FAMILY, _NUMBER = parse_address("169.254.169.254")
_SERVER: Final = Addresses.in_family(Family.IPV4, ((_NUMBER, _NUMBER),))
_CIDR: Final = "169.254.169.254/32"
_PORT: Final = 80


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        block, traffic = rule.compiled.peers.block, rule.compiled.traffic
        if rule.direction is Direction.INGRESS or block is None or not traffic.contains("TCP", _PORT):
            continue
        if block.addresses.contains(_FAMILY, _NUMBER) and (pods := _allowed(linted, rule.policy)):
            premise = witness(linted, pods, Direction.EGRESS)
            yield from (_hit(peer, premise) for peer in _wider_blocks(rule))


def _allowed(linted: Linted, policy: PolicyInForce) -> list[Member]:
    """The pods that may connect to the server; without any pods, a possible one, if this policy alone allows it."""
    tiers = linted.state.tiers
    identities = linted.identities_of(policy.subject)
    if not identities:
        alone = tiers.addresses_of(tiers.stack_of([policy], Direction.EGRESS), within=_SERVER)
        return subjects(linted, policy) if _has_port(alone) else []
    stacks = [(tiers.stack(one, Direction.EGRESS), one) for one in identities]
    found = [one for stack, one in stacks if _has_port(tiers.addresses_of(stack, own_ports(stack, one), _SERVER))]
    return [pod for identity in found for pod in identity.pods()]


def _has_port(cells: Partition[Addresses, Traffic]) -> bool:
    return any(allowed.contains("TCP", _PORT) for _, allowed in cells)


def _wider_blocks(rule: WrittenRule) -> Iterator[WrittenPeer]:
    for peer in rule.peers():
        block = peer.peer.ip_block
        # A block of the server alone is there on purpose.
        if block is not None and (meant := peer.addresses).contains(_FAMILY, _NUMBER) and meant != _SERVER:
            yield peer


def _hit(peer: WrittenPeer, premise: Premise) -> Hit:
    assert peer.peer.ip_block is not None
    message = f"{peer.peer.ip_block.cidr} contains 169.254.169.254, where clouds serve the credentials of the machine"
    origin, path = peer.policy.origin, f"{peer.path}.ipBlock"
    if peer.peer.ip_block.excepts:
        edit = add_item(origin, f"{path}.except", _CIDR)
    else:
        edit = add_field(origin, path, "except", f"[{_CIDR}]", ("cidr", "except"))
    remedy = f"add except: [{_CIDR}] to the block"
    return Hit(peer.policy, peer.path, message, remedy, edit=edit, premises=(premise,))


RULE = LintRule(
    "RF132", "metadata-reachable", FindingLevel.WARNING, __doc__, _check, Needs.POLICIES, basis=Basis.PASSING
)
