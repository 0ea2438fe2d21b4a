"""AdminNetworkPolicies and BaselineAdminNetworkPolicies as ClusterNetworkPolicies: exact, or refused with the place."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.cluster_policy_strategies import GROUP, clusters
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, container_port, namespace, node, pod, stored
from tests.semantics.test_agreement import assert_verdicts, ports

from ringfence.analysis.conversion import Conversion, ConversionDefect, comments, parts
from ringfence.analysis.conversion.proof import prove
from ringfence.model.cluster_policies import PolicyTier
from ringfence.model.documents import document
from ringfence.model.server_versions import NEWEST
from ringfence.model.validation import cluster_policy_errors

EVERYBODY: Object = {"namespaces": {}}
PODS = [pod("x/a", {"app": "a"}, ports=[container_port("http", 80)]), pod("x/b", addresses=["10.0.0.1"])]


def older(name: str = "guard", kind: str = "AdminNetworkPolicy", **spec: Any) -> Object:
    priority = {"priority": 7} if kind == "AdminNetworkPolicy" else {}
    return {
        "apiVersion": f"{GROUP}/v1alpha1",
        "kind": kind,
        "metadata": {"name": name},
        "spec": {**priority, "subject": EVERYBODY, **spec},
    }


def baseline(**spec: Any) -> Object:
    return older("default", "BaselineAdminNetworkPolicy", **spec)


def newer(name: str, tier: str, priority: int, **spec: Any) -> Object:
    return {
        "apiVersion": f"{GROUP}/v1alpha2",
        "kind": "ClusterNetworkPolicy",
        "metadata": {"name": name},
        "spec": {"tier": tier, "priority": priority, "subject": EVERYBODY, **spec},
    }


def rule_with(action: str, port: Object) -> Object:
    return {"action": action, "from": [EVERYBODY], "ports": [port]}


def rules(count: int, *actions: str) -> list[Object]:
    """Rules whose actions alternate, so that their order matters."""
    return [
        {"action": actions[number % len(actions)], "from": [EVERYBODY], "ports": [{"portNumber": {"port": number + 1}}]}
        for number in range(count)
    ]


def converted(*objects: Object) -> Conversion:
    return cluster_of([*PODS, *objects]).convert()


def specs(*objects: Object) -> list[Object]:
    """The specs of the converted policies, as people write them."""
    found = converted(*objects)
    assert not found.refusals
    return [document(policy)["spec"] for policy in found.policies]


def refusals(*objects: Object) -> list[str]:
    found = converted(*objects)
    assert not found.policies
    return [str(one) for one in found.refusals]


# --- fields -----------------------------------------------------------------------------------------------------------


def test_the_fields_of_a_rule_have_other_names() -> None:
    written = older(
        ingress=[
            {
                "name": "web",
                "action": "Allow",
                "from": [{"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "a"}}}}],
                "ports": [
                    {"portNumber": {"port": 80}},
                    {"portNumber": {"protocol": "SCTP", "port": 90}},
                    {"portRange": {"protocol": "UDP", "start": 80, "end": 90}},
                    {"portRange": {"start": 53, "end": 53}},
                    {"namedPort": "http"},
                ],
            }
        ],
        egress=[{"action": "Pass", "to": [{"networks": ["10.0.0.0/8"]}]}, {"action": "Deny", "to": [{"nodes": {}}]}],
    )
    assert specs(written) == [
        {
            "tier": "Admin",
            "priority": 7,
            "subject": EVERYBODY,
            "ingress": [
                {
                    "name": "web",
                    "action": "Accept",
                    "from": [{"pods": {"namespaceSelector": {}, "podSelector": {"matchLabels": {"app": "a"}}}}],
                    "protocols": [
                        {"tcp": {"destinationPort": {"number": 80}}},
                        {"sctp": {"destinationPort": {"number": 90}}},
                        {"udp": {"destinationPort": {"range": {"start": 80, "end": 90}}}},
                        {"tcp": {"destinationPort": {"number": 53}}},
                        {"destinationNamedPort": "http"},
                    ],
                }
            ],
            "egress": [
                {"action": "Pass", "to": [{"networks": ["10.0.0.0/8"]}]},
                {"action": "Deny", "to": [{"nodes": {}}]},
            ],
        }
    ]


def test_labels_and_annotations_are_kept_and_what_a_server_or_kubectl_has_added_is_not() -> None:
    written = stored(older())
    written["metadata"] |= {
        "labels": {"team": "net"},
        "annotations": {"owner": "me", "kubectl.kubernetes.io/last-applied-configuration": "{}"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
    }
    (policy,) = converted(written).policies
    assert document(policy)["metadata"] == {
        "name": "guard",
        "labels": {"team": "net"},
        "annotations": {"owner": "me"},
    }


def test_only_the_older_kinds_are_converted() -> None:
    assert converted(newer("new", "Admin", 1)) == Conversion(pods=2)


# --- long lists -------------------------------------------------------------------------------------------------------


def test_a_rule_with_many_peers_and_ports_becomes_several_that_do_the_same() -> None:
    peers = [{"namespaces": {"matchLabels": {"n": str(number)}}} for number in range(30)]
    ports = [{"portNumber": {"port": number + 1}} for number in range(60)]
    (spec,) = specs(older(ingress=[{"name": "r", "action": "Deny", "from": peers, "ports": ports}, *rules(1, "Allow")]))
    written = spec["ingress"]
    assert [(one["name"], len(one["from"]), len(one["protocols"])) for one in written[:-1]] == [
        ("r", 25, 25), ("r", 25, 25), ("r", 25, 10), ("r", 5, 25), ("r", 5, 25), ("r", 5, 10),
    ]  # fmt: skip
    assert {one["action"] for one in written[:-1]} == {"Deny"}
    assert written[-1]["action"] == "Accept"


def test_fields_that_only_the_experimental_channel_has_are_named() -> None:
    found = converted(older(egress=[{"action": "Deny", "to": [{"nodes": {}}, {"domainNames": ["*.example.com"]}]}]))
    assert [one.message for one in found.remarks] == [
        "AdminNetworkPolicy guard: only the experimental channel of ClusterNetworkPolicy has domainNames and nodes"
    ]


def test_a_policy_with_many_rules_becomes_several_with_priorities_in_a_row() -> None:
    written = older(ingress=rules(60, "Allow", "Deny"), egress=[{"action": "Deny", "to": [EVERYBODY]}])
    found = converted(written, older("next", priority=8), newer("last", "Admin", 20))
    assert [(one.metadata.name, one.spec.priority) for one in found.policies] == [
        ("guard", 7),
        ("guard-2", 8),
        ("guard-3", 9),
        ("next", 10),
    ]
    assert [len(one.spec.ingress) for one in found.policies] == [25, 25, 10, 0]
    assert [len(one.spec.egress) for one in found.policies] == [1, 0, 0, 0]
    assert [one.message for one in found.remarks] == [
        "AdminNetworkPolicy guard: it has more rules than one policy may have: it becomes 3 policies, "
        "guard to guard-3, with the priorities 7 to 9",
        "AdminNetworkPolicy next: it gets priority 10 instead of 8, so that the order of policies stays",
    ]


# --- the Baseline tier ------------------------------------------------------------------------------------------------


def test_a_baseline_policy_gets_the_last_priority() -> None:
    found = converted(baseline(ingress=rules(30, "Allow", "Deny")))
    assert [(one.metadata.name, one.spec.tier, one.spec.priority) for one in found.policies] == [
        ("default", "Baseline", 999),
        ("default-2", "Baseline", 1000),
    ]


def test_a_baseline_policy_stays_before_those_that_it_came_before() -> None:
    assert specs(baseline(), newer("other", "Baseline", 3))[0]["priority"] == 0


def test_a_baseline_policy_is_renamed_if_an_admin_policy_has_its_name() -> None:
    found = converted(baseline(), older("default"))
    assert [(one.metadata.name, one.spec.tier) for one in found.policies] == [
        ("default", "Admin"),
        ("default-baseline", "Baseline"),
    ]
    assert "it is called default-baseline: an AdminNetworkPolicy default is converted, too" in str(found.remarks[0])


# --- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        pytest.param(
            [older(ingress=[rule_with("Deny", {"portNumber": {"protocol": "ICMP", "port": 1}})])],
            "a ClusterNetworkPolicy cannot name protocol 'ICMP': it supports TCP, UDP, SCTP",
            id="another protocol",
        ),
        pytest.param(
            [older(ingress=[rule_with("Allow", {"portRange": {"start": 9, "end": 8}})])],
            "the range 9-8 contains no port, and a ClusterNetworkPolicy cannot have such a range",
            id="a range without a port",
        ),
        pytest.param(
            [older(), newer("guard", "Baseline", 1)],
            "there is a ClusterNetworkPolicy guard already: rename one of them, or remove one",
            id="a name that is taken",
        ),
        pytest.param(
            [older(ingress=rules(26, "Deny", "Allow")), newer("guard-2", "Admin", 1)],
            "there is a ClusterNetworkPolicy guard-2 already: rename one of them, or remove one",
            id="a name of a part that is taken",
        ),
        pytest.param(
            [older("g" * 252, ingress=rules(26, "Deny", "Allow"))],
            f"a part of it would be called {'g' * 252}-2, which is too long: give it a shorter name",
            id="a name that gets too long",
        ),
        pytest.param(
            [older(ingress=rules(26, "Deny", "Allow")), newer("a", "Admin", 6), newer("b", "Admin", 8)],
            "it needs 2 priorities of its own, and the policies around it leave too few from 0 to 1000: "
            "change the priorities of the ClusterNetworkPolicies in its tier",
            id="no room between two priorities",
        ),
    ],
)
def test_what_cannot_be_exact_is_refused(objects: list[Object], message: str) -> None:
    (refusal,) = refusals(*objects)
    assert refusal.endswith(message)


def test_one_policy_that_is_refused_leaves_all_as_they_are() -> None:
    bad = older("bad", ingress=[rule_with("Deny", {"portRange": {"start": 9, "end": 8}})])
    assert len(refusals(older(), bad)) == 1


# --- the proof --------------------------------------------------------------------------------------------------------


def test_the_proof_names_a_pair_for_which_something_changes() -> None:
    state = cluster_of([*PODS, older(ingress=rules(1, "Deny"))]).state
    (before,) = (one.policy for one in state.policies.cluster_policies(PolicyTier.ADMIN))
    after = converted(older(ingress=rules(1, "Allow"))).policies
    with pytest.raises(
        ConversionDefect, match=r"^the converted policies change what is allowed: ingress of x/a, x/. -> x/a$"
    ):
        prove(state, [before], after)


def test_the_proof_looks_at_every_subject_that_other_policies_select() -> None:
    def rule(app: str, action: str) -> Object:
        pods = {"podSelector": {"matchLabels": {"app": app}}, "namespaceSelector": {}}
        return older(app, subject={"pods": pods}, ingress=rules(1, action))

    world = [pod("x/a", {"app": "a"}), pod("x/b", {"app": "b"})]
    state = cluster_of([*world, rule("a", "Deny"), rule("b", "Deny")]).state
    before = [one.policy for one in state.policies.cluster_policies(PolicyTier.ADMIN)]
    for changed in ("a", "b"):
        after = [rule(app, "Allow" if app == changed else "Deny") for app in ("a", "b")]
        with pytest.raises(ConversionDefect, match=f"ingress of x/{changed}, "):
            prove(state, before, converted(*after).policies)


def test_the_proof_looks_at_addresses_outside_the_cluster() -> None:
    def rule(network: str) -> Object:
        return older(egress=[{"action": "Deny", "to": [{"networks": [network]}]}])

    state = cluster_of([*PODS, rule("203.0.113.0/24")]).state
    (before,) = (one.policy for one in state.policies.cluster_policies(PolicyTier.ADMIN))
    with pytest.raises(ConversionDefect, match=r"egress of x/a, x/a -> 203\.0\.113\.128/25$"):
        prove(state, [before], converted(rule("203.0.113.0/25")).policies)


def test_the_proof_refuses_what_a_server_would() -> None:
    state = cluster_of(PODS).state
    (policy,) = converted(older("guard")).policies
    with pytest.raises(ConversionDefect, match=r"is not valid: spec\.priority"):
        prove(state, [], [replace(policy, spec=replace(policy.spec, priority=1001))])


@settings(deadline=None)
@given(clusters(), ports, st.integers(1, 2))
def test_converted_policies_decide_as_the_originals_by_the_letter(
    objects: list[Object], asked: tuple[str, int], most: int
) -> None:
    """Rules and policies are divided after one or two entries, so that random ones are."""
    objects = [_renamed(one) for one in objects]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(parts, "MOST_ENTRIES", most)
        patch.setattr(comments, "MOST_ENTRIES", most)
        found = cluster_of(objects).convert()
    if found.refusals:
        assert all("priorit" in one.message for one in found.refusals)
        return
    for policy in found.policies:
        assert not cluster_policy_errors(policy, NEWEST)
    others = [one for one in objects if "AdminNetworkPolicy" not in one["kind"]]
    assert_verdicts(cluster_of([*others, *map(document, found.policies)]), objects, asked)


def _renamed(obj: Object) -> Object:
    """A ClusterNetworkPolicy with a name that no converted one gets."""
    if obj["kind"] != "ClusterNetworkPolicy":
        return obj
    return obj | {"metadata": obj["metadata"] | {"name": f"c{obj['metadata']['name']}"}}


def test_a_large_policy_of_a_large_cluster() -> None:
    """The proof compares pods by the policies that select them, not one by one."""
    world = [
        namespace("x", team="a"),
        node("n", "192.168.0.1"),
        *(pod(f"x/p{number}", {"app": str(number % 10), "n": str(number)}) for number in range(500)),
        older(ingress=rules(100, "Allow", "Deny", "Pass")),
    ]
    found = cluster_of(world).convert()
    assert (len(found.policies), found.pods) == (4, 500)
