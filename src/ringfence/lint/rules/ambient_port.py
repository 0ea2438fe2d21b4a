"""Pods of an Istio ambient mesh, and the port of its tunnels.

In ambient mode (`istio.io/dataplane-mode: ambient` on the namespace or the pod), connections between pods of the mesh
come through a tunnel to TCP 15008 of the destination, whatever port they are for. Policies apply to that port. A policy
that allows only the ports of the application denies all peers of the mesh, which is an error. A policy that allows more
pods to connect to 15008 than to the ports of the application lets these pods reach every port, because it cannot
distinguish ports inside the tunnel; this is a warning. A policy that allows pods only to 15008, and nobody to the ports
of the application, leaves the ports to the policies of the mesh.

Remedy: admit the same peers to TCP 15008 as to the port of the application, and limit ports by Istio's policies.

Fires: the tunnel does not end at 8080:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 8080}]
```

Fires as a warning: other pods may use every port through the tunnel:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: job, namespace: shop, labels: {app: job}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 8080}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: tunnel, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - from: [{podSelector: {}}]
    ports: [{port: 15008}]
```

Silent: the same peers may use the tunnel:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 8080}, {port: 15008}]
```

Silent: all connections are to come through the tunnel, and policies of the mesh limit them:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: tunnel, namespace: shop}
spec:
  podSelector: {}
  ingress:
  - ports: [{port: 15008}]
```

Silent: the namespace is not in the mesh:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 8080}]
```

Silent: the pod opts out:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api, istio.io/dataplane-mode: none}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: web}}}]
    ports: [{port: 8080}]
```

Silent: nobody is admitted anyway:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: shop, labels: {istio.io/dataplane-mode: ambient}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: sealed, namespace: shop}
spec:
  podSelector: {}
```
"""

from collections.abc import Iterator
from typing import Final

from ringfence.engine.policies import Action, CompiledRule, PortQuestion
from ringfence.engine.population import Identity, Member
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.lint.premises import Basis, witness
from ringfence.lint.rule import NO_NAMESPACES, Hit, LintRule, Unknown
from ringfence.lint.written import isolating_policy, rules_in_force
from ringfence.model.policies import Direction
from ringfence.model.structure_edits import add_item
from ringfence.model.text_edits import TextEdit

_LABEL: Final = "istio.io/dataplane-mode"
_TUNNEL: Final = 15008


def _check(linted: Linted) -> Iterator[Hit | Unknown]:
    # Namespaces may have the label of the mesh. Without them, only a hint of a mesh makes this worth saying.
    if not linted.has_namespaces and not linted.is_complete and _names_the_tunnel(linted):
        yield Unknown(NO_NAMESPACES)
    for identity in linted.state.population.identities(linted.selected):
        pods = [pod for pod in identity.pods() if is_ambient(linted, pod)]
        policy = isolating_policy(linted, pods[0], Direction.INGRESS) if pods else None
        if policy is None:
            continue
        rules = _admitting(linted, identity)
        if rules and not any(rule.traffic.contains("TCP", _TUNNEL) for rule in rules):
            premise = witness(linted, pods, Direction.INGRESS, is_refusal=True, is_between_pods=True)
            (pod,) = premise.pods
            message = (
                f"no rule allows connections to TCP {_TUNNEL} of {pod}, where all connections of its ambient mesh "
                "arrive: no pod of the mesh can connect to it"
            )
            remedy = f"admit the same peers to TCP {_TUNNEL}"
            # Of several rules, those with the peers of the mesh are not known.
            edit = _edit(policy, rules[0]) if len(rules) == 1 else None
            yield Hit(policy, "spec.ingress", message, remedy, edit=edit, pods=(pod,), premises=(premise,))
        elif other := _more(linted, pods[0]):
            premise = witness(linted, pods, Direction.INGRESS, is_between_pods=True)
            (pod,) = premise.pods
            message = (
                f"{other} may connect to TCP {_TUNNEL} of {pod} and to none of its own ports: through the tunnel of "
                "the ambient mesh it reaches all of them"
            )
            remedy = f"allow TCP {_TUNNEL} only to the peers that may connect to its ports"
            level = FindingLevel.WARNING
            objects = ((linted.state.workload(other), "a workload that reaches it"),)
            yield Hit(policy, "spec.ingress", message, remedy, level, pods=(pod,), objects=objects, premises=(premise,))


def _admitting(linted: Linted, pod: Identity) -> list[CompiledRule]:
    """The rules that allow other pods to connect to a pod."""
    profiles = linted.state.tiers.profiles(pod, Direction.INGRESS)
    return [rule for profile in profiles for rule in profile.rules if _admits_pods(rule)]


def _edit(policy: PolicyInForce, rule: CompiledRule) -> TextEdit | None:
    """The edit that adds the tunnel to the ports of a rule, if it belongs to the policy."""
    if rule not in policy.rules.get(Direction.INGRESS, ()):
        return None
    return add_item(policy.origin, f"spec.ingress[{rule.index}].ports", f"{{protocol: TCP, port: {_TUNNEL}}}")


def _names_the_tunnel(linted: Linted) -> bool:
    """Whether some rule names the port of the tunnel, so that there probably is a mesh."""
    entries = (entry for rule in rules_in_force(linted) for _, entry in rule.ports())
    return any(entry.port == _TUNNEL for entry in entries)


def is_ambient(linted: Linted, pod: Member) -> bool:
    """Whether a pod is in an ambient mesh: by its own label, or else by that of its namespace."""
    own = pod.labels.get(_LABEL)
    return not pod.host_network and (own or linted.state.namespaces.labels(pod.namespace).get(_LABEL)) == "ambient"


def _admits_pods(rule: CompiledRule) -> bool:
    return rule.action is Action.ALLOW and (rule.peers.everyone or bool(rule.peers.selections))


def _more(linted: Linted, pod: Member) -> Member | None:
    """A pod of the mesh that may use the tunnel to another one, and none of the ports that this one declares.

    None if no pod may use these ports: then all connections are meant to use the tunnel.
    """
    tiers, identity, family = linted.state.tiers, linted.state.identity(pod), pod.families[0]
    own = 0
    for protocol, port in {(one.protocol, one.port) for one in pod.container_ports} - {("TCP", _TUNNEL)}:
        own |= tiers.peers_allowed(identity, Direction.INGRESS, PortQuestion(family, protocol, port))
    if not own:
        return None
    bits = tiers.peers_allowed(identity, Direction.INGRESS, PortQuestion(family, "TCP", _TUNNEL)) & ~own
    others = (other for one in linted.state.population.identities(bits) for other in one.pods())
    return next((other for other in others if other is not pod and is_ambient(linted, other)), None)


RULE = LintRule("RF133", "ambient-port", FindingLevel.ERROR, __doc__, _check, basis=Basis.PASSING)
