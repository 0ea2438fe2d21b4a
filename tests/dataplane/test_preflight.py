"""The preflight: it detects missing kernel features before the first program, and its probes affect no packet."""

import typing
from contextlib import AbstractContextManager

import pytest
from tests.dataplane.lacking import lacking_bridges, lacking_expression, lacking_hook, lacking_sets
from tests.dataplane.network import in_own_network, lose_privileges, nft

from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.nftables import has_table, read_generation
from ringfence.dataplane.preflight import FOR_BRIDGES, FOR_LOGGING, REQUIRED, SCRATCH_TABLE, missing_features
from ringfence.dataplane.program import (
    Action,
    Collection,
    Condition,
    GroupMap,
    Hook,
    Program,
    RangeSet,
    Rule,
    RuleVerdict,
    base_program,
)
from ringfence.errors import KernelError
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket

EVERYTHING = (*REQUIRED, *FOR_LOGGING, *FOR_BRIDGES)


@in_own_network
def test_this_kernel_lacks_nothing_and_nothing_stays_behind() -> None:
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        assert missing_features(netlink, EVERYTHING) == []
    assert nft("list", "ruleset") == ""


LACKING: dict[str, tuple[AbstractContextManager[None], set[str]]] = {
    "fib": (
        lacking_expression("fib"),
        {"lookups of source addresses", "lookups of destination addresses", "reverse path lookups"},
    ),
    "ct": (
        lacking_expression("ct"),
        {"connection tracking", "identifiers of tracked connections", "tracking of packets that other programs exempt"},
    ),
    "log": (lacking_expression("log"), {"copies of packets"}),
    "limit": (lacking_expression("limit"), {"rate limits"}),
    "ranges": (
        lacking_sets(RangeSet),
        {"sets of ranges", "sets of long keys"},
    ),
    "groups": (lacking_sets(GroupMap), {"maps of addresses to groups, and of groups to classes"}),
    "a hook": (lacking_hook(Hook.FORWARD), {"packet filters for IPv4 and IPv6 together"}),
}


@pytest.mark.parametrize("what", LACKING)
@in_own_network
def test_features_that_a_kernel_lacks_are_named(what: str) -> None:
    lacking, names = LACKING[what]
    with NetlinkSocket(NETLINK_NETFILTER) as netlink, lacking:
        assert {one.name for one in missing_features(netlink, (*REQUIRED, *FOR_LOGGING))} == names
    assert nft("list", "ruleset") == ""


@in_own_network
def test_each_feature_is_one_transaction_so_that_nothing_stays_behind_if_the_process_is_killed() -> None:
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        before = read_generation(netlink)
        missing_features(netlink, EVERYTHING)
        assert read_generation(netlink) == before + len(EVERYTHING)


@in_own_network
def test_a_kernel_without_packet_filters_for_bridges_has_all_others() -> None:
    with NetlinkSocket(NETLINK_NETFILTER) as netlink, lacking_bridges():
        [missing] = missing_features(netlink, EVERYTHING)
    assert str(missing) == "packet filters for bridges (module nf_tables, CONFIG_NF_TABLES_BRIDGE)"


def test_a_feature_names_its_module_and_its_option() -> None:
    fib = next(one for one in REQUIRED if one.name == "reverse path lookups")
    assert str(fib) == "reverse path lookups (module nft_fib_inet, CONFIG_NFT_FIB_INET)"


def test_the_preflight_covers_everything_that_programs_consist_of() -> None:
    """The preflight requests each kind of condition and action that a rule can have, and each kind of set."""
    asked = [feature.program for feature in EVERYTHING]
    assert EVERY_PART - parts(asked) == ON_EVERY_KERNEL
    assert {type(one) for feature in asked for one in feature.collections.values()} == set(typing.get_args(Collection))


EVERY_PART = {
    *(one.__name__ for one in typing.get_args(Condition | Action) if one is not RuleVerdict),
    *map(str, RuleVerdict),
}

ON_EVERY_KERNEL = {
    "EstablishedOrRelated",
    "NeighbourDiscovery",
    "OverLoopback",
    "FromLinkLocal",
    "Icmpv6Is",
    "OfFamily",
    "PortBetween",
}
"""What consists of expressions that are part of nf_tables itself, or that other features have, too."""


def parts(programs: list[Program]) -> set[str]:
    rules = [rule for program in programs for chain in program.chains.values() for rule in chain.rules]
    assert all(isinstance(rule, Rule) for rule in rules)
    conditions = {type(one).__name__ for rule in rules if isinstance(rule, Rule) for one in rule.conditions}
    actions = {name_of(rule) for rule in rules if isinstance(rule, Rule)}
    return conditions | actions


def name_of(rule: Rule) -> str:
    return str(rule.action) if isinstance(rule.action, str) else type(rule.action).__name__


@in_own_network
def test_a_scratch_table_that_another_program_has_left_is_no_obstacle() -> None:
    nft("add table inet ringfence_preflight { chain c { type filter hook forward priority 0; drop; }; }")
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        assert missing_features(netlink, EVERYTHING) == []
        assert not has_table(netlink, SCRATCH_TABLE)


@in_own_network
def test_missing_rights_are_not_taken_for_missing_features() -> None:
    with NetlinkSocket(NETLINK_NETFILTER) as netlink:
        lose_privileges()
        with pytest.raises(KernelError, match="NET_ADMIN"):
            missing_features(netlink, EVERYTHING)


@in_own_network
def test_the_preflight_does_not_disturb_a_program_in_force() -> None:
    kernel = Kernel()
    kernel.apply(base_program())
    assert kernel.missing(EVERYTHING) == []
    assert not kernel.repair()
