"""Which tests are run for a fault."""

from tests.mutation.covering import Covering

PATH = "src/ringfence/netlink/conntrack.py"
OWN, BESIDE, READER, OTHER = (
    f"tests/{path}::test"
    for path in ("netlink/test_conntrack.py", "netlink/test_links.py", "cli/test_can.py", "web/test_app.py")
)
IN_A_CALL, ON_IMPORT, IN_BOTH = 1, 2, 3
COVERING = Covering(
    seconds={OTHER: 0.1, READER: 0.1, BESIDE: 0.1, OWN: 2.0},
    probe_of_line={PATH: {10: IN_A_CALL, 20: ON_IMPORT, 30: IN_BOTH}},
    tests_of_probe={IN_A_CALL: frozenset({READER, OWN}), IN_BOTH: frozenset({READER})},
    before_all_tests=frozenset({ON_IMPORT, IN_BOTH}),
)


def test_the_tests_of_a_statement_are_those_that_run_it() -> None:
    assert set(COVERING.tests_of(PATH, 10)) == {OWN, READER}
    assert COVERING.tests_of(PATH, 11) == []


def test_what_runs_on_import_is_tested_by_the_tests_of_its_file_and_of_its_room() -> None:
    assert set(COVERING.tests_of(PATH, 20)) == {OWN, BESIDE, READER}
    assert set(COVERING.tests_beside(PATH)) == {OWN, BESIDE, READER}


def test_tests_that_run_the_statement_come_before_those_that_use_its_results() -> None:
    first, *others = COVERING.tests_of(PATH, 30)
    assert first == READER
    assert set(others) == {OWN, BESIDE}


def test_tests_that_wait_come_last_and_those_of_the_file_before_others() -> None:
    assert COVERING.tests_beside(PATH) == [READER, OWN, BESIDE]
