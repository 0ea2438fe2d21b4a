"""Tests are added to a file without a change of the text around them."""

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.errors import InputError
from ringfence.render.added_tests import with_tests, written_tests
from ringfence.testing.finding import find_tests

NEW: list[dict[str, Any]] = [{"name": "new", "from": "a/b", "to": "a/c", "port": "80", "expect": "deny"}]
HEAD = "apiVersion: ringfence/v1\nkind: ReachabilityTest\n"
OLD = "name: old\n  from: x/a\n  to: x/b\n  expect: allow\n"


def test_an_empty_file_becomes_one_with_tests() -> None:
    assert with_tests("", "t.yaml", NEW) == written_tests(NEW) == f"{HEAD}tests:\n" + item("")


def item(indent: str, gap: str = " ") -> str:
    inner = f"{indent} {' ' * len(gap)}"
    lines = [f"{indent}-{gap}name: new", "from: a/b", "to: a/c", 'port: "80"', "expect: deny"]
    return f"\n{inner}".join(lines) + "\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(f"{HEAD}tests:\n- {OLD}", f"{HEAD}tests:\n- {OLD}{item('')}", id="at the end"),
        pytest.param(f"{HEAD}tests:\n- {OLD}"[:-1], f"{HEAD}tests:\n- {OLD}{item('')}"[:-1], id="no last line break"),
        pytest.param(
            f"# ours\n{HEAD}tests:\n- {OLD}\n# about invariants\ninvariants:\n- no-cross-namespace: {{}}\n",
            f"# ours\n{HEAD}tests:\n- {OLD}{item('')}\n# about invariants\ninvariants:\n- no-cross-namespace: {{}}\n",
            id="before what follows, with its comment",
        ),
        pytest.param(
            f"{HEAD}tests:\n  -   name: old\n      to: x/b\n      from: x/a\n      expect: allow\n",
            f"{HEAD}tests:\n  -   name: old\n      to: x/b\n      from: x/a\n      expect: allow\n{item('  ', '   ')}",
            id="indented as the others",
        ),
        pytest.param(
            f"{HEAD}tests:\n- {OLD}".replace("\n", "\r\n"),
            f"{HEAD}tests:\n- {OLD}{item('')}".replace("\n", "\r\n"),
            id="with the line ends of the file",
        ),
        pytest.param(
            f"{HEAD}tests: [{{name: old, from: x/a, to: x/b, expect: allow}}]\n",
            f"{HEAD}tests: [{{name: old, from: x/a, to: x/b, expect: allow}}]\n---\n{written_tests(NEW)}",
            id="as a document of its own behind a list in braces",
        ),
    ],
)
def test_tests_come_behind_the_last_one(text: str, expected: str) -> None:
    assert with_tests(text, "t.yaml", NEW) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: a}\n", "t.yaml holds no tests: choose a file that does"),
        (f"{HEAD}tests:\n- expects: allow\n", "correct it first, nothing was added"),
        ("{", "correct it first, nothing was added"),
        ('{"apiVersion": "ringfence/v1", "kind": "ReachabilityTest", "tests": []}', "correct it first"),
    ],
)
def test_a_file_to_which_nothing_can_be_added_is_an_error(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        with_tests(text, "t.yaml", NEW)


NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8).filter(str.strip)
COMMENTS = st.sampled_from(["", "# a comment\n", "\n", "  # deeper\n"])


@given(st.lists(st.tuples(NAMES, COMMENTS), min_size=1, max_size=3), NAMES)
def test_a_file_that_grows_holds_all_tests_in_their_order(tmp_path_factory: Any, names: list[Any], last: str) -> None:
    text = ""
    for name, comment in names:
        text = with_tests(text, "t.yaml", [{"name": name, "from": "a/b", "to": "a/c", "expect": "deny"}]) + comment
    text = with_tests(text, "t.yaml", [{"name": last, "from": "a/b", "to": "a/c", "expect": "deny"}])
    file: Path = tmp_path_factory.getbasetemp() / "grown.yaml"
    file.write_bytes(text.encode())
    assert [test.name for test in find_tests([str(file)]).tests] == [*(name for name, _ in names), last]
