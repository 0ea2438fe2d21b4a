"""The documents in a file: how they are divided, and a mistake in one does not affect the others."""

import json
from collections.abc import Callable

import pytest
from tests.sources.manifests.texts import FILE, listed, names, pod, read

from ringfence.sources.manifests.content import parse_yaml, read_content

POD_B = "apiVersion: v1\nkind: Pod\nmetadata: {name: b}\n"


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


@pytest.mark.parametrize("make", [lambda text: text, lambda text: "---\n" + text])
def test_progress_is_reported_while_a_list_is_read(make: Callable[[str], str]) -> None:
    text = make(json.dumps(listed(*(pod(str(number)) for number in range(5))))).encode()
    told: list[int] = []
    list(read_content(text, FILE, told.append))
    assert told == sorted(told)
    assert len(told) >= 6
    assert told[-1] == len(text)


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        pytest.param('{"a": 1}\n{"b" 2}', (2, 6), id="JSON"),
        pytest.param("---\na: b: c", (2, 5), id="YAML"),
    ],
)
def test_a_syntax_error_has_a_column(text: str, columns: tuple[int, int]) -> None:
    problem = read(text).problems[-1]
    assert (problem.place.line, problem.place.column) == columns


def test_a_byte_order_mark_after_a_separator_is_ignored() -> None:
    """Files that were appended to each other have one in the middle."""
    reading = read(f"{json.dumps(pod('a'))}\n---\n\ufeff{POD_B}---\n\ufeff{json.dumps(pod('c'))}")
    assert names(reading) == ["a", "b", "c"]
    assert reading.problems == []


@pytest.mark.parametrize(
    ("text", "concerns"),
    [
        ('{"compilerOptions": {} // a comment\n}', False),
        ("a: b: c", False),
        ("kind: Pod: x", True),
        ('{{ include "policies" . }}', True),
        ('{"podSelector" {}}', True),
    ],
)
def test_a_text_without_the_words_of_an_object_concerns_no_policy(text: str, concerns: bool) -> None:
    assert [problem.may_concern_policies for problem in read(text).problems] == [concerns]


def test_yaml_as_kubectl_understands_it() -> None:
    assert parse_yaml("a: on\n---\n- 010\n") == [{"a": True}, [8]]
