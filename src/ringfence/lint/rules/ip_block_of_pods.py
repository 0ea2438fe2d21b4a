"""An ipBlock contains addresses of pods or of Services.

Blocks are for addresses outside the cluster. Those of pods change, and network plugins differ in whether a block
matches a pod at all: Cilium never does. The address of a Service is rewritten to that of a pod before policies are
evaluated, so a block with it matches nothing. It is reported for blocks that overlap with the pod ranges of nodes
(`podCIDRs`), the addresses of pods and Services of the input, or the ranges that the configuration names. A block of
all addresses is not reported.

Remedy: write a `podSelector`, with a `namespaceSelector` for pods of another namespace.

Fires: it is the range of a node:

```yaml
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.244.0.0/24]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: 10.244.0.0/16}}]
```

Fires: the address is that of a Service:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: dns, namespace: shop}
spec: {clusterIP: 10.96.0.10, selector: {app: dns}, ports: [{port: 53, protocol: UDP}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 10.96.0.10/32}}]
```

Silent: it is outside:

```yaml
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.244.0.0/24]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: 203.0.113.0/24}}]
```

Silent: all addresses are meant:

```yaml
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.244.0.0/24]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{ipBlock: {cidr: 0.0.0.0/0}}]
```

Silent: except leaves them out:

```yaml
apiVersion: v1
kind: Node
metadata: {name: node-1}
spec: {podCIDRs: [10.244.0.0/24]}
---
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
  - to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.244.0.0/16]}}]
```
"""

from collections import defaultdict
from collections.abc import Iterator

from ringfence.engine.population import Reference
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import WrittenPeer, peers_in_force
from ringfence.model.cidrs import parse_cidr
from ringfence.model.kinds import namespace_of
from ringfence.sets.addresses import NO_ADDRESSES, WHOLE, Addresses, Family, parse_address, span
from ringfence.sets.intervals import Interval


def _check(linted: Linted) -> Iterator[Hit]:
    # A block of everything is meant for everything, and contains pods only because they are part of that.
    blocks = [
        peer for peer in peers_in_force(linted) if (block := peer.peer.ip_block) and not _is_everything(block.cidr)
    ]
    pods = _of_pods(linted) if blocks else NO_ADDRESSES
    of_services = _of_services(linted) if blocks else {}
    ranges = Addresses.of(*map(parse_cidr, linted.settings.service_cidrs))
    services = ranges | Addresses.union_of([NO_ADDRESSES, *of_services.values()])
    # Cilium never matches pods by address, so there it certainly has no effect.
    level = FindingLevel.ERROR if linted.plugin == "cilium" else None
    for peer in blocks:
        # Services come first: their addresses never match, those of pods do in some clusters.
        if common := peer.addresses & services:
            named = next((one for one, addresses in of_services.items() if addresses & common), None)
            what = f"of Service {named.namespace}/{named.name}" if named else "of a Service"
            yield _hit(peer, common, f"{what}, which is rewritten before policies are evaluated", level, named)
        elif common := peer.addresses & pods:
            yield _hit(peer, common, "of pods, which change, and which some network plugins never match", level)


def _is_everything(cidr: str) -> bool:
    network = parse_cidr(cidr)
    return span(network) == WHOLE[Family(network.version)]


def _of_pods(linted: Linted) -> Addresses:
    """The pod ranges, and the addresses of pods without hostNetwork."""
    ranges = [cidr for node in linted.state.nodes.values() for cidr in node.spec.pod_cidrs or ()]
    known = Addresses.of(*map(parse_cidr, (*ranges, *linted.settings.pod_cidrs)))
    own = [pod for pod in linted.state.members() if not pod.host_network]
    single = ((family, (number, number)) for pod in own for family, number in pod.addresses)
    return known | Addresses.of_ranges(single)


def _of_services(linted: Linted) -> dict[Reference, Addresses]:
    """The addresses of each Service that has any."""
    found: defaultdict[Reference, list[tuple[Family, Interval]]] = defaultdict(list)
    for service in linted.services:
        for text in service.spec.virtual_addresses():
            try:
                family, number = parse_address(text)
            except ValueError:
                continue
            reference = Reference(namespace_of(service), "Service", service.metadata.name)
            found[reference].append((family, (number, number)))
    return {reference: Addresses.of_ranges(ranges) for reference, ranges in found.items()}


def _hit(
    peer: WrittenPeer, common: Addresses, what: str, level: FindingLevel | None, service: Reference | None = None
) -> Hit:
    first = common.cidrs()[0]
    message = f"the block has addresses {what}: {first}"
    remedy = "write a podSelector, and a namespaceSelector beside it"
    objects = ((service, "the Service"),) if service else ()
    return Hit(peer.policy, peer.path, message, remedy, level, objects=objects)


RULE = LintRule("RF120", "ip-block-of-pods", FindingLevel.WARNING, __doc__, _check)
