"""Pairs that are allowed or denied for equal reasons are one group."""

from collections.abc import Sequence

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.engine.population.test_workloads import made, owned_pod
from tests.example_counts import examples
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, labelled, pod, pods, policy, port

from ringfence.analysis.questions import questions
from ringfence.analysis.questions.reason_groups import ReasonGroup
from ringfence.engine.answers import PairReason, explain_parts
from ringfence.engine.population import Reference
from ringfence.engine.state import State
from ringfence.sets.traffic import Traffic

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


PORTS = [80, 81, 82, 443]
"""Each but 443 is allowed by a policy of its own: 80 and 81 to the pods `a`, and 82 to the pods `b`."""

OF_EACH_PORT = [
    policy(f"x/p{number}", labelled(app="db"), ingress=[admits(pods(labelled(app=app)), ports=[port(number)])])
    for number, app in ((80, "a"), (81, "a"), (82, "b"))
]
PEERS = [*(pod(f"x/{app}{number}", {"app": app}) for app in "ab" for number in range(2)), DB]


@pytest.fixture
def explained(monkeypatch: pytest.MonkeyPatch) -> list[Traffic]:
    """The parts of the traffic whose reasons are found."""
    found: list[Traffic] = []

    def counted(state: State, known: PairReason, parts: Sequence[Traffic]) -> list[PairReason]:
        found.extend(parts)
        return explain_parts(state, known, parts)

    monkeypatch.setattr(questions, "explain_parts", counted)
    return found


def test_the_same_pods_are_in_a_group_for_each_port_that_other_rules_decide() -> None:
    found = cluster_of([*PEERS, *OF_EACH_PORT]).can("x/*", "x/db", port=PORTS).reason_groups
    counted = [(str(group.first.asked), group.first.allowed, group.pairs) for group in found]
    assert set(counted) == {
        *(("TCP 80", True, 2), ("TCP 81", True, 2), ("TCP 82,443", False, 2)),
        *(("TCP 82", True, 2), ("TCP 80-81,443", False, 2)),
    }


def test_few_groups_need_only_the_reasons_about_their_ports(explained: list[Traffic]) -> None:
    verdict = cluster_of([*PEERS, *OF_EACH_PORT]).can("x/*", "x/db", port=PORTS)
    first = verdict.first_reason_groups(1)
    assert set(explained) == {first[0].first.asked}
    assert first == verdict.reason_groups[:1]
    assert len(set(explained)) == 5


def test_what_is_allowed_needs_no_reasons(explained: list[Traffic]) -> None:
    verdict = cluster_of([*PEERS, *OF_EACH_PORT]).can("x/a0", "x/db", port=PORTS)
    assert [one.allowed for one in verdict.explanations] == [False, True, True]
    assert not explained
    assert [one.reason.allowed for one in verdict.explanations] == [False, True, True]


@settings(max_examples=examples(25))
@given(strategies.clusters(), st.data())
def test_groups_are_the_same_however_many_of_them_are_taken(objects: list[Object], data: st.DataObject) -> None:
    cluster = cluster_of(objects)
    inside = sorted({f"{one.namespace}/*" for one in cluster.state.members()})
    assume(inside)
    asked = [data.draw(st.sampled_from(inside)) for _ in range(2)]
    found = cluster.can(*asked, port=[80, "8000-8100"]).reason_groups
    most = data.draw(st.integers(0, len(found)))
    assert cluster.can(*asked, port=[80, "8000-8100"]).first_reason_groups(most) == found[:most]
