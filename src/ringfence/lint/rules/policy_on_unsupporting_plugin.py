"""Policies in a cluster whose network plugin does not enforce them.

The API server stores NetworkPolicies whether or not anything enforces them. The rule needs to know the plugin: from
`--plugin`, from `plugin` of the configuration, or from the cluster. `ringfence doctor` detects the plugin of a live
cluster and tests by an experiment what it enforces.

Remedy: use a network plugin that enforces policies, or the agent of ringfence beside this one.

Fires with plugin none: nothing enforces the policy:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
```

Fires with plugin flannel: it has no enforcement:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
```

Silent with plugin calico: it enforces policies:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
```

Silent: the plugin is not known:

```yaml
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
```
"""

from collections.abc import Iterator

from ringfence.errors import InputError
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule, Needs, RuleGroup, Unknown
from ringfence.plugins import named_traits


def _check(linted: Linted) -> Iterator[Hit | Unknown]:
    if not linted.plugin or not linted.policies:
        return
    try:
        plugin = named_traits(linted.plugin)
    except InputError as error:
        yield Unknown(str(error))
        return
    if not plugin.traits.enforced:
        count = len(linted.policies)
        subject = "this policy has no effect" if count == 1 else f"this policy and {count - 1} more have no effect"
        remedy = "use a network plugin that enforces policies: `ringfence doctor` finds out what the cluster has"
        yield Hit(linted.policies[0], "", f"{subject}: {plugin.name} does not enforce policies", remedy)


RULE = LintRule(
    "RF212", "policy-on-unsupporting-plugin", FindingLevel.NOTE, __doc__, _check, Needs.POLICIES, RuleGroup.POSTURE
)
