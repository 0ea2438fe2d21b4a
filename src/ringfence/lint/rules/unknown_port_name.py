"""A port name that no destination has.

A name in `ports` means the port to which a container of the destination gives this name, with the same protocol. The
entry does not match pods without such a port, and no error is shown. An ingress rule refers to ports of the policy's
own pods, an egress rule to those of its peers. An entry without a protocol means TCP.

Remedy: write the name as the containers have it, the protocol that they give it, or the number.

Fires: the container calls its port web:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{name: web, containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: http}]
```

Fires: the port with this name is UDP, and an entry without a protocol means TCP:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: names, namespace: shop, labels: {app: names}}
spec: {containers: [{name: names, image: names, ports: [{name: dns, containerPort: 53, protocol: UDP}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: all, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: names}}}]
    ports: [{port: dns}]
```

Silent: the container has such a port:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: web, image: web, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: http}]
```

Silent: a sidecar has such a port:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec:
  initContainers: [{name: proxy, image: proxy, restartPolicy: Always, ports: [{name: metrics, containerPort: 9090}]}]
  containers: [{name: web, image: web}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: metrics}]
```

Silent: no destination is known:

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
  - to: [{namespaceSelector: {matchLabels: {team: data}}}]
    ports: [{port: http}]
```

Silent: pods of a namespace that the input does not hold may have the port:

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
  - {to: [{namespaceSelector: {}}], ports: [{port: dns, protocol: UDP}]}
```

Silent: the namespace that is named is elsewhere:

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
  - to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: names}}}]
    ports: [{port: dns, protocol: UDP}]
```
"""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from ringfence.engine.population import Member
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.texts import listed
from ringfence.lint.written import PORT_FIELDS, WrittenRule, rules_in_force
from ringfence.model.policies import DEFAULT_PROTOCOL, Direction
from ringfence.model.structure_edits import add_field
from ringfence.model.text_edits import Replacement, TextEdit, replace_value


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        if not rule.compiled.port_names or _may_have_others(linted, rule):
            continue
        destinations = rule.destinations(linted)
        known = {(port.name, port.protocol) for pod in destinations for port in pod.named_ports}
        for path, entry in rule.ports():
            protocol = entry.protocol or DEFAULT_PROTOCOL
            if destinations and isinstance(entry.port, str) and (entry.port, protocol) not in known:
                yield _hit(rule, path, entry.port, protocol, destinations)


def _may_have_others(linted: Linted, rule: WrittenRule) -> bool:
    """Whether the rule may match pods that the input does not contain.

    They are pods of operators, pods with addresses of a block, and pods of other namespaces, for which a rule for all
    pods of all namespaces is usually meant.
    """
    if rule.direction is Direction.INGRESS:
        return linted.operators_make_pods(rule.policy.subject)
    peers = rule.compiled.peers
    if peers.block is not None or (peers.everyone and not linted.is_complete):
        return True
    return any(linted.operators_make_pods(one) or linted.may_be_elsewhere(one) for one in peers.selections)


def _hit(rule: WrittenRule, path: str, name: str, protocol: str, destinations: list[Member]) -> Hit:
    count = len(destinations)
    pods = f"{destinations[0]} has no" if count == 1 else f"none of {count} workloads and pods has a"
    message = f"{pods} {protocol} port with the name {name}, so the entry matches nothing"
    ports = sorted({(port.name, port.protocol, port.port) for pod in destinations for port in pod.named_ports})
    # The same name with another protocol is the most likely slip, so it is looked for first.
    others = [(other, number) for known, other, number in ports if known == name]
    if others:
        other, number = others[0]
        edit = _edit_of_protocol(rule, path, protocol, other)
        return Hit(rule.policy, path, f"{message}: it is {other} {number}", f"write protocol: {other}", edit=edit)
    meant = _similar(name, (known for known, its_protocol, _ in ports if its_protocol == protocol))
    if meant:
        return Hit(
            rule.policy, path, message, f"write {meant}, which is such a port", edit=_edit(rule, path, name, meant)
        )
    has = f"; they have {listed(sorted({known for known, _, _ in ports}))}" if ports else ""
    return Hit(rule.policy, path, f"{message}{has}", "write the name that the containers give the port, or its number")


def _similar(name: str, known: Iterable[str]) -> str:
    return next(iter(get_close_matches(name, sorted(set(known)), n=1)), "")


def _edit(rule: WrittenRule, path: str, name: str, meant: str) -> TextEdit | None:
    origin = rule.policy.origin
    return replace_value(origin, f"{path}.port", Replacement(name, meant)) if origin else None


def _edit_of_protocol(rule: WrittenRule, path: str, written: str, meant: str) -> TextEdit | None:
    origin = rule.policy.origin
    if origin and f"{path}.protocol" in origin.fields:
        return replace_value(origin, f"{path}.protocol", Replacement(written, meant))
    return add_field(origin, path, "protocol", meant, PORT_FIELDS)


RULE = LintRule("RF111", "unknown-port-name", FindingLevel.ERROR, __doc__, _check)
