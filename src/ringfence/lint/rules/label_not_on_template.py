"""A policy selects by labels that a workload has and its pods do not have.

`metadata.labels` of a Deployment are the labels of the Deployment. Its pods have those of
`spec.template.metadata.labels`, and policies select pods. Such a policy selects nothing.

Remedy: select by the labels of the template, or add the label to the template.

Fires: only the Deployment has the label:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop, labels: {tier: data}}
spec:
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a, image: a}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: data, namespace: shop}
spec:
  podSelector: {matchLabels: {tier: data}}
```

Fires: the template lacks one of two labels:

```yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop, labels: {app: db, tier: data}}
spec:
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a, image: a}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: data, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db, tier: data}}
```

Silent: the template has the label, too:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop, labels: {tier: data}}
spec:
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db, tier: data}}, spec: {containers: [{name: a, image: a}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: data, namespace: shop}
spec:
  podSelector: {matchLabels: {tier: data}}
```

Silent: another pod has the label:

```yaml
apiVersion: apps/v1
kind: Deployment
metadata: {name: db, namespace: shop, labels: {tier: data}}
spec:
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a, image: a}]}}
---
apiVersion: v1
kind: Pod
metadata: {name: cache, namespace: shop, labels: {tier: data}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: data, namespace: shop}
spec:
  podSelector: {matchLabels: {tier: data}}
```
"""

from collections.abc import Iterator

from ringfence.engine.population import Reference
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.model.selectors import Selector


def _check(linted: Linted) -> Iterator[Hit]:
    for policy in linted.policies:
        if linted.may_select(policy.subject):
            continue
        if found := workloads_with_labels(linted, policy.namespace, policy.subject.pods):
            workload = found[0]
            message = (
                f"the policy selects no pod: {workload} itself matches {policy.subject.pods}, "
                "but its pods have only the labels of its template"
            )
            remedy = "select by labels in spec.template.metadata.labels, or add the labels there"
            yield Hit(policy, "spec.podSelector", message, remedy, objects=((workload, "the workload"),))


def workloads_with_labels(linted: Linted, namespace: str, selector: Selector) -> list[Reference]:
    """The workloads of a namespace whose own labels, not those of their pods, a selector matches."""
    return [
        reference
        for reference, workload in linted.workloads_in(namespace)
        if workload.metadata.labels and selector.matches(workload.metadata.labels)
    ]


RULE = LintRule("RF127", "label-not-on-template", FindingLevel.ERROR, __doc__, _check)
