"""The ports that a question is about: numbers, ranges, names of a destination's ports, or all.

    3306, 53/UDP        a port; without a protocol, of TCP
    8000-8080/TCP       a range of ports
    metrics, dns/UDP    the port that a destination gives this name; without a protocol, of any
    all                 all traffic, with protocols that have no ports

A name is resolved for each destination: two pods may give it to different numbers. It has no meaning for an address
outside the cluster.
"""

import re
from collections.abc import Iterable
from functools import cached_property, lru_cache, reduce
from operator import or_
from typing import Final

import msgspec

from ringfence.engine.population import Member
from ringfence.errors import InputError
from ringfence.model.names import port_name_errors
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, PROTOCOLS, SinglePort, Traffic

ALL: Final = "all"
_FORMS: Final = "use 3306, 53/UDP, 8000-8080, the name of a port, or all"
_NUMBERS: Final = re.compile("([0-9]{1,5})(?:-([0-9]{1,5}))?")  # `int` would accept the digits of every script
_PROTOCOL_FIRST: Final = re.compile("(tcp|udp|sctp)[/: ]?([0-9]+)", re.IGNORECASE)
"""A port in the notation of other programs, with the protocol first."""
_DEFAULT_PROTOCOL: Final = "TCP"


class PortName(msgspec.Struct, frozen=True):
    """The name of a port, of one protocol or of any."""

    name: str
    protocol: str | None = None

    def __str__(self) -> str:
        return self.name if self.protocol is None else f"{self.name}/{self.protocol}"

    def at(self, pod: Member) -> Traffic:
        """The traffic to the port with this name at a pod; none if the pod has no such port."""
        named = (
            Traffic.of(one.protocol, ((one.port, one.port),))
            for one in pod.named_ports
            if self.names(one.name, one.protocol)
        )
        return reduce(or_, named, NO_TRAFFIC)

    def names(self, name: str, protocol: str) -> bool:
        """Whether a port with this name and protocol is meant."""
        return self.name == name and self.protocol in (None, protocol)


PortEntry = Traffic | PortName
"""One of the ports in a question: numbers, or a name."""


class AskedPorts(msgspec.Struct, frozen=True, dict=True):
    """All ports that a question is about; without entries, or if an entry is all traffic, it is about all traffic."""

    entries: tuple[PortEntry, ...] = ()

    @cached_property
    def numbers(self) -> Traffic:
        """The ports that are given by number."""
        return reduce(or_, (one for one in self.entries if isinstance(one, Traffic)), NO_TRAFFIC)

    @cached_property
    def names(self) -> tuple[PortName, ...]:
        """The ports that are given by name, each once."""
        return tuple(dict.fromkeys(one for one in self.entries if isinstance(one, PortName)))

    @cached_property
    def is_everything(self) -> bool:
        """Whether the question is about all traffic."""
        return not self.entries or self.numbers == ALL_TRAFFIC

    @property
    def single(self) -> SinglePort | None:
        """The protocol and the number, if the question is about one port that is given by its number."""
        return None if self.names else self.numbers.single

    def known_at(self, pods: Iterable[Member]) -> "AskedPorts | None":
        """The question without the names that none of the pods has; None if nothing is left."""
        if self.is_everything:
            return self
        there = list(pods)
        names = tuple(name for name in self.names if any(name.at(pod) for pod in there))
        numbers = (self.numbers,) if self.numbers else ()
        return AskedPorts((*numbers, *names)) if numbers or names else None

    def ask_about(self, name: str, protocol: str, number: int) -> bool:
        """Whether the question is about a port with this number and name; `name` is empty for a port without one."""
        return self.is_everything or any(
            one.contains(protocol, number) if isinstance(one, Traffic) else bool(name) and one.names(name, protocol)
            for one in self.entries
        )

    def at(self, pod: Member) -> Traffic:
        """The traffic that the question is about at one pod; names are resolved to this pod's ports."""
        if self.is_everything:
            return ALL_TRAFFIC
        if not self.names:
            return self.numbers
        return reduce(or_, (name.at(pod) for name in self.names), self.numbers)

    def __str__(self) -> str:
        """As in a sentence: `TCP 22,3306 and metrics`."""
        if self.is_everything:
            return str(ALL_TRAFFIC)
        return " and ".join(map(str, filter(None, (self.numbers, *self.names))))


PortArgument = int | str | range | Iterable[int | str | range] | AskedPorts | None
"""Ports in the Python API (`asked_ports`); None means all traffic."""


def parse_port(text: str, protocol: str | None = None) -> PortEntry:
    """The ports that `text` names; `protocol` is that of a text without one. Raises InputError for anything else."""
    if text == ALL and protocol is None:
        return ALL_TRAFFIC
    # `tcp80` would otherwise be a valid port name, and be answered with "no port called tcp80".
    if reversed_form := _PROTOCOL_FIRST.fullmatch(text):
        raise InputError(f"{text!r} is not a valid port: use {reversed_form[2]}/{reversed_form[1].upper()}")
    if "," in text:
        several = " ".join(f"-p {one}" for one in text.split(",") if one)
        raise InputError(f"{text!r} is not a valid port: give each port separately: {several}")
    name, _, written = text.partition("/")
    if written and protocol and written.upper() != protocol:
        raise InputError(f"{text!r} contradicts the protocol {protocol}: give the protocol once")
    protocol = written.upper() or protocol
    if protocol is not None and protocol not in PROTOCOLS:
        if written.isdecimal():
            raise InputError(
                f"{text!r} is not a valid port: the number comes first, and then TCP, UDP or SCTP: {written}/TCP"
            )
        raise InputError(f"{text!r} has an unknown protocol: use TCP, UDP or SCTP")
    if numbers := _NUMBERS.fullmatch(name):
        low, high = int(numbers[1]), int(numbers[2] or numbers[1])
        return _range(low, high, protocol or _DEFAULT_PROTOCOL, text)
    if port_name_errors(name):
        raise InputError(f"{text!r} is not a valid port: {_FORMS}")
    return PortName(name, protocol)


def asked_ports(port: PortArgument, protocol: str | None = None) -> AskedPorts:
    """The ports of a question in the Python API: a number, a text as in `parse_port`, a `range`, or several of these.

    Parsed ports (`AskedPorts`) are returned unchanged. `protocol` applies to all of them; the default is TCP for
    numbers and any protocol for names. Raises InputError for an invalid port or protocol.
    """
    # `type`, not `isinstance`: True is an int, too, and would be port 1.
    if type(port) is int and protocol is None:
        return _one_port(port)
    if protocol is not None and not (isinstance(protocol, str) and protocol.upper() in PROTOCOLS):
        raise InputError(f"{protocol!r} is not a protocol of NetworkPolicies: use TCP, UDP or SCTP")
    of_all = protocol.upper() if isinstance(protocol, str) else None
    if isinstance(port, AskedPorts):
        return port
    if port is None:
        return AskedPorts()
    # These three are iterable, but each is one port, or an error that names it as a whole.
    several = isinstance(port, Iterable) and not isinstance(port, str | bytes | range)
    entries = tuple(_entry(one, of_all) for one in (port if several and isinstance(port, Iterable) else (port,)))
    # An empty list comes from a filter that found nothing. To take it as "all traffic" would be the opposite.
    if not entries:
        raise InputError("the list of ports is empty: name a port, or leave out `port` for all traffic")
    return AskedPorts(entries)


@lru_cache(maxsize=1024)
def _one_port(number: int) -> AskedPorts:
    """A TCP port. Programs ask millions of questions about few ports, so the values are cached."""
    return AskedPorts((_range(number, number, _DEFAULT_PROTOCOL, number),))


def _entry(port: object, protocol: str | None) -> PortEntry:
    match port:
        case bool():
            pass
        case int():
            return _range(port, port, protocol or _DEFAULT_PROTOCOL, port)
        case range() if len(port) and port.step == 1:
            return _range(port[0], port[-1], protocol or _DEFAULT_PROTOCOL, port)
        case str():
            return parse_port(port, protocol)
    raise InputError(f'{port!r} is not a valid port: use 3306, "53/UDP", "8000-8080", the name of a port, or "all"')


def _range(low: int, high: int, protocol: str, written: object) -> Traffic:
    if not 1 <= low <= high <= 65535:
        if low == high:
            raise InputError(f"{written!r} is not a valid port: use a number from 1 to 65535")
        if high < low:
            raise InputError(f"{written!r} is not a valid range of ports: it ends before it begins: use {high}-{low}")
        raise InputError(f"{written!r} is not a valid range of ports: use numbers from 1 to 65535, such as 8000-8080")
    return Traffic.of(protocol, ((low, high),))
