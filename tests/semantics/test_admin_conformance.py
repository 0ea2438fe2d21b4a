"""Upstream's conformance cases for the administrators' policies, asked of the engine.

They are read where they are (`RINGFENCE_CONFORMANCE`), and are not part of this project.
"""

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from ringfence import Cluster

FOLDER: Final = Path(os.environ.get("RINGFENCE_CONFORMANCE") or Path(__file__).parents[3] / "shared/cases/conformance")
FILES: Final = ("cluster-network-policy-v1alpha2.json", "admin-network-policy-v1alpha1.json")


def cases() -> list[Any]:
    found = []
    for file in FILES:
        if (FOLDER / file).exists():
            written = json.loads((FOLDER / file).read_text())
            found += [pytest.param(written["base"], test, id=test["name"]) for test in written["tests"]]
    return found or [
        pytest.param(
            [],
            {},
            id="none",
            marks=pytest.mark.skip("needs upstream's conformance cases: RINGFENCE_CONFORMANCE names their folder"),
        )
    ]


@pytest.mark.parametrize(("base", "case"), cases())
def test_every_probe_has_the_expected_result(base: list[Any], case: Any) -> None:
    cluster = Cluster()
    for obj in base:
        cluster.upsert(obj)
    for step in case["steps"]:
        for obj in step["upsert"]:
            cluster.upsert(obj)
        for kind, namespace, name in step["remove"]:
            cluster.remove(kind, namespace, name)
        wrong = [
            poke
            for poke in step["pokes"]
            if bool(cluster.can(poke["source"], poke["destination"], port=poke["port"], protocol=poke["protocol"]))
            is not poke["expected"]
        ]
        assert wrong == []
