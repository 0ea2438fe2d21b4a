"""What is read from JSON: the same as from YAML, with the same lines."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sources.manifests.texts import FILE, names, problems, read, the_policy

from ringfence.model.origin import Origin
from ringfence.model.text_edits import text_in
from ringfence.sources.loading import collect
from ringfence.sources.manifests import read_content
from ringfence.sources.manifests.json_places import locate
from ringfence.sources.manifests.yaml_documents import read_yaml

Tree = dict[str, Any]

POLICY: Tree = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "a", "labels": {"example.com/a": '{[\\"]}', "ä": "\n"}},
    "spec": {
        "podSelector": {"matchLabels": {"app": "web"}},
        "ingress": [
            {"from": [{"podSelector": {}}, {"ipBlock": {"cidr": "10.0.0.0/8"}}]},
            {"ports": [{"port": 80}]},
            {},
        ],
    },
}


def pod(name: str, **labels: object) -> Tree:
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": labels}}


def listed(*items: object, kind: str = "List") -> Tree:
    return {"apiVersion": "v1", "kind": kind, "items": items, "metadata": {"resourceVersion": ""}}


def test_a_policy_has_the_lines_that_yaml_gives_it() -> None:
    text = json.dumps(POLICY, indent=2, ensure_ascii=False)
    from_yaml = collect(read_yaml(text, Origin(FILE, 1), lambda done: None))
    assert read(text) == from_yaml
    assert the_policy(read(text)).metadata.labels == POLICY["metadata"]["labels"]
    assert (
        read(text).manifests[0].origin.at("spec.ingress[1].ports[0].port").line
        == text[: text.find("80")].count("\n") + 1
    )


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("before", ["", "\n \n", "---\n", "--- # as some tools write it\n\n"])
def test_a_list(indent: int | None, before: str) -> None:
    config = {"apiVersion": "v1", "kind": "ConfigMap", "data": {}}
    text = before + json.dumps(listed(pod("a"), POLICY, pod("a"), config, pod("b", app="web")), indent=indent)
    reading = read(text)
    assert not reading.problems
    assert names(reading) == ["a", "a", "a", "b"]
    assert reading.skipped == {"ConfigMap": 1}
    lines = text.splitlines()
    if indent:
        assert {lines[manifest.origin.line - 1] for manifest in reading.manifests} == {"    {"}
    else:
        assert {manifest.origin.line for manifest in reading.manifests} == {len(lines)}
    assert '"ingress"' in lines[reading.manifests[1].origin.at("spec.ingress").line - 1]


def test_items_may_leave_their_kind_to_the_list() -> None:
    items = [{"metadata": {"name": "a"}}, {"metadata": {"name": "b"}, "spec": {"podSelector": {}}}]
    reading = read(json.dumps(listed(*items, kind="PodList")) + json.dumps(listed(kind="PodList") | {"items": None}))
    assert names(reading) == ["a", "b"]
    policies = listed(*items, kind="NetworkPolicyList") | {"apiVersion": "networking.k8s.io/v1"}
    assert names(read(json.dumps(policies))) == ["a", "b"]


def test_what_has_items_by_mistake_is_no_list() -> None:
    reading = read(json.dumps(POLICY | {"items": []}))
    assert problems(reading) == ['f.yaml:1: error: NetworkPolicy a: strict decoding error: unknown field "items"']
    assert names(read(json.dumps(pod("a") | {"items": 5}))) == ["a"]


def test_a_list_in_a_list() -> None:
    assert names(read(json.dumps(listed(listed(pod("a")), pod("b"), listed())))) == ["a", "b"]


def test_several_values_in_a_row() -> None:
    reading = read(f"{json.dumps(pod('a'))}\n{json.dumps(pod('ä'), indent=1)}{json.dumps(POLICY)}\n")
    assert names(reading) == ["a", "ä", "a"]
    assert [(manifest.origin.line, manifest.origin.document) for manifest in reading.manifests] == [
        (1, 0),
        (2, 1),
        (9, 2),
    ]
    assert reading.manifests[2].origin.at("spec.ingress").line == 9


def test_json_and_yaml_in_one_file() -> None:
    last = "apiVersion: v1\nkind: Pod\nmetadata: {name: c}\n"
    reading = read("\n---\n".join([json.dumps(pod("a"), indent=1), json.dumps(pod("b")), last]))
    assert names(reading) == ["a", "b", "c"]
    assert [(manifest.origin.line, manifest.origin.document) for manifest in reading.manifests] == [
        (1, 0),
        (10, 1),
        (12, 2),
    ]


def test_yaml_that_begins_like_json() -> None:
    assert names(read("{apiVersion: v1, kind: Pod, metadata: {name: a}}")) == ["a"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"kind":\n"Pod"', "f.yaml:2: error: not JSON: Expecting ',' delimiter"),
        ('{"kind": Pod}', "f.yaml:1: error: not JSON: Expecting value"),
        ('{"a": "\t"}', "f.yaml:1: error: not JSON: Invalid control character at"),
        ('{"a": ' * 100_000, "f.yaml:1: error: not JSON: too many levels deep"),
        ("{}", "f.yaml:1: error: error validating data: apiVersion not set, kind not set"),
        (
            '{"apiVersion": "v1", "kind": "Pod", "items": 5}',
            "f.yaml:1: error: Pod: metadata.name: Required value: name",
        ),
        (
            '{"apiVersion": "v1", "kind": "PodList", "items": [{"spec": {}}]}',
            "f.yaml:1: error: Pod: metadata.name: Req",
        ),
        ('{"items": [1, {}]}', "f.yaml:1: error: an object is expected here, not a number or a boolean"),
        ('{"apiVersion": "v1", "kind": "Pod", "spec": 1e999}', "JSON that cannot be read: Number out of range"),
        ('{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "\\ud800"}}', "JSON that cannot be read: "),
    ],
)
def test_json_that_is_wrong(text: str, problem: str) -> None:
    reading = read(text)
    assert reading.manifests == []
    assert problem in problems(reading)[0]


def test_a_mistake_leaves_the_values_before_it() -> None:
    reading = read(json.dumps(pod("a"), indent=1) + "\n{ }\n{\n]")
    assert names(reading) == ["a"]
    assert problems(reading)[1] == ("f.yaml:11: error: not JSON: Expecting property name enclosed in double quotes")


def test_a_wrong_type_is_found_where_it_is() -> None:
    text = json.dumps(listed(pod("a"), pod("b", one="1", two=2), pod("c")), indent=1)
    reading = read(text)
    assert names(reading) == ["a", "c"]
    (problem,) = reading.problems
    assert '"two"' in text.splitlines()[problem.place.line - 1]
    assert problem.object == "Pod b"


def test_unknown_fields_and_second_keys_of_a_policy() -> None:
    text = json.dumps(POLICY, indent=1).replace('"ports"', '"prots"').replace('"kind"', '"kind": "Pod",\n"kind"')
    assert problems(read(text)) == [
        'f.yaml:32: error: NetworkPolicy a: strict decoding error: unknown field "spec.ingress[1].prots"',
        'f.yaml:4: warning: key "kind" already set in map: only the last one counts',
    ]


json_trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('ab{}[]":,\\\n ä', max_size=4), inner, max_size=4)
    ),
    max_leaves=20,
)


def paths(value: object, path: str = "") -> list[tuple[str, object]]:
    """The path of everything inside a value, and what it is."""
    inside: list[tuple[str, object]] = []
    if isinstance(value, dict):
        inside = [(f"{path}.{key}" if path else key, inner) for key, inner in value.items()]
    elif isinstance(value, list):
        inside = [(f"{path}[{index}]", inner) for index, inner in enumerate(value)]
    return [found for place, inner in inside for found in [(place, inner), *paths(inner, place)]]


@given(json_trees, st.booleans(), st.sampled_from([None, 0, 2]))
def test_places_are_found_in_any_json(tree: object, ascii_only: bool, indent: int | None) -> None:
    """The text of each range, read alone, is the value that is at the path; that of its key is the end of the path."""
    text = json.dumps(tree, indent=indent, ensure_ascii=ascii_only)
    located = locate(text, 1)
    assert located.duplicates == []
    assert set(located.fields) == {"", *(path for path, _ in paths(tree))}
    everything = [("", tree), *paths(tree)]
    for path, value in everything:
        if [other for other, _ in everything].count(path) == 1:
            field = located.fields[path]
            assert json.loads(text_in(text, field.value)) == value
            assert field.key is None or path.endswith(json.loads(text_in(text, field.key)))


@given(st.lists(st.sampled_from("ab"), max_size=5))
def test_second_keys_are_found(keys: list[str]) -> None:
    text = "{" + ",\n".join(f'"{key}": {{"a": 1}}' for key in keys) + "}"
    seconds = [(key, line) for line, key in enumerate(keys, 1) if key in keys[: line - 1]]
    found = locate(text, 1).duplicates
    assert [(key, part.line) for key, part in found] == seconds
    assert all(text_in(text, part) == f'"{key}"' for key, part in found)


@pytest.mark.parametrize("make", [lambda text: text, lambda text: "---\n" + text])
def test_progress_is_told_while_a_list_is_read(make: Callable[[str], str]) -> None:
    text = make(json.dumps(listed(*(pod(str(number)) for number in range(5))))).encode()
    told: list[int] = []
    list(read_content(text, FILE, told.append))
    assert told == sorted(told)
    assert len(told) >= 6
    assert told[-1] == len(text)
