"""Policies do not apply to Services: the pod to which a Service leads, and its target port, count.

Source: Kubernetes documentation, "Network Policies" and "Service".
"""

from collections.abc import Iterable

import pytest
from tests.semantics.claims import untrue
from tests.semantics.judges import answers_of, cluster_of
from tests.semantics.objects import (
    Object,
    admits,
    block,
    container_port,
    labelled,
    namespaces,
    pod,
    pods,
    policy,
    port,
    sends,
)

from ringfence.errors import EndpointError

WEB = labelled(app="web")
CLIENT = pod("x/client", {"app": "client"}, addresses=["10.0.0.9"])
ONE = pod("x/one", {"app": "web"}, ports=[container_port("http", 8080)], addresses=["10.0.0.1"])
OTHER = pod("x/other", {"app": "web"}, ports=[container_port("http", 9090)], addresses=["10.0.0.2"])


def service(ports: Iterable[Object], selector: Object | None = None, **spec: object) -> Object:
    """The Service `x/web`."""
    meta = {"name": "web", "namespace": "x"}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": meta,
        "spec": {"ports": list(ports), "selector": {"app": "web"} if selector is None else selector, **spec},
    }


def endpoint_slice(*addresses: str, number: int) -> Object:
    """Endpoints for `x/web`, given by hand."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "web-1", "namespace": "x", "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address]} for address in addresses],
        "ports": [{"name": "http", "port": number, "protocol": "TCP"}],
    }


BY_NUMBER = service([{"name": "http", "port": 80, "targetPort": 8080}])
BY_NAME = service([{"name": "http", "port": 80, "targetPort": "http"}])
YES, NO = ["allow x/client -> x/svc/web on TCP/80"], ["deny x/client -> x/svc/web on TCP/80"]


@pytest.mark.parametrize(
    ("objects", "claims"),
    [
        pytest.param([ONE, BY_NUMBER], YES, id="without policies"),
        pytest.param(
            [ONE, BY_NUMBER, policy("x/in", WEB, ingress=[admits(ports=[port(8080)])])],
            YES,
            id="the pod's port",
        ),
        pytest.param(
            [ONE, BY_NUMBER, policy("x/in", WEB, ingress=[admits(ports=[port(80)])])],
            NO,
            id="not the Service's port",
        ),
        pytest.param(
            [ONE, BY_NAME, policy("x/in", WEB, ingress=[admits(ports=[port("http")])])], YES, id="the port by its name"
        ),
        pytest.param(
            [ONE, OTHER, BY_NAME, policy("x/in", WEB, ingress=[admits(ports=[port("http")])])],
            YES,
            id="a name leads to another number in every pod",
        ),
        pytest.param(
            [ONE, OTHER, BY_NAME, policy("x/in", WEB, ingress=[admits(ports=[port(8080)])])],
            NO,
            id="every pod behind it must be open",
        ),
        pytest.param(
            [ONE, service([{"port": 8080}]), policy("x/in", WEB, ingress=[admits(ports=[port(8080)])])],
            ["allow x/client -> x/svc/web on TCP/8080"],
            id="without a targetPort it is the same port",
        ),
        pytest.param(
            [ONE, BY_NUMBER, policy("x/out", labelled(app="client"), egress=[sends(pods(WEB), ports=[port(8080)])])],
            YES,
            id="egress to the pods behind it",
        ),
        pytest.param(
            [
                ONE,
                service([{"port": 80, "targetPort": 8080}], clusterIP="10.96.0.7"),
                policy("x/out", labelled(app="client"), egress=[sends(block("10.96.0.7/32"))]),
            ],
            NO,
            id="the address of the Service in an ipBlock is not what arrives",
        ),
        pytest.param(
            [
                ONE,
                service([{"name": "http", "port": 80}], clusterIP="None"),
                policy("x/in", WEB, ingress=[admits(ports=[port(8080)])]),
            ],
            ["allow x/client -> x/svc/web on TCP/8080", "deny x/client -> x/svc/web on TCP/80"],
            id="behind a headless Service clients reach the pods' own ports",
        ),
        pytest.param(
            [
                service([{"name": "http", "port": 80}], selector={}),
                endpoint_slice("203.0.113.7", number=8080),
                policy("x/out", labelled(app="client"), egress=[sends(block("203.0.113.7/32"), ports=[port(8080)])]),
            ],
            YES,
            id="without a selector its endpoints are addresses",
        ),
        pytest.param(
            [
                service([{"name": "http", "port": 80}], selector={}),
                endpoint_slice("203.0.113.7", number=8080),
                policy("x/out", labelled(app="client"), egress=[sends(namespaces({}))]),
            ],
            NO,
            id="which no selector matches",
        ),
    ],
)
def test_a_service_as_the_destination(objects: list[Object], claims: list[str]) -> None:
    assert untrue(claims, answers_of(cluster_of([CLIENT, *objects]))) == []


def test_a_service_without_that_port_is_an_error() -> None:
    cluster = cluster_of([CLIENT, ONE, BY_NUMBER])
    with pytest.raises(EndpointError, match="8080"):
        cluster.can("x/client", "x/svc/web", port=8080)


@pytest.mark.parametrize("objects", [[], [BY_NUMBER]], ids=["no such Service", "nothing behind it"])
def test_a_service_without_endpoints_is_an_error(objects: list[Object]) -> None:
    with pytest.raises(EndpointError):
        cluster_of([CLIENT, *objects]).can("x/client", "x/svc/web", port=80)
