"""Which workload owns which pods, and when its template stands for them."""

from itertools import permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.engine.members import member_in, state_of
from tests.engine.population.test_pods import workload
from tests.semantics.judges import cluster_of
from tests.semantics.objects import ANY_LABELS, NEED_A_SELECTOR, Object, autoscaler, pod

from ringfence import Cluster
from ringfence.engine.population.pods import Reference
from ringfence.engine.population.workloads import Workloads
from ringfence.engine.state import State
from ringfence.model.added_labels import TEMPLATE_HASH
from ringfence.model.objects import WORKLOAD_KINDS

DEPLOYMENT = Reference("x", "Deployment", "web")
REPLICA_SET = Reference("x", "ReplicaSet", "web-7d9")
VERSIONS = {"Job": "batch/v1", "CronJob": "batch/v1", "ReplicationController": "v1"} | {
    "Rollout": "argoproj.io/v1alpha1",
    "DeploymentConfig": "apps.openshift.io/v1",
}


def owned_by(owner: Reference | None) -> dict[str, Any]:
    """The metadata of an object that has an owner."""
    if owner is None:
        return {}
    return {"ownerReferences": [{"kind": owner.kind, "name": owner.name, "controller": True}]}


def owned_pod(path: str, owner: Reference | None, **labels: str) -> Object:
    made = pod(path, labels)
    made["metadata"] |= owned_by(owner)
    return made


def made(reference: Reference, owner: Reference | None = None, **more: object) -> Object:
    """A workload with a template that contains only its name; `more` fields of its spec, or of its Jobs'."""
    template = {"metadata": {"labels": {"made-by": reference.name}}, "spec": {"containers": []}}
    inner = {"template": template, **more}
    if reference.kind in NEED_A_SELECTOR:
        inner |= {"selector": ANY_LABELS}
    spec = {"jobTemplate": {"spec": inner}} if reference.kind == "CronJob" else inner
    return {
        "apiVersion": VERSIONS.get(reference.kind, "apps/v1"),
        "kind": reference.kind,
        "metadata": {"name": reference.name, "namespace": reference.namespace, **owned_by(owner)},
        "spec": spec,
    }


def taking_part(objects: list[Object]) -> set[str]:
    return {str(one) for one in state_of(objects).members()}


class TestChains:
    def test_the_workload_of_a_pod_is_the_top_of_its_chain_of_owners(self) -> None:
        state = state_of([made(DEPLOYMENT), made(REPLICA_SET, DEPLOYMENT), owned_pod("x/web-7d9-1", REPLICA_SET)])
        assert state.workload(member_in(state, "x/web-7d9-1")) == DEPLOYMENT

    def test_the_order_of_objects_does_not_matter(self) -> None:
        state = state_of([owned_pod("x/web-7d9-1", REPLICA_SET), made(REPLICA_SET, DEPLOYMENT), made(DEPLOYMENT)])
        assert state.workload(member_in(state, "x/web-7d9-1")) == DEPLOYMENT

    def test_a_cron_job_owns_the_pods_of_its_jobs(self) -> None:
        cron_job, job = Reference("x", "CronJob", "nightly"), Reference("x", "Job", "nightly-29")
        state = state_of([made(cron_job), made(job, cron_job), owned_pod("x/nightly-29-a", job)])
        assert state.workload(member_in(state, "x/nightly-29-a")) == cron_job

    def test_a_pod_without_an_owner_is_its_own_workload(self) -> None:
        state = state_of([pod("x/a")])
        assert state.workload(member_in(state, "x/a")) == Reference("x", "Pod", "a")

    def test_the_deployment_of_a_missing_replica_set_is_guessed_from_the_hash(self) -> None:
        labels = {TEMPLATE_HASH: "7d9"}
        state = state_of([owned_pod("x/web-7d9-1", REPLICA_SET, **labels)])
        assert state.workload(member_in(state, "x/web-7d9-1")) == DEPLOYMENT

    def test_one_pod_with_the_hash_is_enough(self) -> None:
        pods = [owned_pod("x/web-7d9-1", REPLICA_SET), owned_pod("x/web-7d9-2", REPLICA_SET, **{TEMPLATE_HASH: "7d9"})]
        for ordered in permutations(pods):
            state = state_of(ordered)
            assert state.workload(member_in(state, "x/web-7d9-1")) == DEPLOYMENT

    @pytest.mark.parametrize("labels", [{}, {TEMPLATE_HASH: "other"}, {TEMPLATE_HASH: ""}])
    def test_nothing_is_guessed_without_the_hash(self, labels: dict[str, str]) -> None:
        state = state_of([owned_pod("x/web-7d9-1", REPLICA_SET, **labels)])
        assert state.workload(member_in(state, "x/web-7d9-1")) == REPLICA_SET

    def test_a_deployment_is_guessed_for_replica_sets_only(self) -> None:
        stateful_set = Reference("x", "StatefulSet", "web-7d9")
        state = state_of([owned_pod("x/web-7d9-0", stateful_set, **{TEMPLATE_HASH: "7d9"})])
        assert state.workload(member_in(state, "x/web-7d9-0")) == stateful_set

    def test_the_owner_reference_of_a_replica_set_takes_precedence_over_the_hash(self) -> None:
        other = Reference("x", "Deployment", "other")
        state = state_of([made(REPLICA_SET, other), owned_pod("x/web-7d9-1", REPLICA_SET, **{TEMPLATE_HASH: "7d9"})])
        assert state.workload(member_in(state, "x/web-7d9-1")) == other

    def test_a_replica_set_without_an_owner_has_none_whatever_its_hash(self) -> None:
        for objects in permutations(
            [made(REPLICA_SET), owned_pod("x/web-7d9-1", REPLICA_SET, **{TEMPLATE_HASH: "7d9"})]
        ):
            state = state_of(objects)
            assert state.workload(member_in(state, "x/web-7d9-1")) == REPLICA_SET

    @pytest.mark.parametrize("kind", WORKLOAD_KINDS)
    def test_a_workload_that_names_itself_as_its_owner_has_no_owner(self, kind: str) -> None:
        itself = Reference("x", kind, "web")
        state = state_of([made(itself, itself), owned_pod("x/a", itself)])
        assert state.workload(member_in(state, "x/a")) == itself

    def test_workloads_that_name_each_other_as_owners_have_no_owner(self) -> None:
        objects = [made(REPLICA_SET, DEPLOYMENT), made(DEPLOYMENT, REPLICA_SET), owned_pod("x/a", REPLICA_SET)]
        state = state_of(objects)
        assert state.workload(member_in(state, "x/a")) == DEPLOYMENT

    def test_a_guess_is_dropped_when_the_object_is_added(self) -> None:
        other = Reference("x", "Deployment", "other")
        state = state_of([owned_pod("x/web-7d9-1", REPLICA_SET, **{TEMPLATE_HASH: "7d9"}), made(REPLICA_SET, other)])
        assert state.workload(member_in(state, "x/web-7d9-1")) == other

    def test_a_guess_lasts_as_long_as_one_pod_with_the_hash(self) -> None:
        labels = {TEMPLATE_HASH: "7d9"}
        state = state_of([owned_pod(f"x/web-7d9-{number}", REPLICA_SET, **labels) for number in (1, 2, 3)])
        for gone in ("web-7d9-1", "web-7d9-2"):
            state.remove("Pod", "x", gone)
        assert state.workload(member_in(state, "x/web-7d9-3")) == DEPLOYMENT
        state.remove("Pod", "x", "web-7d9-3")
        assert list(state.workloads.chain(REPLICA_SET)) == [REPLICA_SET]


class TestTemplates:
    def test_the_template_of_a_workload_without_pods_takes_part(self) -> None:
        assert taking_part([made(DEPLOYMENT)]) == {"x/Deployment/web"}

    def test_the_template_of_a_workload_with_pods_does_not(self) -> None:
        objects = [made(DEPLOYMENT), made(REPLICA_SET, DEPLOYMENT), owned_pod("x/web-7d9-1", REPLICA_SET)]
        assert taking_part(objects) == {"x/web-7d9-1"}

    def test_the_template_of_a_workload_whose_pods_are_known_by_hash_does_not(self) -> None:
        objects = [made(DEPLOYMENT), owned_pod("x/web-7d9-1", REPLICA_SET, **{TEMPLATE_HASH: "7d9"})]
        assert taking_part(objects) == {"x/web-7d9-1"}

    def test_only_the_template_at_the_top_of_a_chain_takes_part(self) -> None:
        assert taking_part([made(REPLICA_SET, DEPLOYMENT), made(DEPLOYMENT)]) == {"x/Deployment/web"}

    def test_a_finished_pod_does_not_replace_the_template(self) -> None:
        ended = owned_pod("x/web-7d9-1", REPLICA_SET)
        ended["status"]["phase"] = "Succeeded"
        assert taking_part([made(REPLICA_SET), ended]) == {"x/ReplicaSet/web-7d9"}

    def test_the_template_comes_back_when_the_last_pod_goes(self) -> None:
        state = state_of([made(REPLICA_SET), owned_pod("x/a", REPLICA_SET), owned_pod("x/b", REPLICA_SET)])
        state.remove("Pod", "x", "a")
        assert {str(one) for one in state.members()} == {"x/b"}
        state.remove("Pod", "x", "b")
        assert {str(one) for one in state.members()} == {"x/ReplicaSet/web-7d9"}

    def test_the_template_comes_back_when_what_it_owned_gets_another_owner(self) -> None:
        cluster = cluster_of([made(DEPLOYMENT), made(REPLICA_SET, DEPLOYMENT), owned_pod("x/a", REPLICA_SET)])
        cluster.upsert(made(REPLICA_SET, Reference("x", "Deployment", "other")))
        assert {str(one) for one in cluster.state.members()} == {"x/a", "x/Deployment/web"}

    def test_the_template_comes_back_when_its_pods_get_another_owner(self) -> None:
        cluster = cluster_of([made(DEPLOYMENT), owned_pod("x/a", REPLICA_SET, **{TEMPLATE_HASH: "7d9"})])
        cluster.upsert(made(REPLICA_SET))
        assert {str(one) for one in cluster.state.members()} == {"x/a", "x/Deployment/web"}

    def test_a_changed_template_changes_its_pod(self) -> None:
        cluster = Cluster()
        cluster.upsert(workload("Deployment", "web", {"metadata": {"labels": {"app": "old"}}}, namespace="x"))
        cluster.upsert(workload("Deployment", "web", {"metadata": {"labels": {"app": "new"}}}, namespace="x"))
        assert member_in(cluster.state, "x/Deployment/web").labels["app"] == "new"

    def test_in_a_running_cluster_templates_never_take_part(self) -> None:
        cluster = Cluster(live=True)
        cluster.upsert(made(DEPLOYMENT))
        assert not list(cluster.state.members())


def test_a_chain_names_all_owners_from_the_bottom_up() -> None:
    state = state_of([made(REPLICA_SET, DEPLOYMENT)])
    assert list(state.workloads.chain(REPLICA_SET)) == [REPLICA_SET, DEPLOYMENT]


def test_a_workload_that_is_not_in_the_input_is_none() -> None:
    workloads = Workloads()
    assert workloads.get(DEPLOYMENT) is None
    assert not workloads.stands_for_pods(DEPLOYMENT)
    workloads.remove(DEPLOYMENT)
    assert list(workloads.references()) == []


# --- whatever came and went -------------------------------------------------------------------------------------------

CHAIN_OBJECTS = [
    made(DEPLOYMENT),
    made(REPLICA_SET),
    made(REPLICA_SET, DEPLOYMENT),
    made(REPLICA_SET, Reference("x", "Deployment", "other")),
    made(Reference("x", "Deployment", "other")),
    made(Reference("x", "ReplicaSet", "web-8c1"), DEPLOYMENT),
    owned_pod("x/a", REPLICA_SET),
    owned_pod("x/a", REPLICA_SET, **{TEMPLATE_HASH: "7d9"}),
    owned_pod("x/a", None),
    owned_pod("x/b", REPLICA_SET, **{TEMPLATE_HASH: "7d9"}),
    owned_pod("x/b", Reference("x", "ReplicaSet", "web-8c1"), **{TEMPLATE_HASH: "8c1"}),
    owned_pod("x/b", DEPLOYMENT),
]


@settings(max_examples=settings().max_examples * 2)
@given(st.lists(st.tuples(st.sampled_from(CHAIN_OBJECTS), st.booleans()), max_size=10))
def test_which_members_take_part_does_not_depend_on_the_order_of_changes(steps: list[tuple[Object, bool]]) -> None:
    cluster, left = Cluster(), {}
    for obj, comes in steps:
        key = obj["kind"], "x", obj["metadata"]["name"]
        if comes:
            cluster.upsert(obj)
            left[key] = obj
        else:
            cluster.remove(*key)
            left.pop(key, None)
    assert workloads_of(cluster.state) == workloads_of(state_of(left.values()))


def workloads_of(state: State) -> dict[str, str]:
    return {str(one): str(state.workload(one)) for one in state.members()}


class TestScale:
    def test_a_workload_scaled_to_zero_has_no_pods(self) -> None:
        assert taking_part([made(DEPLOYMENT, replicas=0)]) == set()
        assert taking_part([made(DEPLOYMENT, replicas=1)]) == {"x/Deployment/web"}

    def test_scaling_adds_and_removes_the_template(self) -> None:
        cluster = cluster_of([made(DEPLOYMENT, replicas=0)])
        cluster.upsert(made(DEPLOYMENT, replicas=2))
        assert [one.is_several for one in cluster.state.members()] == [True]
        cluster.upsert(made(DEPLOYMENT, replicas=0))
        assert list(cluster.state.members()) == []

    def test_pods_that_are_there_take_part_whatever_the_scale_of_their_workload_is(self) -> None:
        """A pod that is being ended still opens connections."""
        assert taking_part([made(REPLICA_SET, replicas=0), owned_pod("x/a", REPLICA_SET)]) == {"x/a"}

    def test_an_autoscaler_may_make_several_pods_of_one(self) -> None:
        assert several([made(DEPLOYMENT, replicas=1)]) is False
        assert several([made(DEPLOYMENT, replicas=1), autoscaler("x/web", "Deployment", 1)]) is False
        assert several([made(DEPLOYMENT, replicas=1), autoscaler("x/web", "Deployment", 3)]) is True
        assert several([made(DEPLOYMENT, replicas=1), autoscaler("x/web-7d9", "ReplicaSet", 3)]) is False
        assert several([made(DEPLOYMENT, replicas=1), autoscaler("y/web", "Deployment", 3)]) is False

    def test_an_autoscaler_counts_whenever_it_comes_and_until_it_goes(self) -> None:
        cluster = cluster_of([autoscaler("x/web", "Deployment", 3), made(DEPLOYMENT)])
        assert [one.is_several for one in cluster.state.members()] == [True]
        cluster.upsert(autoscaler("x/web", "StatefulSet", 3))
        assert [one.is_several for one in cluster.state.members()] == [False]
        cluster.upsert(autoscaler("x/web", "Deployment", 3))
        cluster.remove("HorizontalPodAutoscaler", "x", "of-web")
        assert [one.is_several for one in cluster.state.members()] == [False]

    @pytest.mark.parametrize(("least", "pods"), [(None, 0), (1, 0), (0, 1)])
    def test_an_autoscaler_leaves_a_workload_at_zero_unless_zero_is_its_minimum(
        self, least: int | None, pods: int
    ) -> None:
        objects = [made(DEPLOYMENT, replicas=0), autoscaler("x/web", "Deployment", 3, least)]
        assert len(taking_part(objects)) == pods


def several(objects: list[Object]) -> bool:
    (member,) = state_of(objects).members()
    return member.is_several


class TestRollouts:
    """A Rollout of Argo may have the template of a Deployment, which is then scaled to zero."""

    ROLLOUT = Reference("x", "Rollout", "web")
    BORROWING = made(ROLLOUT, workloadRef={"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"})
    LENDING = made(DEPLOYMENT, replicas=0)

    def test_its_own_template_stands_for_its_pods(self) -> None:
        rollout = member_in(state_of([made(self.ROLLOUT)]), "x/Rollout/web")
        assert rollout.labels["made-by"] == "web"

    @pytest.mark.parametrize("objects", [(BORROWING, LENDING), (LENDING, BORROWING)])
    def test_the_template_may_be_that_of_a_deployment(self, objects: tuple[Object, ...]) -> None:
        state = state_of(objects)
        assert [str(one) for one in state.members()] == ["x/Rollout/web"]
        assert member_in(state, "x/Rollout/web").labels["made-by"] == "web"

    def test_without_the_deployment_nothing_stands_for_its_pods(self) -> None:
        cluster = cluster_of([self.BORROWING, self.LENDING])
        cluster.remove("Deployment", "x", "web")
        assert list(cluster.state.members()) == []

    def test_it_owns_pods_through_replica_sets(self) -> None:
        state = state_of([made(REPLICA_SET, self.ROLLOUT), owned_pod("x/a", REPLICA_SET)])
        assert state.workload(member_in(state, "x/a")) == self.ROLLOUT

    def test_it_is_removed_by_its_kind(self) -> None:
        cluster = cluster_of([made(self.ROLLOUT)])
        cluster.remove("Rollout", "x", "web")
        assert list(cluster.state.members()) == []


def test_a_deployment_config_owns_pods_through_replication_controllers() -> None:
    config, controller = Reference("x", "DeploymentConfig", "web"), Reference("x", "ReplicationController", "web-1")
    state = state_of([made(config), made(controller, config), owned_pod("x/web-1-a", controller)])
    assert [str(one) for one in state.members()] == ["x/web-1-a"]
    assert state.workload(member_in(state, "x/web-1-a")) == config
