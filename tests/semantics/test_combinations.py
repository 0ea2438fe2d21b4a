"""Every kind of peer with every kind of port, in both directions: the engine agrees with the naive evaluator."""

import pytest
from tests.semantics import combinations, naive
from tests.semantics.judges import answers_of, cluster_of
from tests.semantics.objects import Object

pytestmark = pytest.mark.repeats_lines

ASKED = [(protocol, port) for protocol in ("TCP", "UDP", "SCTP") for port in (80, 81, 82)]


@pytest.mark.parametrize("direction", ["ingress", "egress"])
def test_every_combination(direction: str) -> None:
    objects = list(combinations.objects())
    answer = answers_of(cluster_of(objects))
    wrong, answers = [], set()
    for number, combination in enumerate(combinations.ALL):
        if combination.direction != direction:
            continue
        subject, mine = combinations.subject(number), objects_of(objects, number)
        for other in combinations.OTHERS:
            ends = (other, subject) if direction == "ingress" else (subject, other)
            for protocol, port in ASKED:
                said = answer(*ends, protocol, port)
                answers.add(said)
                if said is not naive.allowed(mine, *ends, protocol, port):
                    wrong.append((combination, ends, protocol, port))
    assert wrong == []
    assert answers == {True, False}


def objects_of(objects: list[Object], number: int) -> list[Object]:
    """The objects that matter for one combination: the naive evaluator walks all objects for each question."""
    own = {f"subject-{number}", f"policy-{number}", *(path.partition("/")[2] for path in combinations.OTHERS)}
    return [one for one in objects if one["kind"] == "Namespace" or one["metadata"]["name"] in own]
