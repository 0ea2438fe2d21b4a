"""A policy selects no pod.

A policy whose `podSelector` matches no pod of its namespace isolates nobody, and nobody notices, because the API server
accepts it. It is reported only in namespaces of which the input contains pods or workloads. Pods that do not exist yet
count: those of workloads scaled to zero and of operators. So do labels whose values are not known before a pod is
created, labels that only operators give (`cnpg.io/cluster`), and the `known-labels` of the configuration.

Remedy: write the labels of the pods, which are those of the template (`spec.template.metadata.labels`) of a workload.

Fires: no pod of the namespace has such a label:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: dbs}}
```

Fires: the pod with these labels is in another namespace:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: data, labels: {app: db}}
---
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
```

Silent: an empty selector selects all pods:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: shop, labels: {app: db}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny, namespace: shop}
spec:
  podSelector: {}
```

Silent: a CronJob makes such pods:

```yaml
apiVersion: batch/v1
kind: CronJob
metadata: {name: backup, namespace: shop}
spec:
  schedule: 0 3 * * *
  jobTemplate:
    spec:
      template:
        metadata: {labels: {app: backup}}
        spec: {restartPolicy: Never, containers: [{name: a, image: a}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: backup, namespace: shop}
spec:
  podSelector:
    matchExpressions: [{key: app, operator: In, values: [backup, restore]}]
```

Silent: cert-manager makes such pods when it needs one:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: solver, namespace: shop}
spec:
  podSelector: {matchLabels: {acme.cert-manager.io/http01-solver: "true"}}
  ingress:
  - ports: [{port: 8089}]
```

Silent: the pods of the namespace are not in the input:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: web, labels: {app: web}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  podSelector: {matchLabels: {app: db}}
```

Silent: each pod of a StatefulSet has a label with its name:

```yaml
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: a, image: a}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: first, namespace: shop}
spec:
  podSelector: {matchLabels: {statefulset.kubernetes.io/pod-name: db-0}}
```
"""

from collections.abc import Iterator

from ringfence.lint.corrections import correction
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.rules.label_not_on_template import workloads_with_labels

PATH = "spec.podSelector"


def _check(linted: Linted) -> Iterator[Hit]:
    for policy in linted.policies:
        namespace = policy.namespace
        # The workloads of the namespace may be in another repository.
        if namespace not in linted.namespaces_with_pods or linted.may_select(policy.subject):
            continue
        if workloads_with_labels(linted, namespace, policy.subject.pods):
            continue  # RF127 says more
        meant = correction(policy.policy.spec.pod_selector, linted.labels_in(frozenset([namespace])))
        message = f"the policy selects no pod: none of namespace {namespace} matches {policy.subject.pods}"
        if meant:
            remedy = f"write {meant}, which pods of namespace {namespace} have"
            yield Hit(policy, PATH, message, remedy, edit=meant.edit(policy.origin, PATH))
        else:
            yield Hit(policy, PATH, message, "write labels that the template of a workload has")


RULE = LintRule("RF101", "selects-nothing", FindingLevel.WARNING, __doc__, _check)
