"""The edits that reverse an answer, and what else they open and close."""

from tests.analysis.questions.test_questions import WORLD
from tests.semantics.judges import cluster_of
from tests.semantics.objects import admits, labelled, pod, pods, policy, port

from ringfence import Verdict
from ringfence.render.proposals import proposal_json, proposal_text


def lines_of(verdict: Verdict) -> list[str]:
    return list(proposal_text(verdict.proposal, verdict))


TWINS = [pod(f"x/twin-{number}", {"app": "twin"}) for number in range(3)]


def test_what_else_an_edit_opens_is_below_it() -> None:
    verdict = cluster_of([*WORLD, *TWINS, policy("x/p", labelled(release="old"), ingress=[])]).can(
        "x/twin-0", "x/old", port=80
    )
    assert lines_of(verdict)[-1] == "  also opens TCP 80 from x/twin-1 and x/twin-2 to x/old"
    assert [one["source"]["name"] for one in proposal_json(verdict.proposal)["sideEffects"]["opens"]] == [
        "twin-1",
        "twin-2",
    ]


def test_what_else_an_edit_closes_is_below_it() -> None:
    opened = policy("x/p", labelled(release="old"), ingress=[admits(pods(labelled(app="twin")), ports=[port(80)])])
    verdict = cluster_of([*WORLD, *TWINS, opened]).can("x/twin-0", "x/old", port=80)
    written = lines_of(verdict)
    assert "  in x/p, remove ingress[0]" in written
    assert written[-1] == "  also closes TCP 80 from x/twin-1 and x/twin-2 to x/old"
    assert [one["source"]["name"] for one in proposal_json(verdict.proposal)["sideEffects"]["closes"]] == [
        "twin-1",
        "twin-2",
    ]
