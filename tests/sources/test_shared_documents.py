"""Documents that several inputs have in common: parsed once, with the places of each input."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.differences.clusters import CILIUM, DB, WORKLOADS

from ringfence.model.objects import Manifest
from ringfence.sources.loaded_objects import Found, UnreadManifest
from ringfence.sources.manifests import read_content
from ringfence.sources.shared_documents import SharedDocuments

WIDGET = "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: w}\n"
NOTES = "just: values\n"
BROKEN = DB.replace("3306", "99999")
DOCUMENTS = [*WORKLOADS.split("---\n"), DB, BROKEN, CILIUM, WIDGET, NOTES, "a: [\n", '{"apiVersion": "v1"}\n']


def told(found: list[Found]) -> list[object]:
    return [
        (one.object, one.origin.file, one.origin.line, one.origin.document, dict(one.origin.fields), one.is_stored)
        if isinstance(one, Manifest)
        else one
        for one in found
    ]


@given(st.lists(st.sampled_from(DOCUMENTS), max_size=4), st.lists(st.sampled_from(DOCUMENTS), max_size=4))
def test_documents_that_were_read_before_have_the_places_of_their_own_file(first: list[str], second: list[str]) -> None:
    shared = SharedDocuments()
    for name, documents in (("a.yaml", first), ("b.yaml", second)):
        data = "---\n".join(documents).encode()
        found = list(read_content(data, name, shared=shared))
        assert told(found) == told(list(read_content(data, name)))


def test_an_object_of_two_inputs_is_the_same_object() -> None:
    shared = SharedDocuments()
    (one,) = read_content(DB.encode(), "a.yaml", shared=shared)
    _, other = read_content(f"{WIDGET}---\n{DB}".encode(), "b.yaml", shared=shared)
    assert isinstance(one, Manifest)
    assert isinstance(other, Manifest)
    assert one.object is other.object
    assert str(other.origin.at("spec.ingress[0]")) == "b.yaml:12"


def test_a_policy_that_is_not_read_is_named_where_it_stands(tmp_path: Path) -> None:
    shared = SharedDocuments()
    list(read_content(CILIUM.encode(), "a.yaml", shared=shared))
    _, other = read_content(f"{DB}---\n{CILIUM}".encode(), "b.yaml", shared=shared)
    assert isinstance(other, UnreadManifest)
    assert str(other.place) == f"b.yaml:{DB.count(chr(10)) + 2}"
