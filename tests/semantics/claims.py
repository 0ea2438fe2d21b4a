"""Claims: whether one pod may connect to another, in one line of text.

`allow SOURCE -> DESTINATION` or `deny SOURCE -> DESTINATION`, with `on PROTOCOL/PORT` where the claim is not about all
traffic. `other` for PROTOCOL/PORT is what is neither TCP, UDP nor SCTP.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

Answer = Callable[[str, str, str, int], bool]

OTHER = "other"
SAMPLES = ("TCP/80", "TCP/8080", "UDP/53", "SCTP/9999", OTHER)
"""Stands for all traffic: each protocol, and TCP more than once."""


class Claim(NamedTuple):
    """One parsed line; `traffic` is empty if the claim is about all traffic."""

    truth: bool
    source: str
    destination: str
    traffic: str

    @classmethod
    def parse(cls, line: str) -> "Claim":
        """The claim in a line. Raises ValueError if the line contains none."""
        ends, _, traffic = line.partition(" on ")
        verb, source, arrow, destination = ends.split()
        if verb not in ("allow", "deny") or arrow != "->":
            raise ValueError(line)
        return cls(verb == "allow", source, destination, traffic)

    def questions(self) -> Iterator[tuple[str, int]]:
        """The protocols and ports of the questions."""
        for traffic in (self.traffic,) if self.traffic else SAMPLES:
            protocol, _, port = traffic.partition("/")
            yield protocol, int(port or 0)


def untrue(lines: Iterable[str], answer: Answer) -> list[str]:
    """The claims that do not hold, each with the traffic for which it does not."""
    return [
        f"not so for {protocol}/{port}: {line}"
        for line in lines
        for claim in [Claim.parse(line)]
        for protocol, port in claim.questions()
        if answer(claim.source, claim.destination, protocol, port) is not claim.truth
    ]
