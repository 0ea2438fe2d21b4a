"""An isolated workload that may connect to the whole internet.

Its policies allow some traffic to all public addresses of a family, so an attacker in the workload can download tools
and upload data. DNS on port 53 alone does not count. RF202 reports workloads that are not isolated at all.

Remedy: name the addresses that it needs, or use a proxy.

Fires: all addresses are meant:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 0.0.0.0/0, except: [10.0.0.0/8]}}]
    ports: [{port: 443}]
```

Fires: the rule has no peers:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress: [{}]
```

Silent: it is DNS only:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - ports: [{port: 53}, {port: 53, protocol: UDP}]
```

Silent: it is one address:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: shop}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{ipBlock: {cidr: 203.0.113.10/32}}]
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.engine.policies import OwnPorts, Stack
from ringfence.lint.findings import FindingLevel
from ringfence.lint.internet import is_about_the_internet, passing_with_the_internet
from ringfence.lint.linted import Linted
from ringfence.lint.posture import opening_hits, openings
from ringfence.lint.premises import Basis
from ringfence.lint.rule import Hit, LintRule, RuleGroup
from ringfence.model.policies import Direction
from ringfence.sets.traffic import NO_TRAFFIC, Traffic

_DNS: Final = Traffic.of("TCP", ((53, 53),)) | Traffic.of("UDP", ((53, 53),))


def _check(linted: Linted) -> Iterator[Hit]:
    direction = Direction.EGRESS
    passing, meant = passing_with_the_internet(linted, direction), is_about_the_internet(linted)

    def beyond_dns(stack: Stack, own: OwnPorts) -> Traffic:
        traffic = passing(stack, own)
        # Names are often resolved by servers anywhere, and DNS alone is a narrow way out.
        return traffic if traffic - _DNS else NO_TRAFFIC

    found = openings(linted, direction, beyond_dns, lambda rule: meant(rule) and bool(rule.traffic - _DNS))
    return opening_hits(linted, direction, found, _message, "name the addresses that it needs, or use a proxy")


def _message(workloads: str, traffic: Traffic) -> str:
    return f"{workloads} may connect to every address of the internet: {traffic}"


RULE = LintRule(
    "RF207",
    "egress-to-internet",
    FindingLevel.NOTE,
    __doc__,
    _check,
    group=RuleGroup.POSTURE,
    basis=Basis.PASSING,
)
