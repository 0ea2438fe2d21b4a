"""Outcomes of tests, made by hand."""

from ringfence.analysis.endpoints import AskedPorts
from ringfence.model.origin import Place
from ringfence.testing.outcomes import (
    Columns,
    ColumnStatus,
    Explanation,
    JudgedTest,
    JudgedTests,
    KernelOutcome,
    Status,
)
from ringfence.testing.reachability_tests import Connects, Expected, ReachabilityTest

TEST = ReachabilityTest("db", Place("t.yaml", 4), Connects(("x/web",), ("x/db",), AskedPorts(), Expected.DENY))


def judged(*outcomes: JudgedTest) -> JudgedTests:
    return JudgedTests(outcomes)


def failed(reasons: str = "the message once more", edits: str = "") -> JudgedTest:
    """A test that the engine says fails."""
    return JudgedTest(TEST, Status.FAILED, "x/web may reach x/db", Explanation(reasons, edits))


def in_kernel(kernel: KernelOutcome, static: Status = Status.PASSED, message: str = "") -> JudgedTest:
    """A test that a laboratory has looked at as well."""
    status = static
    if static is Status.PASSED and kernel.status in (ColumnStatus.FAILED, ColumnStatus.UNPROVEN):
        status = Status.FAILED if kernel.status is ColumnStatus.FAILED else Status.ERROR
    return JudgedTest(TEST, status, message or kernel.message, columns=Columns(static, kernel))
