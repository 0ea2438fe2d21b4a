"""Every possible pod of a small universe, and the verdicts for each, by direct evaluation.

The universe has three label keys with three values, and each key may be absent. The selectors of `policies` name only
two of the values: the third represents all values that no policy names. A statement that holds for every pod of the
universe therefore holds for every possible pod. The tests compare statements about pods that do not exist yet with the
naive evaluator, pod by pod.
"""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any, Final, NamedTuple

from hypothesis import strategies as st

from tests.semantics import naive, naive_world
from tests.semantics.objects import NAME_LABEL, Object, container_port, labelled, namespace, pod, policy, port, term
from tests.strategies import Strategy, several

KEYS: Final = ("app", "tier", "env")
NAMED_VALUES: Final = ("1", "2")
VALUES: Final = (*NAMED_VALUES, "other")
"""`other` is in no selector."""
EXISTING: Final = ("x", "y")
TO_COME: Final = "new"
"""A namespace that does not exist, whose name is in no selector."""
NAME: Final = "possible"
"""The name of a possible pod that is put into a world."""

Labels = dict[str, str]


class PossiblePod(NamedTuple):
    """A pod that does not exist. Its namespace need not exist either. The labels of the namespace include its name."""

    namespace: str
    namespace_labels: Labels
    labels: Labels


def label_sets(keys: Iterable[str] = KEYS, values: Iterable[str] = VALUES) -> Iterator[dict[str, str]]:
    """Every assignment of a value, or of absence, to each key."""
    listed = list(keys)
    for assigned in product((None, *values), repeat=len(listed)):
        yield {key: value for key, value in zip(listed, assigned, strict=True) if value is not None}


def possible_pods(
    world: Iterable[Object],
    *,
    keys: Iterable[str] = KEYS,
    namespace_keys: Iterable[str] = KEYS[:1],
    values: Iterable[str] = VALUES,
) -> Iterator[PossiblePod]:
    """Every pod that could be created, in a namespace of the world or in a new one.

    The result contains every possible pod if the policies of the world name no other keys, and not all of the values.
    """
    values = list(values)
    objects: list[naive_world.Object] = list(world)
    existing = {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"}
    existing |= {naive_world.namespace_of(one) for one in objects if one["kind"] not in ("Namespace", "Node")}
    spaces = [(name, dict(naive_world.namespace_labels(objects, name))) for name in sorted(existing)]
    spaces += [(TO_COME, {**labels, NAME_LABEL: TO_COME}) for labels in label_sets(namespace_keys, values)]
    for (name, space), labels in product(spaces, list(label_sets(keys, values))):
        yield PossiblePod(name, space, labels)


def with_pod(
    world: Iterable[Object], possible: PossiblePod, *, name: str = NAME, ports: Iterable[Object] = ()
) -> list[Object]:
    """The world in which the pod exists as `NAMESPACE/possible`, with its own namespace if that one is new."""
    objects = list(world)
    if possible.namespace not in {one["metadata"].get("namespace") or one["metadata"]["name"] for one in objects}:
        labels = {key: value for key, value in possible.namespace_labels.items() if key != NAME_LABEL}
        objects.append(namespace(possible.namespace, **labels))
    objects.append(pod(f"{possible.namespace}/{name}", possible.labels, ports=ports))
    return objects


def may_send(world: Iterable[Object], possible: PossiblePod, destination: str, protocol: str, number: int) -> bool:
    """Whether the pod, if it existed, might open a connection to `destination`, by direct evaluation."""
    source = f"{possible.namespace}/{NAME}"
    return naive.allowed(with_pod(world, possible), source, destination, protocol, number)


def may_receive(
    world: Iterable[Object],
    possible: PossiblePod,
    source: str,
    protocol: str,
    number: int,
    *,
    names: Iterable[str] = (),
) -> bool:
    """Whether `source` might open a connection to a port of the pod, if it existed and gave the port these names."""
    there = with_pod(world, possible, ports=[container_port(name, number, protocol) for name in names])
    return naive.allowed(there, source, f"{possible.namespace}/{NAME}", protocol, number)


# --- random worlds -------------------------------------------------------------------------------------------------


_values = st.lists(st.sampled_from(NAMED_VALUES), min_size=1, max_size=2, unique=True)
_terms = st.one_of(
    st.builds(lambda key, value: labelled(**{key: value}), st.sampled_from(KEYS), st.sampled_from(NAMED_VALUES)),
    st.builds(
        lambda key, operator, values: term(key, operator, *values),
        st.sampled_from(KEYS),
        st.sampled_from(("In", "NotIn")),
        _values,
    ),
    st.builds(
        lambda key, operator: term(key, operator), st.sampled_from(KEYS), st.sampled_from(("Exists", "DoesNotExist"))
    ),
)


def _both(one: Object, other: Object) -> Object:
    """The selector that matches what both match.

    It has an expression for each label, because two labels may contradict.
    """
    return {"matchExpressions": [*_expressions(one), *_expressions(other)]}


def _expressions(selector: Object) -> list[Object]:
    labels: dict[str, str] = selector.get("matchLabels") or {}
    written = [{"key": key, "operator": "In", "values": [value]} for key, value in labels.items()]
    return [*written, *(selector.get("matchExpressions") or ())]


selectors: Strategy = st.one_of(st.just({}), _terms, _terms, st.builds(_both, _terms, _terms))
"""Selectors of pods over the keys and the values that are named, up to those that match nothing."""

namespace_selectors: Strategy = st.one_of(
    st.just({}),
    st.builds(lambda value: labelled(app=value), st.sampled_from(NAMED_VALUES)),
    st.builds(lambda value: term("app", "NotIn", value), st.sampled_from(NAMED_VALUES)),
    st.builds(lambda operator: term("app", operator), st.sampled_from(("Exists", "DoesNotExist"))),
    st.builds(lambda operator: term(NAME_LABEL, operator, "x"), st.sampled_from(("In", "NotIn"))),
)
"""Selectors of namespaces over one key and the name."""

peers: Strategy = st.one_of(
    st.fixed_dictionaries({"podSelector": selectors}),
    st.fixed_dictionaries({"namespaceSelector": namespace_selectors}),
    st.fixed_dictionaries({"podSelector": selectors, "namespaceSelector": namespace_selectors}),
    st.sampled_from([{"ipBlock": {"cidr": "10.0.0.0/8"}}, {"ipBlock": {"cidr": "0.0.0.0/0"}}]),
)
PORTS: Final[list[Object]] = [port(80), port(81), port(80, to=90), port(80, "UDP"), port("http"), {"protocol": "TCP"}]
_rules = st.lists(st.tuples(several(peers, 0, 2), several(st.sampled_from(PORTS), 0, 2)), max_size=2)


def _policy(name: str, subject: Object, directions: tuple[Any, Any]) -> Object:
    written: dict[str, Any] = {}
    for field, others, rules in zip(("ingress", "egress"), ("from", "to"), directions, strict=True):
        if rules is not None:
            written[field] = [{others: list(some), "ports": list(ports)} for some, ports in rules]
    return policy(name, subject, **written)


policies: Strategy = st.builds(
    _policy,
    st.builds("{}/{}".format, st.sampled_from(EXISTING), st.sampled_from(("p", "q", "r"))),
    selectors,
    st.one_of(st.tuples(_rules, st.none() | _rules), st.tuples(st.none(), _rules)),
)
"""NetworkPolicies of the existing namespaces, whose selectors name no more than the universe has."""

existing_namespaces: Strategy = st.builds(
    lambda x, y: [namespace("x", **x), namespace("y", **y)],
    *(st.sampled_from([{}, {"app": "1"}, {"app": "2"}, {"app": "other"}]) for _ in EXISTING),
)
existing_pods: Strategy = st.builds(
    lambda path, labels, ports: pod(path, labels, ports=ports),
    st.sampled_from(("x/a", "y/a")),
    st.sampled_from(list(label_sets())),
    st.sampled_from([(), [container_port("http", 80)], [container_port("http", 81)]]),
)


@st.composite
def worlds(draw: st.DrawFn, policies: Strategy = policies) -> list[Object]:
    """Two namespaces, a pod that exists, and one to four policies with different names."""
    drawn = draw(several(policies, 1, 4))
    unlike = {(one["kind"], one["metadata"].get("namespace"), one["metadata"]["name"]): one for one in drawn}
    return [*draw(existing_namespaces), draw(existing_pods), *unlike.values()]
