"""The policies that isolate each workload, in every format."""

import json

from tests.analysis.lists.test_isolated_workloads import GOVERNED, WORLD
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
    isolation_wide,
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
    header = "workload,ingress,egress,admin ingress,admin egress,baseline ingress,baseline egress\n"
    assert isolation_csv(FOUND.rows[:1]) == header + "x/db,x/in,x/out,,,,\n"
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
    assert idle_text(NamedPolicy("", "p", kind="AdminNetworkPolicy")) == "AdminNetworkPolicy p selects no pod"


def test_json_has_the_documented_shape() -> None:
    problem = Problem(Place("p.yaml", 1), ProblemCode.INVALID_VALUE, "wrong")
    document = json.loads(isolation_json(FOUND, FOUND.rows[:2], [problem]))
    assert fits(document, ISOLATION)
    assert len(document["isolation"]) == 2
    assert document["totals"] == {"listed": 4, "ingress": 1, "egress": 2, "neither": 2, "admin": 0, "baseline": 0}


class TestWithPoliciesOfAdministrators:
    FOUND = cluster_of(GOVERNED).isolation()

    def test_the_table_says_what_the_rules_of_each_tier_do(self) -> None:
        assert isolation_table(self.FOUND.rows) == (
            "WORKLOAD   INGRESS        EGRESS         ADMIN INGRESS       BASELINE INGRESS   BASELINE EGRESS\n"
            "x/db       x/in           not isolated   Allow, Pass, Deny   not asked          Deny\n"
            "x/web      not isolated   not isolated   Pass, Deny          Deny               Deny\n"
            "y/other    not isolated   not isolated   -                   -                  -\n"
        )

    def test_wide_names_the_policies(self) -> None:
        assert isolation_wide(self.FOUND.rows[:1]) == (
            "WORKLOAD   INGRESS   EGRESS         ADMIN INGRESS                   BASELINE INGRESS   BASELINE EGRESS\n"
            "x/db       x/in      not isolated   ask: Allow; guard: Pass, Deny   not asked          floor: Deny\n"
        )

    def test_csv_has_all_columns(self) -> None:
        lines = isolation_csv(self.FOUND.rows).splitlines()
        assert lines[1] == 'x/db,x/in,not isolated,"ask: Allow; guard: Pass, Deny",,not asked,floor: Deny'

    def test_the_totals_count_whom_each_tier_selects(self) -> None:
        assert totals_text(self.FOUND.rows).splitlines()[1] == "Admin policies select 2 of them, Baseline policies 2"

    def test_json_has_the_policies_of_the_tiers_beside_those_that_isolate(self) -> None:
        document = json.loads(isolation_json(self.FOUND, self.FOUND.rows))
        assert fits(document, ISOLATION)
        ingress = document["isolation"][0]["ingress"]
        assert (ingress["isolated"], [one["name"] for one in ingress["policies"]]) == (True, ["in"])
        assert [
            (one["kind"], one["name"], one["priority"], one["actions"], one["asked"]) for one in ingress["tiers"]
        ] == [
            ("AdminNetworkPolicy", "ask", 1, ["Allow"], True),
            ("ClusterNetworkPolicy", "guard", 5, ["Pass", "Deny"], True),
            ("ClusterNetworkPolicy", "floor", 0, ["Deny"], False),
        ]
