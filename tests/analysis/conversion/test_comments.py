"""Comments move with the parts that they describe."""

import pytest
from tests.analysis.conversion.test_conversion import EVERYBODY, converted, older, rules

from ringfence.analysis.conversion import moved_comments
from ringfence.model.documents import document
from ringfence.model.yaml_text import Comment

LONG = older(
    ingress=[
        {
            "action": "Allow",
            "from": [EVERYBODY] * 30,
            "ports": [{"portNumber": {"port": number + 1}} for number in range(30)],
        },
        *rules(30, "Deny", "Allow"),
    ]
)


@pytest.mark.parametrize(
    ("path", "moved"),
    [
        pytest.param("metadata.name", [(0, "metadata.name")], id="once, outside of rules"),
        pytest.param("spec.ingress", [(0, "spec.ingress")], id="of all rules"),
        pytest.param("spec.ingress[0]", [(0, "spec.ingress[0]")], id="once, of a rule that becomes several"),
        pytest.param("spec.ingress[0].action", [(0, "spec.ingress[0].action")], id="of a field of a rule"),
        pytest.param("spec.ingress[0].ports", [(0, "spec.ingress[0].protocols")], id="of a field with another name"),
        pytest.param("spec.ingress[0].from[24]", [(0, "spec.ingress[0].from[24]")], id="of a peer"),
        pytest.param("spec.ingress[0].from[26]", [(0, "spec.ingress[2].from[1]")], id="of a peer of a later piece"),
        pytest.param("spec.ingress[0].ports[0]", [(0, "spec.ingress[0].protocols[0]")], id="of the first port"),
        pytest.param("spec.ingress[0].ports[25]", [(0, "spec.ingress[1].protocols[0]")], id="of the first port after"),
        pytest.param("spec.ingress[0].from[0]", [(0, "spec.ingress[0].from[0]")], id="of the first peer"),
        pytest.param("spec.ingress[0].ports[1]", [(0, "spec.ingress[0].protocols[1]")], id="of a port"),
        pytest.param(
            "spec.ingress[0].ports[26].portNumber.port", [(0, "spec.ingress[1].protocols[1]")], id="in a port"
        ),
        pytest.param("spec.ingress[1]", [(0, "spec.ingress[4]")], id="of a rule after one that becomes several"),
        pytest.param("spec.ingress[24]", [(1, "spec.ingress[2]")], id="of a rule in another part"),
        pytest.param("status.conditions", [], id="of a field that is left out"),
        pytest.param("metadata.uid", [(0, "metadata")], id="of a field that its neighbours survive"),
    ],
)
def test_where_a_comment_moves(path: str, moved: list[tuple[int, str]]) -> None:
    (one,) = converted(LONG).converted
    found = [
        (number, place)
        for number, (policy, part) in enumerate(zip(one.policies, one.parts, strict=True))
        for place in moved_comments({path: Comment(("# text",))}, part, number, document(policy))
    ]
    assert found == moved


def test_a_comment_at_the_end_of_a_line_that_is_gone_stands_before_what_was_around_it() -> None:
    (one,) = converted(older()).converted
    comments = {"metadata.uid": Comment(("# before",), "# after"), "": Comment(("# last",))}
    assert moved_comments(comments, one.parts[0], 0, document(one.policies[0])) == {
        "metadata": Comment(("# before", "# after")),
        "": Comment(("# last",)),
    }
