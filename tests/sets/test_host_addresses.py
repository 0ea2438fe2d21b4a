"""Sets of hosts by their addresses, compared with the same sets written out: every host with a few of six addresses."""

from itertools import chain, combinations

from hypothesis import given
from hypothesis import strategies as st
from tests.agent.work import work_of

from ringfence.sets import intervals
from ringfence.sets.addresses import FAMILIES, WHOLE, Addresses, Family
from ringfence.sets.host_addresses import HostAddresses

NUMBERS = range(6)
"""Addresses that blocks name. All that lies beyond is named by none, or by those that contain a whole family."""
BEYOND = 6
Host = tuple[Family, tuple[int, ...]]
HOSTS = tuple(
    (family, numbers)
    for family in FAMILIES
    for numbers in chain.from_iterable(combinations((*NUMBERS, BEYOND), size) for size in range(1, BEYOND + 2))
)
Written = frozenset[Host]


def ranges(numbers: frozenset[int]) -> intervals.Intervals:
    return intervals.normalise((number, WHOLE[Family.IPV4][1] if number == BEYOND else number) for number in numbers)


_numbers = st.frozensets(st.sampled_from((*NUMBERS, BEYOND)), max_size=4)
_families = st.sampled_from([(Family.IPV4,), (Family.IPV6,), FAMILIES])


def in_block(
    families: tuple[Family, ...], inside: frozenset[int], excepted: frozenset[int]
) -> tuple[HostAddresses, Written]:
    """The hosts of a block as a set, and written out."""
    within, without = (
        Addresses.of_ranges((family, one) for family in families for one in ranges(some))
        for some in (inside - excepted, excepted)
    )
    hosts = (
        (family, host)
        for family, host in HOSTS
        if family in families and (inside - excepted).intersection(host) and not excepted.intersection(host)
    )
    return HostAddresses.in_block(within, without), frozenset(hosts)


_blocks = st.builds(in_block, _families, _numbers, _numbers)
_exact = st.sampled_from(HOSTS).map(lambda host: (HostAddresses.exactly(*host), frozenset([host])))


def _combined(one: tuple[HostAddresses, Written], other: tuple[HostAddresses, Written], kind: str) -> object:
    (hosts, written), (others, other_written) = one, other
    if kind == "union":
        return HostAddresses.union_of([hosts, others]), written | other_written
    return (hosts & others, written & other_written) if kind == "&" else (hosts - others, written - other_written)


sets = st.recursive(
    st.one_of(_blocks, _blocks, st.just((HostAddresses.without(Addresses()), frozenset(HOSTS)))),
    lambda some: st.builds(_combined, some, some, st.sampled_from(("&", "-", "-", "union"))),
    max_leaves=8,
)


@given(sets)
def test_a_set_has_the_hosts_that_its_blocks_say(pair: tuple[HostAddresses, Written]) -> None:
    hosts, written = pair
    assert {host for host in HOSTS if hosts.contains(*host)} == written
    assert bool(hosts) is bool(written)


@given(sets)
def test_an_example_is_in_the_set_and_needs_each_of_its_addresses(pair: tuple[HostAddresses, Written]) -> None:
    hosts, written = pair
    for family in FAMILIES:
        example = tuple(min(number, BEYOND) for number in hosts.example(family))
        assert bool(example) is any(family is of for of, _ in written)
        if example:
            assert (family, tuple(sorted(example))) in written
            for number in example if len(example) > 1 else ():
                assert (family, tuple(sorted(set(example) - {number}))) not in written


def test_an_address_is_needed_if_only_one_that_was_left_out_could_stand_for_it() -> None:
    """Blocks choose 20, 40 and 60 beside 10 and 80. Then 10 is not needed, but without it 20 alone leaves a block."""

    def of(*numbers: int) -> Addresses:
        return Addresses(v4=tuple((number, number) for number in numbers))

    hosts = HostAddresses.in_block(of(80), of()) & HostAddresses.in_block(of(10, 40), of())
    for excepted in ((10, 20), (20, 40), (20, 60), (40,), (60,)):
        hosts -= HostAddresses.in_block(of(80), of(*excepted))
    example = hosts.example(Family.IPV4)
    assert sorted(example) == [20, 40, 60, 80]
    assert hosts.contains(Family.IPV4, example)


@given(sets)
def test_the_addresses_of_hosts_that_have_one(pair: tuple[HostAddresses, Written]) -> None:
    hosts, written = pair
    alone = {
        (family, (number,))
        for family in FAMILIES
        for number in (*NUMBERS, BEYOND)
        if hosts.alone.contains(family, number)
    }
    assert alone == {(family, host) for family, host in written if len(host) == 1}


@given(_exact, sets)
def test_a_single_host_is_in_a_set_or_not(
    one: tuple[HostAddresses, Written], pair: tuple[HostAddresses, Written]
) -> None:
    (single, (host,)), (hosts, written) = (one[0], tuple(one[1])), pair
    assert bool(single & hosts) is bool(not single - hosts) is (host in written)


def test_a_usual_address_is_preferred() -> None:
    assert HostAddresses.without(Addresses()).example(Family.IPV4, ((80, 90),)) == (81,)
    assert HostAddresses.without(Addresses(v4=((80, 82),))).example(Family.IPV4, ((80, 90),)) == (84,)


def test_blocks_that_leave_one_another_no_exception_take_as_much_work_as_there_are() -> None:
    """Each block that cannot leave a host out by its exception takes the exception of the next one away."""

    def work(count: int) -> int:
        blocks = [
            HostAddresses.in_block(
                Addresses(v4=((2 * i + 2, 2 * i + 2),)), Addresses(v4=((2 * i, 2 * i),)) if i else Addresses()
            )
            for i in range(count)
        ]
        everything, all_blocks = HostAddresses.without(Addresses()), HostAddresses.union_of(blocks)
        return work_of(lambda: everything - all_blocks)

    assert work(400) < 6 * work(100)


def _outside_of_blocks(count: int) -> HostAddresses:
    """The hosts outside of some blocks with an exception each, and with an address in the first of them."""
    blocks = [
        HostAddresses.in_block(Addresses(v4=((100 * i, 100 * i + 49),)), Addresses(v4=((100 * i + 50, 100 * i + 51),)))
        for i in range(count)
    ]
    somewhere = HostAddresses.in_block(Addresses(v4=((0, 100 * count),)), Addresses())
    return somewhere - HostAddresses.union_of(blocks)


def test_hosts_outside_of_many_blocks_take_more_steps_to_compare() -> None:
    """Each comparison looks at all exceptions of these blocks."""
    assert HostAddresses.without(Addresses()).work == 0
    assert _outside_of_blocks(400).work > 8 * _outside_of_blocks(40).work > 0


def test_an_example_outside_of_many_blocks_takes_work_that_grows_with_the_addresses_and_blocks() -> None:
    """Each block needs an address among its exceptions, if the host must have one in each block."""

    def work(count: int) -> int:
        hosts = _outside_of_blocks(count)
        for i in range(count):
            hosts &= HostAddresses.in_block(Addresses(v4=((100 * i, 100 * i + 49),)), Addresses())
        taken = work_of(lambda: hosts.example(Family.IPV4))
        assert len(hosts.example(Family.IPV4)) == 2 * count
        return taken

    assert work(40) < 6 * work(20)
