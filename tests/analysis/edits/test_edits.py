"""The edit that reverses an answer: on random clusters it works, is valid, matches its text, and none changes less."""

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.analysis.edits.edits_by_hand import as_shown
from tests.analysis.edits.proposed import DB, after, edits
from tests.analysis.edits.questions import OUTSIDE, ends, questions
from tests.engine.test_state import matrix
from tests.example_counts import examples
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    labelled,
    pods,
    policy,
    port,
    sends,
)

from ringfence.analysis.edits.edits import candidates
from ringfence.analysis.edits.policy_effects import weight
from ringfence.engine.answers import explain
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import defaulted
from ringfence.model.validation import network_policy_errors


@settings(max_examples=examples(50))
@given(strategies.clusters(), questions, st.data())
def test_edits_reverse_the_answer_are_valid_and_are_what_they_show(
    objects: list[Object], question: tuple[int | None, str], data: st.DataObject
) -> None:
    number, protocol = question
    cluster, edited = cluster_of(objects), cluster_of(objects)
    source, destination = data.draw(ends(cluster))
    verdict = cluster.can(source, destination, port=number, protocol=protocol)
    for edit in verdict.edits:
        assert network_policy_errors(after(edit)) == []
        assert edit.after == defaulted(after(edit))
        assert edit.after == as_shown(edit, edited)
        edited.upsert(edit.after)
    if verdict.edits:
        turned = edited.can(source, destination, port=number, protocol=protocol)
        assert turned.passes_everywhere is not verdict.passes_everywhere


@settings(max_examples=examples(50))
@given(strategies.clusters(), st.sampled_from(strategies.PORT_NUMBERS), st.data())
def test_between_two_pods_there_is_always_a_way_and_no_edit_in_it_is_idle(
    objects: list[Object], number: int, data: st.DataObject
) -> None:
    cluster = cluster_of(objects)
    members = [one for one in cluster.state.members() if not one.host_network]
    assume(len(members) > 1)
    source, destination = data.draw(st.permutations(members))[:2]
    assume(set(source.families) & set(destination.families))
    verdict = cluster.can(str(source), str(destination), port=number)
    (reason,) = verdict.reasons
    assert verdict.edits
    if not verdict:
        assert len(verdict.edits) == [reason.egress.allowed, reason.ingress.allowed].count(False)


@settings(max_examples=examples(25))
@given(strategies.clusters(), questions, st.data())
def test_no_other_candidate_changes_less_for_others(
    objects: list[Object], question: tuple[int | None, str], data: st.DataObject
) -> None:
    cluster = cluster_of(objects)
    members = [one for one in cluster.state.members() if not one.host_network]
    assume(members)
    inside = st.sampled_from(list(map(str, members)))
    source, destination = data.draw(st.tuples(inside, inside | st.sampled_from(OUTSIDE)))
    number, protocol = question
    verdict = cluster.can(source, destination, port=number, protocol=protocol)
    assume(len(verdict.pairs) == 1)  # a block that holds pods is several
    (pair,) = verdict.pairs
    reason = explain(cluster.state, pair.source, pair.destination, pair.asked, pair.over)
    weights = []
    for way in candidates(cluster.state, reason):
        afters = [after(edit) for edit in way]
        if not any(map(network_policy_errors, afters)) and turns(
            objects, afters, source, destination, number, protocol, verdict.passes_everywhere
        ):
            weights.append(weight(cluster.state, afters, verdict.pairs, None))
    chosen = [edit.after for edit in verdict.edits]
    assert bool(weights) is bool(chosen)
    if chosen and not any(edit.corrects for edit in verdict.edits):
        assert weight(cluster.state, chosen, verdict.pairs, None) == min(one for one in weights if one is not None)


def turns(
    objects: list[Object],
    afters: list[NetworkPolicy],
    source: str,
    destination: str,
    number: int | None,
    protocol: str,
    verdict: bool,
) -> bool:
    """Whether the answer is the other one when these policies are in force."""
    edited = cluster_of(objects)
    for one in afters:
        edited.upsert(one)
    return edited.can(source, destination, port=number, protocol=protocol).passes_everywhere is not verdict


@settings(max_examples=examples(25))
@given(strategies.clusters(), questions, st.data())
def test_looking_for_edits_changes_nothing(
    objects: list[Object], question: tuple[int | None, str], data: st.DataObject
) -> None:
    cluster = cluster_of(objects)
    number, protocol = question
    source, destination = data.draw(ends(cluster))
    verdict = cluster.can(source, destination, port=number, protocol=protocol)
    assert isinstance(verdict.edits, tuple)
    fresh = cluster_of(objects)
    assert cluster.policies() == fresh.policies()
    assert matrix(cluster.state) == matrix(fresh.state)
    assert verdict.traffic == fresh.can(source, destination, port=number, protocol=protocol).traffic


@pytest.mark.parametrize("small", ["in", "out"])
def test_of_two_edits_that_change_equally_little_the_smaller_one_is_proposed(small: str) -> None:
    """Each policy allows only this connection; one of them by one rule, the other by two equal rules."""
    rules = {"in": admits(pods(labelled(app="api")), ports=[port(80)]), "out": sends(pods(DB), ports=[port(80)])}
    written = {side: [rule] if side == small else [rule, rule] for side, rule in rules.items()}
    ingress = policy("prod/in", DB, ingress=written["in"])
    egress = policy("prod/out", labelled(app="api"), egress=written["out"])
    assert [edit.after.metadata.name for edit in edits("prod/api", "prod/db", 80, ingress, egress)] == [small]
