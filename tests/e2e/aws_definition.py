"""A definition of AWS's ClusterNetworkPolicy on a real API server, with the fields that ringfence reads.

It has types only: what the definition of AWS refuses beyond them is not checked by this server.
"""

from http import HTTPStatus
from typing import Any, Final

from .control_plane import ControlPlane
from .server import wait_until

GROUP: Final = "networking.k8s.aws"
PATH: Final = f"/apis/{GROUP}/v1alpha1/clusternetworkpolicies"
_NAME: Final = f"clusternetworkpolicies.{GROUP}"
_DEFINITIONS: Final = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"

_STRING: Final = {"type": "string"}
_NUMBER: Final = {"type": "integer", "format": "int32"}


def install(server: ControlPlane) -> None:
    """Create the definition. Return when the kind is served."""
    answer = server.request("POST", _DEFINITIONS, _definition())
    assert answer.status == HTTPStatus.CREATED, answer
    wait_until(lambda: server.request("GET", PATH).status == HTTPStatus.OK, "the kind is served")


def remove(server: ControlPlane) -> None:
    """Delete the definition with all policies of this kind. Return when the kind is no longer served."""
    server.request("DELETE", f"{_DEFINITIONS}/{_NAME}")
    wait_until(lambda: server.request("GET", PATH).status == HTTPStatus.NOT_FOUND, "the kind is not served")


def _definition() -> dict[str, Any]:
    printed = [
        {"name": "Tier", "type": "string", "jsonPath": ".spec.tier"},
        {"name": "Priority", "type": "string", "jsonPath": ".spec.priority"},
        {"name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp"},
    ]
    version = {
        "name": "v1alpha1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": _object(spec=_spec())},
        "additionalPrinterColumns": printed,
    }
    names = {
        "kind": "ClusterNetworkPolicy",
        "listKind": "ClusterNetworkPolicyList",
        "plural": "clusternetworkpolicies",
        "singular": "clusternetworkpolicy",
        "shortNames": ["cnp"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": _NAME},
        "spec": {"group": GROUP, "scope": "Cluster", "names": names, "versions": [version]},
    }


def _object(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties}


def _list(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _spec() -> dict[str, Any]:
    terms = _list(_object(key=_STRING, operator=_STRING, values=_list(_STRING)))
    selector = _object(matchLabels={"type": "object", "additionalProperties": _STRING}, matchExpressions=terms)
    workloads = {"namespaces": selector, "pods": _object(namespaceSelector=selector, podSelector=selector)}
    destinations = {**workloads, "networks": _list(_STRING), "domainNames": _list(_STRING)}
    port = _object(
        portNumber=_object(protocol=_STRING, port=_NUMBER),
        portRange=_object(protocol=_STRING, start=_NUMBER, end=_NUMBER),
        namedPort=_STRING,
    )
    rule = {"name": _STRING, "action": _STRING, "ports": _list(port)}
    return _object(
        tier=_STRING,
        priority=_NUMBER,
        subject=_object(**workloads),
        ingress=_list(_object(**rule, **{"from": _list(_object(**workloads))})),
        egress=_list(_object(**rule, to=_list(_object(**destinations)))),
    )
