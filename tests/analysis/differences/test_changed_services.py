"""Services that lead to other pods, and the workloads for which that opens or closes them, against single questions
about each side.
"""

from pathlib import Path

import pytest
import yaml
from tests.semantics.objects import Object, admits, container_port, labelled, namespace, pod, pods, policy, port

from ringfence.analysis.differences import ClusterDifference, ServiceChange
from ringfence.cluster import Cluster
from ringfence.render.differences import difference_text

WEB, OLD, NEW = {"app": "web"}, {"app": "db", "version": "1"}, {"app": "db", "version": "2"}


def service(selector: Object, **of_port: object) -> Object:
    ports = [{"name": "sql", "port": 5432, **of_port}]
    metadata = {"name": "db", "namespace": "x"}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": {"selector": selector, "ports": ports}}


def cluster(*objects: Object) -> Cluster:
    made = Cluster()
    listening = [container_port("sql", 5432)]
    for one in (
        namespace("x"),
        pod("x/web", WEB),
        pod("x/old", OLD, ports=listening),
        pod("x/new", NEW, ports=listening),
        policy("x/new", {"matchLabels": NEW}, ingress=[admits(pods(labelled(app="admin")), ports=[port(5432)])]),
        policy("x/old", {"matchLabels": OLD}, ingress=[admits(pods(labelled(app="web")), ports=[port(5432)])]),
        *objects,
    ):
        made.upsert(one)
    return made


def told(found: ClusterDifference) -> list[str]:
    return difference_text(found, "a", "b").partition("services\n")[2].splitlines()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(
            service({"version": "1"}),
            service({"version": "2"}),
            [
                "  - x/Service/db TCP 5432 now leads to x/new:5432, and no longer to x/old:5432",
                "      no longer reached by x/web",
            ],
            id="another selector",
        ),
        pytest.param(
            service({"version": "2"}),
            service({"app": "db"}),
            [
                "  + x/Service/db TCP 5432 now leads to x/new:5432, x/old:5432, and before to x/new:5432",
                "      now reached by x/web",
            ],
            id="a wider selector",
        ),
        pytest.param(
            service({"version": "1"}),
            service({"version": "1"}, targetPort=5433),
            [
                "  - x/Service/db TCP 5432 now leads to x/old:5433, and no longer to x/old:5432",
                "      no longer reached by x/web",
            ],
            id="another target port",
        ),
        pytest.param(service({"version": "1"}), service({"version": "1"}, targetPort="sql"), [], id="the same by name"),
        pytest.param(
            service({"version": "1"}),
            service({"version": "9"}),
            [
                "  - x/Service/db TCP 5432 now leads to nothing, and no longer to x/old:5432",
                "      no longer reached by x/web",
            ],
            id="nothing any more",
        ),
    ],
)
def test_a_service_that_leads_elsewhere(before: Object, after: Object, expected: list[str]) -> None:
    old, new = cluster(before), cluster(after)
    found = old.diff(new)
    assert bool(found) is bool(expected)
    assert [line for line in told(found) if line.startswith("  ")] == expected
    for one in found.services:
        for workload in one.opened:
            assert new.can(str(workload), "x/svc/db", port=5432).any
        for workload in one.closed:
            assert old.can(str(workload), "x/svc/db", port=5432).any
    assert not old.diff(cluster(before)).services


def test_a_service_of_one_cluster_alone_opens_and_closes_nothing() -> None:
    without, with_service = cluster(), cluster(service({"version": "1"}))
    (added,), (removed,) = without.diff(with_service).services, with_service.diff(without).services
    assert (added.opened, added.closed, removed.opened, removed.closed) == ((), (), (), ())
    assert told(without.diff(with_service))[0] == "  ~ added: x/Service/db TCP 5432, which leads to x/old:5432"
    assert told(with_service.diff(without))[0] == "  ~ removed: x/Service/db TCP 5432, which led to x/old:5432"


def test_the_heading_counts_only_what_there_is() -> None:
    second = {**service({"version": "1"}), "metadata": {"name": "more", "namespace": "x"}}
    added = cluster().diff(cluster(service({"version": "1"}), second))
    assert difference_text(added, "a", "b").startswith("a -> b: 2 Services added; the same")
    both = cluster(service({"version": "1"})).diff(cluster(service({"version": "2"}), second))
    assert ": 1 Service leads elsewhere, 1 Service added;" in difference_text(both, "a", "b")


def test_a_service_whose_pods_have_changed_is_written_as_before() -> None:
    """The Service selects version 1: a pod of it is there now that was of version 2."""
    before = cluster(service({"version": "1"}))
    after = cluster(service({"version": "1"}), pod("x/new", OLD, ports=[container_port("sql", 5432)]))
    (found,) = before.diff(after).services
    assert found.change is ServiceChange.PODS
    assert told(before.diff(after))[0] == (
        "  ~ x/Service/db TCP 5432, which is written as before, now leads to x/new:5432, x/old:5432, "
        "and before to x/old:5432"
    )


def test_the_place_of_a_service_is_where_it_is_written_now(tmp_path: Path) -> None:
    paths = tmp_path / "a.yaml", tmp_path / "b.yaml"
    for path, selector in zip(paths, ({"version": "1"}, {"version": "2"}), strict=True):
        objects = [namespace("x"), pod("x/old", OLD), pod("x/new", NEW), service(selector)]
        path.write_text("---\n".join(yaml.safe_dump(one) for one in objects))
    before, after = (Cluster.load(path) for path in paths)
    (found,) = before.diff(after).services
    assert found.place is not None
    line = paths[1].read_text().splitlines()[found.place.line - 1]
    assert (found.place.file, line) == (str(paths[1]), "apiVersion: v1")
    assert "Service" in paths[1].read_text().splitlines()[found.place.line]
