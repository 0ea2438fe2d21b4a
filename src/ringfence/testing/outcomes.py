"""The outcome of a test: whether it holds, and if not, the connection that shows it, why, and what to edit."""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from ringfence.analysis.edits import Proposal
from ringfence.analysis.endpoints import AskedPorts, Endpoint
from ringfence.model.problems import Problem
from ringfence.testing.reachability_tests import ReachabilityTest


class Status(StrEnum):
    """The result of a test."""

    PASSED = "passed"
    FAILED = "failed"
    """The cluster is not as the test says."""
    ERROR = "error"
    """The test cannot be judged: an end matches nothing, no pod serves a port, or the answer is an assumption."""
    SKIPPED = "skipped"


class Question(msgspec.Struct, frozen=True):
    """The connection by which a test fails, as narrow as possible: of two pods rather than of all."""

    source: Endpoint
    destination: Endpoint
    ports: AskedPorts


class Explanation(msgspec.Struct, frozen=True):
    """Why a connection is allowed or denied, and the edits that would reverse it, as text and as values."""

    reasons: str
    edits: str = ""
    proposal: Proposal = Proposal()


Explain = Callable[[Question, bool], Explanation]
"""Explains the connection by which a test fails, in the cluster as it was judged; with edits if the flag is true."""


class Finding(msgspec.Struct, frozen=True):
    """Whether an expectation is met. If not, `message` says why, and `question` is a connection that shows it, if any.

    `is_reversible` says that the test would pass if the answer to the question were the other one.
    `assumptions` are the sentences on which the answer depends, because the input lacks the information.
    """

    holds: bool
    message: str = ""
    question: Question | None = None
    assumptions: tuple[str, ...] = ()
    is_reversible: bool = True


class ColumnStatus(StrEnum):
    """What the probes of a laboratory show about a test."""

    PASSED = "passed"
    FAILED = "failed"
    UNPROVEN = "unproven"
    """A connection that must be denied is not answered without policies either, so its silence proves nothing."""
    UNTESTED = "untested"
    """The laboratory cannot test it, or does not."""


class KernelOutcome(msgspec.Struct, frozen=True):
    """What a laboratory found about one test.

    `message` says why it did not pass. `probes` is the number of connections that were opened with the policies in
    force, and `controls` of those that were opened without policies before. `contradictions` are the probes about which
    the kernel and the engine do not agree. With `is_sample`, there were more connections than the laboratory opens.
    """

    status: ColumnStatus
    message: str = ""
    probes: int = 0
    controls: int = 0
    contradictions: tuple[str, ...] = ()
    is_sample: bool = False


class Columns(msgspec.Struct, frozen=True):
    """A test as the engine has judged it (`static`), and what the kernel does."""

    static: Status
    kernel: KernelOutcome


class JudgedTest(msgspec.Struct, frozen=True):
    """The result of one test.

    `message` is a line that says why it did not pass. `assumptions` are what the answer depends on; with the status
    error, because of them. `seconds` is how long it took. `columns` are there if a laboratory has tested it as well.
    """

    test: ReachabilityTest
    status: Status
    message: str = ""
    explanation: Explanation | None = None
    assumptions: tuple[str, ...] = ()
    seconds: float = 0
    columns: Columns | None = None

    @property
    def is_undecided(self) -> bool:
        """Whether it is an error only because the answer depends on an assumption."""
        is_unproven = self.columns is not None and self.columns.static is not Status.ERROR
        return self.status is Status.ERROR and bool(self.assumptions) and not is_unproven

    @property
    def is_bad(self) -> bool:
        """Whether it is neither passed nor skipped."""
        return self.status in (Status.FAILED, Status.ERROR)


class JudgedTests(msgspec.Struct, frozen=True):
    """The outcomes of tests, and the problems of their files. True if no outcome is bad and there are no problems."""

    outcomes: tuple[JudgedTest, ...]
    problems: tuple[Problem, ...] = ()

    def of(self, status: Status) -> tuple[JudgedTest, ...]:
        """The outcomes with a status."""
        return tuple(one for one in self.outcomes if one.status is status)

    @property
    def is_tested_in_kernel(self) -> bool:
        """Whether a laboratory has tested any of them."""
        return any(one.columns and one.columns.kernel.status is not ColumnStatus.UNTESTED for one in self.outcomes)

    def __bool__(self) -> bool:
        return not self.problems and not any(one.is_bad for one in self.outcomes)
