"""An ipBlock whose `except` excludes all of its addresses.

The blocks under `except` together cover the whole `cidr`, so the peer matches no address.

Remedy: write a smaller block under `except`, or remove the peer.

Fires: two halves are the whole:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/9]}}]
```

Fires: also for IPv6:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: "2001:db8::/32", except: ["2001:db8::/33", "2001:db8:8000::/33"]}}]
```

Silent: a quarter is left:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/10]}}]
```

Silent: one address is left:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/31, except: [10.0.0.0/32]}}]
```
"""

from collections.abc import Iterator

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule, Needs
from ringfence.lint.texts import listed
from ringfence.lint.written import peers_in_force
from ringfence.model.cidrs import parse_cidr
from ringfence.sets.addresses import Addresses


def _check(linted: Linted) -> Iterator[Hit]:
    for peer in peers_in_force(linted):
        block = peer.peer.ip_block
        if block is None or not block.excepts:
            continue
        if not Addresses.of(parse_cidr(block.cidr)) - Addresses.of(*map(parse_cidr, block.excepts)):
            message = f"the peer means no address: {listed(block.excepts)} under except cover all of {block.cidr}"
            yield Hit(peer.policy, peer.path, message, "write a smaller block under except, or remove the peer")


RULE = LintRule("RF118", "except-swallows", FindingLevel.ERROR, __doc__, _check, Needs.POLICIES)
