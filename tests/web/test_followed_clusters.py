"""A live cluster that is followed object by object: the page is that of a new reading."""

from collections import Counter
from typing import Any
from unittest.mock import patch
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests import strategies
from tests.semantics.objects import Object, admits, labelled, pod, pods, policy

from ringfence.cluster import Cluster
from ringfence.model.decoding import decode
from ringfence.model.kinds import kind_of, namespace_of
from ringfence.model.objects import Manifest
from ringfence.model.objects import Object as ModelObject
from ringfence.model.origin import Origin
from ringfence.sources.loaded_objects import LoadedObjects
from ringfence.web import Simulation
from ringfence.web import simulation as simulation_module
from ringfence.web.simulation import ObjectChanges

SERVER = Origin("https://server")
Key = tuple[str, str, str]


def decoded(obj: Object) -> ModelObject:
    found = decode(obj)
    assert found is not None
    return found


def key_of(obj: Object) -> Key:
    found = decoded(obj)
    return kind_of(found), namespace_of(found), found.metadata.name


class Server:
    """A cluster that is listed, and how often it was."""

    def __init__(self, objects: list[Object], *, live: bool = True) -> None:
        self.objects = {key_of(one): one for one in objects}
        self.readings = 0
        self._is_live = live

    def read(self) -> Cluster:
        self.readings += 1
        cluster = Cluster(live=self._is_live)
        manifests = [Manifest(decoded(one), SERVER) for one in self.objects.values()]
        cluster._load(LoadedObjects(manifests, [], Counter()))
        return cluster

    def change(self, changed: list[Object], removed: list[Key]) -> ObjectChanges:
        for key in removed:
            del self.objects[key]
        for one in changed:
            self.objects.pop(key_of(one), None)
            self.objects[key_of(one)] = one
        return ObjectChanges(tuple(map(decoded, changed)), tuple(removed), SERVER)


def shown(cluster: Cluster) -> dict[str, Any]:
    return {**cluster.report_data("random"), "all problems": cluster.problems}


@given(strategies.clusters(), strategies.clusters(), st.booleans(), st.data())
def test_after_each_change_the_page_is_that_of_a_new_reading(
    objects: list[Object], others: list[Object], live: bool, data: st.DataObject
) -> None:
    """In a cluster that is not live, pods take part that have no address."""
    server = Server(objects, live=live)
    simulation = Simulation(server.read, "random")
    for _ in range(4):
        changed = data.draw(st.lists(st.sampled_from(others), max_size=3, unique_by=key_of), label="changed")
        there = sorted(server.objects.keys() - set(map(key_of, changed)))
        removed = data.draw(st.lists(st.sampled_from(there), max_size=2, unique=True) if there else st.just([]))
        simulation.take(simulation.read(server.change(changed, removed)))
        assert shown(simulation.cluster) == shown(server.read())
        assert simulation.report == simulation.cluster.report_data("random")


@given(strategies.clusters(), strategies.clusters(), st.booleans(), st.data())
def test_what_takes_long_is_found_after_the_rest_and_is_that_of_a_new_reading(
    objects: list[Object], others: list[Object], live: bool, data: st.DataObject
) -> None:
    server = Server(objects, live=live)
    with patch.object(simulation_module, "LONG", 0):
        simulation = Simulation(server.read, "random")
        for _ in range(3):
            changed = data.draw(st.lists(st.sampled_from(others), max_size=3, unique_by=key_of), label="changed")
            changes: ObjectChanges | None = server.change(changed, [])
            if not live:
                changes = data.draw(st.sampled_from([changes, None]))  # files are read again
            found = simulation.read(changes, at_once=False)
            simulation.take(found)
            if not found.has_findings:
                assert found.report == server.read().report_data("random", findings=False)
                simulation.take_rest(simulation.find_rest())
            assert simulation.has_findings
            assert simulation.report == server.read().report_data("random")
            assert shown(simulation.cluster) == shown(server.read())


def test_a_live_cluster_is_not_listed_twice_for_what_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulation_module, "LONG", 0)
    server = Server([NAMESPACE, running("x/a")])
    simulation = Simulation(server.read, "test")
    pending = []
    for number in range(5):
        found = simulation.read(server.change([running(f"x/new{number}")], []), at_once=False)
        simulation.take(found)
        pending.append(not simulation.has_findings)
        if pending[-1]:
            simulation.take_rest(simulation.find_rest())
    assert pending == [False, True, True, True, True]
    assert server.readings == 2


def test_a_change_that_changes_nothing_leaves_what_is_shown() -> None:
    with patch.object(simulation_module, "LONG", 0):
        server = Server([NAMESPACE, running("x/a")], live=False)
        simulation = Simulation(server.read, "test")
        shown_before, version = simulation.report, simulation.version
        simulation.take(simulation.read(at_once=False))
        assert simulation.report is shown_before
        simulation.take_rest(simulation.find_rest())
        assert simulation.version == version


def test_what_is_found_about_data_that_were_replaced_meanwhile_is_dropped() -> None:
    with patch.object(simulation_module, "LONG", 0):
        server = Server([NAMESPACE, running("x/a")], live=False)
        simulation = Simulation(server.read, "test")
        server.change([running("x/b")], [])
        simulation.take(simulation.read(at_once=False))
        rest = simulation.find_rest()
        server.change([policy("x/p")], [])
        simulation.read_again()
        simulation.take_rest(rest)
        assert simulation.report == server.read().report_data("test")


def test_from_the_second_change_on_nothing_is_read_again() -> None:
    server = Server(
        [NAMESPACE, running("x/a"), running("x/b"), policy("x/p", ingress=[admits(pods(labelled(app="a")))])]
    )
    simulation = Simulation(server.read, "test")
    for number in range(5):
        simulation.take(simulation.read(server.change([running(f"x/new{number}")], [])))
    assert server.readings == 2
    assert len(simulation.report["workloads"]) == 7


def test_an_object_with_a_problem_has_the_cluster_read_again_until_it_is_over() -> None:
    server = Server([NAMESPACE, running("x/a")])
    simulation = Simulation(server.read, "test")
    simulation.take(simulation.read(server.change([running("x/b")], [])))
    bad = {**policy("x/p"), "spec": {"podSelector": {"matchLabels": {"a b": "c"}}}}
    simulation.take(simulation.read(server.change([bad], [])))
    assert simulation.report["problems"]
    simulation.take(simulation.read(server.change([policy("x/p")], [])))
    assert not simulation.report["problems"]
    assert simulation.report == server.read().report_data("test")


def running(path: str) -> Object:
    return pod(path, addresses=[f"10.0.0.{crc32(path.encode()) % 250 + 1}"])


NAMESPACE: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "x"}}
