"""What the API server refuses in an IP address or a CIDR, wherever one stands.

Source: `apimachinery/pkg/util/validation/ip.go`; `ParseIPSloppy` in `k8s.io/utils/net`; `ValidateEndpointIP` in
`pkg/apis/core/validation/validation.go`.
"""

from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from ringfence.model.cidrs import LEADING_ZEROS, CidrSpelling, cidr_spelling, strict_error
from ringfence.model.field_errors import FieldError, invalid

Address = IPv4Address | IPv6Address


def parse_address(text: str) -> Address | None:
    """The address that a text means, read leniently: leading zeros mean nothing, IPv4 written as IPv6 is IPv4."""
    # `ip_address` accepts a zone; Go's `ParseIP` does not.
    if "%" in text:
        return None
    try:
        address = ip_address(LEADING_ZEROS.sub("", text))
    except ValueError:
        return None
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


def address_errors(text: str, path: str, *, is_strict: bool) -> Iterator[FieldError]:
    """What is wrong with an address of a field that is older than the strict rules, which hold if `is_strict`."""
    address = parse_address(text)
    if address is None:
        yield invalid(path, text, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)")
    elif is_strict and _has_leading_zeros(text):
        yield invalid(path, text, "must not have leading 0s", better=str(address))
    elif is_strict and ":" in text and address.version == 4:
        yield invalid(path, text, "must not be an IPv4-mapped IPv6 address", better=str(address))


def canonical_address_errors(text: str, path: str) -> Iterator[FieldError]:
    """What is wrong with an address of a field that always had the strict rules."""
    errors = list(address_errors(text, path, is_strict=True))
    yield from errors
    address = parse_address(text)
    if not errors and text != str(address):
        yield invalid(path, text, f'must be in canonical form ("{address}")', better=str(address))


def endpoint_address_errors(text: str, path: str) -> Iterator[FieldError]:
    """What is wrong with the address of an endpoint, which must be valid: it must lead to another host."""
    address = parse_address(text)
    if address is None:
        return
    if address.is_unspecified:
        yield invalid(path, text, f"may not be unspecified ({text})")
    if address.is_loopback:
        yield invalid(path, text, "may not be in the loopback range (127.0.0.0/8, ::1/128)")
    if address.is_link_local:
        yield invalid(path, text, "may not be in the link-local range (169.254.0.0/16, fe80::/10)")
    if _is_link_local_multicast(address):
        yield invalid(path, text, "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)")


def cidr_errors(text: str, path: str, *, is_strict: bool) -> Iterator[FieldError]:
    """What is wrong with a CIDR of a field that is older than the strict rules, which hold if `is_strict`."""
    spelling = spelling_of(text)
    if spelling is None:
        yield invalid(path, text, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)")
    elif is_strict and (error := strict_error(spelling)):
        yield invalid(path, text, error, better=standard_spelling(spelling))


def spelling_of(text: str) -> CidrSpelling | None:
    """What a CIDR means and how it is written; None if it is not a CIDR."""
    try:
        return cidr_spelling(text)
    except ValueError:
        return None


def standard_spelling(spelling: CidrSpelling) -> str | None:
    """The CIDR in its only other spelling; with bits beyond the prefix length it may mean an address or a network."""
    return None if spelling.has_surplus_bits else str(spelling.network)


def is_of_two_families(texts: Sequence[str]) -> bool:
    """Whether valid addresses are of IPv4 and of IPv6."""
    return len({address.version for address in map(parse_address, texts) if address}) == 2


def _has_leading_zeros(text: str) -> bool:
    """Whether the standard does not know the spelling: it refuses a leading zero in IPv4."""
    try:
        ip_address(text)
    except ValueError:
        return True
    return False


def _is_link_local_multicast(address: Address) -> bool:
    if isinstance(address, IPv4Address):
        return address.packed[:3] == bytes((224, 0, 0))
    return address.packed[0] == 0xFF and address.packed[1] & 0x0F == 0x02
