"""Clusters and test documents for the tests of tests."""

from datetime import date
from pathlib import Path
from textwrap import dedent
from typing import Final

from ringfence.cluster import Cluster
from ringfence.model.origin import Origin
from ringfence.sources.manifests import parse_yaml
from ringfence.testing.decoding import DecodedTests, decode_tests
from ringfence.testing.outcomes import JudgedTest

THREE_TIER: Final = Path(__file__).parents[2] / "examples" / "three-tier"
TODAY: Final = date(2026, 11, 30)
HEAD: Final = "apiVersion: ringfence/v1\nkind: ReachabilityTest\n"
API_TO_DB: Final = "from: prod/api, to: prod/db, port: 3306"
WEB_TO_DB: Final = "from: prod/web, to: prod/db, port: 3306"


def decoded(text: str) -> DecodedTests:
    """The tests in a document, without its first two lines; places have no lines."""
    (tree,) = parse_yaml(HEAD + dedent(text))
    assert isinstance(tree, dict)
    return decode_tests(tree, Origin("t.yaml", 1))


def judged(cluster: Cluster, text: str) -> list[JudgedTest]:
    """The outcomes of the tests in a document without its first two lines. The document has no problems."""
    found = decoded(text)
    assert found.problems == ()
    return list(cluster.judged(found.tests, today=TODAY))


def status(cluster: Cluster, test: str) -> str:
    """The status of one test, which is written as a flow mapping without its braces."""
    (one,) = judged(cluster, f"tests: [{{{test}}}]")
    return one.status.value


def invariant(cluster: Cluster, text: str) -> str:
    """The status of one invariant, which is written as one entry of their list."""
    (one,) = judged(cluster, f"invariants: [{text}]")
    return one.status.value


def message(cluster: Cluster, test: str) -> str:
    """The message of one test, which is written as a flow mapping without its braces."""
    (one,) = judged(cluster, f"tests: [{{{test}}}]")
    return one.message


def three_tier() -> Cluster:
    """The example of three tiers: only `prod/api` and an address reach `prod/db`, on TCP 3306."""
    return Cluster.load(THREE_TIER)
