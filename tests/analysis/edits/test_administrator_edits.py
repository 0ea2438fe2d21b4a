"""Edits when administrators' policies decide: the changes that owners of a namespace can and cannot make."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.edits.proposed import text
from tests.analysis.edits.questions import ends, questions
from tests.cluster_policy_strategies import GROUP, clusters
from tests.example_counts import examples
from tests.render.json_shapes import EXPLANATION, fits
from tests.semantics.judges import cluster_of
from tests.semantics.objects import NAME_LABEL, Object, admits, labelled, named, namespace, namespaces, pod, policy

from ringfence import Verdict
from ringfence.analysis.edits import Proposal
from ringfence.analysis.edits.administrator_edits import administrator_rules
from ringfence.engine.policies import Action
from ringfence.model.documents import document
from ringfence.model.objects import NetworkPolicy
from ringfence.model.server_versions import NEWEST
from ringfence.model.validation import cluster_policy_errors, network_policy_errors
from ringfence.render.answers import answer_json, explanation

WORLD = [
    namespace("x"),
    namespace("y"),
    pod("x/db", {"app": "db"}),
    pod("x/api", {"app": "api"}),
    pod("y/web", {"app": "web"}),
]
OF_X, OF_Y = (labelled(**{NAME_LABEL: name}) for name in "xy")
EVERYBODY: Object = {"namespaces": {}}
DENY = {"action": "Deny", "from": [EVERYBODY]}


def cluster_policy(kind: str = "ClusterNetworkPolicy", name: str = "guard", **spec: Any) -> Object:
    version = "v1alpha2" if kind == "ClusterNetworkPolicy" else "v1alpha1"
    default = {} if kind == "BaselineAdminNetworkPolicy" else {"priority": 5}
    return {
        "apiVersion": f"{GROUP}/{version}",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {**default, "subject": EVERYBODY, **spec},
    }


def admin(*ingress: Object, **spec: Any) -> Object:
    return cluster_policy(tier="Admin", ingress=list(ingress), **spec)


def ask(*policies: Object, source: str = "y/web", destination: str = "x/db", port: int | None = 80) -> Verdict:
    return cluster_of([*WORLD, *policies]).can(source, destination, port=port)


def proposed(*policies: Object, **question: Any) -> Proposal:
    return ask(*policies, **question).proposal


class TestADenyOfTheAdminTier:
    def test_only_an_administrator_can_lift_it_by_a_policy_about_this_subject_alone(self) -> None:
        found = proposed(admin(DENY))
        (edit,) = found.edits
        assert edit.by_administrator
        assert edit.action == (
            "as an administrator, add a policy that accepts this ingress of x/db before ClusterNetworkPolicy guard"
        )
        assert document(edit.after) == cluster_policy(
            name="allow-ingress-db",
            tier="Admin",
            priority=4,
            subject={"pods": {"namespaceSelector": OF_X, "podSelector": labelled(app="db")}},
            ingress=[
                {
                    "action": "Accept",
                    "from": [{"pods": {"namespaceSelector": OF_Y, "podSelector": labelled(app="web")}}],
                    "protocols": [{"tcp": {"destinationPort": {"number": 80}}}],
                }
            ],
        )
        assert not found.side_effects
        assert [(one.rule.index, one.direction.field) for one in found.administrator_rules] == [(0, "ingress")]

    def test_without_a_free_priority_before_it_a_rule_is_inserted(self) -> None:
        (edit,) = proposed(admin(DENY, priority=0)).edits
        assert edit.action == "as an administrator, in ClusterNetworkPolicy guard, insert before spec.ingress[0]"
        assert edit.lines[0] == "- action: Accept"

    def test_a_priority_that_another_policy_has_is_not_taken(self) -> None:
        (edit,) = proposed(admin(DENY), cluster_policy(name="other", tier="Admin", priority=4)).edits
        assert document(edit.after)["spec"]["priority"] == 3

    @pytest.mark.parametrize(("kind", "word"), [("AdminNetworkPolicy", "Allow"), ("ClusterNetworkPolicy", "Accept")])
    def test_each_kind_has_its_own_words(self, kind: str, word: str) -> None:
        tier = {"tier": "Admin"} if kind == "ClusterNetworkPolicy" else {}
        (edit,) = proposed(cluster_policy(kind, ingress=[DENY], **tier)).edits
        written = document(edit.after)
        assert (written["kind"], written["spec"]["ingress"][0]["action"]) == (kind, word)

    def test_what_network_policies_deny_besides_is_changed_where_they_are(self) -> None:
        found = proposed(admin(DENY), policy("y/p", egress=[]))
        assert [edit.by_administrator for edit in found.edits] == [False, True]

    def test_both_sides_of_one_policy(self) -> None:
        egress = [{"action": "Deny", "to": [EVERYBODY]}]
        both = cluster_policy(tier="Admin", priority=0, ingress=[DENY], egress=egress)
        found = proposed(both)
        assert [edit.by_administrator for edit in found.edits] == [True, True]
        assert [one.direction.field for one in found.administrator_rules] == ["egress", "ingress"]

    def test_addresses(self) -> None:
        egress = [{"action": "Deny", "to": [{"networks": ["203.0.113.0/24"]}]}]
        found = proposed(cluster_policy(tier="Admin", egress=egress), source="x/db", destination="203.0.113.7")
        (edit,) = found.edits
        assert document(edit.after)["spec"]["egress"][0]["to"] == [{"networks": ["203.0.113.7/32"]}]


class TestADenyOfTheBaselineTier:
    BASELINE = cluster_policy(tier="Baseline", ingress=[DENY])

    def test_those_who_own_the_namespace_override_it(self) -> None:
        found = proposed(self.BASELINE)
        assert found.administrator_rules == ()
        assert [one.rule.index for one in found.overridden_rules] == [0]
        (edit,) = found.edits
        assert isinstance(edit.after, NetworkPolicy)
        assert edit.action == "add a policy that allows this ingress of x/db"

    def test_the_text_says_so(self) -> None:
        verdict = ask(self.BASELINE)
        assert (
            "ClusterNetworkPolicy guard denies it in the Baseline tier by ingress[0]; NetworkPolicies are asked before "
            "that tier, so one can allow it\nthe smallest edit that would allow it, checked by the engine:\n"
        ) in explanation(verdict, verdict.proposal)

    def test_an_edit_that_isolates_a_pod_says_what_it_takes_from_the_tier(self) -> None:
        """The new policy has to repeat what the Baseline tier denies to others; it may open a part of that."""
        of_api = {"action": "Deny", "from": [{"pods": {"podSelector": labelled(app="api"), "namespaceSelector": {}}}]}
        verdict = ask(cluster_policy(tier="Baseline", ingress=[of_api]), source="203.0.113.7")
        (edit,) = verdict.edits
        assert "isolates" in edit.action
        assert verdict.proposal.administrator_rules == ()
        (rule,) = verdict.proposal.overridden_rules
        assert (str(rule.policy.policy), rule.rule.index) == ("guard", 0)
        assert (
            "once a NetworkPolicy isolates x/db for ingress, the Baseline tier is not asked: "
            "ingress[0] of ClusterNetworkPolicy guard no longer denies it anything"
        ) in explanation(verdict, verdict.proposal)

    def test_a_baseline_admin_network_policy_is_overridden_alike(self) -> None:
        found = proposed(cluster_policy("BaselineAdminNetworkPolicy", "default", ingress=[DENY]))
        assert [isinstance(edit.after, NetworkPolicy) for edit in found.edits] == [True]


class TestAnAcceptOfTheAdminTier:
    ACCEPT = admin({"action": "Accept", "from": [EVERYBODY]})

    def test_the_other_side_can_still_be_closed_by_those_who_own_it(self) -> None:
        found = proposed(self.ACCEPT, policy("x/p", ingress=[]))
        assert found.administrator_rules == ()
        assert [edit.after.metadata.namespace for edit in found.edits] == ["y"]

    def test_where_both_sides_are_accepted_only_an_administrator_can_forbid_it(self) -> None:
        egress = [{"action": "Accept", "to": [EVERYBODY]}]
        ingress = [{"action": "Accept", "from": [EVERYBODY]}]
        found = proposed(cluster_policy(tier="Admin", ingress=ingress, egress=egress))
        (edit,) = found.edits
        assert edit.by_administrator
        assert "that denies this" in edit.action
        assert len(found.administrator_rules) == 2
        assert not found.side_effects


def test_a_pass_is_not_the_reason() -> None:
    """What the Admin tier passes on, NetworkPolicies deny: their owner can change it."""
    found = proposed(admin({"action": "Pass", "from": [EVERYBODY]}, DENY), policy("x/p", ingress=[]))
    assert [edit.by_administrator for edit in found.edits] == [False]


def test_rules_of_network_policies_are_not_the_administrators() -> None:
    """A rule of theirs does not decide either if an earlier rule of the tier has decided."""
    (reason,) = ask(policy("x/p", ingress=[admits(namespaces({}))])).reasons
    assert list(administrator_rules(reason.ingress, None, Action.ALLOW)) == []
    (reason,) = ask(admin({"action": "Accept", "from": [EVERYBODY]}, DENY)).reasons
    assert list(administrator_rules(reason.ingress, None, Action.DENY)) == []
    assert len(list(administrator_rules(reason.ingress, None, Action.ALLOW))) == 1


def test_a_rule_of_the_administrators_that_nothing_small_reverses_is_named_all_the_same() -> None:
    """An ingress rule that denies everything, whatever its peers, cannot be preceded for addresses."""
    verdict = ask(admin(DENY, priority=0, subject={"namespaces": named("x")}), source="y/*", destination="x/*")
    denies = "ClusterNetworkPolicy guard denies it in the Admin tier by ingress[0]"
    assert f"only an administrator can allow it: {denies}" in explanation(verdict, verdict.proposal)


def test_json_marks_the_edit_and_names_the_rule() -> None:
    verdict = ask(admin({**DENY, "name": "nobody"}))
    written = json.loads(answer_json(verdict, verdict.proposal))
    assert fits(written, EXPLANATION)
    assert [edit["administrator"] for edit in written["edits"]] == [True]
    assert written["onlyAdministrators"] == [
        {
            "direction": "ingress",
            "kind": "ClusterNetworkPolicy",
            "name": "guard",
            "tier": "Admin",
            "index": 0,
            "ruleName": "nobody",
            "action": "deny",
        }
    ]
    owned = ask(policy("x/p", ingress=[admits(namespaces(named("x")))]))
    written = json.loads(answer_json(owned, owned.proposal))
    assert (written["onlyAdministrators"], written["overridden"]) == ([], [])
    assert "administrator" not in written["edits"][0]


@settings(max_examples=examples(50), deadline=None)
@given(clusters(), questions, st.data())
def test_edits_reverse_the_answer_and_touch_policies_of_administrators_only_where_they_say_so(
    objects: list[Object], question: tuple[int | None, str], data: st.DataObject
) -> None:
    number, protocol = question
    cluster, edited = cluster_of(objects), cluster_of(objects)
    source, destination = data.draw(ends(cluster))
    verdict = cluster.can(source, destination, port=number, protocol=protocol)
    found = verdict.proposal
    for edit in found.edits:
        is_theirs = not isinstance(edit.after, NetworkPolicy)
        assert edit.by_administrator is is_theirs
        assert edit.action.startswith("as an administrator, ") is is_theirs
        errors = (
            network_policy_errors(edit.after)
            if isinstance(edit.after, NetworkPolicy)
            else cluster_policy_errors(edit.after, NEWEST)
        )
        assert errors == []
        edited.upsert(edit.after)
    assert bool(found.administrator_rules) or not any(edit.by_administrator for edit in found.edits)
    if found.edits:
        turned = edited.can(source, destination, port=number, protocol=protocol)
        assert turned.passes_everywhere is not verdict.passes_everywhere
    assert text(found.edits) == text(verdict.edits)
