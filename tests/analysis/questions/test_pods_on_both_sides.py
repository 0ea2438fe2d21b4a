"""Pods on both sides of a question: two different pods, or the only one that there is."""

import json

import pytest
from tests.engine.population.test_workloads import made, owned_pod
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, autoscaler, labelled, pod, policy, port

from ringfence import Verdict
from ringfence.engine.policies import end_text
from ringfence.engine.population import Reference
from ringfence.render.answers import answer_json, explanation, short_answer

QUORUM = Reference("data", "StatefulSet", "quorum")
CLOSED = policy("data/closed", ingress=[])
CLIENT = pod("data/client", {"app": "client"})
MEMBERS = [owned_pod(f"data/quorum-{number}", QUORUM, app="quorum") for number in range(3)]
SERVICE: Object = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "quorum", "namespace": "data"},
    "spec": {"selector": {"made-by": "quorum"}, "ports": [{"port": 9300}]},
}
BETWEEN_TWO = "between two different pods of data/StatefulSet/quorum"


def ask(objects: list[Object], source: str = "sts/quorum", destination: str = "sts/quorum") -> Verdict:
    return cluster_of(objects).can(f"data/{source}", f"data/{destination}", port=9300)


def pairs(verdict: Verdict) -> list[str]:
    return [f"{end_text(pair.source)} -> {end_text(pair.destination)}" for pair in verdict.pairs]


class TestATemplate:
    def test_of_several_pods_towards_itself_is_two_different_pods(self) -> None:
        assert ask([made(QUORUM, replicas=3)]).all
        assert ask([made(QUORUM, replicas=3), CLOSED]).none
        assert ask([made(QUORUM, replicas=3), CLOSED]).note == BETWEEN_TWO

    def test_behind_a_service_is_two_different_pods_as_well(self) -> None:
        assert ask([made(QUORUM, replicas=3), SERVICE, CLOSED], destination="svc/quorum").none

    @pytest.mark.parametrize(
        ("objects", "note"),
        [
            ([made(QUORUM, replicas=1)], "data/StatefulSet/quorum has one pod (spec.replicas is 1)"),
            ([made(QUORUM)], "data/StatefulSet/quorum has one pod (spec.replicas is not set, which means 1)"),
            (
                [made(QUORUM, replicas=1), autoscaler("data/quorum", "StatefulSet", 1)],
                "data/StatefulSet/quorum has one pod (spec.replicas is 1)",
            ),
        ],
    )
    def test_of_one_pod_says_so(self, objects: list[Object], note: str) -> None:
        verdict = ask([*objects, CLOSED])
        assert verdict.all
        assert verdict.note == f"{note}, and a pod always reaches itself; between two, nothing would pass"
        assert ask(objects).note == f"{note}, and a pod always reaches itself"

    def test_of_one_pod_says_what_would_pass_between_two(self) -> None:
        """Whoever scales it up finds out otherwise."""
        to_80 = policy("data/p", ingress=[admits(ports=[port(80)])])
        verdict = cluster_of([made(QUORUM), to_80]).can("data/quorum", "data/quorum")
        assert verdict.note.endswith("; between two, TCP 80 would pass")

    def test_of_one_pod_that_an_autoscaler_may_scale_up_is_two_different_pods(self) -> None:
        assert ask([made(QUORUM, replicas=1), autoscaler("data/quorum", "StatefulSet", 3), CLOSED]).none


class TestPods:
    def test_of_a_workload_are_paired_with_each_other(self) -> None:
        verdict = ask([made(QUORUM, replicas=3), *MEMBERS, CLOSED])
        assert verdict.none
        assert verdict.note == BETWEEN_TWO
        assert len(pairs(verdict)) == 6

    def test_the_only_one_of_a_workload_says_so(self) -> None:
        verdict = ask([made(QUORUM, replicas=3), MEMBERS[0], CLOSED])
        assert verdict.all
        assert verdict.note == (
            "data/StatefulSet/quorum has one pod, data/quorum-0, and a pod always reaches itself; "
            "between two, nothing would pass"
        )

    def test_a_pod_towards_itself_says_so(self) -> None:
        verdict = ask([CLIENT, CLOSED], "client", "client")
        assert verdict.all
        assert verdict.note == "data/client is one pod, and a pod always reaches itself"

    @pytest.mark.parametrize("group", ["*", "app=quorum"])
    def test_of_a_group_on_both_sides_are_all_pairs_of_different_ones(self, group: str) -> None:
        verdict = ask([*MEMBERS, CLOSED], group, group)
        assert verdict.none
        assert len(pairs(verdict)) == 6
        assert verdict.note == ""

    def test_of_a_group_with_templates_are_also_two_different_pods_of_each(self) -> None:
        objects = [made(QUORUM, replicas=3), made(Reference("data", "Deployment", "one")), CLIENT]
        assert sorted(pairs(ask(objects, "*", "*"))) == [
            "data/Deployment/one -> data/StatefulSet/quorum",
            "data/Deployment/one -> data/client",
            "data/StatefulSet/quorum -> data/Deployment/one",
            "data/StatefulSet/quorum -> data/StatefulSet/quorum",
            "data/StatefulSet/quorum -> data/client",
            "data/client -> data/Deployment/one",
            "data/client -> data/StatefulSet/quorum",
        ]

    def test_that_is_in_a_group_on_the_other_side_is_asked_about_the_others(self) -> None:
        assert pairs(ask([*MEMBERS, CLIENT], "*", "quorum-0")) == [
            "data/quorum-1 -> data/quorum-0",
            "data/quorum-2 -> data/quorum-0",
            "data/client -> data/quorum-0",
        ]


def test_pods_of_one_workload_that_a_policy_tells_apart_are_judged_pair_by_pair() -> None:
    first_only = policy("data/p", labelled(ordinal="0"), ingress=[])
    members = [owned_pod(f"data/quorum-{number}", QUORUM, ordinal=str(number)) for number in range(2)]
    verdict = ask([*members, first_only])
    assert verdict.any
    assert not verdict.all
    assert [end_text(pair.destination) for pair in verdict.denied] == ["data/quorum-0"]


def test_the_note_is_in_text_and_json() -> None:
    verdict = ask([made(QUORUM, replicas=3), CLOSED])
    assert short_answer(verdict) == f"no: data/sts/quorum -> data/sts/quorum on TCP 9300\n  {BETWEEN_TWO}"
    assert explanation(verdict).splitlines()[1] == f"  {BETWEEN_TWO}"
    assert json.loads(answer_json(verdict))["note"] == BETWEEN_TWO
    assert "note" not in json.loads(answer_json(ask([made(QUORUM, replicas=3), CLIENT], "client")))


def test_an_edit_lets_the_pods_of_a_workload_reach_one_another_and_nobody_else() -> None:
    verdict = ask([made(QUORUM, replicas=3), CLIENT, CLOSED])
    (edit,) = verdict.edits
    cluster = cluster_of([made(QUORUM, replicas=3), CLIENT, CLOSED])
    cluster.upsert(edit.after)
    assert cluster.can("data/sts/quorum", "data/sts/quorum", port=9300)
    assert cluster.can("data/client", "data/sts/quorum", port=9300).none
    assert not verdict.proposal.side_effects
