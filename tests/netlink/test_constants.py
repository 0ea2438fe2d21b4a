"""Constants with the kernel's names equal those of the kernel's headers."""

from types import ModuleType

import pytest
from tests.kernel_headers import kernel_constants, values_in_headers

from ringfence.netlink import addresses, conntrack, conntrack_reversal, constants, links, packet_log, routes, veth


def test_numbers_of_all_protocols_are_those_of_the_headers() -> None:
    found = kernel_constants(constants)
    header = values_in_headers(tuple(found))
    header["NLA_TYPE_MASK"] &= 0xFFFF  # The header defines an int; a type has 16 bits.
    assert found == header


@pytest.mark.parametrize("module", [addresses, links, routes, veth], ids=lambda module: module.__name__)
def test_numbers_of_routes_links_and_addresses_are_those_of_the_headers(module: ModuleType) -> None:
    found = kernel_constants(module)
    assert values_in_headers(tuple(found)) == found


@pytest.mark.parametrize(
    ("module", "subsystem"),
    [
        (conntrack, "NFNL_SUBSYS_CTNETLINK"),
        (conntrack_reversal, "NFNL_SUBSYS_CTNETLINK"),
        (packet_log, "NFNL_SUBSYS_ULOG"),
    ],
)
def test_types_of_netfilter_messages_have_the_subsystem_in_their_upper_byte(module: ModuleType, subsystem: str) -> None:
    """`nfnetlink_unicast()` and similar functions set `nlmsg_type = subsystem << 8 | message`."""
    found = kernel_constants(module)
    header = values_in_headers((*found, subsystem))
    expected = {
        name: header[subsystem] << 8 | header[name] if name.startswith(("IPCTNL_MSG_", "NFULNL_MSG_")) else header[name]
        for name in found
    }
    assert found == expected
