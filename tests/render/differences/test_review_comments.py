"""A review comment: the verdict first, no markup from manifests, and never too long."""

import re
from pathlib import Path

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.analysis.differences.clusters import CILIUM, DB, WORKLOADS, compared
from tests.render.hostile_text import texts
from tests.render.rendered_markdown import Rendered

from ringfence.analysis.differences import (
    Cause,
    Change,
    ChangedConnections,
    ChangedIsolation,
    ClusterDifference,
    ConnectionChange,
    Effect,
    PolicyCount,
    When,
)
from ringfence.analysis.lists import NamedPolicy
from ringfence.engine.population import Reference
from ringfence.model.compared_problems import ComparedProblem
from ringfence.model.origin import Place
from ringfence.model.policies import Direction
from ringfence.model.problems import Problem
from ringfence.render.differences import MOST_BYTES, review_comment, review_comments
from ringfence.render.differences.sections import Row, Section
from ringfence.render.formats import one_line
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC

KEY = "shop-1"
MARKER = f"<!-- ringfence:diff:{KEY} -->"
ELEMENTS = {
    "h3",
    "h4",
    "p",
    "strong",
    "code",
    "details",
    "summary",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "ul",
    "li",
    "br",
}


def row(kind: ConnectionChange, *names: str) -> ChangedConnections:
    """A row in which every name that somebody may choose is one of `names`, in turn."""
    namespace, name, policy, file, text = (names * 5)[:5]
    where = Cause(
        When.AFTER,
        Change.POLICIES,
        NamedPolicy(namespace, policy, None, ""),
        Effect.ALLOWS,
        Direction.INGRESS,
        0,
        Place(file, 1),
    )
    ends = (Reference(namespace, "Deployment", name),)
    why = (where, Cause(When.AFTER, Change.WORKLOADS, text=text))
    return ChangedConnections(kind, ends, ends, ALL_TRAFFIC, NO_TRAFFIC, ALL_TRAFFIC, why)


def changed(*rows: ChangedConnections, texts: tuple[str, ...] = ()) -> ClusterDifference:
    added = tuple(Reference("prod", "Deployment", text) for text in texts)
    lost = (ChangedIsolation(added, Direction.EGRESS, False, ()),) if texts else ()
    return ClusterDifference(rows, lost, added, (), 3, PolicyCount(0, 0, 1), None, texts, (), (), texts)


def headings(comment: str) -> list[str]:
    """The headings, and the titles of folded sections."""
    return [
        line.removeprefix("<summary>").removesuffix("</summary>")
        for line in re.findall(r"^(?:#+|<summary>).*", comment, re.M)
    ]


def test_the_verdict_is_the_first_thing_that_is_seen(tmp_path: Path) -> None:
    before, after = DB, DB.replace("      podSelector: {matchLabels: {app: web}}\n", "")
    lines = review_comment(
        compared(tmp_path, (WORKLOADS, before), (WORKLOADS, after)), "main", "HEAD", KEY
    ).splitlines()
    assert lines[:4] == [
        MARKER,
        "### 1 opened, 0 closed, 1 exposure opened",
        "",
        "From `main` to `HEAD`; policies: 1 changed; the same 3 workloads compared.",
    ]


def test_only_what_is_dangerous_is_unfolded() -> None:
    found = changed(row(ConnectionChange.OPENED, "a"), row(ConnectionChange.CLOSED, "a"), texts=("b",))
    assert headings(review_comment(found, "A", "B", KEY)) == [
        "### 1 opened, 1 closed, 1 isolation changed, 1 unknown, 1 workload added",
        "#### 1 opened",
        "1 closed",
        "#### 1 isolation changed",
        "1 unknown",
        "workloads: 1 added",
        "1 assumption",
    ]


def test_workloads_that_lose_dns_are_seen_at_once() -> None:
    server = Reference("kube-system", "Deployment", "coredns")
    clients = tuple(Reference("prod", "Deployment", name) for name in ("api", "web"))
    why = (Cause(When.AFTER, Change.POLICIES, text="why"),)
    closed = ChangedConnections(ConnectionChange.CLOSED, clients, (server,), ALL_TRAFFIC, ALL_TRAFFIC, NO_TRAFFIC, why)
    found = msgspec.structs.replace(changed(closed), dns_servers=frozenset([server]))
    comment = review_comment(found, "A", "B", KEY)
    assert headings(comment) == [
        "### 0 opened, 1 closed, 2 workloads lose DNS",
        "#### 2 workloads lose DNS",
        "1 closed",
    ]
    assert "can no longer resolve names by the DNS server `kube-system/Deployment/coredns`<br>\n  `why`" in comment


def test_nothing_changed_is_said_in_one_line(tmp_path: Path) -> None:
    found = compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, DB.replace("name: db,", "name: new,")))
    comment = review_comment(found, "A", "B", KEY)
    assert comment.splitlines()[1] == "### No change in who may talk to whom"
    assert "Only the text changed" in comment


def test_a_policy_that_is_not_read_is_seen_at_once(tmp_path: Path) -> None:
    comment = review_comment(compared(tmp_path, (WORKLOADS, DB), (WORKLOADS, DB, CILIUM)), "A", "B", KEY)
    assert "### No connection changed" in comment
    assert "#### 1 not read\n\n* added but not read: `CiliumNetworkPolicy.cilium.io prod/guard`" in comment


def test_errors_in_the_input_come_before_every_answer() -> None:
    problem = Problem(Place("@team.yaml", 3), "any", "<img>")
    comment = review_comment(changed(row(ConnectionChange.OPENED, "a")), "A", "B", KEY, [ComparedProblem(problem)])
    assert headings(comment)[:2] == [
        "### Incomplete, the input has 1 error: 1 opened, 0 closed",
        "#### 1 not compared because of an error",
    ]
    assert Rendered(comment).codes[2] == str(problem)


@given(st.lists(texts, min_size=5, max_size=5), texts, texts)
def test_names_are_shown_as_they_are_and_bring_no_element_along(names: list[str], first: str, second: str) -> None:
    found = changed(row(ConnectionChange.OPENED, *names), row(ConnectionChange.CLOSED, *names), texts=tuple(names[:3]))
    comment = review_comment(found, first, second, KEY)
    rendered = Rendered(comment)
    assert comment.splitlines()[0] == MARKER
    assert set(rendered.elements) <= ELEMENTS
    namespace, name, policy, file, text = names
    end = str(Reference(namespace, "Deployment", name))
    reasons = [str(NamedPolicy(namespace, policy, None, "")), f"{file}:1", text]
    listed = [end, end, *reasons] * 2
    assert rendered.codes[: 2 + len(listed)] == [one_line(one) for one in (first, second, *listed)]
    assert rendered.codes[-3:] == [one_line(one) for one in names[:3]]
    assert "@" not in rendered.words
    assert rendered.elements.count("td") == 8


@given(st.integers(0, 400), st.integers(0, 400), st.sampled_from(["a", "é|" * 30, "`" * 100]))
@example(opened=3, closed=3, name="`" * 1000)
@example(opened=40, closed=40, name="é|" * 150)
def test_the_longest_comment_fits_and_counts_what_does_not(opened: int, closed: int, name: str) -> None:
    found = changed(*[row(ConnectionChange.OPENED, name)] * opened, *[row(ConnectionChange.CLOSED, name)] * closed)
    comment = review_comment(found, name, name, KEY)
    assert len(comment.encode()) <= MOST_BYTES
    rendered = Rendered(comment)
    assert set(rendered.elements) <= ELEMENTS
    shown = rendered.elements.count("td") // 4
    counted = sum(map(int, re.findall(r"^(?:and |\*\*)(\d+) (?:more$|.*: too many)", comment, re.M)))
    assert shown + counted == opened + closed


def test_rows_that_do_not_fit_are_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[Row] = []
    write = review_comments._row

    def counted(section: Section, row: Row) -> str:
        written.append(row)
        return write(section, row)

    monkeypatch.setattr(review_comments, "_row", counted)
    found = changed(*[row(ConnectionChange.OPENED, "a")] * 20_000, *[row(ConnectionChange.CLOSED, "a")] * 20_000)
    shown = Rendered(review_comment(found, "A", "B", KEY)).elements.count("td") // 4
    assert 100 < shown < len(written) < 2 * shown + 100


def test_of_many_reasons_a_row_says_how_many_there_are() -> None:
    one = row(ConnectionChange.OPENED, "web")
    reasons = tuple(Cause(When.AFTER, Change.WORKLOADS, text=f"reason {number}") for number in range(5))
    comment = review_comment(changed(msgspec.structs.replace(one, causes=reasons)), "a", "b", KEY)
    assert "reason 2<br>and 2 more |" in comment.replace("`", "")
