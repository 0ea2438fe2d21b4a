"""Who can reach an endpoint, in every format."""

import json

import pytest
from tests.analysis.questions.test_questions import FROM_CLIENT, WORLD
from tests.render.formats.test_csv import rows_of
from tests.render.json_shapes import DESTINATIONS, SOURCES, Shape, fits
from tests.semantics.judges import cluster_of
from tests.semantics.objects import block, labelled, policy, port, sends

from ringfence.analysis.endpoints.ports import PortArgument
from ringfence.analysis.lists.reach import Reach
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.render.reach_views import reach_csv, reach_json, reach_markdown, reach_table

TO_OFFICE = policy("x/q", labelled(app="client"), egress=[sends(), sends(block("203.0.113.0/24"), ports=[port(53)])])


def found(direction: str = "sources", asked: PortArgument = None) -> Reach:
    cluster = cluster_of([*WORLD, FROM_CLIENT, TO_OFFICE])
    return cluster.sources("x/new", asked) if direction == "sources" else cluster.destinations("x/client", asked)


def test_a_table_names_the_rules_of_both_sides() -> None:
    assert reach_table(found()) == (
        "SOURCE     TRAFFIC    EGRESS          INGRESS\nx/client   TCP 8080   x/q egress[0]   x/p ingress[0]\n"
    )


def test_every_rule_that_lets_the_traffic_is_named() -> None:
    rows = {row[0]: row[2] for row in rows_of(reach_csv(found("destinations")))}
    assert rows["any address"] == "x/q egress[0], x/q egress[1]"


def test_markdown_has_the_same_columns() -> None:
    assert reach_markdown(found()).splitlines()[0] == "| source | traffic | egress | ingress |"
    assert reach_markdown(found("destinations")).splitlines()[0] == "| destination | traffic | egress | ingress |"


@pytest.mark.parametrize(("direction", "shape"), [("sources", SOURCES), ("destinations", DESTINATIONS)])
@pytest.mark.parametrize("asked", [8080, None, ["http", "8000-9000"], "http"])
def test_json_has_the_documented_shape(direction: str, shape: Shape, asked: PortArgument) -> None:
    problem = Problem(Place("p.yaml", 1), ProblemCode.INVALID_VALUE, "wrong")
    document = json.loads(reach_json(found(direction, asked), [problem]))
    assert document[direction]
    assert fits(document, shape)
    assert ("ports" in document) is (asked not in (8080, None))
