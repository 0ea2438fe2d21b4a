"""Validation of Services, pods, workloads and others: ringfence refuses what the API server refuses, word for word."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.cluster import Cluster
from ringfence.model.decoding import decode
from ringfence.model.kinds import KINDS
from ringfence.model.problems import Severity
from ringfence.model.server_versions import NEWEST
from tests.model.policy_trees import Tree, labels, names, selectors

from .control_plane import ControlPlane
from .edge_objects import KINDS as VERSIONS
from .edge_objects import objects
from .test_validation_agrees import agreement, in_known_characters, judgement_of_server


def path_of(kind: str) -> str:
    row = KINDS.find(VERSIONS[kind], kind)
    assert row
    group = f"/{'apis' if row.group else 'api'}/{row.api_versions[0]}"
    return f"{group}/{'namespaces/default/' if row.is_namespaced else ''}{row.plural}?dryRun=All"


@pytest.mark.parametrize(
    ("kind", "manifest"), [pytest.param(kind, text, id=f"{kind}: {name}") for kind, name, text in objects()]
)
def test_every_check_gives_the_errors_of_the_api_server(
    api_server: ControlPlane, tmp_path: Path, kind: str, manifest: str
) -> None:
    file = tmp_path / "object.yaml"
    file.write_text(manifest)
    ours = sorted(one.message for one in Cluster.load(file).problems if one.severity is Severity.ERROR)
    answer = api_server.request("POST", path_of(kind), manifest, "application/yaml")
    assert ours == judgement_of_server(answer).errors


numbers = st.sampled_from([1, 80, 80, 443, 65535, 0, -1, 65536])
port_names = st.sampled_from(["http", "a-1", "", "80", "HTTP", "a--b", "x" * 16, "x" * 64])
protocols = st.sampled_from(["TCP", "UDP", "SCTP", "", "tcp"])


def fields(**strategies: st.SearchStrategy[Any]) -> st.SearchStrategy[Tree]:
    """Objects with some of these fields."""
    return st.fixed_dictionaries({}, optional=strategies)


def of_kind(kind: str, **parts: st.SearchStrategy[Any]) -> st.SearchStrategy[Tree]:
    """Objects of a kind. Their metadata may be wrong as well."""
    metadata = st.fixed_dictionaries({"name": names}, optional={"labels": labels})
    return st.fixed_dictionaries(
        {"apiVersion": st.just(VERSIONS[kind]), "kind": st.just(kind), "metadata": metadata, **parts}
    )


service_ports = fields(port=numbers, name=port_names, protocol=protocols, targetPort=numbers | port_names)
services = of_kind("Service", spec=fields(ports=st.lists(service_ports, max_size=3), selector=labels))
container_ports = fields(containerPort=numbers, name=port_names, protocol=protocols, hostPort=numbers)
containers = st.fixed_dictionaries(
    {"name": st.just("c"), "image": st.just("i")}, optional={"ports": st.lists(container_ports, max_size=3)}
)
pod_specs = st.fixed_dictionaries(
    {"containers": st.tuples(containers).map(list)}, optional={"hostNetwork": st.booleans()}
)
templates = st.fixed_dictionaries({"spec": pod_specs}, optional={"metadata": fields(labels=labels)})
workloads = [
    of_kind(
        kind,
        spec=st.fixed_dictionaries({"template": templates}, optional={"selector": selectors}),
    )
    for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
]


@agreement
@given(st.one_of(services, of_kind("Pod", spec=pod_specs), *workloads).map(in_known_characters))
def test_any_object_has_the_errors_of_the_api_server(api_server: ControlPlane, tree: Tree) -> None:
    obj = decode(tree)
    assert obj
    ours = sorted(map(str, KINDS.of(obj).validate(obj, NEWEST)))
    assert ours == judgement_of_server(api_server.request("POST", path_of(tree["kind"]), tree)).errors
