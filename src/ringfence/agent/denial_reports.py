"""Reporting denied packets: each is explained, and repetitions of the same denial are counted and logged less often."""

from collections.abc import Callable

from ringfence.agent.denials import Explanations, Repetitions
from ringfence.agent.reports import Reports
from ringfence.dataplane.packet_log import LoggedPacket


class DenialReports:
    """Explains and reports denied packets. `clock` returns monotonic seconds."""

    def __init__(self, explanations: Explanations, reports: Reports, clock: Callable[[], float]) -> None:
        self._explanations = explanations
        self._repetitions = Repetitions()
        self._reports = reports
        self._clock = clock

    def report(self, logged: LoggedPacket) -> None:
        """Report a packet, unless the same denial was reported within `REPEAT_INTERVAL`."""
        denial = self._explanations.explain(logged)
        repeated = self._repetitions.add(denial, self._clock())
        if repeated is not None:
            self._reports.denial(denial, repeated)

    def report_repeated(self) -> None:
        """Report the denials that were repeated since their last report, if `REPEAT_INTERVAL` is over."""
        for denial, repeated in self._repetitions.overdue(self._clock()):
            self._reports.denial(denial, repeated)
