"""The edit that forbids a connection and changes the least for others."""

import pytest
from tests.analysis.edits.proposed import DB, FROM_API, WORLD, edits, text
from tests.engine.policies.artificial_tier import FRONT, acting, tier_policy, tiered_cluster_of
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    admits,
    block,
    labelled,
    node,
    pod,
    pods,
    policy,
    port,
    sends,
)


class TestToForbid:
    def test_the_peer_that_lets_it_in_is_removed(self) -> None:
        both = admits(pods(labelled(app="api")), pods(labelled(app="web")), ports=[port(80)])
        (edit,) = edits("prod/api", "prod/db", 80, policy("prod/p", DB, ingress=[both]))
        assert (edit.action, edit.lines) == ("in prod/p, remove ingress[0].from[0]", ())

    def test_a_rule_of_which_nothing_would_be_left_is_removed(self) -> None:
        (edit,) = edits("prod/api", "prod/db", 3306, policy("prod/p", DB, ingress=[FROM_API]))
        assert edit.action == "in prod/p, remove ingress[0]", "and not a selector that matches nobody"

    def test_all_that_let_it_in_are_removed(self) -> None:
        first = policy("prod/a", DB, ingress=[FROM_API, FROM_API])
        second = policy("prod/b", DB, ingress=[FROM_API])
        found = edits("prod/api", "prod/db", 3306, first, second)
        assert [edit.action for edit in found] == [
            "in prod/a, remove ingress[0] and ingress[1]",
            "in prod/b, remove ingress[0]",
        ]

    def test_a_port_is_removed_where_the_rule_has_others(self) -> None:
        three = admits(pods(labelled(app="api")), ports=[port(443), port(22), port(9090)])
        assert text(edits("prod/api", "prod/db", 22, policy("prod/p", DB, ingress=[three]))) == [
            "in prod/p, remove ingress[0].ports[1]"
        ]

    def test_a_range_of_ports_is_divided(self) -> None:
        wide = admits(pods(labelled(app="api")), ports=[port(8000, to=8080)])
        assert text(edits("prod/api", "prod/db", 8000, policy("prod/p", DB, ingress=[wide]))) == [
            "in prod/p, replace spec.ingress[0].ports by",
            "  - port: 8001",
            "    endPort: 8080",
        ]

    def test_an_address_of_a_block_is_excepted(self) -> None:
        wide = admits(block("203.0.113.0/24"), ports=[port(80)])
        assert text(edits("203.0.113.7", "prod/db", 80, policy("prod/p", DB, ingress=[wide]))) == [
            "in prod/p, add to spec.ingress[0].from[0].ipBlock.except",
            '  - "203.0.113.7/32"',
        ]

    def test_of_several_rules_each_is_changed_in_its_own_way(self) -> None:
        """One rule has nothing but the address, and the other one has more. The last one is first: indexes stay."""
        rules = [admits(block("203.0.113.7/32"), ports=[port(80)]), admits(block("203.0.113.0/24"), ports=[port(80)])]
        assert text(edits("203.0.113.7", "prod/db", 80, policy("prod/p", DB, ingress=rules))) == [
            "in prod/p, add to spec.ingress[1].from[0].ipBlock.except",
            '  - "203.0.113.7/32"',
            "in prod/p, remove ingress[0]",
        ]

    def test_a_port_of_one_peer_is_taken_out_of_a_rule_of_several(self) -> None:
        both = admits(pods(labelled(app="api")), pods(labelled(app="web")), ports=[port(22), port(80)])
        verdict = cluster_of([*WORLD, policy("prod/p", DB, ingress=[both])]).can("prod/api", "prod/db", port=22)
        (edit,) = verdict.edits
        assert edit.action == "in prod/p, replace spec.ingress[0] by"
        assert not verdict.proposal.side_effects

    def test_where_nothing_isolates_a_policy_is_added_that_allows_the_rest(self) -> None:
        verdict = cluster_of(WORLD).can("prod/api", "prod/db", port=3306)
        (edit,) = verdict.edits
        assert edit.place is None
        assert edit.action in (
            "add a policy that isolates prod/db for ingress, and allows all but this",
            "add a policy that isolates prod/api for egress, and allows all but this",
        )
        assert edit.lines[:2] == ("apiVersion: networking.k8s.io/v1", "kind: NetworkPolicy")
        (outside,) = (one for one in verdict.proposal.side_effects.closes if one.traffic.tcp)
        assert outside.traffic.tcp == ((3306, 3306),), "a block of all addresses would let the pod in"

    def test_one_address_is_kept_out_of_a_pod_that_nothing_isolates(self) -> None:
        verdict = cluster_of(WORLD).can("192.0.2.7", "prod/db", port=80)
        assert verdict.edits
        effects = verdict.proposal.side_effects
        assert effects.opens == ()
        assert [str(one.traffic) for one in effects.closes] == ["other protocols"], "no rule can name them"

    def test_a_name_that_is_taken_is_not_taken_again(self) -> None:
        others = [
            policy("prod/deny-egress-api", labelled(app="unrelated"), ingress=[FROM_API]),
            policy("prod/deny-ingress-db", labelled(app="unrelated"), ingress=[FROM_API]),
        ]
        (edit,) = edits("prod/api", "prod/db", 3306, *others)
        assert edit.after.metadata.name not in ("deny-egress-api", "deny-ingress-db")

    @pytest.mark.parametrize("labels", [{}, {"pod-template-hash": "7d9"}])
    def test_a_pod_without_labels_of_its_own_can_be_isolated_too(self, labels: dict[str, str]) -> None:
        bare = pod("prod/bare", labels)
        found = edits("192.0.2.7", "prod/bare", 80, bare)
        assert [edit.after.metadata.name for edit in found] == ["deny-ingress-bare"]

    def test_what_no_policy_can_forbid_has_no_edit(self) -> None:
        assert edits("prod/db", "prod/db", 80) == ()
        near = [node("n", "192.168.0.1"), pod("prod/near", nodeName="n")]
        assert edits("192.168.0.1", "prod/near", 80, *near) == ()


def test_an_edit_that_leaves_the_connection_allowed_is_not_proposed() -> None:
    """An earlier tier allows the ingress, so only egress can be forbidden, although that takes more lines."""
    earlier = tier_policy(FRONT, "a", subject=DB, ingress=[acting("allow")])
    ingress = policy("prod/in", DB, ingress=[{}])
    egress = policy("prod/out", labelled(app="api"), egress=[sends(pods({}))])
    cluster = tiered_cluster_of([*WORLD, earlier, ingress, egress])
    found = cluster.can("prod/api", "prod/db", port=80).edits
    assert {edit.after.metadata.name for edit in found} == {"out"}
    for edit in found:
        cluster.upsert(edit.after)
    assert not cluster.can("prod/api", "prod/db", port=80)
