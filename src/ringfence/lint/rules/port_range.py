"""A range of ports that is larger than it looks, or that has only one port.

A range of more than 1,000 ports, or one that has both ports below 1024 and ports above, may allow services that nobody
intended. If `endPort` equals `port`, the entry is a single port.

Remedy: write the ports that are needed; drop an `endPort` that equals `port`.

Fires: these are 60,000 ports:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: 5000, endPort: 65000}]
```

Fires: the range has system ports such as 1022:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: 1000, endPort: 1100}]
```

Fires: it is one port:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: 8080, endPort: 8080}]
```

Silent: ten ports are a range:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: 8000, endPort: 8009}]
```

Silent: an entry without an endPort is one port:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: 8080}]
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule, Needs
from ringfence.lint.written import PORT_FIELDS, rules_in_force
from ringfence.model.structure_edits import remove_field

_WIDE: Final = 1000
_FIRST_USER_PORT: Final = 1024


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        for path, entry in rule.ports():
            first, last = entry.port, entry.end_port
            if last is None or not isinstance(first, int):
                continue
            if first == last:
                edit = remove_field(rule.policy.origin, f"{path}.endPort", PORT_FIELDS)
                message = f"endPort is the same as port, {first}: this is one port, not a range"
                yield Hit(rule.policy, path, message, "drop endPort, or write the last port", edit=edit, is_safe=True)
            elif last - first >= _WIDE or first < _FIRST_USER_PORT < last:
                below = first < _FIRST_USER_PORT < last
                message = f"these are {last - first + 1:,} ports{', some of them system ports' if below else ''}"
                yield Hit(rule.policy, path, message, "write the ports that are needed")


RULE = LintRule("RF129", "port-range", FindingLevel.NOTE, __doc__, _check, Needs.POLICIES)
