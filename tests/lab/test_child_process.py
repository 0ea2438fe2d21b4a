"""Work in a child process, in a sandbox of its own: its result, or why there is none."""

import pytest
from tests.lab.sandboxes import require_namespaces

from ringfence.errors import LaboratoryError
from ringfence.lab.child_process import in_child


@pytest.fixture(autouse=True)
def _where_namespaces_are_allowed() -> None:
    require_namespaces()


def test_the_result_of_the_child_is_returned() -> None:
    assert in_child(lambda: (1, "two"), tuple[int, str]) == (1, "two")


def test_an_error_of_the_laboratory_is_raised_again() -> None:
    def refuse() -> int:
        raise LaboratoryError("no network namespaces")

    with pytest.raises(LaboratoryError, match=r"^no network namespaces$"):
        in_child(refuse, int)


def test_a_defect_in_the_child_is_printed_with_its_traceback(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(LaboratoryError, match="the laboratory ended before it had an answer"):
        in_child(lambda: 1 // 0, int)
    printed = capfd.readouterr().err
    assert printed.startswith("Traceback (most recent call last):")
    assert "ZeroDivisionError" in printed
