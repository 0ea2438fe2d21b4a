"""A rule names the port of a Service, but its pods listen on another port.

The address of a Service is replaced by that of a pod, and its port by the target port, before policies are evaluated.
So a rule must name the port of the pods. A rule with the port of the Service allows no connection.

Remedy: write the target port of the Service.

Fires: the pods of the Service listen on 8080:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: api, image: api, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: 80}]
```

Fires: also for egress, and for a target port by name:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: api, image: api, ports: [{containerPort: 8080, name: http}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 80}]
```

Silent: the rule names the port of the pods:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: api, image: api, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: 80}, {port: 8080}]
```

Silent: the pods listen on both ports:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: api, image: api, ports: [{containerPort: 8080}, {containerPort: 80}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: 80}]
```

Silent: another rule admits the same sources to the port of the pods:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: api, image: api, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: shop}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: api}}}]
    ports: [{port: 80}]
  - from: [{podSelector: {}}]
    ports: [{port: 8080}]
```

Silent: the rule is about the internet, too:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: https, containerPort: 8443}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: https}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - ports: [{port: 443}]
```

Silent: pods of namespaces that the input does not hold may listen there:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: https, containerPort: 8443}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: https}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - {to: [{namespaceSelector: {}}], ports: [{port: 443}]}
```
"""

from collections.abc import Iterator, Mapping

import msgspec

from ringfence.analysis.endpoints import is_headless, selected_members, target_port
from ringfence.engine.answers import side_traffic
from ringfence.engine.population import Member, Reference
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.premises import Basis, witness
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.written import WrittenRule, rules_in_force
from ringfence.model.kinds import namespace_of
from ringfence.model.policies import DEFAULT_PROTOCOL, Direction
from ringfence.model.services import Service, ServicePort
from ringfence.model.text_edits import Replacement, replace_value
from ringfence.sets.addresses import ALL_ADDRESSES
from ringfence.sets.traffic import SinglePort


class _Front(msgspec.Struct, frozen=True):
    """A port of a Service that leads to another port of its pods."""

    service: Service
    port: ServicePort
    targets: Mapping[Member, int]
    """The port of each pod behind it."""


def _check(linted: Linted) -> Iterator[Hit]:
    fronts = _fronts(linted)
    for rule in rules_in_force(linted) if fronts else ():
        for path, entry in rule.ports():
            if isinstance(entry.port, int) and not entry.end_port:
                port = entry.protocol or DEFAULT_PROTOCOL, entry.port
                yield from _hits(linted, rule, path, port, fronts.get(port, []))


def _fronts(linted: Linted) -> dict[SinglePort, list[_Front]]:
    """The ports of Services behind which pods listen on another port, by protocol and number."""
    found: dict[SinglePort, list[_Front]] = {}
    for service in linted.services:
        # Clients of a headless Service connect to the port of a pod. Without a selector, the pods behind it are not
        # known.
        if is_headless(service) or not service.spec.selector:
            continue
        pods = [pod for pod in selected_members(linted.state, service) if not pod.host_network]
        for port in service.spec.ports or ():
            targets = {pod: number for pod in pods if (number := target_port(pod, port)) not in (None, port.port)}
            if targets:
                front = _Front(service, port, {pod: number for pod, number in targets.items() if number is not None})
                found.setdefault((port.protocol, port.port), []).append(front)
    return found


def _hits(linted: Linted, rule: WrittenRule, path: str, port: SinglePort, fronts: list[_Front]) -> Iterator[Hit]:
    """The port at a path of a rule, if only pods that listen on another port are behind the Services with it."""
    if not fronts:
        return
    protocol, number = port
    destinations = rule.destinations(linted)
    # If some pod listens on the number, the rule may mean that pod.
    if _may_have_others(linted, rule) or any(_declares(pod, protocol, number) for pod in destinations):
        return
    behind = set(destinations)
    for front in fronts:
        meant = {pod: target for pod, target in front.targets.items() if pod in behind}
        # If another rule allows the real port, nothing is broken, and the entry is only superfluous.
        refused = [own for pod, target in meant.items() for own in _refused(linted, rule, pod, protocol, target)]
        if not refused:
            continue
        name = f"{namespace_of(front.service)}/{front.service.metadata.name}"
        targets = sorted(set(meant.values()))
        listed = " or ".join(map(str, targets))
        message = (
            f"{number} is the port of Service {name}, and its pods listen on {protocol} {listed}: "
            "policies apply to the port of the pods"
        )
        edit = None
        if len(targets) == 1 and rule.policy.origin:
            edit = replace_value(rule.policy.origin, f"{path}.port", Replacement(str(number), targets[0]))
        # A container may listen on a port that it does not declare, also on that of the Service.
        sure = all(_declares(pod, protocol, target) for pod, target in meant.items())
        yield Hit(
            rule.policy,
            path,
            message,
            f"write port {listed}",
            FindingLevel.ERROR if sure else FindingLevel.WARNING,
            edit=edit,
            objects=(
                (Reference(namespace_of(front.service), "Service", front.service.metadata.name), "the Service"),
                (linted.state.workload(min(meant, key=lambda pod: pod.reference)), "a workload behind it"),
            ),
            premises=(witness(linted, refused, rule.direction, is_refusal=True),),
        )
        return


def _may_have_others(linted: Linted, rule: WrittenRule) -> bool:
    """Whether a rule may match more than pods behind a Service: addresses, or pods that are not in the input."""
    peers = rule.compiled.peers
    return rule.direction is Direction.EGRESS and (
        peers.everyone or peers.block is not None or any(map(linted.may_be_elsewhere, peers.selections))
    )


def _declares(pod: Member, protocol: str, number: int) -> bool:
    return any(port.protocol == protocol and port.port == number for port in pod.container_ports)


def _refused(linted: Linted, rule: WrittenRule, destination: Member, protocol: str, number: int) -> list[Member]:
    """The pods of a rule's policy whose own side denies a port between them and a peer of the rule."""
    state = linted.state
    if rule.direction is Direction.EGRESS:
        return [
            source
            for source in linted.pods_of(rule.policy.subject)
            if not side_traffic(state, source, Direction.EGRESS, destination).contains(protocol, number)
        ]
    peers = rule.compiled.peers
    addresses = ALL_ADDRESSES if peers.everyone else peers.addresses
    cells = state.tiers.allowed_addresses(state.identity(destination), Direction.INGRESS, addresses)
    is_allowed = all(allowed.contains(protocol, number) for _, allowed in cells) and all(
        side_traffic(state, destination, Direction.INGRESS, source).contains(protocol, number)
        for selection in peers.selections
        for source in linted.example_pods(selection)
    )
    return [] if is_allowed else [destination]


RULE = LintRule("RF110", "service-port", FindingLevel.ERROR, __doc__, _check, basis=Basis.PASSING)
