"""One tier: removed policies leave nothing behind, and rules are found both by subject and by peer."""

import pytest
from tests.engine.members import member_in, state_of
from tests.engine.policies.artificial_tier import FRONT, acting, tier_policy, tiered_cluster_of
from tests.engine.policies.test_network_policies import compiled
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    namespaces,
    pod,
    pods,
    policy,
    port,
    sends,
)

from ringfence.engine.policies.profiles import PortQuestion
from ringfence.engine.state import State
from ringfence.model.policies import Direction
from ringfence.sets.addresses import Family

HTTP = PortQuestion(Family.IPV4, "TCP", 80)

# --- what a policy reads ----------------------------------------------------------------------------------------------

PODS = [
    pod("x/plain", addresses=["10.0.0.1"]),
    pod("x/labelled", {"app": "db"}, addresses=["10.0.0.2"]),
    pod("x/elsewhere", addresses=["10.0.1.1"]),
    pod("x/naming", addresses=["10.0.0.3"], ports=[container_port("http", 80)]),
]
READING = {
    "by its subject's labels": policy("x/p", labelled(app="db"), ingress=[]),
    "by the labels of a peer": policy("x/p", ingress=[admits(pods(labelled(app="db")))]),
    "by addresses": policy("x/p", egress=[sends(block("10.0.1.0/24"))]),
    "by the name of a port": policy("x/p", ingress=[admits(ports=[port("http")])]),
}
NOTHING_READ = policy("x/p", ingress=[])


def identities(state: State) -> int:
    return len(list(state.population.identities()))


each_way_of_reading = pytest.mark.parametrize("written", READING.values(), ids=READING)


@each_way_of_reading
def test_pods_that_a_removed_policy_told_apart_share_an_identity_again(written: Object) -> None:
    state = state_of([*PODS, written])
    assert identities(state) == 2
    state.remove("NetworkPolicy", "x", "p")
    assert identities(state) == 1


@each_way_of_reading
def test_pods_that_a_replaced_policy_told_apart_share_an_identity_again(written: Object) -> None:
    state = state_of([*PODS, written])
    state.upsert(compiled(NOTHING_READ).policy)
    assert identities(state) == 1


@each_way_of_reading
def test_what_two_policies_read_is_read_until_both_are_gone(written: Object) -> None:
    twin = {**written, "metadata": {**written["metadata"], "name": "twin"}}
    state = state_of([*PODS, written, twin])
    state.remove("NetworkPolicy", "x", "p")
    assert identities(state) == 2
    state.remove("NetworkPolicy", "x", "twin")
    assert identities(state) == 1


def test_a_policy_that_is_put_in_again_and_again_is_removed_at_once() -> None:
    state = state_of([*PODS, *READING.values(), *READING.values()])
    state.remove("NetworkPolicy", "x", "p")
    assert identities(state) == 1


def test_removing_what_is_not_there_does_nothing() -> None:
    state = state_of([*PODS, READING["by addresses"]])
    state.policies.network_policies.remove("NetworkPolicy", "x", "other")
    assert identities(state) == 2
    assert [str(one) for one in state.policies.network_policies.all_policies()] == ["x/p"]


# --- which policies there are -----------------------------------------------------------------------------------------


def test_policies_are_listed_by_namespace_and_name() -> None:
    tier = state_of([policy(path, ingress=[]) for path in ("y/a", "x/b", "x/a")]).policies.network_policies
    assert [str(one) for one in tier.all_policies()] == ["x/a", "x/b", "y/a"]
    assert [one.name for one in tier.policies("x")] == ["a", "b"]
    assert tier.policy("NetworkPolicy", "x", "b") is tier.policies("x")[1]
    assert tier.policy("NetworkPolicy", "x", "c") is None


def test_only_the_namespaces_of_changed_policies_are_named() -> None:
    state = state_of([policy("x/a", ingress=[]), policy("y/a", ingress=[])])
    tier = state.policies.network_policies
    before = tier.version
    assert tier.namespaces_changed_since(before) == set()
    tier.remove("NetworkPolicy", "y", "a")
    assert tier.namespaces_changed_since(before) == {"y"}


# --- all subjects at once ---------------------------------------------------------------------------------------------


def subject_ruling(*written: Object, peer: str = "x/peer") -> tuple[bool, bool]:
    """Whether a tier whose rules are ordered allows x/subject ingress from a peer on port 80, and denies it."""
    objects = [pod("x/subject", {"app": "subject"}), pod("x/peer", {"app": "peer"}), pod("x/other")]
    cluster = tiered_cluster_of([*objects, *written])
    subject, opener = (cluster.state.identity(member_in(cluster.state, path)) for path in ("x/subject", peer))
    allow, deny = cluster.artificial[FRONT].subject_ruling(opener, Direction.INGRESS, HTTP)
    return bool(allow >> subject.bit & 1), bool(deny >> subject.bit & 1)


SUBJECT = labelled(app="subject")
PEER = namespaces({}, labelled(app="peer"))


def test_a_rule_for_one_peer_that_comes_first_goes_before_a_rule_for_everyone() -> None:
    """The peer index finds rules for everyone first, whatever their priority."""
    denied = tier_policy(FRONT, "z", 1, subject=SUBJECT, ingress=[acting("deny", PEER)])
    allowed = tier_policy(FRONT, "a", 2, subject=SUBJECT, ingress=[acting("allow")])
    assert subject_ruling(denied, allowed) == (False, True)
    assert subject_ruling(denied, allowed, peer="x/other") == (True, False)


def test_of_equal_priorities_the_first_name_decides() -> None:
    denied = tier_policy(FRONT, "a", 1, subject=SUBJECT, ingress=[acting("deny", PEER)])
    allowed = tier_policy(FRONT, "b", 1, subject=SUBJECT, ingress=[acting("allow")])
    assert subject_ruling(allowed, denied) == (False, True)


def test_within_a_policy_the_first_rule_decides() -> None:
    rules = [acting("deny", PEER), acting("allow")]
    assert subject_ruling(tier_policy(FRONT, "a", subject=SUBJECT, ingress=rules)) == (False, True)
    assert subject_ruling(tier_policy(FRONT, "a", subject=SUBJECT, ingress=rules[::-1])) == (True, False)


def test_what_is_passed_is_neither_allowed_nor_denied() -> None:
    rules = [acting("pass", PEER), acting("allow")]
    assert subject_ruling(tier_policy(FRONT, "a", subject=SUBJECT, ingress=rules)) == (False, False)
