"""A workload behind an Ingress or a route that no ingress controller can reach.

An ingress controller is a pod of another namespace, or outside of the cluster. A policy that allows only pods of its
own namespace denies it. It is reported if no rule allows pods of another namespace or addresses to connect to the port
behind the Service. If the configuration names the namespaces of ingress controllers, it is reported if none of their
pods may connect.

Remedy: add a rule with the port and a `namespaceSelector` for the namespace of the ingress controller.

Fires: only pods of shop are admitted:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  rules:
  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {}}]
```

Fires: a route of the Gateway API leads there, too:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: {name: web, namespace: shop}
spec: {rules: [{backendRefs: [{name: web, port: 80}]}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {}
```

Silent: the namespace of the controller is admitted:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  rules:
  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {}}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: controller, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]
    ports: [{port: 8080}]
```

Silent: all addresses and pods are admitted:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  rules:
  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - ports: [{port: 8080}]
```

Silent: nothing isolates the pods:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: a, image: a, ports: [{containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8080}]}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web, namespace: shop}
spec:
  rules:
  - http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}
```
"""

from collections.abc import Iterator

from ringfence.engine.answers import allows
from ringfence.engine.policies import CompiledRule, PodSelection
from ringfence.engine.population import NAME_LABEL
from ringfence.lint.added_rules import add_rule, is_only_for
from ringfence.lint.findings import FindingLevel, name_of_reference
from ringfence.lint.linted import Linted, PolicyInForce
from ringfence.lint.premises import Basis, Premise
from ringfence.lint.rule import Hit, LintRule, Needs, Unknown
from ringfence.lint.service_targets import NamedTarget, named_targets, unlisted_users
from ringfence.lint.written import isolating_policy
from ringfence.model.policies import Direction
from ringfence.model.selectors import Operator
from ringfence.model.service_users import ROUTING_KINDS
from ringfence.model.text_edits import TextEdit


def _check(linted: Linted) -> Iterator[Hit | Unknown]:
    yield from unlisted_users(linted, ROUTING_KINDS)
    for target in named_targets(linted, ROUTING_KINDS):
        policy = isolating_policy(linted, target.pod, Direction.INGRESS)
        if policy and (who := _shut_out(linted, target)):
            message = (
                f"{who} can reach {target.pod} on {target.protocol} {target.port}, which is behind "
                f"{name_of_reference(target.service)} of {name_of_reference(target.user)}"
            )
            remedy = "add a rule with the port and a namespaceSelector for the namespace of the ingress controller"
            premise = Premise((target.pod,), Direction.INGRESS, is_refusal=True)
            yield Hit(
                policy,
                "spec.podSelector",
                message,
                remedy,
                edit=_edit(linted, policy, target),
                pods=(target.pod,),
                objects=target.objects,
                premises=(premise,),
            )


def _edit(linted: Linted, policy: PolicyInForce, target: NamedTarget) -> TextEdit | None:
    """The edit that adds a rule for the namespaces of ingress controllers, if the configuration names them."""
    named = linted.settings.ingress_namespaces
    # In a policy for other pods as well, the rule would open their port, too.
    if not named or not is_only_for(linted, policy, target.behind(linted)):
        return None
    peers = [{"namespaceSelector": {"matchLabels": {NAME_LABEL: namespace}}} for namespace in named]
    rule = {"from": peers, "ports": [{"protocol": target.protocol, "port": target.port}]}
    return add_rule(policy, Direction.INGRESS, rule)


def _shut_out(linted: Linted, target: NamedTarget) -> str:
    """The subject of the message: the pods that cannot reach a pod; empty if an ingress controller can, or might."""
    named = linted.settings.ingress_namespaces
    controllers = [pod for namespace in named for pod in linted.state.members_in(namespace)]
    if controllers:
        reach = (allows(linted.state, pod, target.pod, (target.protocol, target.port)) for pod in controllers)
        return "" if any(reach) else f"no ingress controller in namespace {' or '.join(named)}"
    state = linted.state
    identity = state.identity(target.pod)
    cells = state.tiers.allowed_addresses(identity, Direction.INGRESS)
    # A controller may be outside the cluster, or on the network of a node, so one address is enough.
    if any(addresses and allowed.contains(target.protocol, target.port) for addresses, allowed in cells):
        return ""
    profiles = state.tiers.profiles(identity, Direction.INGRESS)
    rules = (rule for profile in profiles for rule in profile.rules)
    return "" if any(_admits_others(rule, target) for rule in rules) else "no pod of another namespace"


def _admits_others(rule: CompiledRule, target: NamedTarget) -> bool:
    """Whether a rule matches the port, and pods of other namespaces, which the input may lack."""
    is_named = any(
        port.port == target.port and (port.name, port.protocol) in rule.port_names for port in target.pod.named_ports
    )
    if not is_named and not rule.traffic.contains(target.protocol, target.port):
        return False
    return rule.peers.everyone or any(_is_about_others(one, target.pod.namespace) for one in rule.peers.selections)


def _is_about_others(selection: PodSelection, own: str) -> bool:
    if selection.namespaces is None:
        return selection.namespace != own
    names = [
        term.values for term in selection.namespaces.terms if (term.key, term.operator) == (NAME_LABEL, Operator.IN)
    ]
    # A namespaceSelector without a name may match the namespace of the controller, which the input may lack.
    return not any(values <= {own} for values in names)


RULE = LintRule(
    "RF135",
    "ingress-controller-blocked",
    FindingLevel.WARNING,
    __doc__,
    _check,
    Needs.PODS,
    basis=Basis.PASSING,
)
