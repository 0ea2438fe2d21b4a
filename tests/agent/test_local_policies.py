"""Local policies: which policies select pods of a node."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.agent.events import read, undecoded
from tests.semantics.objects import labelled, pod, policy, term

from ringfence.agent import local_policies
from ringfence.agent.local_policies import LocalPolicies, PolicyUse
from ringfence.model.kinds import namespace_of
from ringfence.model.objects import NetworkPolicy, Pod
from ringfence.model.selectors import compile_selector
from ringfence.sources.cluster.undecoded import Undecoded
from ringfence.steps import finish

CLOSED = policy("x/closed", labelled(app="db"), ingress=[])


def on_node(path: str, home: str = "here", **labels: str) -> Pod:
    obj = read(pod(path, labels, nodeName=home))
    assert isinstance(obj, Pod)
    return obj


def woken(local: LocalPolicies, one: Pod) -> list[str]:
    return [policy.name for policy in local.upsert_pod(one)]


def placed(local: LocalPolicies, one: Undecoded) -> PolicyUse:
    return finish(local.place(one))


def is_idle(local: LocalPolicies, one: Undecoded) -> bool:
    return placed(local, one) is PolicyUse.IDLE


def test_a_policy_is_idle_as_long_as_it_selects_no_pod_of_the_node() -> None:
    local = LocalPolicies("here")
    assert is_idle(local, undecoded(CLOSED))
    assert woken(local, on_node("x/web", app="web")) == []
    assert woken(local, on_node("x/db", app="db")) == ["closed"]
    assert woken(local, on_node("x/db2", app="db")) == [], "it is not kept any more"
    assert not is_idle(local, undecoded(CLOSED))


def test_an_idle_policy_is_given_back_as_it_was() -> None:
    local = LocalPolicies("here")
    placed(local, undecoded(CLOSED))
    assert local.upsert_pod(on_node("x/db", app="db")) == [undecoded(CLOSED)]


def test_pods_of_other_nodes_and_namespaces_and_of_the_nodes_network_are_not_selected() -> None:
    local = LocalPolicies("here")
    local.upsert_pod(on_node("x/there", "there", app="db"))
    local.upsert_pod(on_node("y/other", app="db"))
    host = read(pod("x/host", {"app": "db"}, nodeName="here", hostNetwork=True))
    assert isinstance(host, Pod)
    local.upsert_pod(host)
    assert is_idle(local, undecoded(CLOSED))


def test_a_pod_that_gets_other_labels_wakes_policies() -> None:
    local = LocalPolicies("here")
    local.upsert_pod(on_node("x/web", app="web"))
    placed(local, undecoded(CLOSED))
    assert woken(local, on_node("x/web", app="db")) == ["closed"]


def test_a_policy_is_idle_again_when_its_last_pod_is_gone() -> None:
    local = LocalPolicies("here")
    local.upsert_pod(on_node("x/db", app="db"))
    local.discard_pod("x", "db")
    assert is_idle(local, undecoded(CLOSED))


def test_a_policy_that_is_deleted_is_not_woken() -> None:
    local = LocalPolicies("here")
    placed(local, undecoded(CLOSED))
    local.discard_policy("NetworkPolicy", "x", "closed")
    assert woken(local, on_node("x/db", app="db")) == []


def test_a_policy_that_gets_another_subject_is_placed_anew() -> None:
    local = LocalPolicies("here")
    local.upsert_pod(on_node("x/db", app="db"))
    placed(local, undecoded(policy("x/closed", labelled(app="web"), ingress=[])))
    assert not is_idle(local, undecoded(CLOSED))
    assert woken(local, on_node("x/web", app="web")) == [], "its older version is forgotten"


def test_a_policy_whose_subject_cannot_be_read_is_not_idle() -> None:
    """The decoder of the policy reports what is wrong with it."""
    local = LocalPolicies("here")
    assert not is_idle(local, undecoded(policy("x/who", term("app", "Unclear", "db"), ingress=[])))
    assert not is_idle(local, undecoded(policy("x/who", {"matchLabels": 5}, ingress=[])))


def test_only_the_beginning_of_a_long_selector_is_kept() -> None:
    """Such a policy is woken too often, but never too rarely."""
    many = [{"key": f"k{i:02}", "operator": "NotIn", "values": ["v"]} for i in range(50)]
    local = LocalPolicies("here")
    written = policy("x/long", {"matchExpressions": many}, ingress=[])
    local.upsert_pod(on_node("x/one", k49="v"))
    assert is_idle(local, undecoded(written))
    assert woken(local, on_node("x/two", k00="v")) == []
    assert woken(local, on_node("x/three", k49="v")) == ["long"], "it may select the pod"
    assert is_idle(local, undecoded(written)), "it does not"


def sized(path: str, size: int, app: str = "db") -> Undecoded:
    """A policy of about this many bytes."""
    written = policy(path, labelled(app=app), ingress=[])
    written["metadata"]["annotations"] = {"note": "x" * size}
    return undecoded(written)


class TestMuchOfOneNamespace:
    """The agent takes in only a limited amount of the policies of one namespace."""

    @pytest.fixture
    def local(self, monkeypatch: pytest.MonkeyPatch) -> LocalPolicies:
        monkeypatch.setattr(local_policies, "MOST_BYTES", 10_000)
        local = LocalPolicies("here")
        for owner in "xy":
            local.upsert_pod(on_node(f"{owner}/db", app="db"))
        return local

    def test_a_policy_beyond_the_limit_of_its_namespace_is_not_in_use(self, local: LocalPolicies) -> None:
        assert placed(local, sized("x/p", 6_000)) is PolicyUse.ACTIVE
        assert local.excessive == set()
        assert placed(local, sized("x/q", 6_000)) is PolicyUse.EXCESSIVE
        assert placed(local, sized("x/small", 100)) is PolicyUse.ACTIVE
        assert placed(local, sized("y/p", 6_000)) is PolicyUse.ACTIVE
        assert local.excessive == {"x"}

    def test_a_policy_that_selects_no_pod_of_the_node_does_not_count_towards_the_limit(
        self, local: LocalPolicies
    ) -> None:
        assert placed(local, sized("x/p", 6_000, app="web")) is PolicyUse.IDLE
        assert placed(local, sized("x/q", 6_000)) is PolicyUse.ACTIVE

    def test_one_policy_alone_is_never_too_large(self, local: LocalPolicies) -> None:
        """etcd refuses objects of more than 1.5 MB. A lower limit here would only be a second one."""
        assert placed(local, sized("x/p", 60_000)) is PolicyUse.ACTIVE

    def test_a_policy_is_used_when_there_is_room_for_it_again(self, local: LocalPolicies) -> None:
        placed(local, sized("x/p", 6_000))
        placed(local, sized("x/q", 6_000))
        assert local.fitting("x") == []
        local.discard_policy("NetworkPolicy", "x", "p")
        assert local.fitting("x") == [sized("x/q", 6_000)]
        assert local.excessive == set()

    def test_a_smaller_version_of_a_policy_is_used(self, local: LocalPolicies) -> None:
        placed(local, sized("x/p", 6_000))
        placed(local, sized("x/q", 6_000))
        assert placed(local, sized("x/q", 100)) is PolicyUse.ACTIVE
        assert local.excessive == set()

    def test_a_deleted_policy_is_no_longer_beyond_the_limit(self, local: LocalPolicies) -> None:
        placed(local, sized("x/p", 6_000))
        placed(local, sized("x/q", 6_000))
        local.discard_policy("NetworkPolicy", "x", "q")
        assert local.excessive == set()


class TestMuchOfAllNamespaces:
    """A tenant with many namespaces must not take all memory, and the usual policies of others count in any case."""

    @pytest.fixture
    def local(self, monkeypatch: pytest.MonkeyPatch) -> LocalPolicies:
        for limit, size in (("MOST_BYTES", 10_000), ("MOST_BYTES_OF_ALL", 15_000), ("ALWAYS", 1_500)):
            monkeypatch.setattr(local_policies, limit, size)
        local = LocalPolicies("here")
        for owner in "xyz":
            local.upsert_pod(on_node(f"{owner}/db", app="db"))
        return local

    def test_a_policy_beyond_the_limit_of_all_namespaces_is_not_taken_in(self, local: LocalPolicies) -> None:
        for name in "xy":
            assert placed(local, sized(f"{name}/p", 6_000)) is PolicyUse.ACTIVE
        assert placed(local, sized("z/p", 6_000)) is PolicyUse.EXCESSIVE
        assert local.excessive == {"z"}

    def test_small_policies_are_always_taken_in(self, local: LocalPolicies) -> None:
        for name in "xy":
            placed(local, sized(f"{name}/p", 7_000))
        assert placed(local, sized("z/p", 900)) is PolicyUse.ACTIVE
        assert placed(local, sized("z/q", 900)) is PolicyUse.EXCESSIVE

    def test_a_policy_is_used_when_another_namespace_has_less(self, local: LocalPolicies) -> None:
        for name in "xyz":
            placed(local, sized(f"{name}/p", 6_000))
        assert local.fitting("x") == local.fitting("z") == []
        local.discard_policy("NetworkPolicy", "y", "p")
        assert local.fitting("y") == [sized("z/p", 6_000)]
        assert local.excessive == set()
        assert local.fitting("y") == []


labels = st.dictionaries(st.sampled_from(["app", "tier"]), st.sampled_from(["a", "b"]))
selectors = st.builds(
    lambda matching, keys: {
        "matchLabels": matching,
        "matchExpressions": [{"key": key, "operator": "DoesNotExist"} for key in keys],
    },
    labels,
    st.lists(st.sampled_from(["app", "tier", "zone"]), max_size=2),
)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("policy"), st.sampled_from("pq"), selectors),
        st.tuples(st.just("no policy"), st.sampled_from("pq"), st.none()),
        st.tuples(st.just("pod"), st.sampled_from("ab"), labels),
        st.tuples(st.just("no pod"), st.sampled_from("ab"), st.none()),
    ),
    max_size=20,
)


@given(steps)
def test_no_policy_that_selects_a_pod_of_the_node_is_idle(taken: list[tuple[str, str, Any]]) -> None:
    local = LocalPolicies("here")
    in_force: dict[str, Any] = {}
    pods: dict[str, Any] = {}
    active: set[str] = set()
    for what, name, given_ in taken:
        match what:
            case "policy":
                in_force[name] = given_
                idle = is_idle(local, undecoded(policy(f"x/{name}", given_, ingress=[])))
                active = active - {name} if idle else active | {name}
            case "no policy":
                in_force.pop(name, None)
                active.discard(name)
                local.discard_policy("NetworkPolicy", "x", name)
            case "pod":
                pods[name] = given_
                active |= set(woken(local, on_node(f"x/{name}", **given_)))
            case "no pod":
                pods.pop(name, None)
                local.discard_pod("x", name)
        selecting = {
            name for name, written in in_force.items() if any(_selector(written).matches(one) for one in pods.values())
        }
        assert selecting <= active


def _selector(written: Any) -> Any:
    obj = read(policy("x/p", written, ingress=[]))
    assert isinstance(obj, NetworkPolicy)
    assert namespace_of(obj) == "x"
    return compile_selector(obj.spec.pod_selector)


def test_policies_are_noted_each_under_its_kind() -> None:
    local = LocalPolicies("here")
    one = undecoded(CLOSED)
    placed(local, one)
    assert local.noted(one.kind.key) == {("x", "closed")}
    assert local.noted("AdminNetworkPolicy.policy.networking.k8s.io") == set()
