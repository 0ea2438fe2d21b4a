"""A port name that means different ports on different pods.

A name in `ports` means the number that the containers of each destination give it. If two destinations give it
different numbers, the rule allows a different port on each. This may be intended: names exist for this purpose.

Remedy: none if it is meant; otherwise write the number.

Fires: http is 80 here and 8080 there:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: http}]
```

Fires: a rule for egress is about the ports of its peers:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: http}]
```

Silent: it is 80 everywhere:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 80}, {name: admin, containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: http}]
```

Silent: the number is written:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: a, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: b, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: 80}, {port: 8080}]
```
"""

from collections.abc import Iterator

from ringfence.engine.population import Member
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import MOST_RELATED, Hit, LintRule
from ringfence.lint.texts import listed
from ringfence.lint.written import rules_in_force
from ringfence.model.policies import DEFAULT_PROTOCOL


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        if not rule.compiled.port_names:
            continue
        destinations = rule.destinations(linted)
        for path, entry in rule.ports():
            if isinstance(entry.port, str):
                first = _first_with_each(destinations, entry.port, entry.protocol or DEFAULT_PROTOCOL)
                # One name for several numbers is allowed, and sometimes wanted: hence a number in the remedy, and no
                # edit.
                if len(first) > 1:
                    numbers = listed(f"{number} at {pod}" for number, pod in sorted(first.items()))
                    message = f"{entry.port} means different ports: {numbers}"
                    remedy = "write the number if one of them is meant everywhere"
                    objects = tuple(
                        (linted.state.workload(pod), f"{number} here")
                        for number, pod in sorted(first.items())[:MOST_RELATED]
                    )
                    yield Hit(rule.policy, path, message, remedy, objects=objects)


def _first_with_each(pods: list[Member], name: str, protocol: str) -> dict[int, Member]:
    """The first pod that gives each number to a name."""
    found: dict[int, Member] = {}
    for pod in pods:
        for port in pod.named_ports:
            if (port.name, port.protocol) == (name, protocol):
                found.setdefault(port.port, pod)
    return found


RULE = LintRule("RF112", "port-name-differs", FindingLevel.NOTE, __doc__, _check)
