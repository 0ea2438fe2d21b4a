"""Which pods a test is about: never fewer than those on which its outcome depends."""

import pytest
from tests.testing.worlds import decoded, three_tier

from ringfence.testing.what_tests_ask import TestedPods, pods_asked_about


def asked(test: str) -> TestedPods:
    (one,) = decoded(f"tests: [{{{test}}}]").tests
    return pods_asked_about(three_tier().state, "default", one)


def names(pods: frozenset[object] | None) -> list[str] | None:
    return None if pods is None else sorted(map(str, pods))


@pytest.mark.parametrize(
    ("test", "sources", "destinations"),
    [
        ("from: prod/web, to: prod/db, port: 3306, expect: deny", ["prod/web"], ["prod/db"]),
        ("from: 'prod/*', to: 192.0.2.1, expect: deny", ["prod/api", "prod/db", "prod/web"], []),
        ("from: prod/web, to: prod/svc/db, port: 3306, expect: deny", ["prod/web"], None),
        ("to: prod/db, port: 3306, expect: {only-from: [prod/api]}", None, ["prod/db"]),
        ("from: prod/db, port: 80, expect: {only-to: [prod/api]}", ["prod/db"], None),
        ("pods: prod/db, isolated: ingress", ["prod/db"], ["prod/db"]),
    ],
)
def test_the_pods_of_both_sides(test: str, sources: list[str] | None, destinations: list[str] | None) -> None:
    found = asked(test)
    assert (names(found.sources), names(found.destinations)) == (sources, destinations)
    assert not found.is_about_possible_pods


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        pytest.param("from: prod/web, to: prod/db, expect: deny", False, id="two pods"),
        pytest.param("from: 'prod/*', to: 192.0.2.1, expect: deny", True, id="an address as the destination"),
        pytest.param("from: 192.0.2.1, to: prod/db, expect: deny", True, id="an address as the source"),
        pytest.param("from: [192.0.2.1, prod/web], to: prod/db, expect: deny", True, id="one of several sources"),
        pytest.param(
            "from: prod/web, to: prod/svc/db, port: 3306, expect: deny", True, id="a Service may lead to an address"
        ),
        pytest.param("from: prod/svc/db, to: prod/web, port: 80, expect: deny", True, id="also as the source"),
        pytest.param("to: prod/db, port: 3306, expect: {only-from: [prod/api]}", True, id="all other sources"),
        pytest.param("from: prod/db, port: 80, expect: {only-to: [prod/api]}", True, id="all other destinations"),
        pytest.param("pods: prod/db, isolated: both", False, id="isolation"),
    ],
)
def test_whether_a_test_is_about_addresses(test: str, expected: bool) -> None:
    assert asked(test).has_addresses is expected


@pytest.mark.parametrize(
    "test",
    [
        "from: 'pod:prod/app=x', to: prod/db, expect: deny",
        "from: prod/web, to: 'any-pod:prod/*', expect: deny",
        "pods: 'any-pod:prod/*', isolated: ingress",
        "to: prod/db, port: 3306, expect: {only-from: [prod/api], future: true}",
    ],
)
def test_a_test_about_pods_that_do_not_exist_yet_is_always_judged_again(test: str) -> None:
    assert asked(test).is_about_possible_pods


def test_a_test_of_the_policy_that_decides_depends_on_reasons() -> None:
    assert asked("from: prod/web, to: prod/db, port: 3306, expect: deny, because: db-policy").asks_for_reasons
    assert not asked("from: prod/web, to: prod/db, port: 3306, expect: deny").asks_for_reasons


def test_a_test_of_isolation_says_so() -> None:
    assert asked("pods: prod/db, isolated: both").is_about_isolation
