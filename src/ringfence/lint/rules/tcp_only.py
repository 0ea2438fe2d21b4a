"""A port entry without a protocol means TCP only.

`ports: [{}]` reads like "all ports", and `port: 53` like "DNS". Both mean TCP only: a port entry without a `protocol`
has `TCP`. UDP, which DNS clients use first, is not included.

Remedy: write the protocol. For all ports of all protocols leave `ports` out; for DNS write 53 twice, for UDP and TCP.

Fires: an empty entry means all TCP ports:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - ports: [{}]
```

Fires: DNS needs UDP:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}}]
    ports: [{port: 53}]
```

Silent: the protocol is written:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - ports: [{protocol: TCP}]
```

Silent: UDP is there, too:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dns, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}}]
    ports: [{port: 53}, {port: 53, protocol: UDP}]
```

Silent: other ports are seldom meant for UDP:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: 443}]
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule, Needs
from ringfence.lint.written import PORT_FIELDS, WrittenRule, rules_in_force
from ringfence.model.structure_edits import add_field

_DNS: Final = 53


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        origin = rule.policy.origin
        # Policies in force have the protocol that the API server sets. Only their places show which fields are written.
        if rule.written.ports and origin and origin.fields:
            yield from _hits(rule)


def _hits(rule: WrittenRule) -> Iterator[Hit]:
    origin = rule.policy.origin
    assert origin is not None
    has_udp = rule.compiled.traffic.contains("UDP", _DNS)
    for path, entry in rule.ports():
        if f"{path}.protocol" in origin.fields or path not in origin.fields:
            continue
        if entry.port is None:
            message = "an entry without a port and a protocol means all TCP ports, not all traffic"
            remedy = "write protocol: TCP if that is meant, or leave ports out for all traffic"
        elif entry.port == _DNS and not has_udp:
            message = "port 53 without a protocol is TCP 53, and DNS clients use UDP first"
            remedy = "write it twice, with protocol: UDP and with protocol: TCP"
        else:
            continue
        edit = add_field(origin, path, "protocol", "TCP", PORT_FIELDS)
        yield Hit(rule.policy, path, message, remedy, edit=edit, is_safe=True)


RULE = LintRule("RF130", "tcp-only", FindingLevel.WARNING, __doc__, _check, Needs.POLICIES)
