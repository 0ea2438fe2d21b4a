"""A peer selects no pod.

A `podSelector` without a `namespaceSelector` selects only pods of the policy's own namespace. A `namespaceSelector`
matches labels of namespaces, and the name of a namespace is its label `kubernetes.io/metadata.name`. A peer that
matches no pod allows nobody. It is a warning if the input contains the namespaces and their pods have other labels, or
if the selector uses the label `name` for the name of a namespace. It is a note if a namespace that is not in the input
may match, unless `--complete` says that the input is complete. A namespace that is named and not in the input is not
reported, nor is the DNS server if the input does not contain its namespace.

Remedy: write the labels of the pods' templates, and add a `namespaceSelector` for pods of another namespace: in the
same item of the list, without a dash of its own.

Fires: the namespace has no pod with this label:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: wbe}}}]
```

Fires: a namespace has no label `name` unless somebody gives it one:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: prometheus, namespace: monitoring, labels: {app: prometheus}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {name: monitoring}}}]
```

Fires: the dash makes two peers, of which the second one means pods of shop:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}
    - podSelector: {matchLabels: {app.kubernetes.io/name: ingress-nginx}}
```

Fires as a note: no namespace of the input has this label:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {team: audit}}}]
```

Fires as a note: pods with this label may be in a namespace that the input does not hold:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{namespaceSelector: {}, podSelector: {matchLabels: {scraper: prometheus}}}]
```

Silent: the namespace that is named is elsewhere:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: ingress-nginx}}}]
```

Silent: the DNS server is in a namespace that the input does not hold:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  policyTypes: [Egress]
  egress:
  - to: [{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}]
```

Silent: an empty namespaceSelector matches every namespace:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{namespaceSelector: {}}]
```

Silent: the pods with both labels are in the other namespace, and an ipBlock selects addresses:

```yaml
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: front, labels: {app: web}}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from:
    - namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: front}}
      podSelector: {matchLabels: {app: web}}
    - ipBlock: {cidr: 203.0.113.0/24}
```

Silent: the input holds no pod of that namespace:

```yaml
apiVersion: v1
kind: Namespace
metadata: {name: monitoring}
---
apiVersion: v1
kind: Pod
metadata: {name: api, namespace: shop, labels: {app: api}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: api, namespace: shop}
spec:
  podSelector: {matchLabels: {app: api}}
  ingress:
  - from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]
```
"""

from collections.abc import Iterator
from itertools import pairwise

from ringfence.engine.policies import PodSelection
from ringfence.engine.population import NAME_LABEL
from ringfence.lint.corrections import correction
from ringfence.lint.findings import FindingLevel
from ringfence.lint.linted import Linted
from ringfence.lint.rule import Hit, LintRule
from ringfence.lint.rules.dns_wrong_namespace import meant_dns_server
from ringfence.lint.rules.or_instead_of_and import joined_selection
from ringfence.lint.written import WrittenPeer, WrittenRule, rules_in_force
from ringfence.model.selectors import EVERYTHING, Operator
from ringfence.model.structure_edits import join_items
from ringfence.model.text_edits import rename_key


def _check(linted: Linted) -> Iterator[Hit]:
    for rule in rules_in_force(linted):
        explained = set(_explained_by_another_rule(linted, rule))
        for peer in rule.peers():
            selection = peer.selection
            if selection is None or peer.index in explained or linted.may_select(selection):
                continue
            within = linted.namespaces_of(selection)
            if not within:
                yield from _no_namespace(linted, peer, selection)
            # If the input has no pods of these namespaces at all, their workloads are probably in other files.
            elif within & linted.namespaces_with_pods and not _is_dns_elsewhere(linted, selection):
                yield _no_pod(linted, peer, selection, within, _namespaces_before(rule, peer))


def _explained_by_another_rule(linted: Linted, rule: WrittenRule) -> Iterator[int]:
    """The peers that RF103 or RF116 reports in more detail."""
    for first, second in pairwise(rule.peers()):
        joined = joined_selection(first, second)
        if joined and linted.state.selects_pods(joined):
            yield second.index
    yield from (peer.index for peer in rule.peers() if meant_dns_server(linted, peer))


def _is_dns_elsewhere(linted: Linted, selection: PodSelection) -> bool:
    """Whether a peer means a DNS server that is in a namespace of which the input has no pods."""
    wanted = {term.key: term.values for term in selection.pods.terms if term.operator is Operator.IN}
    return any(
        server.namespace not in linted.namespaces_with_pods
        and selection.namespaces is not None
        and selection.namespaces.matches(linted.state.namespaces.labels(server.namespace))
        and all(wanted.get(key) == frozenset([value]) for key, value in server.labels.items())
        for server in linted.dns_servers
    )


def _names(selection: PodSelection) -> bool:
    """Whether a peer selects namespaces by name."""
    terms = selection.namespaces.terms if selection.namespaces else ()
    return any((term.key, term.operator) == (NAME_LABEL, Operator.IN) for term in terms)


def _namespaces_before(rule: WrittenRule, peer: WrittenPeer) -> PodSelection | None:
    """What a peer and the one before it would select as one peer, if only the latter has a namespaceSelector."""
    before = next((other for other in rule.peers() if other.index == peer.index - 1), None)
    return joined_selection(before, peer) if before else None


def _no_pod(
    linted: Linted, peer: WrittenPeer, selection: PodSelection, within: frozenset[str], joined: PodSelection | None
) -> Hit:
    spaces = sorted(within)
    named = f"namespace {spaces[0]}" if len(spaces) == 1 else f"the {len(spaces)} namespaces that it is about"
    message = f"the peer selects no pod: none of {named} matches {selection.pods}"
    selector, path = peer.peer.pod_selector, f"{peer.path}.podSelector"
    meant = correction(selector, linted.labels_in(within)) if selector else None
    level = FindingLevel.NOTE if linted.may_be_elsewhere(selection) else None
    if meant:
        edit = meant.edit(peer.policy.origin, path)
        return Hit(peer.policy, peer.path, message, f"write {meant}, which pods of {named} have", level, edit)
    # If pods of the input had been meant, RF103 would report the two peers.
    if joined and linted.may_be_elsewhere(joined):
        remedy = (
            f"remove the dash before podSelector if pods with {joined.pods} in namespaces with {joined.namespaces} are "
            "meant: with it, these are two peers"
        )
        return Hit(peer.policy, peer.path, message, remedy, level, join_items(peer.policy.origin, peer.path))
    # A peer with a namespaceSelector names its namespaces, so the author did not overlook that there are others.
    elsewhere = _elsewhere(linted, selection) if selection.namespace else ""
    if elsewhere:
        remedy = (
            f"a podSelector alone means pods of namespace {selection.namespace}: for {elsewhere} add to the same peer "
            f"namespaceSelector: {{matchLabels: {{{NAME_LABEL}: {elsewhere.partition('/')[0]}}}}}"
        )
    else:
        remedy = "write labels that the template of a workload has"
    return Hit(peer.policy, peer.path, message, remedy, level)


def _elsewhere(linted: Linted, selection: PodSelection) -> str:
    """The first pod of another namespace with these labels; empty if there is none."""
    pods = linted.pods_of(PodSelection(selection.pods, namespaces=EVERYTHING))
    return str(pods[0]) if pods else ""


def _no_namespace(linted: Linted, peer: WrittenPeer, selection: PodSelection) -> Iterator[Hit]:
    """A finding about a namespaceSelector; none if it names namespaces that may exist outside the input."""
    known = linted.state.namespaces
    message = f"the peer selects no pod: no namespace of the input matches {selection.namespaces}"
    selector, path = peer.peer.namespace_selector, f"{peer.path}.namespaceSelector"
    assert selector is not None
    name = selector.match_labels.get("name", "")
    if len(selector.match_labels) == 1 and not selector.match_expressions and known.exists(name):
        origin = peer.policy.origin
        edit = rename_key(origin, f"{path}.matchLabels.name", "name", NAME_LABEL) if origin else None
        remedy = f"the name of a namespace is its label {NAME_LABEL}: write {NAME_LABEL}: {name}"
        yield Hit(peer.policy, peer.path, message, remedy, edit=edit)
    elif meant := correction(selector, [known.labels(one) for one in known.names()]):
        edit = meant.edit(peer.policy.origin, path)
        yield Hit(peer.policy, peer.path, message, f"write {meant}, which a namespace has", edit=edit)
    # A namespace that is selected by its name may exist although the input has no object of it. Labels of namespaces
    # are written in these objects only.
    elif linted.is_complete or not _names(selection):
        remedy = "write labels that the namespaces have, or add their Namespace objects to the input"
        yield Hit(peer.policy, peer.path, message, remedy, None if linted.is_complete else FindingLevel.NOTE)


RULE = LintRule("RF102", "peer-selects-nothing", FindingLevel.WARNING, __doc__, _check)
