"""CIDRs as Kubernetes reads them: it accepts more than the standards do, with an error or a warning.

Stored policies may hold CIDRs that today's standards reject, so every reader must take them the same way: bits beyond
the prefix length are dropped, leading zeros are ignored, and an IPv4-mapped IPv6 CIDR is an IPv4 one.

Source: `ParseCIDRSloppy` in `k8s.io/utils/net`; `apimachinery/pkg/util/validation/ip.go`; KEP-4858.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from socket import AF_INET, AF_INET6, inet_pton
from typing import Final

import msgspec

from ringfence.sets.addresses import Family, Network, span
from ringfence.sets.intervals import Interval
from ringfence.steps import Steps, finish

# A zero is a leading one if no hexadecimal digit is before it and one is behind it: `0`, `::` and `10` stay.
LEADING_ZEROS: Final = re.compile(r"(?<![0-9A-Fa-f])0+(?=[0-9A-Fa-f])")
_MAPPED_PREFIX: Final = 96

STRICT_ERRORS: Final = (
    "must not have leading 0s in IP or prefix length",
    "must not have an IPv4-mapped IPv6 address",
    "must not have bits set beyond the prefix length",
)
"""The errors of servers that validate CIDRs strictly, for CIDRs that other servers accept."""

AddressRange = tuple[Family, Interval]
"""The first and the last of some addresses, which are of one family."""


class CidrSpelling(msgspec.Struct, frozen=True):
    """A CIDR, what it means and how it is written.

    `address` and `network` are what the text means: IPv4 for an IPv4-mapped address. `prefix_length` and `width`, the
    bits of an address, are as written: 128 bits for an IPv4-mapped address.
    """

    text: str
    address: IPv4Address | IPv6Address
    network: Network
    prefix_length: int
    width: int
    leading_zeros: bool

    @property
    def is_mapped(self) -> bool:
        """Whether an IPv4 address was written in IPv6."""
        return self.address.max_prefixlen != self.width

    @property
    def has_surplus_bits(self) -> bool:
        """Whether bits are set beyond the prefix length."""
        return self.address != self.network.network_address


def parse_cidr(text: str) -> Network:
    """The network that a CIDR means, read leniently. Raises ValueError for text that is not a CIDR.

    `10.0.0.5/24` is 10.0.0.0/24, `010.0.0.0/08` is 10.0.0.0/8, `::ffff:10.0.0.0/104` is the IPv4 network 10.0.0.0/8.
    """
    return cidr_spelling(text).network


def cidr_range(text: str) -> AddressRange:
    """The first and the last address that a CIDR means, read leniently. Raises ValueError for text that is not a CIDR.

    The result is the span of `parse_cidr`, in a tenth of the time for nearly every CIDR in real policies.
    """
    # Most CIDRs are plain, so the substitution runs only for those that are not.
    written = _read(text) or _read(LEADING_ZEROS.sub("", text))
    if written is not None:
        family, number, surplus = written
        return family, (number & ~surplus, number | surplus)
    if ":" not in text:  # all IPv4 CIDRs were read above; a policy can have 75,000 texts that are not CIDRs
        raise _not_a_cidr(text)
    network = parse_cidr(text)
    return Family(network.version), span(network)


def cidr_ranges(texts: tuple[str, ...]) -> Mapping[str, AddressRange]:
    """The ranges (`cidr_range`) of those texts that are CIDRs, by text.

    Validation and compilation read the same CIDRs of a policy one after the other, and there can be 90,000 of them, so
    the last result is cached.
    """
    return finish(cidr_ranges_in_steps(texts))


def cidr_ranges_in_steps(texts: tuple[str, ...]) -> Steps[Mapping[str, AddressRange]]:
    """The same, in steps of some 20 ms."""
    reading = _reading(texts)
    while reading.read < len(texts):
        for text in texts[reading.read : reading.read + _READ_AT_ONCE]:
            try:
                reading.ranges[text] = cidr_range(text)
            except ValueError:
                continue
        reading.read += _READ_AT_ONCE
        if reading.read < len(texts):
            yield
    return reading.ranges


_READ_AT_ONCE: Final = 20_000


class _ReadCidrs(msgspec.Struct):
    """The ranges of the first texts, as many as were read so far."""

    ranges: dict[str, AddressRange] = msgspec.field(default_factory=dict)
    read: int = 0


# One entry: the key is the tuple of all CIDRs of the policy that is read now, which can be 90,000 texts.
@lru_cache(maxsize=1)
def _reading(texts: tuple[str, ...]) -> _ReadCidrs:
    return _ReadCidrs()


def plain_cidr_range(text: str) -> AddressRange | None:
    """The first and the last address of a CIDR in its usual spelling, which no server refuses; None for all others.

    For IPv4, it is also the only spelling for which no server prints a warning.
    """
    written = _read(text)
    if written is None or written[1] & written[2]:
        return None
    family, number, surplus = written
    return family, (number, number | surplus)


def _read(text: str) -> tuple[Family, int, int] | None:
    """The family and the number of a CIDR's address, and the bits beyond its prefix length.

    None if it has leading zeros, is IPv4-mapped, or is not a CIDR.
    """
    address, _, length = text.partition("/")
    try:
        if ":" in address:
            number, surplus, family = int.from_bytes(inet_pton(AF_INET6, address)), _HOST_MASKS_6[length], Family.IPV6
            return None if number >> 32 == _MAPPED else (family, number, surplus)
        return Family.IPV4, int.from_bytes(inet_pton(AF_INET, address)), _HOST_MASKS_4[length]
    except (KeyError, ValueError, OSError):  # `inet_pton` takes no zone, and no leading zero in IPv4
        return None


# A look-up instead of `int`: it also refuses `+8`, ` 8` and numbers out of range.
_HOST_MASKS_4: Final = {str(length): (1 << 32 - length) - 1 for length in range(33)}
_HOST_MASKS_6: Final = {str(length): (1 << 128 - length) - 1 for length in range(129)}
_MAPPED: Final = 0xFFFF


@lru_cache(maxsize=1 << 14)
def cidr_spelling(text: str) -> CidrSpelling:
    """What a CIDR means and how it is written. Raises ValueError for text that is not a CIDR."""
    address_text, _, length_text = text.partition("/")
    try:
        # `ip_address` accepts a zone (`fe80::1%eth0`), Go's `ParseCIDR` does not. `int` would accept `+8`, `1_0` and
        # blanks.
        if "%" in address_text or not re.fullmatch("[0-9]+", length_text):
            raise ValueError
        written = ip_address(LEADING_ZEROS.sub("", address_text))
        prefix_length = int(LEADING_ZEROS.sub("", length_text))
        network = _network(written, prefix_length)
    except ValueError:
        raise _not_a_cidr(text) from None
    return CidrSpelling(
        text=text,
        address=(written.ipv4_mapped if isinstance(written, IPv6Address) else None) or written,
        network=network,
        prefix_length=prefix_length,
        width=written.max_prefixlen,
        leading_zeros=not _is_standard(address_text) or length_text != str(prefix_length),
    )


def _not_a_cidr(text: str) -> ValueError:
    return ValueError(f"{text!r} is not a CIDR such as 10.9.8.0/24 or 2001:db8::/64")


def strict_error(spelling: CidrSpelling) -> str | None:
    """Why a server that validates CIDRs strictly refuses this one; None if it does not."""
    written_otherwise = (spelling.leading_zeros, spelling.is_mapped, spelling.has_surplus_bits)
    return next((text for text, is_so in zip(STRICT_ERRORS, written_otherwise, strict=True) if is_so), None)


def is_standard_cidr(text: str) -> bool:
    """Whether a text is a CIDR as the standards write it; bits may be set beyond the prefix length.

    The rules of custom resources ask this (`isCIDR` in `apiserver/pkg/cel/library/cidr.go`).
    """
    try:
        spelling = cidr_spelling(text)
    except ValueError:
        return False
    return not (spelling.leading_zeros or spelling.is_mapped)


def cidr_warnings(spelling: CidrSpelling) -> list[str]:
    """The warnings of the API server about a CIDR that it accepts."""
    text = spelling.text
    warnings = []
    if spelling.has_surplus_bits:
        single = f"{spelling.address}/{spelling.width}"
        warnings.append(
            f'CIDR value "{text}" is ambiguous in this context (should be "{spelling.network}" or "{single}"?)'
        )
    if spelling.leading_zeros or spelling.is_mapped:
        warnings.append(f'non-standard CIDR value "{text}" is invalid: use "{spelling.network}"')
    if not warnings and text != str(spelling.network):
        warnings.append(f'IPv6 CIDR value "{text}" should be in RFC 5952 canonical format ("{spelling.network}")')
    return warnings


def _network(written: IPv4Address | IPv6Address, prefix_length: int) -> Network:
    if isinstance(written, IPv4Address):
        return IPv4Network((written, prefix_length), strict=False)
    # With a shorter prefix the range contains more than IPv4-mapped addresses, and stays an IPv6 one.
    if written.ipv4_mapped is not None and prefix_length >= _MAPPED_PREFIX:
        return IPv4Network((written.ipv4_mapped, prefix_length - _MAPPED_PREFIX), strict=False)
    return IPv6Network((written, prefix_length), strict=False)


def _is_standard(text: str) -> bool:
    """Whether the spelling is standard: no leading zero in IPv4, and no fifth digit in a group of IPv6."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
