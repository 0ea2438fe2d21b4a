"""Which addresses the laboratory gives out, and which hosts outside it builds."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.engine.population.facts import Block
from ringfence.errors import LaboratoryError
from ringfence.lab.network.addressing import AddressPool, choose_range, is_usable, outside_hosts
from ringfence.lab.network.topology import IPAddress
from ringfence.sets.addresses import FAMILIES, Addresses, Family

CANDIDATES = ("10.244.0.0/16", "100.64.0.0/16")


def block(*cidrs: str, less: tuple[str, ...] = ()) -> Block:
    addresses = Addresses.of(*map(ip_network, cidrs)) - Addresses.of(*map(ip_network, less))
    return Block(addresses, any(cidr in ("0.0.0.0/0", "::/0") for cidr in cidrs))


@pytest.mark.parametrize(
    ("blocks", "chosen"),
    [
        pytest.param([], "10.244.0.0/16", id="the first, if nothing speaks against it"),
        pytest.param([block("192.168.0.0/16")], "10.244.0.0/16", id="blocks elsewhere do not matter"),
        pytest.param([block("10.0.0.0/8")], "100.64.0.0/16", id="pods should not lie in a block by chance"),
        pytest.param([block("10.244.7.0/24")], "100.64.0.0/16", id="nor some of them"),
        pytest.param([block("0.0.0.0/0")], "10.244.0.0/16", id="a block of all addresses means pods as well"),
        pytest.param([block("0.0.0.0/0", less=("10.0.0.0/8",))], "100.64.0.0/16", id="but not its exceptions"),
        pytest.param([block("10.0.0.0/8", "100.0.0.0/8")], "10.244.0.0/16", id="the first, if nothing fits"),
    ],
)
def test_the_range_of_pods(blocks: list[Block], chosen: str) -> None:
    assert choose_range(CANDIDATES, blocks) == ip_network(chosen)


def test_a_pool_leaves_out_what_is_taken() -> None:
    taken: set[IPAddress] = {ip_address("10.244.0.2")}
    pool = AddressPool(choose_range(CANDIDATES, []), taken)
    assert [str(pool.take()) for _ in range(3)] == ["10.244.0.1", "10.244.0.3", "10.244.0.4"]


def test_pools_that_share_what_is_taken_never_give_the_same_address() -> None:
    taken: set[IPAddress] = set()
    first, second = (AddressPool(choose_range(CANDIDATES, []), taken) for _ in range(2))
    assert [str(pool.take()) for pool in (first, second, first)] == ["10.244.0.1", "10.244.0.2", "10.244.0.3"]


def test_a_pool_without_free_addresses_is_an_error() -> None:
    pool = AddressPool(ip_network("10.0.0.0/30"), {ip_address("10.0.0.2")})
    assert [str(pool.take()) for _ in range(2)] == ["10.0.0.1", "10.0.0.3"]
    with pytest.raises(LaboratoryError, match=r"all addresses of 10\.0\.0\.0/30 are taken"):
        pool.take()


@pytest.mark.parametrize("text", ["0.0.0.0", "127.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.255", "::", "::1"])
def test_some_addresses_no_host_can_have(text: str) -> None:
    assert not is_usable(ip_address(text))


@pytest.mark.parametrize("text", ["10.0.0.1", "192.168.5.10", "fd00::1", "2001:db8::1", "100.64.0.1"])
def test_others_it_can(text: str) -> None:
    assert is_usable(ip_address(text))


def hosts(*blocks: Block, taken: tuple[str, ...] = (), families: tuple[Family, ...] = (Family.IPV4,)) -> list[str]:
    return sorted(map(str, outside_hosts(blocks, map(ip_address, taken), families)))


def test_without_blocks_there_are_no_hosts_outside() -> None:
    assert hosts() == []


def test_a_single_address_is_a_host_and_one_more_host_represents_all_other_addresses() -> None:
    assert hosts(block("192.168.5.10/32")) == ["192.168.5.10", "203.0.113.10"]


@pytest.mark.parametrize(
    ("cidr", "host"),
    [("192.168.5.0/24", "192.168.5.1"), ("192.168.5.0/30", "192.168.5.1"), ("192.168.5.0/31", "192.168.5.0")],
)
def test_the_network_address_of_a_block_is_not_its_host_unless_it_has_none(cidr: str, host: str) -> None:
    assert hosts(block(cidr)) == [host, "203.0.113.10"]


def test_an_exception_is_a_host_of_its_own() -> None:
    assert hosts(block("172.17.0.0/16", less=("172.17.1.0/24",))) == ["172.17.0.1", "203.0.113.10"]
    assert hosts(block("172.17.0.0/16", less=("172.17.1.0/24",)), block("172.17.1.0/24")) == [
        "172.17.0.1",
        "172.17.1.1",
        "203.0.113.10",
    ]


def test_a_pod_in_a_block_is_not_outside() -> None:
    assert hosts(block("10.0.0.1/32"), taken=("10.0.0.1",)) == []
    assert hosts(block("10.0.0.0/24"), taken=("10.0.0.0", "10.0.0.1")) == ["10.0.0.3", "203.0.113.10"]


def test_only_families_in_use_are_built() -> None:
    assert hosts(block("192.168.5.10/32"), families=(Family.IPV6,)) == ["2001:db8::10"]


CIDRS = ["0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/31", "10.1.0.0/16", "128.0.0.0/1", "fd00::/8", "fd00::1/128", "::/0"]
some_blocks = st.lists(st.lists(st.sampled_from(CIDRS), min_size=1, max_size=2).map(lambda cidrs: block(*cidrs)))


@given(some_blocks, st.sampled_from(["10.0.0.1", "10.1.2.3", "11.0.0.1", "200.0.0.1", "fd00::1", "fd00::2", "2a00::1"]))
def test_one_host_represents_all_addresses(blocks: list[Block], text: str) -> None:
    """Whatever address a host may have, the laboratory builds one that lies in exactly the same blocks."""

    def inside(address: IPAddress) -> list[bool]:
        return [one.addresses.contains(Family(address.version), int(address)) for one in blocks]

    built = outside_hosts(blocks, [], FAMILIES)
    address = ip_address(text)
    assert not built or any(inside(host) == inside(address) for host in built if host.version == address.version)
