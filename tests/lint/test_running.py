"""The rules that are applied, the order of findings, and the messages about rules that cannot be decided."""

import pytest
from tests.lint.test_rules import POD, policy_for
from tests.semantics.judges import cluster_of

from ringfence import Cluster
from ringfence.engine.state import State
from ringfence.errors import InputError
from ringfence.lint import RULES, Linted, LintSettings, Needs, RuleGroup, chosen_rules, find_mistakes
from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode, Severity

CALICO = {
    "apiVersion": "projectcalico.org/v3",
    "kind": "GlobalNetworkPolicy",
    "metadata": {"name": "guard"},
    "spec": {"selector": "all()", "types": ["Ingress"]},
}


def names(select: list[str], ignore: list[str]) -> list[str]:
    return [rule.identifier for rule in chosen_rules(select, ignore)]


def test_without_a_word_the_rules_of_the_default_group_are_applied() -> None:
    assert names([], []) == [rule.identifier for rule in RULES if rule.group is RuleGroup.DEFAULT]


@pytest.mark.parametrize(
    ("select", "ignore", "chosen"),
    [
        (["RF104", "rf101"], [], ["RF101", "RF104"]),
        (["selects-nothing"], [], ["RF101"]),
        (["RF10"], ["RF102", "or-instead-of-and", "RF107", "RF109"], ["RF101", "RF104", "RF105", "RF106", "RF108"]),
        (["compliance:nsa-cisa-network-policies"], ["RF10"], ["RF132", "RF203", "RF204"]),
    ],
)
def test_words_select_rules_and_leave_rules_out(select: list[str], ignore: list[str], chosen: list[str]) -> None:
    assert names(select, ignore) == chosen


@pytest.mark.parametrize(
    ("word", "meant"), [("RF999", ""), ("select-nothing", "selects-nothing"), ("", ""), ("defaul", "default")]
)
def test_a_word_that_names_no_rule_is_an_error(word: str, meant: str) -> None:
    with pytest.raises(InputError, match=f"there is no rule {word!r}.*{meant}"):
        Cluster().lint(select=[word])


def test_a_selection_of_which_nothing_is_left_is_an_error() -> None:
    with pytest.raises(InputError, match="every rule that is selected is ignored"):
        Cluster().lint(select=["RF101"], ignore=["selects-nothing"])


def test_a_text_alone_is_no_list_of_words() -> None:
    with pytest.raises(InputError, match=r"ignore is 'RF101': use a list of texts such as \[\"RF101\"\]"):
        Cluster().lint(ignore="RF101")


def test_rules_that_need_pods_are_skipped_in_one_line_without_any() -> None:
    (skipped,) = cluster_of([policy_for(80)]).lint().skipped
    assert skipped.reason == "the input holds no pods and no workloads"
    assert skipped.rules == tuple(one.identifier for one in chosen_rules([], []) if one.needs is not Needs.POLICIES)


def test_of_an_input_that_is_all_nothing_is_elsewhere() -> None:
    policy = policy_for(80)
    policy["spec"]["podSelector"] = {"matchLabels": {"app": "api"}}
    policy["spec"]["ingress"][0]["from"] = [{"namespaceSelector": {"matchLabels": {"team": "audit"}}}]
    findings = cluster_of([policy]).lint(select=["RF101", "RF102"], settings=LintSettings(complete=True))
    assert [(one.rule, one.level.value) for one in findings.found] == [("RF101", "warning"), ("RF102", "warning")]
    assert findings.skipped == ()


@pytest.mark.parametrize(("select", "rules"), [([], ["RF117"]), (["RF101"], []), (["RF117"], ["RF117"])])
def test_a_warning_about_the_input_is_left_out_with_its_rule(select: list[str], rules: list[str]) -> None:
    problem = Problem(Place("p.yaml", 1), ProblemCode.NONSTANDARD_CIDR, "ambiguous", Severity.WARNING)
    found = find_mistakes(Linted(State(), Cluster().redundant), [problem], chosen_rules(select, [])).found
    assert [one.rule for one in found] == rules


def test_policies_that_are_not_read_make_it_unknown_what_is_shadowed() -> None:
    everyone, twice = policy_for(80), policy_for(80, 80)
    assert [one.rule for one in cluster_of([POD, twice]).lint().found] == ["RF108", "RF108"]
    findings = cluster_of([POD, everyone, CALICO]).lint()
    assert [one.rule for one in findings.found] == ["RF137"]
    assert [(one.rules, one.reason) for one in findings.skipped] == [
        (
            ("RF108",),
            "not decided: GlobalNetworkPolicy.projectcalico.org guard (added by a program) is not read: it may change "
            "what is allowed",
        )
    ]


def test_the_problems_of_the_input_are_findings_in_the_order_of_places(tmp_path: object) -> None:
    from pathlib import Path

    file = Path(str(tmp_path)) / "p.yaml"
    file.write_text(
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: x}\n"
        "spec:\n  podSelector: {}\n  policyTypes: [Egress]\n  ingress: [{}]\n"
        "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: q, namespace: x}\n"
        "spec: {podSelektor: {}}\n"
    )
    found = Cluster.load(file).lint().found
    assert [(one.rule, one.level.value, one.place.line, one.place.column, one.path) for one in found] == [
        ("RF104", "error", 7, 3, "spec.ingress"),
        ("RF138", "error", 12, 8, ""),
    ]


def test_objects_that_were_not_listed_in_a_live_cluster_are_named() -> None:
    state = State(live=True)
    state.unlisted_users = frozenset({"APIService", "Ingress", "Route"})
    rules = chosen_rules(["RF134", "RF135"], [])
    findings = find_mistakes(Linted(state, Cluster().redundant, LintSettings(complete=True)), [], rules)
    assert [(one.rules, one.is_partial) for one in findings.skipped] == [(("RF134",), True), (("RF135",), True)]
    assert [one.reason.split(" were ")[0] for one in findings.skipped] == [
        "objects of kind APIService",
        "objects of kind Ingress, Route",
    ]
