"""The coverage of tests: they notice exactly the mutants with which one of them fails, judged without shortcuts."""

import json
from collections.abc import Sequence
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st
from tests import cluster_policy_strategies, strategies
from tests.example_counts import examples
from tests.semantics.objects import Object
from tests.testing.worlds import TODAY, decoded, three_tier

from ringfence.analysis.mutants import Mutant, MutatedPart
from ringfence.cluster import Cluster
from ringfence.testing.coverage import Coverage, Fate, TriedMutant
from ringfence.testing.judging import Judge
from ringfence.testing.reachability_tests import ReachabilityTest

EVERYTHING = """
tests:
- {from: prod/api, to: prod/db, port: 3306, expect: allow}
- {to: prod/db, expect: {only-from: [prod/api]}, port: 3306}
- {from: 'prod/web', to: prod/db, ports: all, expect: deny, accept: [assumptions, unserved-ports]}
- {from: prod/api, to: prod/db, ports: [1-3305, 3307-65535], expect: deny, accept: unserved-ports}
- {from: prod/db, expect: {only-to: [192.168.5.10]}, port: 80, accept: assumptions}
- {from: prod/db, to: 192.168.5.10, ports: [1-79, 81-65535], expect: deny}
- {from: prod/db, to: 192.168.5.10, port: 80, expect: allow}
- {from: prod/web, to: prod/api, expect: allow}
"""

OTHER_PORTS = "from: prod/api, to: prod/db, ports: [1-3305"


def coverage(cluster: Cluster, text: str) -> Coverage:
    found = decoded(text)
    assert found.problems == ()
    return cluster.coverage_by(found.tests, today=TODAY)


def missed(found: Coverage) -> list[str]:
    return [f"{one.mutant.path}: {one.mutant.text}" for one in found.of(Fate.MISSED, Fate.UNSEEN)]


def test_tests_about_all_that_a_policy_says_notice_every_mistake_in_it() -> None:
    found = coverage(three_tier(), EVERYTHING)
    assert missed(found) == []
    assert found.percent == 100
    assert all(one.tested == one.total for one in found.parts())


def test_tests_of_what_is_allowed_do_not_notice_what_is_opened() -> None:
    found = coverage(three_tier(), "tests: [{from: prod/api, to: prod/db, port: 3306, expect: allow}]")
    assert [f"{one.mutant.path}: {one.mutant.text}" for one in found.of(Fate.NOTICED)] == [
        "spec.podSelector.matchLabels.role: without role=db in its selector",
        "spec.ingress[0]: without the rule",
    ]
    assert "spec.ingress[0].from: with all peers" in missed(found)
    assert not found.reaches(50)
    assert found.reaches(found.percent)


def test_a_part_is_tested_if_every_mistake_in_it_is_noticed() -> None:
    found = coverage(
        three_tier(),
        EVERYTHING.replace(
            "- {from: prod/api, to: prod/db, ports: [1-", "- {skip: x, from: prod/api, to: prod/db, ports: [1-"
        ),
    )
    assert missed(found) == ["spec.ingress[0].ports: with all ports"]
    tested = {one.part: (one.tested, one.total) for one in found.parts()}
    assert tested[MutatedPart.RULE] == (1, 2)
    assert tested[MutatedPart.POLICY] == (1, 1)


def test_tests_that_do_not_pass_and_changes_that_cannot_be_supposed_do_not_count() -> None:
    text = """
    tests:
    - {name: fails, from: prod/web, to: prod/db, port: 3306, expect: allow}
    - {name: skipped, from: prod/api, to: prod/db, port: 3306, expect: allow, skip: later}
    - {name: skipped if, from: prod/api, to: prod/db, port: 3306, expect: allow, without: prod/x, skip: later}
    - {name: no such policy, from: prod/web, to: prod/db, port: 3306, expect: allow, without: prod/x}
    - {name: supposed and fails, from: prod/web, to: prod/db, port: 3306, expect: deny, without: prod/db-policy}
    """
    found = coverage(three_tier(), text)
    assert [one.name for one in found.unjudged] == [
        "fails",
        "skipped",
        "skipped if",
        "no such policy",
        "supposed and fails",
    ]
    assert (found.tests, found.percent) == (0, 0)


TWO_POLICIES = [
    {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "namespace": "x", "labels": {"app": name}}}
    for name in ("a", "b")
] + [
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": "x"},
        "spec": {"podSelector": {"matchLabels": {"app": "b"}}},
    }
    for name in ("p", "q")
]


def test_a_test_that_supposes_changes_notices_mistakes_in_the_policies_that_it_keeps() -> None:
    cluster = Cluster()
    for one in TWO_POLICIES:
        cluster.upsert(one)
    denied = "from: x/a, to: x/b, port: 80, expect: deny, accept: [assumptions, unserved-ports]"

    def gone(text: str) -> dict[str, Fate]:
        tried = coverage(cluster, text).tried
        return {one.mutant.policy.name: one.fate for one in tried if one.mutant.after is None}

    assert gone(f"tests: [{{{denied}}}]") == {"p": Fate.EQUAL, "q": Fate.EQUAL}, "each says what the other says"
    without_p = f"tests: [{{{denied}, without: x/p}}]"
    assert gone(without_p) == {"p": Fate.EQUAL, "q": Fate.NOTICED}
    both = f"tests: [{{{denied}, without: x/p}}, {{{denied}, without: x/q}}]"
    assert gone(both) == {"p": Fate.NOTICED, "q": Fate.NOTICED}
    found = coverage(cluster, without_p)
    assert (found.tests, found.unjudged) == (1, ())


def test_a_test_notices_no_mistake_in_a_policy_that_it_replaces(tmp_path: Path) -> None:
    cluster = Cluster()
    for one in TWO_POLICIES:
        cluster.upsert(one)
    *_, q = TWO_POLICIES
    replaced = tmp_path / "q.json"
    replaced.write_text(json.dumps({**q, "spec": {"podSelector": {"matchLabels": {"app": "b"}}, "ingress": [{}]}}))
    found = coverage(
        cluster,
        "tests: [{from: x/a, to: x/b, port: 80, expect: allow, accept: [assumptions, unserved-ports], "
        f"without: x/p, after: {replaced}}}]",
    )
    assert (found.tests, found.unjudged) == (1, ())
    assert found.of(Fate.NOTICED) == ()


def test_a_mistake_about_pods_that_do_not_exist_yet_is_noticed_by_a_test_of_such_a_pod() -> None:
    cluster = three_tier()
    cluster.remove("Pod", "prod", "web")
    path = "spec.ingress[0].from[0].podSelector.matchLabels.name: without name=api-pod in its podSelector"
    here = "tests: [{from: prod/api, to: prod/db, port: 3306, expect: allow}]"
    fates = {f"{one.mutant.path}: {one.mutant.text}": one.fate for one in coverage(cluster, here).tried}
    assert fates[path] is Fate.UNSEEN
    future = "tests: [{from: 'pod:prod/name=other', to: prod/db, port: 3306, expect: deny}]"
    fates = {f"{one.mutant.path}: {one.mutant.text}": one.fate for one in coverage(cluster, future).tried}
    assert fates[path] is Fate.NOTICED


def test_what_means_the_same_does_not_count() -> None:
    cluster = Cluster.load("docs/examples/web-twice.yaml")
    found = cluster.coverage_by((), today=TODAY)
    equal = found.of(Fate.EQUAL)
    assert "spec.ingress[0].from[0]: without the peer" in [f"{one.mutant.path}: {one.mutant.text}" for one in equal]
    assert not any(one.counts for one in equal)


def test_a_cluster_without_policies_is_covered() -> None:
    found = Cluster().coverage_by((), today=TODAY)
    assert (found.percent, found.tried) == (100, ())


# --- against judging every test anew ----------------------------------------------------------------------------------


@st.composite
def documents(draw: st.DrawFn, objects: Sequence[Object]) -> str:
    """Some tests about the pods of a cluster, as a document."""
    pods = [f"{one['metadata']['namespace']}/{one['metadata']['name']}" for one in objects if one["kind"] == "Pod"]
    ends = st.sampled_from(
        [*pods, *pods, "x/*", "x/app=1", "*/*", "192.0.2.1", "internet", "pod:x/app=1", "any-pod:y/*"]
    )
    accept = "accept: [assumptions, unserved-ports]"
    connects = st.builds(
        lambda source, destination, port, expect, because: (
            f"- {{from: '{source}', to: '{destination}', port: {port}, expect: {expect}, {because}{accept}}}"
        ),
        ends,
        ends,
        st.sampled_from(["80", "53/UDP", "all"]),
        st.sampled_from(["allow", "deny"]),
        st.sampled_from(["", "", "because: p, "]),
    )
    only = st.builds(
        lambda sides, end, other, port: (
            f"- {{{sides[0]}: '{end}', port: {port}, expect: {{only-{sides[1]}: ['{other}']}}, {accept}}}"
        ),
        st.sampled_from([("from", "to"), ("to", "from")]),
        st.sampled_from(pods or ["x/*"]),
        st.sampled_from(pods or ["x/*"]),
        st.sampled_from(["80", "all"]),
    )
    isolated = st.builds(
        "- {{pods: '{}', isolated: {}, {}}}".format, ends, st.sampled_from(["ingress", "egress"]), st.just(accept)
    )
    listed = draw(st.lists(st.one_of(connects, connects, only, isolated), min_size=1, max_size=6))
    return "\n".join(["tests:", *listed])


def fails(objects: list[Object], mutant: Mutant, tests: Sequence[ReachabilityTest]) -> bool:
    """Whether a test fails in a new cluster with the mutant."""
    cluster = Cluster()
    for one in objects:
        cluster.upsert(one)
    if mutant.after is None:
        cluster.remove(mutant.policy.kind, mutant.policy.namespace, mutant.policy.name)
    else:
        cluster.upsert(mutant.after)
    judge = Judge(cluster.state, cluster.namespace, today=TODAY, with_assumptions=False)
    return any(not judge.holds(test) for test in tests)


@settings(max_examples=examples(20))  # each makes the cluster anew for some mutants
@given(st.data(), st.one_of(strategies.clusters(), cluster_policy_strategies.clusters()), st.integers(0, 1000))
def test_a_mutant_is_noticed_if_and_only_if_a_test_that_is_judged_from_the_start_fails(
    data: st.DataObject, objects: list[Object], start: int
) -> None:
    cluster = Cluster()
    for one in objects:
        cluster.upsert(one)
    tests = decoded(data.draw(documents(objects))).tests
    found = cluster.coverage_by(tests, today=TODAY)
    judge = Judge(cluster.state, cluster.namespace, today=TODAY, with_assumptions=False)
    counted = [test for test in tests if test not in found.unjudged and judge.holds(test)]
    some: tuple[TriedMutant, ...] = found.tried[start % len(found.tried) :] if found.tried else ()
    for tried in some[:8]:
        assert fails(objects, tried.mutant, counted) is (tried.fate is Fate.NOTICED)
