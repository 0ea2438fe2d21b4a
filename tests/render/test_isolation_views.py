"""What isolates each workload, in every format."""

import json

from tests.analysis.lists.test_isolated_workloads import WORLD
from tests.render.json_shapes import ISOLATION, fits
from tests.semantics.judges import cluster_of
from tests.semantics.objects import pod

from ringfence.analysis.lists.isolated_workloads import NamedPolicy
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.render.isolation_views import (
    idle_text,
    isolation_csv,
    isolation_json,
    isolation_markdown,
    isolation_table,
    totals_text,
)

FOUND = cluster_of([*WORLD, pod("x/node-agent", hostNetwork=True)]).isolation()


def test_a_table_in_the_style_of_kubectl() -> None:
    assert isolation_table(FOUND.rows) == (
        "WORKLOAD       INGRESS          EGRESS\n"
        "x/db           x/in             x/out\n"
        "x/node-agent   node's network   node's network\n"
        "x/web          not isolated     x/out\n"
        "y/other        not isolated     not isolated\n"
    )


def test_csv_and_markdown_have_the_same_columns() -> None:
    assert isolation_csv(FOUND.rows[:1]) == "workload,ingress,egress\nx/db,x/in,x/out\n"
    assert (
        isolation_markdown(FOUND.rows[:1])
        == "| workload | ingress | egress |\n|---|---|---|\n| x/db | x/in | x/out |\n"
    )


def test_the_totals_are_counted() -> None:
    assert totals_text(FOUND.rows) == "4 workloads: 1 isolated for ingress, 2 for egress, 2 in neither direction"
    assert totals_text(FOUND.rows[:1]) == "1 workload: 1 isolated for ingress, 1 for egress, 0 in neither direction"


def test_a_policy_that_selects_nobody_is_named() -> None:
    assert [idle_text(one) for one in FOUND.idle] == ["x/typo selects no pod"]
    assert idle_text(NamedPolicy("x", "p", Place("p.yaml", 3))) == "x/p selects no pod (p.yaml:3)"


def test_json_has_the_documented_shape() -> None:
    problem = Problem(Place("p.yaml", 1), ProblemCode.INVALID_VALUE, "wrong")
    document = json.loads(isolation_json(FOUND, FOUND.rows[:2], [problem]))
    assert fits(document, ISOLATION)
    assert len(document["isolation"]) == 2
    assert document["totals"] == {"listed": 4, "ingress": 1, "egress": 2, "neither": 2}
