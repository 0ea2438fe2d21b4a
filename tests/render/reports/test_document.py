"""The data of a report agrees with the engine's answers."""

from typing import Any

from hypothesis import given
from tests import strategies
from tests.render.json_shapes import fits, schema, strict
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object, admits, labelled, pod, pods, policy, sends

from ringfence.analysis.lists.connections import connections
from ringfence.cluster import Cluster
from ringfence.engine.population.pods import Reference
from ringfence.model.policies import Direction
from ringfence.render.reports import Report, report_json
from ringfence.sets.addresses import Addresses

SHAPE = strict(schema("report"))


def data_of(objects: list[Object]) -> tuple[Cluster, dict[str, Any]]:
    cluster = cluster_of(objects)
    return cluster, report_json(Report(cluster.state, "test", (), cluster.document))


def pairs(flat: list[int]) -> list[tuple[int, int]]:
    return list(zip(flat[::2], flat[1::2], strict=True))


def row_of(data: dict[str, Any], workload: dict[str, Any]) -> dict[int, int]:
    """The classes that a workload reaches, with the traffic."""
    row = data["rows"][workload["class"]]
    cells = (data["common"] if row.get("common") else []) + row["cells"]
    ranges = zip(cells[::3], cells[1::3], cells[2::3], strict=True)
    found = {place: traffic for first, last, traffic in ranges for place in range(first, last + 1)}
    return {place: traffic for place, traffic in found.items() if traffic >= 0}


def members(ranges: list[int]) -> set[int]:
    return {number for first, last in pairs(ranges) for number in range(first, last + 1)}


def names_of(data: dict[str, Any]) -> list[Reference]:
    return [Reference(data["namespaces"][one["namespace"]], one["kind"], one["name"]) for one in data["workloads"]]


def is_on_its_node(source: dict[str, Any], destination: dict[str, Any]) -> bool:
    """Whether a source is a node, as which it always reaches the pods that run there."""
    return bool(source.get("hostNetwork") and source.get("node") and source["node"] == destination.get("node"))


@given(strategies.clusters())
def test_what_passes_between_workloads_and_addresses_is_the_list_of_connections(objects: list[Object]) -> None:
    cluster, data = data_of(objects)
    assert fits(data, SHAPE)
    names, workloads = names_of(data), data["workloads"]
    listed = {(one.source, one.destination): str(one.traffic) for one in connections(cluster.state)}
    found = {}
    for name, workload in zip(names, workloads, strict=True):
        row = row_of(data, workload)
        for other, reached in zip(names, workloads, strict=True):
            is_itself = name == other and not workload.get("several")
            if reached["class"] in row and not is_itself:
                found[name, other] = data["traffic"][row[reached["class"]]]["text"]
        for place, traffic in pairs(data["outgoing"][workload["class"]]):
            found[name, data["addresses"][place]["text"]] = data["traffic"][traffic]["text"]
        for place, traffic in pairs(data["incoming"][workload["class"]]):
            found[data["addresses"][place]["text"], name] = data["traffic"][traffic]["text"]
    assert found == {
        tuple(str(end) if isinstance(end, Addresses) else end for end in ends): text for ends, text in listed.items()
    }


@given(strategies.clusters())
def test_the_policies_of_a_workload_are_those_that_isolate_it_and_a_policy_selects_them(objects: list[Object]) -> None:
    cluster, data = data_of(objects)
    isolated = {row.reference: row for row in cluster.isolation().rows}
    for name, workload in zip(names_of(data), data["workloads"], strict=True):
        subject = data["subjects"][workload["subject"]]
        for direction in Direction:
            acting = subject[direction.field]
            if name in isolated:
                expected = getattr(isolated[name], direction.field)
                assert {data["policies"][one]["name"] for one in acting} == {one.name for one in expected}
            for number, one in enumerate(data["policies"]):
                selects = workload["subject"] in members(one["selects"])
                assert (number in acting) is (selects and direction.field in one)


@given(strategies.clusters())
def test_what_passes_is_matched_by_a_rule_of_every_side_that_is_isolated(objects: list[Object]) -> None:
    """The page explains a cell by the rules that match the other end: an allowed connection must have one."""
    _, data = data_of(objects)
    workloads = data["workloads"]
    for source in workloads:
        row = row_of(data, source)
        for destination in workloads:
            if destination["class"] not in row or source is destination or is_on_its_node(source, destination):
                continue
            for subject, direction, peer in ((source, "egress", destination), (destination, "ingress", source)):
                acting = [data["policies"][one] for one in data["subjects"][subject["subject"]][direction]]
                rules = [rule for one in acting for rule in one[direction]]
                assert not acting or any(peer["subject"] in members(rule["subjects"]) for rule in rules)


def test_a_rule_says_whom_and_what_it_is_about_in_words_and_where_it_is() -> None:
    _, data = data_of(
        [
            pod("x/db", app="db"),
            pod("x/web", app="web"),
            policy(
                "x/db",
                labelled(app="db"),
                ingress=[admits(pods(labelled(app="web")))],
                egress=[sends(ports=[{"port": 80}])],
            ),
        ]
    )
    (one,) = data["policies"]
    assert one["subject"] == "pods with app=db of namespace x"
    (ingress,), (egress,) = one["ingress"], one["egress"]
    assert ingress["peers"] == "pods with app=web of namespace x"
    assert (ingress["traffic"], ingress["outside"]) == ("all traffic", False)
    assert (egress["peers"], egress["traffic"], egress["outside"]) == ("everyone", "TCP 80", True)
    assert one["generated"] is True
    assert "kind: NetworkPolicy" in one["yaml"]


def test_the_yaml_of_a_policy_is_its_text_with_its_comments_and_lines() -> None:
    cluster = Cluster.load("examples/three-tier")
    (one,) = cluster.report_data()["policies"]
    assert one["line"] == 3
    assert one["yaml"].splitlines()[0] == "apiVersion: networking.k8s.io/v1"
    assert "  # Both directions are listed" in one["yaml"]
    rule = one["ingress"][0]
    lines = one["yaml"].splitlines()[rule["line"] - one["line"] : rule["endLine"] - one["line"] + 1]
    assert lines[0].lstrip().startswith("- ")
    assert lines[-1].strip()


def test_two_clusters_with_the_same_objects_have_the_same_data() -> None:
    first, second = (Cluster.load("examples/shop").report_data("shop") for _ in range(2))
    assert first == second
