"""The objects that `lab apply` and `lab delete` are about."""

from pathlib import Path

import msgspec
import pytest

from ringfence.cli.inputs import Inputs
from ringfence.cli.lab_objects import name_of_object, object_name, object_text, read_manifests
from ringfence.errors import InputError
from ringfence.model.metadata import ObjectMeta
from ringfence.model.objects import Namespace, Pod

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: x}\n"


def inputs(*filenames: str | Path) -> Inputs:
    names = tuple(map(str, filenames))
    return Inputs(names, False, (), None, None, None, None, False, False, False)


@pytest.mark.parametrize(
    ("kind", "namespace", "name"),
    [
        pytest.param("netpol", "prod", ("prod", "NetworkPolicy", "it"), id="a short name"),
        pytest.param("networkpolicies", "prod", ("prod", "NetworkPolicy", "it"), id="the plural"),
        pytest.param("NetworkPolicy", "prod", ("prod", "NetworkPolicy", "it"), id="the kind itself"),
        pytest.param("po", None, ("default", "Pod", "it"), id="in the default namespace"),
        pytest.param("endpointslice", "prod", ("prod", "EndpointSlice", "it"), id="a kind without a short name"),
        pytest.param("cj", "prod", ("prod", "CronJob", "it"), id="a workload"),
        pytest.param("ns", "prod", ("", "Namespace", "it"), id="a kind without a namespace"),
        pytest.param("no", None, ("", "Node", "it"), id="another one"),
    ],
)
def test_a_kind_is_named_as_kubectl_names_it(kind: str, namespace: str | None, name: tuple[str, str, str]) -> None:
    assert object_name(kind, namespace, "it") == name


def test_an_unknown_kind_is_an_error_that_names_known_ones() -> None:
    with pytest.raises(InputError) as caught:
        object_name("potato", None, "x")
    assert str(caught.value) == "'potato' is not a kind in the laboratory: use netpol, pod, svc, deploy, ns, ..."


def test_objects_are_named_in_messages_with_their_kind_and_namespace() -> None:
    assert object_text(name_of_object(Pod(ObjectMeta("web", "x")))) == "Pod x/web"
    assert object_text(name_of_object(Namespace(ObjectMeta("x")))) == "Namespace x"


def test_the_objects_of_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "pod.yaml").write_text(POD)
    manifests, has_errors = read_manifests(inputs(tmp_path))
    assert [name_of_object(one.object) for one in manifests] == [("x", "Pod", "web")]
    assert not has_errors


def test_an_error_in_a_document_is_printed_and_the_others_are_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mixed.yaml").write_text(f"{POD}---\napiVersion: v1\nkind: Pod\nmetadata: [\n---\n{POD}")
    (tmp_path / "pod.yaml").write_text(POD)
    manifests, has_errors = read_manifests(inputs(tmp_path))
    assert has_errors
    assert len(manifests) >= 1
    assert "mixed.yaml" in capsys.readouterr().err


def test_without_files_there_is_an_error() -> None:
    with pytest.raises(InputError, match="no objects: use -f FILE or -k FOLDER"):
        read_manifests(inputs())


def test_objects_of_files_are_in_the_namespace_that_is_given(tmp_path: Path) -> None:
    file = tmp_path / "pods.yaml"
    file.write_text(POD + "---\n" + POD.replace(", namespace: x", ""))
    given = msgspec.structs.replace(inputs(file), namespace="prod")
    assert [name_of_object(one.object)[0] for one in read_manifests(given)[0]] == ["x", "prod"]
