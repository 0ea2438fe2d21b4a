"""The meaning of policies for all possible connections, against the naive evaluator for single ones."""

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st
from tests import cluster_policy_strategies, strategies
from tests.engine.possible.worlds import compiled, connections, meaning_of, naive_verdict
from tests.semantics.objects import Object, key_of
from tests.strategies import several

from ringfence.engine.possible import (
    Meaning,
    PossibleConnection,
    Role,
    allowed_only_by,
    connection_box,
    connection_in,
)
from ringfence.model.policies import Direction
from ringfence.sets.boxes import is_covered, overlaps

network_policies = several(strategies.policies, 0, 4)
all_policies = st.builds(
    lambda some, more: list({key_of(one): one for one in (*some, *more)}.values()),
    network_policies,
    several(cluster_policy_strategies.cluster_policies, 0, 3),
)


@given(all_policies, connections())
def test_a_connection_is_allowed_or_denied_as_in_a_cluster(
    policies: list[Object], connection: PossibleConnection
) -> None:
    meaning = meaning_of(policies)
    point = connection_box(connection, meaning.axes)
    is_allowed = naive_verdict(policies, connection)
    assert (next(meaning.allowed(point), None) is not None) is is_allowed
    assert (next(meaning.denied(point), None) is not None) is not is_allowed


@given(all_policies, all_policies, st.data(), connections())
def test_a_changed_meaning_is_that_of_the_policies_after_the_change(
    before: list[Object], others: list[Object], data: st.DataObject, connection: PossibleConnection
) -> None:
    """Some policies are removed and others are added."""
    removed = {key for one in before if data.draw(st.booleans(), f"remove {(key := key_of(one))}")}
    kept = [one for one in before if key_of(one) not in removed]
    added = [one for one in others if key_of(one) not in {key_of(one) for one in kept}]
    old, new = compiled(before), compiled(added)
    gone = [one for key, one in old.items() if key in removed]
    meaning = Meaning(old.values()).with_changes(gone, list(new.values()))
    assert meaning.axes == meaning_of([*kept, *added]).axes
    point = connection_box(connection, meaning.axes)
    assert (next(meaning.allowed(point), None) is not None) is naive_verdict([*kept, *added], connection)
    assert not list(islice(allowed_only_by(meaning, meaning_of([*kept, *added])), 1))


@given(all_policies)
def test_what_is_allowed_and_what_is_denied_is_everything_and_apart(policies: list[Object]) -> None:
    meaning = meaning_of(policies)
    for direction in Direction:
        allowed = list(islice(meaning.of(direction).allowed(), 200))
        denied = list(islice(meaning.of(direction).denied(), 200))
        assert not any(overlaps(a, b) for a in allowed for b in denied)
        if len(allowed) < 200 and len(denied) < 200:
            assert is_covered({}, [*allowed, *denied])


@given(all_policies, st.booleans(), st.integers(0, 20))
def test_a_connection_that_is_found_in_a_box_is_real(policies: list[Object], allowed: bool, number: int) -> None:
    meaning = meaning_of(policies)
    boxes = meaning.allowed() if allowed else meaning.denied()
    box = next(islice(boxes, number, None), None)
    connection = connection_in(box) if box is not None else None
    if connection is not None and not _is_of_domain(connection):
        assert naive_verdict(policies, connection) is allowed


def _is_of_domain(connection: PossibleConnection) -> bool:
    """Whether the naive evaluator would have to know the address of a domain name."""
    return any(getattr(connection.end(role), "domain_names", ()) for role in Role)


def test_a_policy_that_is_added_is_asked_in_the_order_of_priorities() -> None:
    """Of two policies of administrators, the one with the lower number decides, in either order of creation."""
    denies, allows = _of_everyone("denies", 20, "Deny"), _of_everyone("allows", 10, "Accept")
    meaning = Meaning(compiled([denies]).values()).with_changes((), list(compiled([allows]).values()))
    assert next(meaning.denied(), None) is None


def _of_everyone(name: str, priority: int, action: str) -> Object:
    """A ClusterNetworkPolicy with one rule, about the ingress of all pods from all pods."""
    return {
        "apiVersion": "policy.networking.k8s.io/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {
            "tier": "Admin",
            "priority": priority,
            "subject": {"namespaces": {}},
            "ingress": [{"action": action, "from": [{"namespaces": {}}]}],
        },
    }
