"""The features that a kernel must have, and a check which of them it lacks.

Each feature has a small program that needs it. The kernel creates the program in a table of its own, and deletes the
table in the same transaction. So no packet meets it, and nothing is left behind if this process is killed.

Source: `net/netfilter/Kconfig` of the kernel, for the options; nft(8).
"""

import errno
from collections.abc import Iterable
from typing import Final, NamedTuple

from ringfence.dataplane.nftables import commit
from ringfence.dataplane.program import (
    ADDRESS,
    CLASS_ADDRESS,
    CONNECTION,
    ENFORCING,
    PEER_CLASS,
    PEER_GROUP,
    TRAFFIC,
    Chain,
    ClassLookup,
    Collection,
    Condition,
    Dispatch,
    DispatchGroup,
    Established,
    Field,
    FromNode,
    FromPodLink,
    GroupMap,
    HashSet,
    Hook,
    Log,
    Lookup,
    OffRoute,
    Program,
    RangeMap,
    RangeSet,
    RateLimit,
    Rule,
    RuleVerdict,
    ToOthers,
    Track,
    Untracked,
    VerdictMap,
    address_key,
    bridge_chains,
    bridge_collections,
    group_key,
    guards_bridges,
    peer_class_key,
    traffic_key,
)
from ringfence.dataplane.update import AddTable, DeleteTable, commands_between
from ringfence.errors import KernelError
from ringfence.netlink.socket import NetlinkSocket
from ringfence.sets.addresses import Family

SCRATCH_TABLE: Final = "ringfence_preflight"


class Feature(NamedTuple):
    """A feature of the kernel: its name, the module and kernel option that provide it, and a program that needs it."""

    name: str
    modules: str
    option: str
    program: Program

    def __str__(self) -> str:
        """`reverse path lookups (module nft_fib_inet, CONFIG_NFT_FIB_INET)`."""
        return f"{self.name} (module {self.modules}, {self.option})"


def _feature(name: str, modules: str, option: str, *conditions: Condition, **collections: Collection) -> Feature:
    program = Program(collections, {"chain": Chain((Rule(conditions, RuleVerdict.ACCEPT),))})
    return Feature(name, modules, option, program)


_V4: Final = Family.IPV4
_ADDRESS: Final = address_key(_V4, 1)
_TRAFFIC: Final = traffic_key(6, 80)
_GROUP: Final = f"{1:08x}"
_CLASS: Final = f"{1:08x}"

REQUIRED: Final[tuple[Feature, ...]] = (
    Feature(
        "packet filters for IPv4 and IPv6 together",
        "nf_tables",
        "CONFIG_NF_TABLES_INET",
        Program(chains={hook.value: Chain((), hook) for hook in Hook}),
    ),
    _feature(
        "sets",
        "nf_tables",
        "CONFIG_NF_TABLES",
        Lookup((Field.SOURCE_4,), "set"),
        set=HashSet(ADDRESS[_V4], frozenset({_ADDRESS})),
    ),
    _feature(
        "sets of ranges",
        "nf_tables",
        "CONFIG_NF_TABLES",
        Lookup((Field.SOURCE_4,), "set"),
        set=RangeSet(ADDRESS[_V4], frozenset({(_ADDRESS, _ADDRESS)})),
    ),
    Feature(
        "maps of ranges to chains",
        "nf_tables",
        "CONFIG_NF_TABLES",
        Program(
            {"map": RangeMap(TRAFFIC, {"target": frozenset({(_TRAFFIC, _TRAFFIC)})})},
            {"target": Chain(), "chain": Chain((Rule((), Dispatch((Field.PROTOCOL, Field.PORT), "map")),))},
        ),
    ),
    _feature(
        "sets of long keys",
        "nf_tables",
        "CONFIG_NF_TABLES",
        ClassLookup(bytes(16), (Field.SOURCE_6,), "set"),
        set=RangeSet(CLASS_ADDRESS[Family.IPV6], frozenset({(bytes(32), bytes(31) + b"\1")})),
    ),
    Feature(
        "verdict maps",
        "nf_tables",
        "CONFIG_NF_TABLES",
        Program(
            {"map": VerdictMap(ADDRESS[_V4], {"target": frozenset({_ADDRESS})})},
            {"target": Chain(), "chain": Chain((Rule((), Dispatch((Field.SOURCE_4,), "map")),))},
        ),
    ),
    Feature(
        "maps of addresses to groups, and of groups to classes",
        "nf_tables",
        "CONFIG_NF_TABLES",
        Program(
            {
                "groups": GroupMap(ADDRESS[_V4], {_GROUP: frozenset({_ADDRESS})}),
                "classes": GroupMap(PEER_GROUP, {_CLASS: frozenset({group_key(_GROUP)})}),
                "map": VerdictMap(PEER_CLASS, {"target": frozenset({peer_class_key(_CLASS)})}, goto=True),
            },
            {"target": Chain(), "chain": Chain((Rule((), DispatchGroup(Field.SOURCE_4, "groups", "classes", "map")),))},
        ),
    ),
    _feature(
        "counters of elements",
        "nft_counter",
        "CONFIG_NFT_COUNTER",
        Lookup((Field.SOURCE_4,), "set"),
        set=HashSet(ADDRESS[_V4], frozenset({_ADDRESS}), counted=True),
    ),
    _feature("connection tracking", "nft_ct", "CONFIG_NFT_CT", Established()),
    _feature(
        "identifiers of tracked connections",
        "nft_ct",
        "CONFIG_NFT_CT",
        Lookup((Field.CONNECTION,), "set"),
        set=HashSet(CONNECTION),
    ),
    Feature(
        "tracking of packets that other programs exempt",
        "nft_ct",
        "CONFIG_NF_CONNTRACK_ZONES",
        Program(chains={"chain": Chain((Rule((Untracked(),), Track()),))}),
    ),
    _feature("kinds of links (Linux 5.1)", "nf_tables", "CONFIG_NF_TABLES", FromPodLink()),
    _feature("lookups of source addresses", "nft_fib_inet", "CONFIG_NFT_FIB_INET", FromNode()),
    _feature("lookups of destination addresses", "nft_fib_inet", "CONFIG_NFT_FIB_INET", ToOthers()),
    _feature("reverse path lookups", "nft_fib_inet", "CONFIG_NFT_FIB_INET", OffRoute()),
)
"""The features that every program needs."""

FOR_LOGGING: Final[tuple[Feature, ...]] = (
    Feature(
        "copies of packets",
        "nft_log and nfnetlink_log",
        "CONFIG_NFT_LOG and CONFIG_NETFILTER_NETLINK_LOG",
        Program(chains={"chain": Chain((Rule((), Log(1, "ringfence preflight")),))}),
    ),
    _feature("rate limits", "nft_limit", "CONFIG_NFT_LIMIT", RateLimit(1)),
)
"""The additional features of programs that log denied packets."""

FOR_BRIDGES: Final[tuple[Feature, ...]] = (
    Feature(
        "packet filters for bridges",
        "nf_tables",
        "CONFIG_NF_TABLES_BRIDGE",
        Program(bridge_collections(), bridge_chains(ENFORCING, holds=True)),
    ),
)
"""The additional features of programs that guard bridges."""


def missing_features(netlink: NetlinkSocket, features: Iterable[Feature]) -> list[Feature]:
    """The features that the kernel lacks.

    Raises KernelError if the kernel or the user's rights allow no packet filtering at all.
    """
    return [feature for feature in features if not _has(netlink, feature)]


def _has(netlink: NetlinkSocket, feature: Feature) -> bool:
    of_bridges = guards_bridges(feature.program)
    try:
        commit(
            netlink,
            [
                # Delete a table of this name that somebody else has made. It is added first, because deleting a missing
                # table is an error.
                AddTable(of_bridges=of_bridges),
                DeleteTable(of_bridges),
                # The kernel registers no hooks for a dormant table, so no packet can meet it even for a moment.
                AddTable(is_dormant=True, of_bridges=of_bridges),
                *commands_between(Program(), feature.program),
                DeleteTable(of_bridges),
            ],
            SCRATCH_TABLE,
        )
    except KernelError as error:
        # These errors refuse every program, so they say nothing about this feature.
        if error.code in (errno.EPERM, errno.EPROTONOSUPPORT):
            raise
        return False
    return True
