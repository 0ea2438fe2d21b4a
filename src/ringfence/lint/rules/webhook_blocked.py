"""A webhook, or an aggregated API, that the API server cannot reach.

The API server calls webhooks and aggregated APIs from the nodes of the control plane. Selectors do not match nodes:
only a rule without peers or an `ipBlock` allows them. A policy that allows only pods denies the API server: with
`failurePolicy: Fail`, no more objects can be created. It is reported if no address may connect to the port of the pods
behind the Service, or, if the input has Nodes of the control plane, none of their addresses.

Remedy: add a rule with the port and an `ipBlock` of the control plane, or without peers.

Fires: the policy admits pods only:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: checks, namespace: shop, labels: {app: checks}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 9443}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: checks, namespace: shop}
spec: {selector: {app: checks}, ports: [{port: 443, targetPort: 9443}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks:
- name: checks.example.com
  clientConfig: {service: {namespace: shop, name: checks}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {}}]
```

Fires: an aggregated API is called from there, too:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: checks, namespace: shop, labels: {app: checks}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 9443}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: checks, namespace: shop}
spec: {selector: {app: checks}, ports: [{port: 443, targetPort: 9443}]}
---
apiVersion: apiregistration.k8s.io/v1
kind: APIService
metadata: {name: v1.metrics.example.com}
spec: {service: {namespace: shop, name: checks, port: 443}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {}}]
```

Fires: the policy of these pods alone admits only pods, and is corrected with the address of the control plane:

```yaml
apiVersion: v1
kind: Node
metadata: {name: node-1, labels: {node-role.kubernetes.io/control-plane: ""}}
status: {addresses: [{type: InternalIP, address: 192.168.0.11}]}
---
apiVersion: v1
kind: Pod
metadata: {name: checks, namespace: shop, labels: {app: checks}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 9443}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: checks, namespace: shop}
spec: {selector: {app: checks}, ports: [{port: 443, targetPort: 9443}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks:
- name: checks.example.com
  clientConfig: {service: {namespace: shop, name: checks}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: checks, namespace: shop}
spec:
  podSelector: {matchLabels: {app: checks}}
  policyTypes: [Ingress]
```

Silent: the port is open to all:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: checks, namespace: shop, labels: {app: checks}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 9443}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: checks, namespace: shop}
spec: {selector: {app: checks}, ports: [{port: 443, targetPort: 9443}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks:
- name: checks.example.com
  clientConfig: {service: {namespace: shop, name: checks}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: checks, namespace: shop}
spec:
  podSelector: {matchLabels: {app: checks}}
  ingress:
  - ports: [{port: 9443}]
```

Silent: the control plane is admitted by its address:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: checks, namespace: shop, labels: {app: checks}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 9443}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: checks, namespace: shop}
spec: {selector: {app: checks}, ports: [{port: 443, targetPort: 9443}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks:
- name: checks.example.com
  clientConfig: {service: {namespace: shop, name: checks}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: checks, namespace: shop}
spec:
  podSelector: {matchLabels: {app: checks}}
  ingress:
  - from: [{ipBlock: {cidr: 192.168.0.0/24}}]
    ports: [{port: 9443}]
```

Silent: nothing isolates the pods:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: checks, namespace: shop, labels: {app: checks}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 9443}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: checks, namespace: shop}
spec: {selector: {app: checks}, ports: [{port: 443, targetPort: 9443}]}
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: checks}
webhooks:
- name: checks.example.com
  clientConfig: {service: {namespace: shop, name: checks}}
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.engine.population import Member, addresses_of
from ringfence.lint.added_rules import add_rule, is_only_for
from ringfence.lint.findings import FindingLevel, name_of_reference
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.lint.premises import Basis, Premise
from ringfence.lint.rule import Hit, LintRule, Needs, Unknown
from ringfence.lint.service_targets import NamedTarget, named_targets, unlisted_users
from ringfence.lint.written import isolating_policy
from ringfence.model.policies import Direction
from ringfence.model.service_users import CONTROL_PLANE_KINDS
from ringfence.model.text_edits import TextEdit
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses

_CONTROL_PLANE: Final = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")


def _check(linted: Linted) -> Iterator[Hit | Unknown]:
    yield from unlisted_users(linted, CONTROL_PLANE_KINDS)
    control_plane = _control_plane(linted)
    # If it is not known from where the API server connects, one address that may is enough for silence.
    sources = control_plane or ALL_ADDRESSES
    for target in named_targets(linted, CONTROL_PLANE_KINDS):
        policy = isolating_policy(linted, target.pod, Direction.INGRESS)
        if policy and not _is_admitted(linted, target.pod, target.protocol, target.port, sources):
            message = (
                f"the API server cannot reach {target.pod} on {target.protocol} {target.port}, which is behind "
                f"{name_of_reference(target.service)} of {name_of_reference(target.user)}: the policy admits none of "
                "the addresses that it connects from"
            )
            remedy = "add a rule with the port and an ipBlock of the control plane"
            premise = Premise((target.pod,), Direction.INGRESS, is_refusal=True)
            yield Hit(
                policy,
                "spec.podSelector",
                message,
                remedy,
                edit=_edit(linted, policy, target, control_plane),
                pods=(target.pod,),
                objects=target.objects,
                premises=(premise,),
            )


def _edit(linted: Linted, policy: PolicyInForce, target: NamedTarget, control_plane: Addresses) -> TextEdit | None:
    """The edit that adds a rule for the control plane; without peers if its addresses are not known."""
    # In a policy for other pods as well, the rule would open their port, too.
    if not is_only_for(linted, policy, target.behind(linted)):
        return None
    peers = [{"ipBlock": {"cidr": cidr}} for cidr in control_plane.cidrs()]
    rule = {"from": peers} if peers else {}
    return add_rule(policy, Direction.INGRESS, {**rule, "ports": [{"protocol": target.protocol, "port": target.port}]})


def _control_plane(linted: Linted) -> Addresses:
    """The addresses of the Nodes of the control plane; none if the input has no such Node."""
    labelled = (
        node
        for node in linted.state.nodes.values()
        if any(key in (node.metadata.labels or {}) for key in _CONTROL_PLANE)
    )
    return Addresses.union_of(map(addresses_of, labelled))


def _is_admitted(linted: Linted, pod: Member, protocol: str, port: int, sources: Addresses) -> bool:
    """Whether some of these addresses may connect to a port of a pod."""
    state = linted.state
    cells = state.tiers.allowed_addresses(state.identity(pod), Direction.INGRESS, sources)
    return any(addresses and allowed.contains(protocol, port) for addresses, allowed in cells)


RULE = LintRule("RF134", "webhook-blocked", FindingLevel.WARNING, __doc__, _check, Needs.PODS, basis=Basis.PASSING)
