"""Policies of administrators in the Linux kernel: upstream's conformance cases, and random clusters that change."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests import strategies
from tests.cluster_policy_strategies import cluster_policies, clusters
from tests.example_counts import examples
from tests.lab.clusters import laboratory, manifests
from tests.lab.sandboxes import in_sandbox
from tests.lab.test_agreement_in_kernel import RANDOM_PORTS
from tests.semantics.objects import Object, key_of
from tests.semantics.test_admin_conformance import cases

from ringfence.engine.population.pods import Reference
from ringfence.lab.network.topology import LabPort


@pytest.mark.parametrize(("base", "case"), cases())
def test_every_probe_has_the_expected_result(base: list[Any], case: Any) -> None:
    assert in_sandbox(lambda: wrong(base, case)) == []


def wrong(base: list[Any], case: Any) -> list[str]:
    """The probes that the kernel, or the engine, answers in another way than upstream does."""
    lab, found = laboratory(*base, families=None), []
    for step in case["steps"]:
        lab.delete(Reference(namespace, kind, name) for kind, namespace, name in step["remove"])
        lab.apply(manifests(*step["upsert"]))
        asked = {(poke["protocol"], poke["port"]) for poke in step["pokes"]}
        expected = {
            (poke["source"], poke["destination"], poke["protocol"], poke["port"]): poke["expected"]
            for poke in step["pokes"]
        }
        report = lab.probe(lab.probes(ports=tuple(LabPort(port, protocol) for protocol, port in sorted(asked))))
        for one in report.results:
            right = expected.get((one.source, one.destination, one.protocol, one.port), one.observed)
            if not one.agrees or one.observed is not right:
                found.append(f"{one}: observed {one.observed}")
    return found


@settings(max_examples=examples(10))
@given(clusters())
def test_random_clusters(objects: list[Object]) -> None:
    def disagreements() -> list[str]:
        lab = laboratory(*objects, nodes=2, families=None)
        report = lab.probe(lab.probes(ports=RANDOM_PORTS))
        return [f"{one}: observed {one.observed}, denied by {one.denied_by}" for one in report.disagreements]

    assert in_sandbox(disagreements) == []


_changes = st.lists(st.one_of(cluster_policies, cluster_policies, strategies.policies, st.integers(0, 9)), max_size=4)
"""Policies that are added, or replaced by others of their name, and numbers of policies that are removed."""


@settings(max_examples=examples(10))
@given(clusters(), _changes)
def test_random_changes_while_the_kernel_enforces(objects: list[Object], changes: list[Object | int]) -> None:
    def disagreements() -> list[str]:
        lab, found = laboratory(*objects, nodes=2, families=None), []
        present = {key_of(obj): obj for obj in objects if obj["kind"].endswith("NetworkPolicy")}
        for step, change in enumerate(changes):
            if not isinstance(change, int):
                present[key_of(change)] = change
                lab.apply(manifests(change))
            elif present:
                kind, namespace, name = sorted(present)[change % len(present)]
                del present[kind, namespace, name]
                lab.delete([Reference(namespace, kind, name)])
            report = lab.probe(lab.probes(ports=RANDOM_PORTS))
            found += [f"{one} after change {step}: observed {one.observed}" for one in report.disagreements]
        return found

    assert in_sandbox(disagreements) == []
