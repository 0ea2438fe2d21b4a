"""What is read from JSON: the same as from YAML, with the same lines."""

import json

import pytest
from tests.sources.manifests.texts import FILE, Tree, listed, names, pod, problems, read, the_policy

from ringfence.model.origin import Origin
from ringfence.sources.loaded_objects import collect
from ringfence.sources.manifests.yaml_documents import read_yaml

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


def test_an_object_with_items_by_mistake_is_not_a_list() -> None:
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


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"kind":\n"Pod"', "f.yaml:2: error: not JSON: Expecting ',' delimiter"),
        ('{"kind": "Pod" // a comment\n}', "f.yaml:1: error: not JSON: Expecting ',' delimiter"),
        ('{"kind": "\\q"}', "f.yaml:1: error: not JSON: Invalid \\escape"),
        ('{"a": ' * 100_000, "f.yaml:1: error: not JSON: too many levels deep"),
        ('{"spec": {}}', "f.yaml:1: error: error validating data: apiVersion not set, kind not set"),
        (
            '{"apiVersion": "v1", "kind": "Pod", "items": 5, "spec": 5}',
            'f.yaml:1: error: Pod: Pod in version "v1" cannot be handled as a Pod',
        ),
        (
            '{"apiVersion": "v1", "kind": "PodList", "items": [{"spec": 5}]}',
            'f.yaml:1: error: Pod: Pod in version "v1" cannot be handled as a Pod',
        ),
        (
            '{"kind": "List", "items": [1, {}]}',
            "f.yaml:1: error: an object is expected here, not a number or a boolean",
        ),
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
    assert problems(reading)[0] == ("f.yaml:11: error: not JSON: Expecting property name enclosed in double quotes")


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


class TestYamlInJson:
    """From the first value that is not JSON the rest is read as YAML, as kubectl does."""

    POD = '{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a",},}'

    @pytest.mark.parametrize(
        "text",
        [
            POD,
            "---\n" + POD,
            POD.replace('"v1"', "v1"),
            POD.replace('"Pod",', '"Pod", # a pod\n'),
            POD.replace('"a"', "'a'"),
            '{"apiVersion": "v1",\n\t"kind": "Pod", "metadata": {"name": "a"},\n}',
        ],
    )
    def test_with_a_warning(self, text: str) -> None:
        reading = read(text)
        assert names(reading) == ["a"]
        (problem,) = reading.problems
        assert (problem.code, problem.severity) == ("yaml-in-json", "warning")
        assert problem.message.startswith("not JSON (")
        assert problem.message.endswith("read as YAML, as kubectl does")

    def test_after_values_that_are_json(self) -> None:
        reading = read(f"{json.dumps(pod('x'), indent=1)}\n{self.POD}")
        assert names(reading) == ["x", "a"]
        assert [manifest.origin.line for manifest in reading.manifests] == [1, 9]
        assert [problem.place.line for problem in reading.problems] == [9]

    def test_with_the_places_of_its_fields(self) -> None:
        text = json.dumps(POLICY, indent=1).replace("\n}", ",\n}")
        (manifest,) = read(f"{json.dumps(pod('x'))} {text}").manifests[1:]
        assert manifest.origin.at("metadata").column == 2
        assert manifest.origin.at("apiVersion").line == 2

    def test_a_comment_behind_json_is_nothing(self) -> None:
        reading = read(json.dumps(pod("a")) + "\n# the end\n")
        assert (names(reading), reading.problems, reading.unrelated) == (["a"], [], 0)

    def test_other_text_behind_json_is_an_error(self) -> None:
        reading = read(json.dumps(pod("a")) + "\nthe end\n")
        assert names(reading) == ["a"]
        assert problems(reading) == ["f.yaml:2: error: not JSON: Expecting value"]

    def test_settings_of_another_program_are_not_mentioned(self) -> None:
        reading = read('{"compilerOptions": {"strict": true,},}')
        assert (reading.problems, reading.unrelated) == ([], 1)
