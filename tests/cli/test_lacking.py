"""Messages about what the input lacks: unknown labels, pods that take no part, Endpoints instead of EndpointSlices."""

from pathlib import Path

import pytest
from tests.cli.test_can import run

YES, UNUSABLE, UNDECIDED = 0, 2, 3

CLIENT = """
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: shop, labels: {app: client}}
spec: {containers: [{name: c, image: i}]}
"""
EXTERNAL = """
apiVersion: v1
kind: Service
metadata: {name: ext, namespace: shop}
spec: {ports: [{port: 5432}]}
---
apiVersion: v1
kind: Endpoints
metadata: {name: ext, namespace: shop}
subsets: [{addresses: [{ip: 192.0.2.7}], ports: [{port: 5432}]}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: e, namespace: shop}
spec:
  podSelector: {}
  policyTypes: [Egress]
  egress: [{to: [{ipBlock: {cidr: 192.0.2.7/32}}], ports: [{port: 5432}]}]
"""
EVICTED = """
apiVersion: v1
kind: Pod
metadata: {name: web-1, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
status: {phase: Failed, reason: Evicted}
---
apiVersion: v1
kind: Pod
metadata: {name: web-2, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, image: i}]}
status: {phase: Running, podIP: 10.0.0.2}
"""
REPLICAS = """
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db, namespace: shop}
spec:
  replicas: 3
  selector: {matchLabels: {app: db}}
  template: {metadata: {labels: {app: db}}, spec: {containers: [{name: c, image: i}]}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: first, namespace: shop}
spec: {podSelector: {matchLabels: {statefulset.kubernetes.io/pod-name: db-0}}, ingress: []}
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "shop.yaml"


def test_endpoints_are_where_a_service_without_a_selector_leads(path: Path) -> None:
    path.write_text(f"{CLIENT}---{EXTERNAL}")
    result = run("can", "shop/client", "shop/svc/ext", "-p", "5432", path=path)
    assert (result.exit_code, result.stdout) == (YES, "yes: shop/client -> shop/svc/ext on TCP 5432\n")


def test_a_pod_that_has_ended_is_said_to_have_ended(path: Path) -> None:
    path.write_text(f"{CLIENT}---{EVICTED}")
    result = run("can", "shop/client", "shop/web-1", "-p", "80", path=path)
    message = "error: shop/web-1: pod shop/web-1 has finished (Failed) and takes no part\n"
    assert (result.exit_code, result.stdout, result.stderr) == (UNUSABLE, "", message)


def test_an_answer_that_differs_between_replicas_is_undecided(path: Path) -> None:
    path.write_text(f"{CLIENT}---{REPLICAS}")
    question = ["can", "shop/client", "shop/sts/db", "-p", "5432"]
    assumption = (
        "the label statefulset.kubernetes.io/pod-name differs between the pods of shop/StatefulSet/db: "
        "it is assumed not to be db-0"
    )
    result = run(*question, path=path)
    assert (result.exit_code, assumption in result.stdout) == (YES, True)
    result = run(*question, "--no-assumptions", path=path)
    assert (result.exit_code, result.stderr) == (UNDECIDED, f"assumption: {assumption}\n")
