"""Pairs that are allowed or denied for equal reasons are one group."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.engine.population.test_workloads import made, owned_pod
from tests.example_counts import examples
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, labelled, pod, pods, policy, port

from ringfence.analysis.questions.reason_groups import ReasonGroup
from ringfence.engine.population import Reference

CROWD = Reference("x", "StatefulSet", "crowd")
DB = pod("x/db", {"app": "db"})
OPEN_TO_WEB = policy("x/p", labelled(app="db"), ingress=[admits(pods(labelled(app="web")), ports=[port(80)])])


def groups(objects: list[Object], source: str = "x/*", number: int | None = 80) -> list[ReasonGroup]:
    return list(cluster_of(objects).can(source, "x/db", port=number).reason_groups)


def sides(group: ReasonGroup) -> tuple[dict[str, int], dict[str, int]]:
    return {str(one.end): one.pods for one in group.sources}, {str(one.end): one.pods for one in group.destinations}


def test_pods_of_a_workload_are_named_and_counted_together() -> None:
    crowd = [owned_pod(f"x/crowd-{number}", CROWD, app=f"number-{number}") for number in range(5)]
    (group,) = groups([*crowd, pod("x/single"), DB, OPEN_TO_WEB])
    assert group.pairs == 6
    assert sides(group) == ({"x/StatefulSet/crowd": 5, "x/single": 1}, {"x/db": 1})
    assert not group.first.allowed


def test_different_answers_are_different_groups_denied_first() -> None:
    found = groups([pod("x/a"), pod("x/b"), pod("x/web", {"app": "web"}), DB, OPEN_TO_WEB])
    assert [(group.first.allowed, group.pairs) for group in found] == [(False, 2), (True, 1)]


def test_different_rules_are_different_reasons_for_the_same_answer() -> None:
    both = policy("x/p", labelled(app="db"), ingress=[admits(pods(labelled(app=app))) for app in ("a", "b")])
    objects = [*(pod(f"x/{app}{number}", {"app": app}) for app in "ab" for number in range(2)), DB, both]
    assert [(group.first.allowed, group.pairs) for group in groups(objects)] == [(True, 2), (True, 2)]


def test_different_policies_of_the_sources_are_different_reasons() -> None:
    objects = [pod("x/a", {"app": "a"}), pod("x/b"), DB, policy("x/q", labelled(app="a"), egress=[])]
    assert [group.pairs for group in groups(objects)] == [1, 1]


def test_addresses_are_named_as_they_are() -> None:
    (group,) = groups([DB, OPEN_TO_WEB], "203.0.113.0/24")
    assert sides(group) == ({"203.0.113.0/24": 0}, {"x/db": 1})


def test_a_template_is_counted_as_one() -> None:
    (group,) = groups([made(CROWD, replicas=9), DB])
    assert sides(group)[0] == {"x/StatefulSet/crowd": 1}


@settings(max_examples=examples(25))
@given(strategies.clusters(), st.none() | st.sampled_from(strategies.PORT_NUMBERS), st.data())
def test_every_pair_is_in_one_group_that_has_its_answer(
    objects: list[Object], number: int | None, data: st.DataObject
) -> None:
    cluster = cluster_of(objects)
    inside = sorted({f"{one.namespace}/*" for one in cluster.state.members()})
    assume(inside)
    verdict = cluster.can(data.draw(st.sampled_from(inside)), data.draw(st.sampled_from(inside)), port=number)
    found = verdict.reason_groups
    assert sum(group.pairs for group in found) == len(verdict.pairs)
    for answer in (True, False):
        counted = sum(group.pairs for group in found if group.first.allowed is answer)
        assert counted == sum(reason.allowed is answer for reason in verdict.reasons)
