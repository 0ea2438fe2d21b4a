"""The edit that allows a connection and changes the least for others."""

import pytest
import yaml
from tests.analysis.edits.proposed import DB, FROM_API, WORLD, after, edits, text
from tests.analysis.endpoints.test_endpoints import service
from tests.model.places import on_line
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    NAME_LABEL,
    admits,
    block,
    container_port,
    labelled,
    pod,
    pods,
    policy,
    port,
    sends,
    stored,
)

from ringfence.model.origin import Origin
from ringfence.model.validation import network_policy_errors


class TestToAllow:
    def test_a_peer_is_added_to_the_rule_that_has_the_port(self) -> None:
        assert text(edits("prod/web", "prod/db", 3306, policy("prod/p", DB, ingress=[FROM_API]))) == [
            "in prod/p, add to spec.ingress[0].from",
            "  - podSelector:",
            "      matchLabels:",
            "        app: web",
        ]

    def test_a_port_is_added_to_the_rule_that_has_the_peer(self) -> None:
        assert text(edits("prod/api", "prod/db", 22, policy("prod/p", DB, ingress=[FROM_API]))) == [
            "in prod/p, add to spec.ingress[0].ports",
            "  - port: 22",
        ]

    def test_another_protocol_is_written_down(self) -> None:
        cluster = cluster_of([*WORLD, policy("prod/p", DB, ingress=[FROM_API])])
        assert text(cluster.can("prod/api", "prod/db", port=53, protocol="UDP").edits) == [
            "in prod/p, add to spec.ingress[0].ports",
            "  - protocol: UDP",
            "    port: 53",
        ]

    def test_a_rule_is_added_where_none_is_close(self) -> None:
        assert text(edits("prod/web", "prod/db", 22, policy("prod/p", DB, ingress=[]))) == [
            "in prod/p, add to spec.ingress",
            "  - ports:",
            "    - port: 22",
            "    from:",
            "    - podSelector:",
            "        matchLabels:",
            "          app: web",
        ]

    def test_a_pod_of_another_namespace_needs_both_selectors(self) -> None:
        assert text(edits("other/web", "prod/db", 3306, policy("prod/p", DB, ingress=[FROM_API]))) == [
            "in prod/p, add to spec.ingress[0].from",
            "  - podSelector:",
            "      matchLabels:",
            "        app: web",
            "    namespaceSelector:",
            "      matchLabels:",
            f"        {NAME_LABEL}: other",
        ]

    def test_an_address_outside_needs_a_block(self) -> None:
        assert text(edits("prod/db", "192.0.2.7", 80, policy("prod/p", DB, egress=[]))) == [
            "in prod/p, add to spec.egress",
            "  - ports:",
            "    - port: 80",
            "    to:",
            "    - ipBlock:",
            '        cidr: "192.0.2.7/32"',
        ]

    def test_each_side_that_denies_needs_its_own(self) -> None:
        both = [policy("prod/in", DB, ingress=[FROM_API]), policy("prod/out", labelled(app="web"), egress=[])]
        found = edits("prod/web", "prod/db", 3306, *both)
        assert [edit.action for edit in found] == [
            "in prod/out, add to spec.egress",
            "in prod/in, add to spec.ingress[0].from",
        ]

    def test_both_may_be_sides_of_one_policy(self) -> None:
        closed = policy("prod/p", {}, ingress=[FROM_API], egress=[])
        found = cluster_of([pod("prod/db", {"app": "db"}), pod("prod/web", {"app": "web"}), closed])
        edits = found.can("prod/web", "prod/db", port=3306).edits
        assert [edit.action for edit in edits] == [
            "in prod/p, add to spec.egress",
            "in prod/p, add to spec.ingress[0].from",
        ]
        assert edits[1].after.spec.egress == edits[0].after.spec.egress, "the second is made after the first"

    def test_through_a_service_the_port_of_the_pods_is_what_is_missing(self) -> None:
        leading = service("prod/db", {"app": "db"}, ports=[{"port": 80, "targetPort": 3306}])
        closed = policy("prod/p", DB, ingress=[admits(pods(labelled(app="api")), ports=[port(80)])])
        assert text(edits("prod/api", "prod/svc/db", 80, leading, closed)) == [
            "in prod/p, add to spec.ingress[0].ports",
            "  - port: 3306",
        ]

    def test_several_pods_may_need_several(self) -> None:
        found = edits("prod/*", "prod/db", 3306, policy("prod/p", DB, ingress=[]))
        assert len(found) == 2, "db reaches itself"

    def test_the_policy_that_concerns_the_fewest_is_preferred(self) -> None:
        everybody, few = policy("prod/a", {}, ingress=[]), policy("prod/b", DB, ingress=[])
        assert [edit.after.metadata.name for edit in edits("prod/web", "prod/db", 80, everybody, few)] == ["b"]

    def test_a_rule_with_other_peers_is_left_alone(self) -> None:
        """To add the port to the first rule would open it to every address."""
        out = policy(
            "prod/p",
            DB,
            egress=[
                {"to": [block("0.0.0.0/0")], "ports": [port(443)]},
                {"to": [block("192.0.2.10/32")], "ports": [port(5432)]},
            ],
        )
        assert text(edits("prod/db", "192.0.2.10", 5433, out)) == [
            "in prod/p, add to spec.egress[1].ports",
            "  - port: 5433",
        ]

    def test_a_policy_for_many_pods_is_left_alone(self) -> None:
        """Another peer or rule in it would apply to all of them, so a separate policy is added."""
        dns = policy("prod/allow-dns", {}, egress=[{"ports": [port(53, "UDP")]}])
        (edit,) = edits("prod/web", "prod/db", 3306, dns)
        assert edit.action == "add a policy that allows this egress of prod/web"
        assert text([edit])[1:] == [
            "  apiVersion: networking.k8s.io/v1",
            "  kind: NetworkPolicy",
            "  metadata:",
            "    name: allow-egress-web",
            "    namespace: prod",
            "  spec:",
            "    podSelector:",
            "      matchLabels:",
            "        app: web",
            "    policyTypes:",
            "    - Egress",
            "    egress:",
            "    - ports:",
            "      - port: 3306",
            "      to:",
            "      - podSelector:",
            "          matchLabels:",
            "            app: db",
        ]

    def test_an_exception_that_is_the_address_is_removed(self) -> None:
        out = policy("prod/p", DB, egress=[{"to": [block("192.0.2.0/24", "192.0.2.7/32", "192.0.2.8/32")]}])
        (edit,) = edits("prod/db", "192.0.2.7", 80, out)
        assert edit.action == "in prod/p, add to spec.egress", "without a port, it would open all ports of the address"
        everything = cluster_of([*WORLD, out]).can("prod/db", "192.0.2.7").edits
        assert text(everything) == ["in prod/p, remove egress[0].to[0].ipBlock.except[0]"]

    def test_the_protocol_of_a_port_name_is_corrected(self) -> None:
        """... although a separate rule would open nothing for other pods: this is what the rule means."""
        dns = pod("prod/dns", {"app": "dns"}, ports=[container_port("dns", 53, "UDP")])
        tcp = policy("prod/p", labelled(app="dns"), ingress=[admits(pods({}), ports=[port("dns")])])
        verdict = cluster_of([*WORLD, dns, tcp]).can("prod/web", "prod/dns", port=53, protocol="UDP")
        assert text(verdict.edits) == [
            "in prod/p, replace spec.ingress[0].ports[0] by",
            "  - protocol: UDP",
            "    port: dns",
        ]
        assert [str(one.source) for one in verdict.proposal.side_effects.opens] == ["prod/api", "prod/db"]

    def test_a_label_that_others_have_is_not_enough(self) -> None:
        twins = [pod("prod/blue", {"app": "x", "color": "blue"}), pod("prod/red", {"app": "x", "color": "red"})]
        (edit,) = edits("prod/blue", "prod/db", 80, *twins, policy("prod/p", DB, ingress=[]))
        assert text([edit])[-1] == "          color: blue"

    def test_a_pod_in_the_network_of_its_node_is_let_in_by_its_address(self) -> None:
        outside = pod("prod/agent", hostNetwork=True, addresses=["192.168.0.9"])
        (edit,) = edits("prod/agent", "prod/db", 80, outside, policy("prod/p", DB, ingress=[]))
        assert text([edit])[-1] == '        cidr: "192.168.0.9/32"'

    @pytest.mark.parametrize("key", ["pod-template-hash", "job-name", "batch.kubernetes.io/controller-uid"])
    def test_labels_that_a_controller_generates_are_not_used(self, key: str) -> None:
        generated = pod("prod/only-generated", {key: "7d9"})
        found = edits("prod/only-generated", "prod/db", 80, generated, policy("prod/p", DB, ingress=[FROM_API]))
        assert found
        assert key not in "\n".join(text(found))

    def test_an_edit_is_where_the_list_is_that_it_adds_to(self) -> None:
        cluster = cluster_of(WORLD)
        closed = policy("prod/p", DB, ingress=[FROM_API])
        cluster.upsert(
            closed, Origin("db.yaml", 1, fields={"spec.ingress": on_line(7), "spec.ingress[0].from": on_line(9)})
        )
        (edit,) = cluster.can("prod/web", "prod/db", port=3306).edits
        assert str(edit.place) == "db.yaml:9"


def test_labels_that_no_selector_can_have_are_not_used() -> None:
    """A pod that is stored need not be valid; a policy that is proposed must be."""
    odd = stored(pod("prod/odd", {"app": "not valid", "bad key": "x", "role": "fine"}))
    for found in (
        edits("prod/odd", "prod/db", 80, odd, policy("prod/p", DB, ingress=[])),
        edits("192.0.2.7", "prod/odd", 80, odd),
    ):
        assert found
        assert all(network_policy_errors(after(edit)) == [] for edit in found)
        assert "role: fine" in "\n".join(text(found))


def test_a_pod_that_no_valid_policy_can_name_has_no_edit() -> None:
    odd = stored(pod("no such/web", {"app": "web"}))
    assert edits("no such/web", "prod/db", 80, odd, policy("prod/p", DB, ingress=[])) == ()


def test_an_empty_value_is_a_value() -> None:
    blank = pod("prod/blank", {"app": ""})
    closed = policy("prod/p", DB, ingress=[admits(pods(DB), ports=[port(80)])])
    (edit,) = edits("prod/blank", "prod/db", 80, blank, closed)
    assert edit.lines == ("- podSelector:", "    matchLabels:", '      app: ""')


def test_addresses_of_several_cidrs_are_allowed_with_the_fewest_blocks() -> None:
    verdict = cluster_of([pod("x/a"), policy("x/p", egress=[sends(block("10.0.0.0/8"))])]).can("x/a", "internet")
    (edit,) = verdict.edits
    written = yaml.safe_load("\n".join(edit.lines))
    assert [one["ipBlock"]["cidr"] for one in written] == ["0.0.0.0/0", "2000::/3"]
    assert "10.0.0.0/8" in written[0]["ipBlock"]["except"]
