"""If a question finds only pods that take no part, the error names them and does not say that they do not exist."""

import json
from pathlib import Path

import pytest
from tests.engine.population.test_workloads import made, owned_pod
from tests.semantics.objects import Object, owned, pod

from ringfence import Cluster
from ringfence.analysis.endpoints.absence import operated_objects
from ringfence.analysis.endpoints.endpoints import resolve
from ringfence.engine.population.pods import Reference
from ringfence.engine.state import State
from ringfence.errors import EndpointError
from ringfence.model.operated_kinds import OperatedObject

WEB = Reference("shop", "Deployment", "web")
REPLICA_SET = Reference("shop", "ReplicaSet", "web-7d9")
HEADLESS = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}}


def why_not(text: str, *objects: Object, live: bool = False) -> str:
    """What the error says after the endpoint."""
    cluster = Cluster(live=live)
    for written in objects:
        cluster.upsert(written)
    with pytest.raises(EndpointError) as error:
        cluster.can(text, "203.0.113.7", port=80)
    return str(error.value).removeprefix(f"{text}: ")


@pytest.mark.parametrize("text", ["shop/done", "shop/pod/done", "shop/*", "shop/app=done", "*/*"])
def test_a_finished_pod_is_named_however_it_is_asked_for(text: str) -> None:
    finished = pod("shop/done", {"app": "done"}, phase="Succeeded")
    assert why_not(text, finished) == "pod shop/done has finished (Succeeded) and takes no part"


def test_a_pod_of_a_running_cluster_without_an_address_is_named() -> None:
    pending = pod("shop/new", phase="Pending")
    assert why_not("shop/new", pending, live=True) == "pod shop/new has no address yet (Pending) and takes no part"


@pytest.mark.parametrize(("count", "rest"), [(4, "1 more pod takes no part"), (5, "2 more pods take no part")])
def test_a_workload_whose_pods_are_still_to_come_names_them(count: int, rest: str) -> None:
    pods = [owned(pod(f"shop/web-7d9-{number}", phase="Pending"), "ReplicaSet", "web-7d9") for number in range(count)]
    found = why_not("shop/web", made(WEB), made(REPLICA_SET, WEB), *pods, live=True)
    assert found.startswith(
        "Deployment web in namespace shop has no pods: pod shop/web-7d9-0 has no address yet (Pending)"
    )
    assert found.endswith(f"; and {rest}")


def test_a_service_names_the_pods_that_it_would_lead_to() -> None:
    service = HEADLESS | {"spec": {"selector": {"app": "done"}, "ports": [{"port": 80}]}}
    found = why_not("shop/svc/web", service, pod("shop/done", {"app": "done"}, phase="Failed"))
    assert found == "shop/Service/web has no endpoints: pod shop/done has finished (Failed) and takes no part"


def test_a_pod_that_takes_part_is_what_is_meant() -> None:
    cluster = Cluster()
    cluster.upsert(pod("shop/old", {"app": "web"}, phase="Failed"))
    cluster.upsert(pod("shop/new", {"app": "web"}))
    assert [str(end) for end in resolve(cluster.state, "shop/app=web").ends] == ["shop/new"]


def test_a_pod_that_starts_or_is_deleted_is_absent_no_longer() -> None:
    cluster = Cluster(live=True)
    cluster.upsert(pod("shop/a", phase="Pending"))
    cluster.upsert(pod("shop/b", phase="Failed"))
    assert [str(reference) for reference in cluster.state.absent] == ["shop/a", "shop/b"]
    cluster.upsert(pod("shop/a", addresses=["10.0.0.1"]))
    cluster.remove("Pod", "shop", "b")
    assert not cluster.state.absent


def test_a_job_that_has_ended_has_no_pods_to_come() -> None:
    job = Reference("shop", "Job", "migrate")
    ended = made(job) | {"status": {"conditions": [{"type": "Complete", "status": "True"}]}}
    done = owned_pod("shop/migrate-1", job) | {"status": {"phase": "Succeeded"}}
    assert why_not("shop/migrate", ended, done) == (
        "Job migrate in namespace shop has no pods: the Job has ended (condition Complete)"
    )


@pytest.mark.parametrize(
    ("text", "before"),
    [
        ("kafka/my-cluster-0", "there is no pod or workload my-cluster-0 in namespace kafka"),
        ("kafka/app=x", "no pod in namespace kafka has the label app=x"),
        ("kafka/svc/web", "kafka/Service/web has no endpoints: no pod matches its selector app=x"),
    ],
)
def test_custom_resources_are_named_whose_operator_makes_pods(text: str, before: str, tmp_path: Path) -> None:
    resource = {"apiVersion": "kafka.strimzi.io/v1beta2", "kind": "Kafka", "metadata": {"name": "my-cluster"}}
    metadata = {"name": "web", "namespace": "kafka"}
    service = HEADLESS | {"metadata": metadata, "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}}
    items = [resource, service, pod("kafka/client")]
    (tmp_path / "all.json").write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    cluster = Cluster.load(tmp_path, namespace="kafka")
    with pytest.raises(EndpointError) as error:
        cluster.can("kafka/client", text, port=80)
    message = str(error.value).removeprefix(f"{text}: ")
    assert message.startswith(before)
    assert "; an operator makes pods of Kafka kafka/my-cluster, which are not in the input" in message


def test_custom_resources_of_another_namespace_are_not_named() -> None:
    state = State()
    state.operated = dict.fromkeys(OperatedObject("Kafka", "kafka", f"c-{number}") for number in range(5))
    assert operated_objects(state, "shop") == ""
    assert operated_objects(state, None).endswith("Kafka kafka/c-2, which are not in the input; and of 2 more")
