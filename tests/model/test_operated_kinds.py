"""Custom resources of which an operator makes pods."""

import pytest

from ringfence.model.kinds import KINDS
from ringfence.model.operated_kinds import OperatedObject, is_operated, operated_object


@pytest.mark.parametrize(
    ("api_version", "kind", "expected"),
    [
        ("kafka.strimzi.io/v1beta2", "Kafka", True),
        ("kafka.strimzi.io/v2", "Kafka", True),
        ("serving.knative.dev/v1", "Service", True),
        ("v1", "Service", False),
        ("kafka.strimzi.io/v1beta2", "KafkaTopic", False),
        ("example.com/v1", "Kafka", False),
        (None, None, False),
        ("kafka.strimzi.io/v1beta2", ["Kafka"], False),
    ],
)
def test_a_kind_is_found_by_its_group_and_name(api_version: object, kind: object, expected: bool) -> None:
    assert is_operated(api_version, kind) is expected


def test_no_kind_that_is_read_is_in_the_table() -> None:
    assert not [kind for kind in KINDS for version in kind.api_versions if is_operated(version, kind.name)]


@pytest.mark.parametrize(
    ("metadata", "namespace", "name"),
    [
        ({"namespace": "shop", "name": "db"}, "shop", "db"),
        ({"generateName": "db-"}, "", "db-"),
        (None, "", ""),
        ("db", "", ""),
    ],
)
def test_an_object_is_named_as_far_as_it_can_be(metadata: object, namespace: str, name: str) -> None:
    assert operated_object({"kind": "Kafka", "metadata": metadata}) == OperatedObject("Kafka", namespace, name)
