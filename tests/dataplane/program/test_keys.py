"""Keys of elements: in network byte order, with each part of a concatenation padded to four bytes."""

import pytest

from ringfence.dataplane.program import CLASS_ADDRESS, CLASS_TRAFFIC, FLOW, Key, address_key, flow_key, traffic_key
from ringfence.dataplane.program.keys import connection_key, port_key
from ringfence.sets.addresses import FAMILIES, Family, parse_address


@pytest.mark.parametrize(
    ("address", "key"),
    [("10.0.0.1", bytes([10, 0, 0, 1])), ("fd00::1", bytes([0xFD, *[0] * 14, 1])), ("::1", bytes([*[0] * 15, 1]))],
)
def test_the_key_of_an_address_is_as_long_as_addresses_of_its_family(address: str, key: bytes) -> None:
    assert address_key(*parse_address(address)) == key


def test_the_numbers_of_ports_and_connections_begin_with_the_highest_byte() -> None:
    assert port_key(0x1F90) == b"\x1f\x90"
    assert connection_key(0xFEDCBA98) == b"\xfe\xdc\xba\x98"


def test_each_part_of_a_flow_fills_four_bytes() -> None:
    assert traffic_key(6, 443) == bytes([6, 0, 0, 0, 443 >> 8, 443 & 0xFF, 0, 0])
    assert flow_key(bytes([10, 0, 0, 1]), 6, 443) == bytes([10, 0, 0, 1, 6, 0, 0, 0, 443 >> 8, 443 & 0xFF, 0, 0])


@pytest.mark.parametrize("family", FAMILIES)
def test_the_key_of_a_flow_is_as_long_as_its_parts(family: Family) -> None:
    assert len(flow_key(address_key(family, 1), 17, 53)) == padded_length(FLOW[family])


def test_the_key_of_what_a_class_contains_begins_with_its_identifier() -> None:
    assert padded_length(CLASS_TRAFFIC) == 16 + len(traffic_key(17, 53))
    for family in FAMILIES:
        assert padded_length(CLASS_ADDRESS[family]) == 16 + len(address_key(family, 1))


def padded_length(key: Key) -> int:
    return sum(-(-part.length // 4) * 4 for part in key)
