"""The upstream conformance list and known faults of others, asked of the engine and of the naive evaluator."""

import pytest
from tests.semantics.claims import Answer
from tests.semantics.conformance import CASES, FAMILIES, PODS, PORTS, Case, Step, expected, model
from tests.semantics.judges import Judge, answers_of, both_judges, cluster_of
from tests.semantics.known_faults import KNOWN_FAULTS
from tests.semantics.objects import key_of

pytestmark = pytest.mark.repeats_lines

every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.number} {case.title}")
every_known_fault = pytest.mark.parametrize("case", KNOWN_FAULTS, ids=lambda case: case.title)


@both_judges
@pytest.mark.parametrize("families", [(4,), (6,), FAMILIES], ids=["IPv4", "IPv6", "dual stack"])
@every_case
def test_every_pair_of_pods_is_judged_as_upstream_does(case: Case, families: tuple[int, ...], judge: Judge) -> None:
    follow(case, families, judge)


@both_judges
@every_known_fault
def test_what_others_have_got_wrong_is_judged_correctly(case: Case, judge: Judge) -> None:
    follow(case, FAMILIES, judge)


def follow(case: Case, families: tuple[int, ...], judge: Judge) -> None:
    """Check each step of a case with a judge, which gets all objects of the step anew."""
    objects = {key_of(obj): obj for obj in model(families)}
    for step in case.steps:
        objects |= {key_of(obj): obj for obj in step.upsert}
        objects = {key: obj for key, obj in objects.items() if key not in step.remove}
        assert wrong(case, step, judge(objects.values())) == []


@pytest.mark.parametrize("case", [*CASES, *KNOWN_FAULTS], ids=lambda case: case.title)
def test_one_cluster_follows_every_step(case: Case) -> None:
    cluster = cluster_of(model())
    for step in case.steps:
        for key in step.remove:
            cluster.remove(*key)
        for obj in step.upsert:
            cluster.upsert(obj)
        assert wrong(case, step, answers_of(cluster)) == []


def test_the_list_is_complete() -> None:
    assert [case.number for case in CASES] == list(range(1, 49))


@pytest.mark.parametrize("case", [case for case in CASES if case.number not in (5, 16)], ids=lambda case: case.title)
def test_every_case_refuses_something(case: Case) -> None:
    """Except for the two whose policies allow everything; a case that denies nothing would pass without policies."""
    assert any(line.startswith("deny") for step in case.steps for line in step.expect)


def wrong(case: Case, step: Step, answer: Answer) -> list[str]:
    """Each connection about which the answer is not the expected one."""
    return [
        f"{source} -> {destination} on {protocol}/{port}: {'allowed' if not truth else 'refused'}"
        for source in PODS
        for destination in PODS
        for protocol in case.protocols
        for port in PORTS
        if answer(source, destination, protocol, port)
        is not (truth := expected(step, source, destination, protocol, port))
    ]
