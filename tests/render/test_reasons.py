"""The decision of a side of a connection, and its reasons."""

from tests.analysis.questions.test_questions import ONLY_NEW, WORLD
from tests.semantics.judges import cluster_of
from tests.semantics.objects import admits, block, labelled, pod, policy

from ringfence import Verdict
from ringfence.render.reasons import side_json, side_text


def heads(verdict: Verdict) -> list[str]:
    """The first line of each side of the pair that decided."""
    first = verdict.reasons[0]
    return [next(side_text(side, first.asked)) for side in (first.egress, first.ingress)]


def test_the_reason_of_an_exemption_is_printed() -> None:
    verdict = cluster_of([*WORLD, ONLY_NEW]).can("x/old", "x/old", port=80)
    assert heads(verdict) == [
        "egress of x/old: allowed: a pod always reaches itself",
        "ingress of x/old: allowed: a pod always reaches itself",
    ]
    assert side_json(verdict.reasons[0].ingress)["exempt"] == "a pod always reaches itself"


def test_the_family_that_is_denied_is_named() -> None:
    both = [pod("x/a", addresses=["10.0.0.1", "fd00::1"]), pod("x/b", {"app": "b"}, addresses=["10.0.0.2", "fd00::2"])]
    four = policy("x/p", labelled(app="b"), ingress=[admits(block("10.0.0.0/8"))])
    assert (
        heads(cluster_of([*both, four]).can("x/a", "x/b", port=80))[1]
        == "ingress of x/b: denied over IPv6, though not over the other family"
    )


def test_the_denied_addresses_of_several_are_named() -> None:
    half = policy("x/p", labelled(release="old"), ingress=[admits(block("10.0.0.0/25"))])
    assert (
        heads(cluster_of([*WORLD, half]).can("10.0.0.0/24", "x/old", port=80))[1]
        == "ingress of x/old: denied for 10.0.0.128/25, though not for all of 10.0.0.0/24"
    )
