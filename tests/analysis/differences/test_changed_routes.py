"""Objects such as an Ingress that lead to other Services."""

import pytest
from tests.semantics.objects import Object, namespace

from ringfence.analysis.differences import ChangedRoute
from ringfence.cluster import Cluster
from ringfence.render.differences import difference_text


def ingress(*services: tuple[str, object]) -> Object:
    paths = [{"path": "/", "backend": {"service": {"name": name, "port": {"number": port}}}} for name, port in services]
    spec = {"rules": [{"http": {"paths": paths}}]}
    metadata = {"name": "shop", "namespace": "x"}
    return {"apiVersion": "networking.k8s.io/v1", "kind": "Ingress", "metadata": metadata, "spec": spec}


def http_route(*services: tuple[str, object]) -> Object:
    references = [{"name": name, "port": port, "namespace": "y"} for name, port in services]
    metadata, spec = {"name": "shop", "namespace": "x"}, {"rules": [{"backendRefs": references}]}
    return {"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": metadata, "spec": spec}


def changed(before: list[Object], after: list[Object]) -> tuple[tuple[ChangedRoute, ...], list[str]]:
    old, new = Cluster(), Cluster()
    for cluster, objects in ((old, before), (new, after)):
        for one in (namespace("x"), *objects):
            cluster.upsert(one)
    found = old.diff(new)
    lines = difference_text(found, "a", "b").partition("routes\n")[2].splitlines()
    return found.routes, [line.strip() for line in lines if line.startswith("  ")]


WEB, API = ("web", 80), ("api", 80)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            [],
            [ingress(WEB)],
            "~ x/Ingress/shop now leads to x/Service/web:80, and before to nothing",
            id="an Ingress appears",
        ),
        pytest.param(
            [ingress(WEB)],
            [],
            "~ x/Ingress/shop now leads to nothing, and no longer to x/Service/web:80",
            id="an Ingress is removed",
        ),
        pytest.param(
            [ingress(WEB)],
            [ingress(API)],
            "~ x/Ingress/shop now leads to x/Service/api:80, and no longer to x/Service/web:80",
            id="another Service",
        ),
        pytest.param(
            [ingress(WEB)],
            [ingress(("web", 81))],
            "~ x/Ingress/shop now leads to x/Service/web:81, and no longer to x/Service/web:80",
            id="another port",
        ),
        pytest.param(
            [http_route(WEB)],
            [http_route(WEB, API)],
            "~ x/HTTPRoute/shop now leads to y/Service/api:80, y/Service/web:80, and before to y/Service/web:80",
            id="one more Service, of another namespace",
        ),
    ],
)
def test_what_leads_to_other_services(before: list[Object], after: list[Object], expected: str) -> None:
    found, lines = changed(before, after)
    assert len(found) == 1
    assert lines == [expected]
    assert [(one.before, one.after) for one in changed(after, before)[0]] == [(found[0].after, found[0].before)]


def test_the_same_services_in_another_order_are_no_change() -> None:
    found, _ = changed([ingress(WEB, API)], [ingress(API, WEB, API)])
    assert not found
