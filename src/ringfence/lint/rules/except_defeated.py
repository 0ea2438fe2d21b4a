"""Addresses that `except` excludes, although another peer for the same pods allows them.

Peers, rules and policies add up. Addresses under `except` are not denied: only this peer does not allow them. If
another peer, rule or policy for the same pods allows all of them, `except` has no effect. A peer that allows only a
part of them is not a finding: it is probably intended. A node with several InternalIPs, of which two peers exclude
different ones, is not taken into account: an `except` with one of them excludes the whole node as a source.

Remedy: write the same `except` in the other peer, or remove it here.

Fires: each of the two peers allows what the other one leaves out:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to:
    - ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}
    - ipBlock: {cidr: 0.0.0.0/0, except: [192.168.0.0/16]}
```

Fires: another policy for all pods of the namespace allows everything:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
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
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]
```

Silent: the other rule allows one address of those that are left out:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]
  - to: [{ipBlock: {cidr: 10.1.2.3/32}}]
```

Silent: the other rule is about another port:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]
    ports: [{port: 443}]
  - to: [{ipBlock: {cidr: 0.0.0.0/0}}]
    ports: [{port: 53, protocol: UDP}]
```

Silent: the other policy is for other pods:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
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
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.169.254/32]}}]
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel, RelatedPlace
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule, Needs
from ringfence.lint.texts import listed
from ringfence.lint.written import WrittenPeer, WrittenRule, peers_in_force, rules_in_force, selects_all_of
from ringfence.model.cidrs import parse_cidr
from ringfence.model.kinds import object_name
from ringfence.model.objects import IPBlock
from ringfence.sets.addresses import NO_ADDRESSES, Addresses


def _check(linted: Linted) -> Iterator[Hit]:
    peers = [peer for peer in peers_in_force(linted) if peer.peer.ip_block and peer.peer.ip_block.excepts]
    # Few policies have exceptions, and then the rules need not be compared with each other.
    if not peers:
        return
    rules = list(rules_in_force(linted))
    for peer in peers:
        for rule in rules:
            if _is_about_all_of(rule, peer) and (path := _allowed_by(rule, peer)):
                yield _hit(peer, rule, path)
                break


def _is_about_all_of(rule: WrittenRule, peer: WrittenPeer) -> bool:
    """Whether a rule applies to all pods of a peer's policy and matches all traffic of the peer's rule."""
    own, named = rule.compiled, peer.rule.compiled
    return (
        rule.direction is peer.rule.direction
        and selects_all_of(rule.policy, peer.policy)
        and named.traffic & own.traffic == named.traffic
        and set(named.port_names) <= set(own.port_names)
    )


def _allowed_by(rule: WrittenRule, peer: WrittenPeer) -> str:
    """The path of the rule or of its peer that allows all addresses that a peer excludes; empty if none does."""
    assert peer.peer.ip_block is not None
    left_out = _left_out(peer.peer.ip_block)
    if rule.compiled.peers.everyone:
        return rule.path
    is_own = rule.policy is peer.policy and rule.path == peer.rule.path
    others = [other for other in rule.peers() if other.peer.ip_block and not (is_own and other.index == peer.index)]
    # Several peers that allow the excepted addresses only together are rare, and could not be named by one path.
    return next((other.path for other in others if not left_out - _meant(other.peer.ip_block)), "")


def _left_out(block: IPBlock) -> Addresses:
    return Addresses.of(parse_cidr(block.cidr)) & Addresses.of(*map(parse_cidr, block.excepts))


def _meant(block: IPBlock | None) -> Addresses:
    if block is None:
        return NO_ADDRESSES
    return Addresses.of(parse_cidr(block.cidr)) - _left_out(block)


def _hit(peer: WrittenPeer, rule: WrittenRule, path: str) -> Hit:
    assert peer.peer.ip_block is not None
    origin = rule.policy.origin
    where = "" if rule.policy is peer.policy else f" of {rule.policy}"
    place = f" ({origin.at(path)})" if origin else ""
    message = (
        f"except has no effect: {path}{where}{place} allows {listed(peer.peer.ip_block.excepts)} to the same pods"
        if rule.direction.field == "ingress"
        else f"except has no effect: {path}{where}{place} allows the same pods {listed(peer.peer.ip_block.excepts)}"
    )
    related = (RelatedPlace(origin.at(path), "what allows it", object_name(rule.policy.policy)),) if origin else ()
    return Hit(peer.policy, peer.path, message, "write the same except there, or remove it here", related=related)


RULE = LintRule("RF119", "except-defeated", FindingLevel.WARNING, __doc__, _check, Needs.POLICIES)
