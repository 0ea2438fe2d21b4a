"""The edit that reverses an answer and changes the least for others: it works, is valid, and matches its text."""

import json
import re
from collections.abc import Iterable
from typing import Any

import pytest
import yaml
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.analysis.endpoints.test_endpoints import service
from tests.engine.policies.artificial_tier import FRONT, acting, tier_policy, tiered_cluster_of
from tests.engine.test_state import matrix
from tests.example_counts import examples
from tests.model.places import on_line
from tests.semantics.judges import cluster_of
from tests.semantics.objects import (
    NAME_LABEL,
    Object,
    admits,
    block,
    container_port,
    labelled,
    namespace,
    node,
    pod,
    pods,
    policy,
    port,
    sends,
    stored,
)

from ringfence import Cluster
from ringfence.analysis.edits.edited_policies import Edit
from ringfence.analysis.edits.edits import candidates
from ringfence.analysis.edits.policy_effects import weight
from ringfence.engine.answers import explain
from ringfence.model.documents import document
from ringfence.model.objects import Manifest, NetworkPolicy
from ringfence.model.origin import Origin
from ringfence.model.policies import defaulted
from ringfence.model.validation import network_policy_errors
from ringfence.sources.manifests import read_content

# --- the classic cases ------------------------------------------------------------------------------------------------

WORLD = [
    namespace("prod"),
    namespace("other"),
    pod("prod/db", {"app": "db"}),
    pod("prod/api", {"app": "api"}),
    pod("prod/web", {"app": "web", "pod-template-hash": "7d9"}),
    pod("other/web", {"app": "web"}),
]
DB = labelled(app="db")
FROM_API = admits(pods(labelled(app="api")), ports=[port(3306)])


def edits(source: str, destination: str, number: int | None, *policies: Object) -> tuple[Edit, ...]:
    return cluster_of([*WORLD, *policies]).can(source, destination, port=number).edits


def after(edit: Edit) -> NetworkPolicy:
    """The policy after an edit of a NetworkPolicy."""
    assert isinstance(edit.after, NetworkPolicy)
    assert not edit.by_administrator
    return edit.after


def text(found: Iterable[Edit]) -> list[str]:
    """The text of edits: the actions and the lines below them."""
    return [line for edit in found for line in (edit.action, *(f"  {line}" for line in edit.lines))]


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


# --- on random clusters -----------------------------------------------------------------------------------------------

questions = st.tuples(st.none() | st.sampled_from(strategies.PORT_NUMBERS), st.sampled_from(strategies.PROTOCOLS))
OUTSIDE = ("192.0.2.1", "fd00::9:9", "10.0.0.0/24", "0.0.0.0/0")


def ends(cluster: Cluster) -> st.SearchStrategy[tuple[str, str]]:
    """Two ends to ask about, of which one at least is in the cluster: pods, groups of pods, addresses."""
    inside = [f"{one.namespace}/{one.reference.kind.lower()}/{one.name}" for one in cluster.state.members()]
    assume(inside)
    inside += sorted({f"{one.namespace}/*" for one in cluster.state.members()})
    pods, all_ends = st.sampled_from(inside), st.sampled_from([*inside, *OUTSIDE])
    return st.tuples(pods, all_ends) | st.tuples(all_ends, pods)


@settings(max_examples=examples(50))
@given(strategies.clusters(), questions, st.data())
def test_edits_reverse_the_answer_are_valid_and_are_what_they_show(
    objects: list[Object], question: tuple[int | None, str], data: st.DataObject
) -> None:
    number, protocol = question
    cluster, edited = cluster_of(objects), cluster_of(objects)
    source, destination = data.draw(ends(cluster))
    verdict = cluster.can(source, destination, port=number, protocol=protocol)
    for edit in verdict.edits:
        assert network_policy_errors(after(edit)) == []
        assert edit.after == defaulted(after(edit))
        assert edit.after == as_shown(edit, edited)
        edited.upsert(edit.after)
    if verdict.edits:
        turned = edited.can(source, destination, port=number, protocol=protocol)
        assert turned.passes_everywhere is not verdict.passes_everywhere


@settings(max_examples=examples(50))
@given(strategies.clusters(), st.sampled_from(strategies.PORT_NUMBERS), st.data())
def test_between_two_pods_there_is_always_a_way_and_no_edit_in_it_is_idle(
    objects: list[Object], number: int, data: st.DataObject
) -> None:
    cluster = cluster_of(objects)
    members = [one for one in cluster.state.members() if not one.host_network]
    assume(len(members) > 1)
    source, destination = data.draw(st.permutations(members))[:2]
    assume(set(source.families) & set(destination.families))
    verdict = cluster.can(str(source), str(destination), port=number)
    (reason,) = verdict.reasons
    assert verdict.edits
    if not verdict:
        assert len(verdict.edits) == [reason.egress.allowed, reason.ingress.allowed].count(False)


@settings(max_examples=examples(25))
@given(strategies.clusters(), questions, st.data())
def test_no_other_candidate_changes_less_for_others(
    objects: list[Object], question: tuple[int | None, str], data: st.DataObject
) -> None:
    cluster = cluster_of(objects)
    members = [one for one in cluster.state.members() if not one.host_network]
    assume(members)
    inside = st.sampled_from(list(map(str, members)))
    source, destination = data.draw(st.tuples(inside, inside | st.sampled_from(OUTSIDE)))
    number, protocol = question
    verdict = cluster.can(source, destination, port=number, protocol=protocol)
    assume(len(verdict.pairs) == 1)  # a block that holds pods is several
    (pair,) = verdict.pairs
    reason = explain(cluster.state, pair.source, pair.destination, pair.asked, pair.over)
    weights = []
    for way in candidates(cluster.state, reason):
        afters = [after(edit) for edit in way]
        if not any(map(network_policy_errors, afters)) and turns(
            objects, afters, source, destination, number, protocol, verdict.passes_everywhere
        ):
            weights.append(weight(cluster.state, afters, verdict.pairs, None))
    chosen = [edit.after for edit in verdict.edits]
    assert bool(weights) is bool(chosen)
    if chosen and not any(edit.corrects for edit in verdict.edits):
        assert weight(cluster.state, chosen, verdict.pairs, None) == min(one for one in weights if one is not None)


def turns(
    objects: list[Object],
    afters: list[NetworkPolicy],
    source: str,
    destination: str,
    number: int | None,
    protocol: str,
    verdict: bool,
) -> bool:
    """Whether the answer is the other one when these policies are in force."""
    edited = cluster_of(objects)
    for after in afters:
        edited.upsert(after)
    return edited.can(source, destination, port=number, protocol=protocol).passes_everywhere is not verdict


@settings(max_examples=examples(25))
@given(strategies.clusters(), questions, st.data())
def test_looking_for_edits_changes_nothing(
    objects: list[Object], question: tuple[int | None, str], data: st.DataObject
) -> None:
    cluster = cluster_of(objects)
    number, protocol = question
    source, destination = data.draw(ends(cluster))
    verdict = cluster.can(source, destination, port=number, protocol=protocol)
    assert isinstance(verdict.edits, tuple)
    fresh = cluster_of(objects)
    assert cluster.policies() == fresh.policies()
    assert matrix(cluster.state) == matrix(fresh.state)
    assert verdict.traffic == fresh.can(source, destination, port=number, protocol=protocol).traffic


def as_shown(edit: Edit, cluster: Cluster) -> NetworkPolicy:
    """The policy that results if somebody makes the edit by hand and kubectl reads the file."""
    if edit.action.startswith("add a policy"):
        return read("\n".join(edit.lines))
    written = re.fullmatch(r"in ([^/]+)/([^,]+), (add to|remove|replace) (.+?)(?: by)?", edit.action)
    assert written, edit.action
    space, name, verb, where = written.groups()
    present = cluster.state.policies.network_policies.policy("NetworkPolicy", space, name)
    assert present is not None
    whole = document(present.policy)
    for path in reversed(where.split(" and ")):
        holder, last = parent(whole, path.removeprefix("spec."))
        if verb == "remove":
            del holder[last]
        elif isinstance(last, int):
            holder[last : last + 1] = yaml.safe_load("\n".join(edit.lines))
        else:
            old = (holder.get(last) or []) if verb == "add to" else []
            holder[last] = [*old, *yaml.safe_load("\n".join(edit.lines))]
    return read(json.dumps(whole))


def parent(whole: Any, path: str) -> tuple[Any, str | int]:
    """The parent of the field or list entry at a path below `spec`, and its key there."""
    *before, last = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", path)]
    holder = whole["spec"]
    for step in before:
        holder = holder[step]
    return holder, last


def read(text: str) -> NetworkPolicy:
    """The one policy in a text, as kubectl reads it and the API server completes it."""
    (found,) = read_content(text.encode(), "edit.yaml")
    assert isinstance(found, Manifest), found
    assert isinstance(found.object, NetworkPolicy)
    return defaulted(found.object)


# --- every edit is checked by the engine, and of equal ones the smaller is proposed -----------------------------------


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


@pytest.mark.parametrize("small", ["in", "out"])
def test_of_two_edits_that_change_equally_little_the_smaller_one_is_proposed(small: str) -> None:
    """Each policy allows only this connection; one of them by one rule, the other by two equal rules."""
    rules = {"in": admits(pods(labelled(app="api")), ports=[port(80)]), "out": sends(pods(DB), ports=[port(80)])}
    written = {side: [rule] if side == small else [rule, rule] for side, rule in rules.items()}
    ingress = policy("prod/in", DB, ingress=written["in"])
    egress = policy("prod/out", labelled(app="api"), egress=written["out"])
    assert [edit.after.metadata.name for edit in edits("prod/api", "prod/db", 80, ingress, egress)] == [small]


def test_addresses_of_several_cidrs_are_allowed_with_the_fewest_blocks() -> None:
    verdict = cluster_of([pod("x/a"), policy("x/p", egress=[sends(block("10.0.0.0/8"))])]).can("x/a", "internet")
    (edit,) = verdict.edits
    written = yaml.safe_load("\n".join(edit.lines))
    assert [one["ipBlock"]["cidr"] for one in written] == ["0.0.0.0/0", "2000::/3"]
    assert "10.0.0.0/8" in written[0]["ipBlock"]["except"]
