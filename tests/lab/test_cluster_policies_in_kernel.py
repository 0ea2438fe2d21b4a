"""Policies of administrators in the Linux kernel: upstream's conformance cases, and random clusters."""

from typing import Any

import pytest
from hypothesis import given, settings
from tests.cluster_policy_strategies import clusters
from tests.example_counts import examples
from tests.lab.clusters import laboratory, manifests
from tests.lab.sandboxes import in_sandbox
from tests.lab.test_agreement_in_kernel import RANDOM_PORTS
from tests.semantics.objects import Object
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
