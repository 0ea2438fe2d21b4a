"""The outcomes of tests as text: why a test failed in few lines, and what a laboratory says of it."""

from datetime import date

import pytest
from msgspec.structs import replace
from tests.render.judged_tests.outcomes import TEST, failed, in_kernel, judged

from ringfence.model.origin import Place
from ringfence.model.problems import Problem, ProblemCode
from ringfence.render.judged_tests import column_texts, outcome_text, results_text, summary_text
from ringfence.render.judged_tests.text import detail_lines
from ringfence.testing.outcomes import ColumnStatus, JudgedTest, JudgedTests, KernelOutcome, Status
from ringfence.testing.reachability_tests import Skip

PASSED = KernelOutcome(ColumnStatus.PASSED, probes=2, controls=1)
OUTSIDE = KernelOutcome(ColumnStatus.UNTESTED, "an address outside")


def lines(number: int) -> str:
    return "\n".join(f"line {i}" for i in range(1, number + 1))


class TestWhyATestFailed:
    def test_eight_lines_of_reasons_are_shown(self) -> None:
        assert list(detail_lines(failed(f"the message\n{lines(8)}")))[1:] == lines(8).splitlines()

    def test_of_more_lines_seven_are_shown_and_the_others_counted(self) -> None:
        *shown, last = list(detail_lines(failed(f"the message\n{lines(10)}")))[1:]
        assert shown == lines(7).splitlines()
        assert last == "... and 3 more lines, which ringfence explain prints"

    def test_empty_lines_are_left_out(self) -> None:
        found = list(detail_lines(failed(f"the message\n\n{lines(4)}\n\n{lines(4)}")))
        assert found[1:] == lines(4).splitlines() * 2

    def test_an_edit_has_as_many_lines_as_the_reasons(self) -> None:
        found = list(detail_lines(failed("the message", lines(9))))[1:]
        assert found == [*lines(7).splitlines(), "... and 2 more lines, which ringfence explain prints"]
        assert list(detail_lines(failed("the message", lines(8))))[1:] == lines(8).splitlines()

    def test_an_undecided_test_names_what_its_answer_assumes(self) -> None:
        undecided = JudgedTest(TEST, Status.ERROR, "not known", assumptions=("a label", "an address"))
        assert list(detail_lines(undecided)) == ["not known", "  ? a label", "  ? an address"]

    def test_assumptions_are_not_why_a_test_failed(self) -> None:
        unlike = JudgedTest(TEST, Status.FAILED, "not so", assumptions=("a label",))
        assert list(detail_lines(unlike)) == ["not so"]


def test_a_skipped_test_says_until_when() -> None:
    until = replace(TEST, skip=Skip("not yet", date(2027, 1, 31)))
    for test, text in [(TEST, "(skipped: not yet)"), (until, "(skipped until 2027-01-31: not yet)")]:
        assert outcome_text(JudgedTest(test, Status.SKIPPED, "not yet")) == f"  - db  {text}"


@pytest.mark.parametrize(
    ("passed", "problems", "text"),
    [
        (0, 0, "0 tests"),
        (1, 0, "1 test: 1 passed"),
        (0, 1, "0 tests; 1 problem in test files"),
        (2, 2, "2 tests: 2 passed; 2 problems in test files"),
    ],
)
def test_the_summary_counts_tests_and_problems(passed: int, problems: int, text: str) -> None:
    problem = Problem(Place("t.yaml", 1), ProblemCode.WRONG_TYPE, "a list is expected here")
    assert summary_text(JudgedTests((JudgedTest(TEST, Status.PASSED),) * passed, (problem,) * problems)) == text


class TestInALaboratory:
    @pytest.mark.parametrize(
        ("outcome", "text"),
        [
            pytest.param(in_kernel(PASSED), "  ✓       ✓       db", id="passed"),
            pytest.param(
                in_kernel(KernelOutcome(ColumnStatus.PASSED, probes=1, is_sample=True)),
                "  ✓       ✓       db  (in the laboratory: 1 connection of more)",
                id="a sample",
            ),
            pytest.param(
                in_kernel(OUTSIDE),
                "  ✓       -       db  (not tested in the laboratory: an address outside)",
                id="not tested",
            ),
            pytest.param(
                JudgedTest(TEST, Status.SKIPPED, "not yet", columns=in_kernel(OUTSIDE, Status.SKIPPED).columns),
                "  -       -       db  (skipped: not yet)",
                id="skipped",
            ),
            pytest.param(
                in_kernel(KernelOutcome(ColumnStatus.UNPROVEN, "no answer", probes=1)),
                "  ✓       !       db  (t.yaml:4)\n      no answer",
                id="unproven",
            ),
        ],
    )
    def test_a_test_has_a_mark_in_each_column(self, outcome: JudgedTest, text: str) -> None:
        assert outcome_text(outcome) == text

    def test_what_both_columns_say_is_told_of_both(self) -> None:
        kernel = KernelOutcome(ColumnStatus.FAILED, "x/web connects to x/db", probes=1)
        both = in_kernel(kernel, Status.FAILED, "x/web may reach x/db")
        assert list(detail_lines(both)) == ["x/web may reach x/db", "in the kernel, x/web connects to x/db"]

    def test_what_only_the_engine_says_is_told_once(self) -> None:
        assert list(detail_lines(in_kernel(PASSED, Status.FAILED, "x/web may reach x/db"))) == ["x/web may reach x/db"]

    def test_what_only_the_kernel_says_is_told_once(self) -> None:
        kernel = KernelOutcome(ColumnStatus.FAILED, "x/web connects to x/db", probes=1)
        assert list(detail_lines(in_kernel(kernel))) == ["x/web connects to x/db"]

    def test_where_kernel_and_engine_contradict_each_other_the_message_says_it_alone(self) -> None:
        kernel = KernelOutcome(ColumnStatus.FAILED, "it connects", probes=1, contradictions=("x/web -> x/db",))
        assert list(detail_lines(in_kernel(kernel, Status.FAILED, "they differ"))) == ["they differ"]

    def test_the_summary_counts_what_the_kernel_says(self) -> None:
        summary = summary_text(judged(in_kernel(PASSED), in_kernel(OUTSIDE)))
        assert summary == "2 tests: 2 passed; in the kernel: 1 passed, 1 not tested, by 2 connections"

    @pytest.mark.parametrize(
        ("kernel", "text"),
        [
            pytest.param(PASSED, "passed (2 connections, 1 of them without policies first)", id="passed"),
            pytest.param(
                KernelOutcome(ColumnStatus.PASSED, probes=1_500, controls=1_000, is_sample=True),
                "passed (1,500 connections, 1,000 of them without policies first; of more)",
                id="a sample",
            ),
            pytest.param(OUTSIDE, "not tested (an address outside)", id="not tested"),
            pytest.param(KernelOutcome(ColumnStatus.PASSED), "passed", id="nothing had to be opened"),
        ],
    )
    def test_reports_say_by_how_many_connections(self, kernel: KernelOutcome, text: str) -> None:
        assert column_texts(in_kernel(kernel).columns) == {"static": "passed", "kernel": text}

    def test_without_a_laboratory_there_are_no_columns(self) -> None:
        assert column_texts(None) == {}

    def test_the_columns_have_a_head_in_each_file(self) -> None:
        assert "".join(results_text(judged(in_kernel(PASSED)))).splitlines()[:2] == ["t.yaml", "  static  kernel"]
        assert "".join(results_text(judged(JudgedTest(TEST, Status.PASSED)))).splitlines() == [
            "t.yaml",
            "  ✓ db",
            "1 test: 1 passed",
        ]
