"""What is read from YAML, with which lines, and the errors of invalid YAML."""

import gc

import pytest
from tests.sources.manifests.texts import names, problems, read, the_policy
from yaml import ScalarEvent

from ringfence.model.metadata import LabelSelector
from ringfence.model.objects import Pod
from ringfence.model.origin import Range
from ringfence.sources.manifests.yaml_values import Builder

POLICY = """\
# A policy of which every line counts.
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: db
  labels: {team: data}
spec:
  podSelector:
    matchLabels:
      app: db
      example.com/tier: back
  ingress:
    - from:
        - podSelector: {}
        - namespaceSelector:
            matchExpressions:
              - key: env
                operator: In
                values: [prod]

          podSelector:
            matchLabels:
              app: api
      ports:
        - port: 3306
        -
          port: 33060
"""

LIST = """\
apiVersion: v1
items:
- apiVersion: v1
  kind: Pod
  metadata:
    name: a
    labels:
      app: {label}
- apiVersion: networking.k8s.io/v1
  kind: NetworkPolicy
  metadata:
    name: b
  spec:
    podSelector: {{}}
    ingress:
    - {{}}
- apiVersion: v1
  kind: ConfigMap
kind: List
"""


def pod(name: str) -> str:
    return f"apiVersion: v1\nkind: Pod\nmetadata: {{name: {name}}}\n"


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("", 2),
        ("metadata.name", 5),
        ("metadata.labels.team", 6),
        ("spec", 7),
        ("spec.podSelector.matchLabels.app", 10),
        ("spec.podSelector.matchLabels.example.com/tier", 11),
        ("spec.ingress[0]", 13),
        ("spec.ingress[0].from[0]", 14),
        ("spec.ingress[0].from[1]", 15),
        ("spec.ingress[0].from[1].namespaceSelector.matchExpressions[0].values[0]", 19),
        ("spec.ingress[0].from[1].podSelector.matchLabels.app", 23),
        ("spec.ingress[0].ports[0].port", 25),
        ("spec.ingress[0].ports[1].port", 27),
        pytest.param("spec.ingress[0].ports[1].protocol", 27, id="an absent field is at what should have it"),
        pytest.param("spec.egress", 7, id="an absent list"),
    ],
)
def test_every_field_of_a_policy_has_its_line(path: str, line: int) -> None:
    (manifest,) = read(POLICY).manifests
    assert manifest.origin.at(path).line == line


def test_lines_go_on_from_document_to_document() -> None:
    reading = read(f"{pod('a')}---\n# nothing here\n---\n{POLICY}---\n{pod('b')}")
    assert names(reading) == ["a", "db", "b"]
    assert [manifest.origin.line for manifest in reading.manifests] == [1, 8, 35]
    assert [manifest.origin.document for manifest in reading.manifests] == [0, 1, 2]
    assert reading.manifests[1].origin.at("spec.ingress[0].ports[0].port").line == 31


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n", "---\n---\n# one\n---\n", "~\n", "null"])
def test_empty_documents_are_nothing(text: str) -> None:
    reading = read(text)
    assert (reading.manifests, reading.problems, reading.skipped) == ([], [], {})


def test_a_byte_order_mark_and_carriage_returns_change_nothing() -> None:
    plain = read(POLICY + "---\n" + pod("a"))
    windows = read("\ufeff" + (POLICY + "---\n" + pod("a")).replace("\n", "\r\n"))
    assert windows == plain


def test_items_of_a_list_are_objects_of_their_own() -> None:
    reading = read(LIST.format(label="web"))
    assert names(reading) == ["a", "b"]
    assert [manifest.origin.line for manifest in reading.manifests] == [3, 9]
    assert reading.manifests[1].origin.at("spec.ingress[0]").line == 16
    assert reading.skipped == {"ConfigMap": 1}


def test_an_item_with_a_mistake_leaves_the_others() -> None:
    reading = read(LIST.format(label="5"))
    assert names(reading) == ["b"]
    assert problems(reading) == [
        'f.yaml:8: error: Pod a: Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number '
        "into Go struct field ObjectMeta.metadata.labels of type string"
    ]


def test_items_may_leave_their_kind_to_the_list() -> None:
    reading = read("items:\n- metadata: {name: a}\n- metadata: {name: b}\nkind: PodList\napiVersion: v1\n")
    assert names(reading) == ["a", "b"]
    assert [manifest.origin.line for manifest in reading.manifests] == [2, 3]
    assert all(isinstance(manifest.object, Pod) for manifest in reading.manifests)


@pytest.mark.parametrize(
    ("head", "message"),
    [
        ("kind: PodList", "f.yaml:3: error: Pod a: error validating data: apiVersion not set"),
        ("apiVersion: v1", "f.yaml:3: error: a: error validating data: kind not set"),
    ],
)
def test_of_a_list_that_says_one_of_both_items_lack_the_other_alone(head: str, message: str) -> None:
    assert problems(read(f"{head}\nitems:\n- metadata: {{name: a}}\n")) == [message]


def test_a_list_in_a_list() -> None:
    inner = "{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Pod, metadata: {name: a}}]}"
    reading = read(f"apiVersion: v1\nkind: List\nitems:\n- {inner}\n- {{apiVersion: v1, kind: List, items: }}\n")
    assert names(reading) == ["a"]
    assert reading.problems == []


@pytest.mark.parametrize("items", ["", "~", "[]"])
def test_a_list_of_nothing(items: str) -> None:
    reading = read(f"apiVersion: v1\nkind: PodList\nitems: {items}\n")
    assert (reading.manifests, reading.problems, reading.skipped) == ([], [], {})


def test_a_document_that_is_not_yaml_leaves_the_others() -> None:
    reading = read(f"{pod('a')}---\nmetadata:\n  name: [x\n---\n{pod('b')}---\na: b: c\n---\n\ta: 1\n---\n{pod('c')}")
    assert names(reading) == ["a", "b", "c"]
    assert [problem.place.line for problem in reading.problems] == [6, 12, 14]
    assert problems(reading)[1:] == [
        "f.yaml:12: error: error converting YAML to JSON: yaml: mapping values are not allowed in this context",
        "f.yaml:14: error: error converting YAML to JSON: yaml: found character that cannot start any token "
        "while scanning for the next token",
    ]
    assert [manifest.origin.document for manifest in reading.manifests] == [0, 2, 5]


def test_what_comes_before_a_mistake_in_a_document_is_not_used() -> None:
    reading = read(LIST.format(label="web") + "x: .inf\n")
    assert reading.manifests == []
    assert problems(reading) == ["f.yaml:20: error: error converting YAML to JSON: json: unsupported value: +Inf"]


def test_the_same_key_twice_is_a_warning_and_the_last_one_counts() -> None:
    policy = POLICY.replace("    - from:\n", "    - from:\n        - ipBlock: {cidr: 0.0.0.0/0}\n      from:\n")
    reading = read(f"{policy}  podSelector: {{}}\n")
    assert problems(reading) == [
        'f.yaml:15: warning: key "from" already set in map: only the last one counts',
        'f.yaml:30: warning: key "podSelector" already set in map: only the last one counts',
    ]
    (manifest,) = reading.manifests
    assert manifest.origin.at("spec.podSelector").line == 30
    ranges = [problem.place.range for problem in reading.problems]
    assert ranges == [Range(15, 7, 15, 11), Range(30, 3, 30, 14)], "they are those of the second keys"
    after_another = read(f"{pod('a')}---\n{policy}")
    assert [problem.place.range for problem in after_another.problems] == [Range(19, 7, 19, 11)]


def test_a_merged_key_is_not_a_duplicate() -> None:
    assert not read(f"{pod('a')}x: &x {{a: 1}}\ny:\n  <<: *x\n  a: 2\n").problems


def test_an_alias_in_a_policy() -> None:
    text = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a}
spec:
  podSelector: &web
    matchLabels: {app: web}
  ingress:
  - from:
    - podSelector: *web
"""
    reading = read(text)
    web = LabelSelector(match_labels={"app": "web"})
    assert the_policy(reading).spec.pod_selector == web
    assert the_policy(reading).spec.ingress[0].peers[0].pod_selector == web
    at = reading.manifests[0].origin.at
    assert at("spec.ingress[0].from[0].podSelector").line == 9
    assert at("spec.ingress[0].from[0].podSelector.matchLabels.app").line == 6


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("metadata: {name: a}", "f.yaml:1: error: a: error validating data: apiVersion not set, kind not set"),
        ("kind: Pod", "f.yaml:1: error: Pod: error validating data: apiVersion not set"),
        (
            "# x\napiVersion: v1\nmetadata: {name: a, namespace: b}",
            "f.yaml:2: error: b/a: error validating data: kind not set",
        ),
        (
            "apiVersion: v1\nkind: [Pod]",
            'f.yaml:1: error: ["Pod"]: error validating data: apiVersion and kind must be strings',
        ),
        ("- kind: Pod", "f.yaml:1: error: an object is expected here, not a list"),
        ("\napiVersion:v1\nkind:Pod", "f.yaml:2: error: an object is expected here, not a text"),
        ("kind: List\nitems: [on]", "f.yaml:2: error: an object is expected here, not a number or a boolean"),
        (
            "apiVersion: v1\nkind: List\nitems: {a: b}",
            "f.yaml:3: error: items: a list of objects is expected here, not a mapping",
        ),
        (
            "apiVersion: v1\nkind: NetworkPolicy\nmetadata: {name: a}",
            'f.yaml:1: error: NetworkPolicy a: no matches for kind "NetworkPolicy" in version "v1" '
            "(it is in networking.k8s.io/v1)",
        ),
        (
            "apiVersion: networking.k8s.io/v2\nkind: NetworkPolicy",
            'f.yaml:1: error: NetworkPolicy: no matches for kind "NetworkPolicy" in version "networking.k8s.io/v2" '
            "(it is in networking.k8s.io/v1)",
        ),
    ],
)
def test_documents_that_are_not_objects(text: str, problem: str) -> None:
    reading = read(text)
    assert problems(reading) == [problem]
    assert reading.manifests == []


def test_unknown_fields_of_a_policy_keep_it_out() -> None:
    reading = read(
        POLICY.replace("- from:", "- form:").replace("  podSelector:\n    match", "  podselector:\n    match")
    )
    assert problems(reading) == [
        'f.yaml:13: error: NetworkPolicy db: strict decoding error: unknown field "spec.ingress[0].form"',
        'f.yaml:8: error: NetworkPolicy db: strict decoding error: unknown field "spec.podselector"',
    ]
    assert reading.manifests == []


def test_a_wrong_type_in_a_policy_keeps_it_out() -> None:
    reading = read(POLICY.replace("app: db", "app: on"))
    assert problems(reading) == [
        'f.yaml:10: error: NetworkPolicy db: NetworkPolicy in version "v1" cannot be handled as a NetworkPolicy: json: '
        "cannot unmarshal bool into Go struct field LabelSelector.spec.podSelector.matchLabels of type string"
    ]
    assert reading.manifests == []


def test_an_old_version_of_policies_is_read() -> None:
    reading = read(POLICY.replace("networking.k8s.io/v1", "extensions/v1beta1"))
    assert problems(reading) == []
    assert [manifest.api_version for manifest in reading.manifests] == ["extensions/v1beta1"]
    assert names(reading) == ["db"]


def test_kinds_of_others_are_counted() -> None:
    reading = read(
        "apiVersion: projectcalico.org/v3\nkind: NetworkPolicy\nspec: {selector: all()}\n---\n"
        "apiVersion: serving.knative.dev/v1\nkind: Service\n---\napiVersion: v1\nkind: Secret\n---\n"
        "apiVersion: v1\nkind: Secret\n"
    )
    assert (reading.manifests, reading.problems) == ([], [])
    assert reading.skipped == {"NetworkPolicy.projectcalico.org": 1, "Service": 1, "Secret": 2}


def test_a_document_that_was_read_leaves_nothing_to_the_garbage_collector() -> None:
    """The command line turns the collector off while it reads; each document would keep its text and its events."""
    gc.collect()
    gc.disable()
    try:
        assert names(read(f"{pod('a')}---\n{POLICY}")) == ["a", "db"]
        assert not [one for one in gc.get_objects() if isinstance(one, Builder | ScalarEvent)]
    finally:
        gc.enable()
