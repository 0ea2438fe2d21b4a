"""The real kernel: it holds the applied program, reports it, and is restored when another program changes it."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EEXIST, ENOMEM, EPERM

import pytest
from tests.dataplane.network import Network, address, in_own_network, lose_privileges, nft, number, received
from tests.dataplane.programs import IN, LAST, OUT, TCP, UDP, V4, allowing, program, ranges, varied, with_classes
from tests.dataplane.simulation import carried_out

from ringfence.dataplane import table
from ringfence.dataplane.kernel import Kernel, ProfilesRefused
from ringfence.dataplane.nftables import elements, requests
from ringfence.dataplane.nftables.set_descriptions import table_size
from ringfence.dataplane.program import (
    ADDRESS,
    Collection,
    Field,
    HashSet,
    Lookup,
    Program,
    RangeSet,
    address_key,
    base_program,
    profile_chain,
)
from ringfence.dataplane.update import RenameChain
from ringfence.errors import KernelError


@in_own_network
def test_a_new_kernel_holds_no_program() -> None:
    assert Kernel().present == Program()
    assert not Kernel().has_table


@in_own_network
def test_a_program_that_was_applied_is_read_back() -> None:
    Kernel().apply(varied())
    assert Kernel().present == varied()


@in_own_network
def test_one_program_takes_the_place_of_another() -> None:
    kernel = Kernel()
    for after in (varied(), program({(IN, 1): [(0, TCP, 80)]}), with_classes(), base_program(), with_classes()):
        kernel.apply(after)
        assert kernel.present == Kernel().present == after


@in_own_network
def test_a_chain_that_takes_the_place_of_another_one_is_the_same_chain_in_the_kernel() -> None:
    before, after = program({(IN, 1): [(0, TCP, 80)]}), program({(IN, 1): [(0, UDP, 80)]})
    after = carried_out(after, [RenameChain("ingress_1", "ingress_other")])
    kernel = Kernel()
    kernel.apply(before)
    handle = handle_of("ingress_1")
    assert handle.isdecimal()
    kernel.apply(after)
    assert kernel.present == Kernel().present == after
    assert handle_of("ingress_other") == handle


def handle_of(chain: str) -> str:
    """The number of a chain, which it keeps under another name."""
    listed = nft("-a", "list", "chain", "inet", "ringfence", chain)
    return next(line for line in listed.splitlines() if f"chain {chain} {{" in line).partition("# handle ")[2]


@in_own_network
def test_a_set_grows_beyond_the_size_of_its_first_table() -> None:
    """Also if all elements come in one step, and if the elements of a map are replaced."""
    small, large = (
        base_program().changed({"set": HashSet(ADDRESS[V4], frozenset(address_key(V4, i) for i in range(count)))})
        for count in (1, 20_000)
    )
    size = table_size(small.collections["set"], is_fixed=False)
    assert 0 < size < 20_000, "otherwise this test shows nothing"
    kernel = Kernel()
    for after in (small, large, small):
        kernel.apply(after)
        assert Kernel().present == after


@in_own_network
def test_a_new_process_finds_everything_and_changes_only_what_differs() -> None:
    Kernel().apply(varied())
    handles = nft("-a", "list", "table", "inet", "ringfence")
    Kernel().apply(varied())
    assert nft("-a", "list", "table", "inet", "ringfence") == handles


@in_own_network
def test_the_nft_program_can_list_and_check_it() -> None:
    """The encodings equal those of nft itself: nft accepts its own listing as input."""
    Kernel().apply(varied())
    listing = nft("list", "table", "inet", "ringfence")
    for line in (
        "ct id @revoked drop",
        "ct state established accept",
        "ct state established,related jump tracked",
        "icmpv6 type 133-137 ip6 hoplimit 255 return",
        "ip saddr @everything tcp dport @ports return",
        "0.0.4.0/22",
        "type filter hook forward priority filter - 5; policy accept;",
    ):
        assert line in listing
    subprocess.run(["unshare", "-n", "nft", "-c", "-f", "-"], input=listing, text=True, check=True)


@in_own_network
def test_the_nft_program_can_list_classes() -> None:
    """It lists them as bytes, which it does not accept as input: it has no type for them."""
    Kernel().apply(with_classes())
    listing = nft("list", "ruleset")
    for line in (
        "0.0.1.0/24 : goto ingress_one",
        "ip saddr vmap @classes_of_addresses",
        "meta l4proto . th dport vmap @classes_of_traffic",
        ". meta l4proto . th dport @contents_of_addresses return",
        ". ip saddr @contents_of_traffic return",
    ):
        assert line in listing
    nft("-j", "list", "ruleset")


DAMAGES = [
    pytest.param("delete table inet ringfence", id="the table is gone"),
    pytest.param("flush table inet ringfence", id="all rules are gone"),
    pytest.param("flush chain inet ringfence ingress_0", id="a profile has no rules"),
    pytest.param("delete chain inet ringfence forward", id="a base chain is gone"),
    pytest.param("add chain inet ringfence input { policy drop; }", id="a base chain has another policy"),
    pytest.param("insert rule inet ringfence forward accept", id="a rule in front of all others"),
    pytest.param("add rule inet ringfence denied_ingress counter reject", id="a rule behind all others"),
    pytest.param("flush map inet ringfence ingress4", id="nobody is isolated"),
    pytest.param("flush set inet ringfence ingress_0_4", id="nobody is allowed"),
    pytest.param("add element inet ringfence ingress_0_4 { 10.9.9.9 . tcp . 80 }", id="somebody else is allowed"),
    pytest.param("flush set inet ringfence blocks4", id="ranges are gone"),
    pytest.param("flush set inet ringfence contents_of_addresses", id="classes are empty"),
    pytest.param("flush map inet ringfence classes_of_addresses", id="no address is in a class"),
    pytest.param("flush map inet ringfence classes_of_traffic", id="no traffic is in a class"),
    pytest.param(
        "add element inet ringfence classes_of_addresses { 10.9.9.9 : goto ingress_one }", id="another address"
    ),
    pytest.param(
        "add element inet ringfence classes_of_addresses { 10.9.9.9 : accept }", id="an address that is accepted"
    ),
    pytest.param("add set inet ringfence other { type mark; }", id="a set of an unknown kind"),
    pytest.param(
        "add chain inet ringfence other { type filter hook output priority 3; policy drop; }", id="a base chain"
    ),
    pytest.param("add map inet ringfence other { type ipv4_addr : ipv4_addr; }", id="a map of an unknown kind"),
]


@pytest.mark.parametrize("damage", DAMAGES)
@in_own_network
def test_damage_is_noticed_and_repaired(damage: str) -> None:
    kernel = Kernel()
    kernel.apply(with_classes())
    assert not kernel.repair()
    nft(*damage.split(" "))
    assert kernel.repair()
    assert Kernel().present == with_classes()
    assert not kernel.repair()


@in_own_network
def test_an_object_replaced_by_one_of_another_kind_is_repaired() -> None:
    kernel = Kernel()
    kernel.apply(varied())
    nft("delete chain inet ringfence ingress_varied; delete set inet ringfence pods")
    nft("add set inet ringfence pods { type mark; }")
    assert kernel.repair()
    assert Kernel().present == varied()


@in_own_network
def test_a_program_is_applied_although_the_table_is_damaged() -> None:
    kernel = Kernel()
    kernel.apply(varied())
    nft("flush ruleset")
    kernel.apply(program({(IN, 1): []}))
    assert Kernel().present == program({(IN, 1): []})


@pytest.mark.takes_long
@in_own_network
def test_a_program_too_large_for_one_transaction_is_split() -> None:
    """An unprivileged socket takes about 13,000 addresses at once."""
    pods = frozenset(address_key(V4, at) for at in range(30_000))
    spans = ranges(V4, *((at * 4, at * 4 + 1) for at in range(20_000)))
    large = base_program().changed({"pods": HashSet(ADDRESS[V4], pods), "blocks": RangeSet(ADDRESS[V4], spans)})
    kernel = Kernel()
    kernel.apply(large)
    assert Kernel().present == large
    fewer = large.changed({"pods": HashSet(ADDRESS[V4], frozenset(sorted(pods)[:100]))})
    kernel.apply(fewer)
    assert Kernel().present == fewer


@in_own_network
def test_a_refusal_names_the_object_and_leaves_the_rest() -> None:
    kernel = Kernel()
    kernel.apply(varied())
    overlapping = ranges(V4, (0, 10), (5, 20))
    wrong = varied().changed({"wrong": RangeSet(ADDRESS[V4], overlapping)})
    with pytest.raises(KernelError, match="wrong"):
        kernel.apply(wrong)
    kernel.apply(varied())
    assert Kernel().present == varied()


@in_own_network
def test_a_profile_that_is_refused_closes_its_own_pods_and_no_others() -> None:
    network = Network(4)
    overlapping = RangeSet(ADDRESS[V4], ranges(V4, (0, number(3)), (5, LAST[V4])))
    both = program({(IN, 0): [(3, UDP, 80)], (IN, 1): [(3, UDP, 80)]})
    wrong = both.changed(
        {"wrong": overlapping},
        {"ingress_0": profile_chain(IN, (allowing(Lookup((Field.SOURCE_4,), "wrong")),))},
    )
    kernel = Kernel()
    with pytest.raises(ProfilesRefused, match="wrong") as raised:
        kernel.apply(wrong)
    (refusal,) = raised.value.refusals
    assert (refusal.refused, refusal.code) == ("wrong", EEXIST)
    assert (raised.value.refused, raised.value.code) == ("wrong", EEXIST)
    assert reached(network, 3) == {1, 2}
    assert not kernel.repair(), "the others stay as they are"
    kernel.apply(both)
    assert reached(network, 3) == {0, 1, 2}


@in_own_network
def test_a_part_that_is_refused_while_nothing_leads_to_it_keeps_nothing_else_out() -> None:
    """It is a part of a large profile whose pods are still closed.

    The refusal is reported, and everything else continues.
    """
    network = Network(4)
    kernel = Kernel()
    kernel.apply(program({(IN, 0): [(3, UDP, 80)], (IN, 1): []}))
    wanted = program({(IN, 0): [], (IN, 1): [(3, UDP, 80)]})
    overlapping = RangeSet(ADDRESS[V4], ranges(V4, (0, number(3)), (5, LAST[V4])))
    looking = profile_chain(IN, (allowing(Lookup((Field.SOURCE_4,), "wrong")),))
    with pytest.raises(ProfilesRefused, match="wrong") as raised:
        kernel.apply(wanted.changed({"wrong": overlapping}, {"part": looking}))
    assert len(raised.value.refusals) == 1
    assert Kernel().present == wanted
    assert reached(network, 3) == {1, 2}
    assert not kernel.repair()


def test_several_refusals_are_one_error_that_names_all_and_has_the_code_of_the_first() -> None:
    refusals = [KernelError("no memory", ENOMEM, "a"), KernelError("not allowed", EPERM, "b")]
    raised = ProfilesRefused(refusals)
    assert str(raised) == "no memory; not allowed"
    assert (raised.code, raised.refused) == (ENOMEM, "a")
    assert [(str(one), one.code, one.refused) for one in raised.refusals] == [
        ("no memory", ENOMEM, "a"),
        ("not allowed", EPERM, "b"),
    ]


@in_own_network
def test_refusals_of_a_repair_are_raised_as_well() -> None:
    """An object of another program prevents the repair of a profile.

    Its pods are closed, and the refusal is reported.
    """
    kernel = Kernel()
    wanted = varied()
    kernel.apply(wanted)
    nft("flush ruleset")
    with refusing("blocks4"), pytest.raises(ProfilesRefused, match="blocks4"):
        kernel.repair()
    assert "ingress_varied" not in Kernel().present.chains
    assert Kernel().present.chains.keys() >= {"ingress_0", "egress_0", "forward"}


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Make the kernel refuse an object: the request for it describes no valid set."""
    encode = elements.portions

    def portions(collection: Collection) -> Iterator[bytes]:
        is_it = collection == varied().collections[name]
        return iter([b"\0\0\0\0"]) if is_it else encode(collection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(requests, "portions", portions)
        yield


@in_own_network
def test_the_table_is_not_read_back_after_own_transactions() -> None:
    """The check for disturbances costs one request, however large the table is."""
    kernel = Kernel()
    kernel.apply(varied())
    kernel.apply(base_program())
    kernel.revoke([1, 2, 3])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(table, "read_table", lambda netlink: pytest.fail("it is read back"))
        assert not kernel.repair()


@in_own_network
def test_a_table_that_appears_where_none_is_wanted_is_removed() -> None:
    kernel = Kernel()
    nft("add table inet ringfence")
    assert kernel.repair()
    assert not Kernel().has_table


def reached(network: Network, client: int) -> set[int]:
    """The pods that receive what the client sends to port 80."""
    servers = {pod: network.udp(pod, 80) for pod in range(3)}
    sender = network.udp(client)
    for pod in servers:
        sender.sendto(b"x", (address(pod), 80))
    return {pod for pod, server in servers.items() if network.delivered(server)}


@in_own_network
def test_an_unknown_address_in_a_held_range_is_closed_except_for_its_node() -> None:
    network = Network(3)
    held = {"held4": RangeSet(ADDRESS[V4], ranges(V4, (number(0), number(1))))}
    known = {"known4": HashSet(ADDRESS[V4], frozenset({address_key(V4, number(1))}))}
    kernel = Kernel()
    kernel.apply(base_program(holds=True).changed(held))
    assert reached(network, 2) == {2}
    assert reached(network, 0) == {0}, "nobody but itself"
    kernel.apply(base_program(holds=True).changed({**held, **known}))
    assert reached(network, 2) == {1, 2}
    assert reached(network, 1) == {1, 2}
    new_pod = network.udp(0, 81)
    socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"probe", (address(0), 81))
    assert received(new_pod) == b"probe"


@in_own_network
def test_drops_are_counted_for_each_pod_and_direction() -> None:
    network = Network(3)
    kernel = Kernel()
    kernel.apply(program({(IN, 0): [(1, UDP, 80)], (OUT, 2): []}))
    sender, stranger = network.udp(1), network.udp(2)
    for _ in range(3):
        sender.sendto(b"x", (address(0), 81))
        stranger.sendto(b"x", (address(1), 80))
    drops = {(one.direction, one.address): one.packets for one in kernel.counts.drops() if one.packets}
    assert drops == {(IN, number(0)): 3, (OUT, number(2)): 3}
    kernel.apply(program({(IN, 0): [(1, UDP, 81)], (OUT, 2): []}))
    assert {one.packets for one in kernel.counts.drops() if one.family is V4} == {3}, "other rules, same counts"


@in_own_network
def test_without_privileges_the_error_says_what_to_do() -> None:
    lose_privileges()
    with pytest.raises(KernelError, match="NET_ADMIN"):
        Kernel().apply(base_program())


@in_own_network
def test_every_request_without_rights_says_what_to_do() -> None:
    """The rights of an agent may be restricted while it runs. The kernel checks the rights of each request."""
    kernel = Kernel()
    kernel.apply(program({(IN, 0): [(1, TCP, 80)]}))
    lose_privileges()
    for question in (kernel.revoke_forbidden, lambda: list(kernel.counts.drops())):
        with pytest.raises(KernelError, match="NET_ADMIN"):
            question()
