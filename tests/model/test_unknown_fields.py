"""Fields that a policy does not have, and the field that was meant."""

import pytest
from tests.model.decoded_trees import Tree, ingress, pod, policy

from ringfence.model.decoding import unknown_fields


@pytest.mark.parametrize(
    ("tree", "unknown"),
    [
        pytest.param(ingress(form=[]), ["spec.ingress[0].form"], id="a misspelt field"),
        pytest.param(
            policy({"ingress": [{"from": [{}, {"podSelector": {"app": "web"}}]}]}),
            ["spec.ingress[0].from[1].podSelector.app"],
            id="matchLabels forgotten",
        ),
        pytest.param(policy({"ingress": [{"to": []}]}), ["spec.ingress[0].to"], id="the other direction's peers"),
        pytest.param(policy({"podselector": {}}), ["spec.podselector"], id="another case"),
        pytest.param(
            policy({"zz": 1, "ingress": [{"b": 1, "a": 1}]}),
            ["spec.ingress[0].a", "spec.ingress[0].b", "spec.zz"],
            id="several are sorted",
        ),
        pytest.param({**policy({}), "state": {}, "items": []}, ["items", "state"], id="at the top"),
        pytest.param(policy({}, ownerReferences=[{"nam": "x"}]), ["metadata.ownerReferences[0].nam"], id="an owner"),
        pytest.param(policy({"ingress": [None, 5], "egress": {}, "podSelector": []}), [], id="wrong types are not"),
    ],
)
def test_fields_that_a_policy_does_not_have(tree: Tree, unknown: list[str]) -> None:
    assert [field.path for field in unknown_fields(tree)] == unknown


@pytest.mark.parametrize(
    ("tree", "nearest"),
    [
        pytest.param(ingress(form=[{"podSelector": {}}]), "from", id="two letters swapped"),
        pytest.param(policy({"podselector": {}}), "podSelector", id="another case"),
        pytest.param(ingress(port=[{"port": 80}]), "ports", id="the singular"),
        pytest.param(ingress(port=80), "", id="its value would be wrong"),
        pytest.param(ingress(port=[{"number": 80}]), "", id="a field in its value would be unknown"),
        pytest.param(ingress(form=[], **{"from": []}), "", id="that field is there already"),
        pytest.param(policy({"ingress": [{"to": []}]}), "", id="none is like it"),
        pytest.param(policy({}, lables={"a": "b"}), "labels", id="of the metadata"),
        pytest.param(policy({"gress": []}), "", id="two are like it"),
    ],
)
def test_the_field_that_was_meant(tree: Tree, nearest: str) -> None:
    (field,) = unknown_fields(tree)
    assert field.nearest == nearest
    assert field.path.endswith(field.name)


def test_a_policy_as_the_api_server_returns_it_has_no_unknown_field() -> None:
    metadata = {
        "annotations": {"any": "thing"},
        "creationTimestamp": "2026-01-01T00:00:00Z",
        "deletionGracePeriodSeconds": 0,
        "deletionTimestamp": None,
        "finalizers": ["example.com/x"],
        "generateName": "a-",
        "generation": 3,
        "labels": {"any": "thing"},
        "managedFields": [
            {
                "apiVersion": "networking.k8s.io/v1",
                "fieldsType": "FieldsV1",
                "fieldsV1": {"f:spec": {"f:ingress": {}}},
                "manager": "kubectl",
                "operation": "Update",
                "subresource": "x",
                "time": "2026-01-01T00:00:00Z",
            }
        ],
        "namespace": "default",
        "ownerReferences": [
            {"apiVersion": "v1", "blockOwnerDeletion": True, "controller": True, "kind": "X", "name": "x", "uid": "u"}
        ],
        "resourceVersion": "1",
        "selfLink": "/x",
        "uid": "u",
    }
    assert unknown_fields(policy({"podSelector": {}, "policyTypes": ["Ingress"]}, **metadata)) == []


def test_only_policies_have_unknown_fields() -> None:
    assert unknown_fields(pod(spec={"hostnetwork": True})) == []
