"""Reporting denied packets: each is explained, and a connection that is tried again is logged now and then."""

from collections.abc import Callable

from ringfence.agent.denials import Explanations, Repetitions
from ringfence.agent.reports import Reports
from ringfence.dataplane.packet_log import LoggedPacket


class DenialReports:
    """Explains and reports. `clock` returns monotonic seconds."""

    def __init__(self, explanations: Explanations, reports: Reports, clock: Callable[[], float]) -> None:
        self._explanations = explanations
        self._repetitions = Repetitions()
        self._reports = reports
        self._clock = clock

    def report(self, logged: LoggedPacket) -> None:
        """Report a packet, unless its connection was reported a short time ago."""
        denial = self._explanations.explain(logged)
        repeated = self._repetitions.add(denial, self._clock())
        if repeated is not None:
            self._reports.denial(denial, repeated)

    def report_repeated(self) -> None:
        """Report the connections that have been denied again since they were reported, once it is time."""
        for denial, repeated in self._repetitions.overdue(self._clock()):
            self._reports.denial(denial, repeated)
