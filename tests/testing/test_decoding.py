"""Documents of tests: every field is checked, and a message names the place and the remedy."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.testing.worlds import HEAD, decoded

from ringfence.model.origin import Origin
from ringfence.model.policies import Direction
from ringfence.render.problems import problem_text
from ringfence.testing.decoding import decode_tests
from ringfence.testing.finding import find_tests
from ringfence.testing.reachability_tests import (
    Connects,
    DefaultDeny,
    Expected,
    IsIsolated,
    NoCrossNamespace,
    NoPath,
    OnlyThese,
)

ALLOW = "from: a/b, to: c/d, expect: allow"


@pytest.mark.parametrize(
    ("test", "kind"),
    [
        (ALLOW, Connects),
        ("from: a/b, to: c/d, expect: {only-from: []}", None),
        ("to: c/d, expect: {only-from: []}", OnlyThese),
        ("from: c/d, expect: {only-to: x/*, future: true}", OnlyThese),
        ("pods: x/*, isolated: both", IsIsolated),
    ],
)
def test_an_expectation_is_read(test: str, kind: type | None) -> None:
    found = decoded(f"tests: [{{{test}}}]")
    assert [type(one.expectation) for one in found.tests] == ([kind] if kind else [])
    assert bool(found.problems) is (kind is None)


@pytest.mark.parametrize(
    ("invariant", "expectation"),
    [
        ("no-cross-namespace", NoCrossNamespace()),
        ("no-cross-namespace: {except: [monitoring]}", NoCrossNamespace(("monitoring",))),
        ("every-namespace-default-deny", DefaultDeny((Direction.INGRESS, Direction.EGRESS))),
        ("every-namespace-default-deny: ", DefaultDeny((Direction.INGRESS, Direction.EGRESS))),
        ("every-namespace-default-deny: {direction: egress}", DefaultDeny((Direction.EGRESS,))),
    ],
)
def test_an_invariant_is_read(invariant: str, expectation: object) -> None:
    found = decoded(f"invariants:\n- {invariant}\n")
    assert (found.problems, [one.expectation for one in found.tests]) == ((), [expectation])


def test_an_invariant_about_paths_is_read() -> None:
    (found,) = decoded('invariants: [no-path: {from: internet, to: "tier=data", port: 53/UDP}]').tests
    assert isinstance(found.expectation, NoPath)
    assert (found.expectation.sources, found.expectation.destinations) == (("internet",), ("tier=data",))
    assert str(found.expectation.ports) == "UDP 53"


def test_a_test_has_a_name_that_says_what_it_expects() -> None:
    names = [
        one.name
        for one in decoded("""
            tests:
            - {name: mine, from: a/b, to: c/d, expect: deny}
            - {from: [a/b, a/c], to: c/d, ports: [80, 53/UDP], expect: deny, pairs: any}
            - {to: c/d, port: http, expect: {only-from: [a/b]}}
            - {from: c/d, expect: {only-to: []}}
            - {pods: x/*, isolated: both}
            invariants: [no-cross-namespace: {except: [x, z]}, no-path: {from: a/b, to: c/d}]
        """).tests
    ]
    assert names == [
        "mine",
        "a/b, a/c -> c/d on TCP 80; UDP 53: deny for any pair",
        "only a/b -> c/d on http",
        "c/d -> only nobody",
        "x/*: isolated for ingress and egress",
        "no connection between namespaces except x, z",
        "no path a/b -> c/d",
    ]


def test_all_fields_reach_the_test() -> None:
    (test,) = decoded("""
        metadata: {name: shop, namespace: prod}
        tests:
        - {from: web, to: db, expect: allow, because: [db, x/y], accept: [assumptions, unserved-ports],
           after: [patch.yaml], without: prod/x, skip: later, until: 2027-01-31}
    """).tests
    assert (test.namespace, test.because, test.after, test.without) == (
        "prod",
        ("db", "x/y"),
        ("patch.yaml",),
        ("prod/x",),
    )
    assert sorted(test.accepted) == ["assumptions", "unserved-ports"]
    assert test.skip is not None
    assert (test.skip.reason, str(test.skip.until)) == ("later", "2027-01-31")
    assert isinstance(test.expectation, Connects)
    assert test.expectation.expected is Expected.ALLOW


WRONG = [
    ("tests: []", "tests: Required value", "write a list of tests; docs/test.md has examples"),
    ("tests: {a: b}", "tests: a list is expected here, not a mapping", ""),
    ("test: []", 'test: unknown field "test"', "did you mean tests?"),
    ("tests: [hello]", "tests[0]: a mapping is expected here, not a text", ""),
    (f"tests: [{{{ALLOW}}}]\nmetadata: {{namespace: A_b}}", "is not the name of a namespace", "use lower case letters"),
    ("tests: [{from: a/b, to: c/d}]", "tests[0].expect: Required value", "use expect: allow, deny, unknown"),
    ("tests: [{from: a/b, to: c/d, expect: alow}]", 'Unsupported value: "alow"', "use expect: allow"),
    ("tests: [{from: a/b, to: c/d, expect: [allow]}]", "Unsupported value", "use expect: allow"),
    ("tests: [{from: a/b, to: c/d, expect: only-from}]", "Unsupported value", "expect: {only-from: [prod/web]}"),
    ("tests: [{from: a/b, to: c/d, expect: }]", "tests[0].expect: Required value", "write a value"),
    ("tests: [{to: c/d, expect: allow}]", "tests[0].from: Required value", "name the source of the connection"),
    ("tests: [{from: c/d, expect: allow}]", "tests[0].to: Required value", "name the destination of the connection"),
    ("tests: [{from: '', to: c/d, expect: allow}]", "not an empty text", ""),
    ("tests: [{from: 5, to: c/d, expect: allow}]", "a text or a list of texts is expected here, not a number", ""),
    ("tests: [{from: [a/b, 1], to: c/d, expect: allow}]", "tests[0].from[1]: a text is expected here", ""),
    ("tests: [{from: a/b/c/d, to: c/d, expect: allow}]", "tests[0].from: Invalid value: a/b/c/d: 'b'", ""),
    ("tests: [{source: a/b, to: c/d, expect: allow}]", 'unknown field "source"', "did you mean from?"),
    (f"tests: [{{{ALLOW}, port: 99999}}]", "tests[0].port: Invalid value: 99999 is not a valid port", ""),
    (f"tests: [{{{ALLOW}, ports: [80, TCP/22]}}]", "tests[0].ports[1]: Invalid value", ""),
    (f"tests: [{{{ALLOW}, ports: []}}]", "the list of ports is empty", "leave the field out for all traffic"),
    (f"tests: [{{{ALLOW}, port: true}}]", "a port such as 3306", ""),
    (f"tests: [{{{ALLOW}, port: 1, ports: [2]}}]", "the field port is also given", "write all ports in ports"),
    (f"tests: [{{{ALLOW}, pairs: some}}]", "supported values: all, any", ""),
    (f"tests: [{{{ALLOW}, accept: all}}]", "supported values: assumptions, unserved-ports", ""),
    (f"tests: [{{{ALLOW}, until: 2027-01-31}}]", "Forbidden: until is the last day of a skip", "add skip"),
    (f"tests: [{{{ALLOW}, skip: x, until: 31.1.2027}}]", '"31.1.2027" is not a date', "use one such as 2027-01-31"),
    (f"tests: [{{{ALLOW}, under: [calico]}}]", "network plugin are not supported", "upstream's rules"),
    (f"tests: [{{{ALLOW}, onlyFrom: x}}]", 'unknown field "onlyFrom"', ""),
    ("tests: [{from: a/b, to: c/d, expect: unknown, because: x}]", "Forbidden: because is about", "remove it"),
    ("tests: [{from: a/b, to: c/d, expect: {only-from: x/y}}]", "Forbidden: only-from is about all others", "move"),
    ("tests: [{to: c/d, expect: {only-from: x/y, only-to: x/y}}]", "exactly one of only-from and only-to", "two tests"),
    ("tests: [{to: c/d, expect: {onlyfrom: x/y}}]", 'unknown field "onlyfrom"', "did you mean only-from?"),
    ("tests: [{to: c/d, expect: {only-from: x/y, future: ja}}]", "true or false is expected here", ""),
    ("tests: [{to: c/d, expect: {only-from: }}]", "tests[0].expect.only-from: Required value", ""),
    ("tests: [{pods: c/d}]", "tests[0].isolated: Required value", "use one of ingress, egress, both"),
    ("tests: [{isolated: both}]", "tests[0].pods: Required value", "name the pods"),
    ("tests: [{pods: c/d, isolated: both, expect: allow}]", "isolated is about pods, not about connections", ""),
    ("invariants: [no-paths]", "an invariant is expected here", ""),
    ("invariants: [{no-path: {from: a/b}}]", "invariants[0].no-path.to: Required value", "name where no path may end"),
    ("invariants: [{no-path: {from: a/b, to: c/d, thru: true}}]", 'unknown field "thru"', ""),
    ("invariants: [{name: x}]", "exactly one of no-path", ""),
    ("invariants: [{no-cross-namespace: [x]}]", "a mapping is expected here, not a list", ""),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message", "remedy"), WRONG, ids=[text for text, _, _ in WRONG])
def test_a_mistake_is_met_with(text: str, message: str, remedy: str) -> None:
    found = decoded(text)
    assert found.tests == () or "metadata" in text
    texts = [problem_text(one) for one in found.problems]
    assert any(message in one and remedy in one for one in texts), texts


@pytest.mark.parametrize(
    ("test", "marked"),
    [
        pytest.param("from: a/b, to: c/d, expect: [x]", "expect: [x]", id="a field with a wrong value, as a whole"),
        pytest.param(f"{ALLOW}, prot: 80", "prot", id="an unknown field, its name"),
        pytest.param(f"{ALLOW}, until: 2027-01-31", "until", id="a forbidden field, its name"),
    ],
)
def test_a_mistake_marks(test: str, marked: str, tmp_path: Path) -> None:
    line = f"- {{{test}}}"
    file = tmp_path / "t.yaml"
    file.write_text(f"{HEAD}tests:\n{line}\n")
    (problem,) = find_tests([str(file)]).problems
    place = problem.place
    assert (place.line, line[place.column - 1 : place.end_column - 1]) == (4, marked)


def test_a_mistake_in_one_test_leaves_the_others(tmp_path: Path) -> None:
    file = tmp_path / "t.yaml"
    file.write_text(f"{HEAD}tests:\n- {{{ALLOW}}}\n- {{{ALLOW}, prot: 80}}\n- {{{ALLOW}}}\n")
    found = find_tests([str(file)])
    assert [one.place.line for one in found.tests] == [4, 6]
    assert [str(one.place) for one in found.problems] == [f"{file}:5"]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["from", "to", "port", "ports", "expect", "only-from", "pods", "isolated", "skip", "until", "x"]
            )
            | st.text(max_size=4),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, json_values)
def test_whatever_is_written_becomes_tests_or_problems(tests: object, invariants: object) -> None:
    tree = {"apiVersion": "ringfence/v1", "kind": "ReachabilityTest", "tests": tests, "invariants": invariants}
    found = decode_tests(tree, Origin("t.yaml", 1))
    written = [one for one in (tests, invariants) if isinstance(one, list)]
    assert found.problems or len(found.tests) == sum(map(len, written)) > 0
