"""An isolated workload that the whole internet can reach, without a Service that explains it.

Its policies allow some traffic from all public addresses of a family: a rule without peers does this, or an `ipBlock`
of `0.0.0.0/0`. Workloads behind a Service of type `LoadBalancer` or `NodePort`, an Ingress or a route are left out,
because they are meant to be reached. RF201 reports workloads that are not isolated at all.

Remedy: name the pods that may connect, or the addresses.

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
  ingress:
  - from: [{ipBlock: {cidr: 0.0.0.0/0}}]
```

Fires: a rule without peers means addresses, too:

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
  ingress:
  - ports: [{port: 8080}]
```

Silent: the Service explains it:

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
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {type: LoadBalancer, selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: 8080}]
```

Silent: only private addresses may connect:

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
  ingress:
  - from: [{ipBlock: {cidr: 10.0.0.0/8}}]
```

Silent: selectors of pods mean no addresses:

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
  ingress:
  - from: [{namespaceSelector: {}}]
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.analysis.endpoints import selected_members
from ringfence.engine.population import Reference
from ringfence.lint.findings import FindingLevel
from ringfence.lint.internet import is_about_the_internet, passing_with_the_internet
from ringfence.lint.linted import Linted
from ringfence.lint.posture import opening_hits, openings
from ringfence.lint.premises import Basis
from ringfence.lint.rule import Hit, LintRule, RuleGroup
from ringfence.lint.service_targets import named_targets
from ringfence.model.policies import Direction
from ringfence.model.service_users import ROUTING_KINDS
from ringfence.sets.traffic import Traffic

_TYPES: Final = ("LoadBalancer", "NodePort")


def _check(linted: Linted) -> Iterator[Hit]:
    direction = Direction.INGRESS
    passing, meant = passing_with_the_internet(linted, direction), is_about_the_internet(linted)
    found = openings(linted, direction, passing, meant, _meant_to_be_reached(linted))
    return opening_hits(linted, direction, found, _message, "name the pods that may connect, or the addresses")


def _meant_to_be_reached(linted: Linted) -> Iterator[Reference]:
    """The workloads behind Services that lead into the cluster, and behind those that routes name."""
    for target in named_targets(linted, ROUTING_KINDS):
        yield linted.state.workload(target.pod)
    for service in linted.services:
        if service.spec.type in _TYPES or service.spec.external_ips:
            for pod in selected_members(linted.state, service):
                yield linted.state.workload(pod)


def _message(workloads: str, traffic: Traffic) -> str:
    return f"every address of the internet may connect to {workloads}: {traffic}"


RULE = LintRule(
    "RF206",
    "open-to-internet",
    FindingLevel.NOTE,
    __doc__,
    _check,
    group=RuleGroup.POSTURE,
    basis=Basis.PASSING,
)
