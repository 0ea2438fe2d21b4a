"""No input makes a traceback: whatever cannot be used is a problem with a place in it, and the rest is read."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.sources.manifests.texts import FILE, read

from ringfence.errors import LiveClusterError
from ringfence.model.objects import NetworkPolicy
from ringfence.model.text_edits import text_in
from ringfence.sources.cluster.kubeconfig import select
from ringfence.sources.loaded_objects import LoadedObjects

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: last}\n"

WORDS = """
    apiVersion kind metadata name labels spec podSelector matchLabels ingress from ports port items
    v1 Pod List NetworkPolicy networking.k8s.io/v1 a 1 1.5 on ~ .inf 0x1F
"""
YAML_MARKS = [": ", "- ", "  ", "\n", "\n  ", ", ", *"{}[]'\"#%\\\t\0@ä\ufeff", "&x ", "*x", "<<: ", "!!int "]
DOCUMENT_MARKS = ["? ", "| ", "> ", "---", "\n---\n", "...\n"]
JSON_MARKS = [*'{}[]:,"\\ \n', "1e999", "-", "null"]

yamlish = st.lists(st.sampled_from([*WORDS.split(), *YAML_MARKS, *DOCUMENT_MARKS]), max_size=60).map("".join)
jsonish = st.lists(st.sampled_from([*(f'"{word}"' for word in WORDS.split()), *JSON_MARKS])).map("".join)

KEYS = """
    apiVersion kind metadata spec name namespace labels annotations ownerReferences podSelector matchLabels
    matchExpressions key operator values policyTypes ingress egress from to ports port endPort protocol ipBlock cidr
    except namespaceSelector items template containers form
"""
numbers = st.integers() | st.floats()
scalars = st.none() | st.booleans() | numbers | st.text(max_size=4) | st.sampled_from(["Ingress", "TCP", "10.0.0.0/8"])
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=5),
    max_leaves=25,
)
specs = values | st.dictionaries(st.sampled_from(["podSelector", "ingress", "egress", "policyTypes", "form"]), values)
policies = st.fixed_dictionaries(
    {"apiVersion": st.just("networking.k8s.io/v1"), "kind": st.just("NetworkPolicy"), "metadata": values, "spec": specs}
)


def check(reading: LoadedObjects, text: str) -> None:
    """Every object and every problem has a place that the text has, by what YAML 1.1 takes for a line break."""
    lines = len(re.findall("\r\n|[\n\r\x85\u2028\u2029]", text)) + 1
    for manifest in reading.manifests:
        assert 1 <= manifest.origin.line <= lines
        for field in manifest.origin.fields.values():
            for part in filter(None, (field.key, field.value)):
                assert text_in(text, part) is not None
    for problem in reading.problems:
        assert problem.place.file == FILE
        assert 1 <= problem.place.line <= lines
        assert problem.message


@given(
    st.builds(
        bytes.__add__, st.sampled_from([b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\xff\xfe\0\0"]), st.binary()
    )
)
@example(b"\xef\xbb\xbf")
@example(b"\xff\xfea\0")
def test_any_bytes(data: bytes) -> None:
    check(read(data), decoded(data))


def decoded(data: bytes) -> str:
    """The text in the bytes of a file, without its byte order mark."""
    for mark, encoding in ((b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"), (b"\xef\xbb\xbf", "utf-8")):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, errors="replace").removeprefix("\ufeff")
    return data.decode(errors="replace")


@given(st.text())
def test_any_text(text: str) -> None:
    check(read(text), text)


@given(yamlish)
@example("- " * 1000)
@example("{{ .Values.x }}")
@example("a: &x {<<: *x}")
def test_any_yaml(text: str) -> None:
    check(read(text), text)


@given(jsonish)
@example('{"a":' * 10_000)
@example('{"items": [' * 10_000)
def test_any_json(text: str) -> None:
    check(read("{" + text), text)
    check(read('{"apiVersion": "v1", "kind": "List", "items": [' + text), text)


@given(yamlish)
def test_what_comes_after_is_read(text: str) -> None:
    """A `---` ends everything, also quoted texts and flow collections."""
    assert read(f"{text}\n---\n{POD}").manifests[-1].object.metadata.name == "last"


@given(policies, st.sampled_from([None, 1]), st.sampled_from(["", "---\n"]))
def test_any_tree_in_the_shape_of_a_policy(tree: dict[str, Any], indent: int | None, before: str) -> None:
    """It is a policy without problems, or no policy and at least one problem; in JSON as in YAML."""
    text = before + json.dumps(tree, indent=indent)
    reading = read(text)
    check(reading, text)
    errors = [problem for problem in reading.problems if problem.severity == "error"]
    assert bool(errors) == (not reading.manifests)
    assert all(isinstance(manifest.object, NetworkPolicy) for manifest in reading.manifests)


@given(st.lists(policies | values, max_size=4), st.sampled_from([None, 1]))
def test_any_list(items: list[object], indent: int | None) -> None:
    text = json.dumps({"apiVersion": "v1", "items": items, "kind": "List"}, indent=indent)
    check(read(text), text)


plain_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text("ab 1.\\\"'#:-\n\t", max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=5),
)


@given(plain_values)
def test_yaml_and_json_are_read_alike(tree: object) -> None:
    metadata = {"name": "a", "labels": tree, "ownerReferences": tree}
    text = json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": tree}, indent=1)
    as_json, as_yaml = read(text), read(f"# no JSON\n{text}")
    assert [manifest.object for manifest in as_json.manifests] == [manifest.object for manifest in as_yaml.manifests]


@given(values)
def test_any_kubeconfig(tmp_path_factory: pytest.TempPathFactory, tree: object) -> None:
    file = tmp_path_factory.getbasetemp() / "kubeconfig"
    Path(file).write_text(json.dumps(tree))
    with pytest.raises(LiveClusterError, match="kubeconfig"):
        select(kubeconfig=str(file))


POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: deny
spec:
  podSelector: {}
  policyTypes: [Ingress]
"""
IN_JSON = json.dumps(
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "deny"},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    },
    indent=1,
)


@given(
    st.sampled_from([POLICY, IN_JSON]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"]),
    st.floats(0, 1),
    st.integers(0, 2),
    # A # makes a comment of what follows.
    st.binary(max_size=3).filter(lambda data: b"#" not in data),
)
def test_a_damaged_policy_is_never_dropped_silently(
    text: str, encoding: str, where: float, removed: int, inserted: bytes
) -> None:
    """It counts, or there is a problem; or it is counted as another kind, or as something that is no object."""
    data = text.encode(encoding)
    position = int(where * len(data))
    damaged = data[:position] + inserted + data[position + removed :]
    reading = read(damaged)
    check(reading, decoded(damaged))
    assert reading.manifests or reading.problems or reading.skipped or reading.unrelated
