"""What ringfence refuses in Services, pods, workloads and others, the real API server refuses, word for word."""

from pathlib import Path

import pytest

from ringfence.cluster import Cluster
from ringfence.model.kinds import KINDS
from ringfence.model.problems import Severity

from .control_plane import ControlPlane
from .edge_objects import KINDS as VERSIONS
from .edge_objects import objects
from .test_validation_agrees import judgement_of_server


def path_of(kind: str) -> str:
    row = KINDS.find(VERSIONS[kind], kind)
    assert row
    group = f"/{'apis' if row.group else 'api'}/{row.api_versions[0]}"
    return f"{group}/{'namespaces/default/' if row.is_namespaced else ''}{row.plural}?dryRun=All"


@pytest.mark.parametrize(
    ("kind", "manifest"), [pytest.param(kind, text, id=f"{kind}: {name}") for kind, name, text in objects()]
)
def test_every_check(api_server: ControlPlane, tmp_path: Path, kind: str, manifest: str) -> None:
    file = tmp_path / "object.yaml"
    file.write_text(manifest)
    ours = sorted(one.message for one in Cluster.load(file).problems if one.severity is Severity.ERROR)
    answer = api_server.request("POST", path_of(kind), manifest, "application/yaml")
    assert ours == judgement_of_server(answer).errors
