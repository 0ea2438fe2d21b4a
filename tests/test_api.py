"""The Python API: its names, their types as a type checker sees them, and the example of its first page."""

import subprocess
import sys
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import assert_type

import pytest

import ringfence
from ringfence import Cluster, RingfenceError, Verdict
from ringfence.analysis.lists.connections import Connection
from ringfence.analysis.lists.reach import Reach
from ringfence.model.problems import Problem
from tests.analysis.questions.test_questions import FROM_CLIENT, WORLD
from tests.semantics.judges import cluster_of
from tests.semantics.objects import pod

THREE_TIER = Path(__file__).parents[1] / "examples" / "three-tier"


def test_the_package_exports_a_handful_of_names() -> None:
    assert set(ringfence.__all__) == {"Cluster", "RingfenceError", "Verdict", "__version__"}
    assert [getattr(ringfence, name) for name in ("Cluster", "RingfenceError", "Verdict")] == [
        Cluster,
        RingfenceError,
        Verdict,
    ]
    with pytest.raises(AttributeError, match="module 'ringfence' has no attribute 'Custer'"):
        _ = ringfence.Custer


def test_importing_the_package_imports_no_engine() -> None:
    script = "import sys, ringfence; print(any(name.startswith('ringfence.') for name in sys.modules))"
    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
    )


def test_the_package_is_marked_as_typed() -> None:
    assert files("ringfence").joinpath("py.typed").is_file()


def test_the_type_that_each_call_returns() -> None:
    """mypy checks the declared types; this checks that the values have them."""
    cluster = assert_type(Cluster.load(THREE_TIER), Cluster)
    verdict = assert_type(cluster.can("prod/web", "prod/db", port=3306), Verdict)
    assert_type(verdict.explain(), str)
    assert_type(cluster.problems, list[Problem])
    found = assert_type(cluster.connections(pods=True), Iterator[Connection])
    assert isinstance(next(found), Connection)
    assert isinstance(assert_type(cluster.sources("prod/db", 3306), Reach), Reach)
    assert isinstance(assert_type(cluster.destinations("prod/db", 3306, "UDP"), Reach), Reach)
    assert_type(cluster.upsert(pod("x/a")), None)
    assert_type(cluster.remove("Pod", "x", "a"), None)


def test_the_example_of_the_first_page_holds() -> None:
    cluster = Cluster.load(THREE_TIER)
    verdict = cluster.can("prod/web", "prod/db", port=3306)
    assert not verdict
    assert "no peer selects prod/web" in verdict.explain()
    assert {str(one) for one in cluster.sources("prod/db", 3306)} == {"prod/api"}
    assert cluster.can("prod/db", "192.168.5.10").traffic.tcp == ((80, 80),)


def test_an_added_or_removed_object_counts_at_once() -> None:
    cluster = cluster_of(WORLD)
    assert cluster.can("x/stranger", "x/new", port=8080)
    cluster.upsert(FROM_CLIENT)
    assert not cluster.can("x/stranger", "x/new", port=8080)
    cluster.remove("NetworkPolicy", "x", "p")
    assert cluster.can("x/stranger", "x/new", port=8080)


@pytest.mark.parametrize(
    ("number", "protocol", "message"),
    [
        (0, "TCP", "0 is not a valid port: use a number from 1 to 65535"),
        (65536, "TCP", "65536 is not a valid port: use a number from 1 to 65535"),
        (80, "ICMP", "'ICMP' is not a protocol of NetworkPolicies: use TCP, UDP or SCTP"),
    ],
)
def test_every_question_refuses_invalid_ports_and_protocols(number: int, protocol: str, message: str) -> None:
    cluster = cluster_of(WORLD)
    with pytest.raises(RingfenceError) as of_verdict:
        cluster.can("x/client", "x/new", port=number, protocol=protocol)
    with pytest.raises(RingfenceError) as of_sources:
        cluster.sources("x/new", number, protocol)
    with pytest.raises(RingfenceError) as of_destinations:
        cluster.destinations("x/client", number, protocol)
    assert [str(raised.value) for raised in (of_verdict, of_sources, of_destinations)] == [message] * 3
