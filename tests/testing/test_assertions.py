"""Assertions in Python: they fail with the reasons, and also if they prove nothing about the cluster."""

import pytest

from ringfence.cluster import Cluster
from ringfence.errors import InputError
from ringfence.testing import (
    assert_allowed,
    assert_denied,
    assert_isolated,
    assert_only_from,
    assert_only_to,
)


def test_an_assertion_that_holds_returns(cluster: Cluster) -> None:
    assert_allowed(cluster, "prod/api", "prod/db", port=3306)
    assert_allowed(cluster, "prod/api", "prod/db", port=3306, because="db-policy")
    assert_denied(cluster, ["prod/web", "staging/api"], "prod/db", port="3306/TCP")
    assert_denied(cluster, "prod/web", "prod/db", port=3306, because=["prod/db-policy"])
    assert_only_from(cluster, "prod/db", ["prod/api"], port=3306)
    assert_only_to(cluster, "prod/db", "192.168.5.10", port=80, accept="assumptions")
    assert_isolated(cluster, "prod/db")
    assert_isolated(cluster, ["prod/db"], "egress")


def test_one_that_does_not_hold_fails_with_the_reasons_and_the_smallest_edit(cluster: Cluster) -> None:
    with pytest.raises(AssertionError) as failed:
        assert_allowed(cluster, "prod/web", "prod/db", port=3306)
    lines = str(failed.value).splitlines()
    assert lines[0] == "prod/web may not reach prod/db on TCP 3306"
    assert any("no peer selects prod/web" in line for line in lines)
    assert any("the smallest edit" in line for line in lines)
    with pytest.raises(AssertionError, match="prod/api may reach prod/db on TCP 3306"):
        assert_denied(cluster, "prod/api", "prod/db", port=3306)
    with pytest.raises(AssertionError, match="prod/web is listed, and may not reach prod/db on TCP 3306"):
        assert_only_from(cluster, "prod/db", "prod/web", port=3306)
    with pytest.raises(AssertionError, match="staging/api may reach prod/web on TCP 80, and is not listed"):
        assert_only_from(cluster, "prod/web", "prod/api", port=80, accept=["assumptions", "unserved-ports"])
    with pytest.raises(AssertionError, match="prod/web is not isolated for ingress"):
        assert_isolated(cluster, "prod/web", "ingress")


@pytest.mark.parametrize(
    ("source", "port", "said"),
    [
        ("prod/nobody", 3306, "there is no pod or workload nobody in namespace prod"),
        ("prod/web", 22, "no container of prod/db declares TCP 22"),
    ],
)
def test_one_that_proves_nothing_about_the_cluster_fails(cluster: Cluster, source: str, port: int, said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        assert_denied(cluster, source, "prod/db", port=port)


def test_an_answer_that_is_assumed_fails_unless_that_is_accepted(cluster: Cluster) -> None:
    with pytest.raises(AssertionError, match="is not known"):
        assert_denied(cluster, "prod/db", "prod/web", port=80, accept="unserved-ports")
    assert_denied(cluster, "prod/db", "prod/web", port=80, accept=["assumptions", "unserved-ports"])


def test_unknown_words_are_errors_of_the_caller(cluster: Cluster) -> None:
    with pytest.raises(InputError, match="'sideways' is not a direction: use ingress, egress or both"):
        assert_isolated(cluster, "prod/db", "sideways")
    with pytest.raises(InputError, match="use assumptions or unserved-ports"):
        assert_denied(cluster, "prod/web", "prod/db", accept="all")
