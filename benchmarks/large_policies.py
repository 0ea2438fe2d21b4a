"""The cost of compiling the most expensive policies and of loading them into the kernel.

The kernel holds one lock over all packet filters of a network namespace during a transaction, so that kube-proxy waits
meanwhile. So the longest transaction counts, with each shape: when it is loaded, when one of its rules changes, and
when it is deleted. All shapes select one pod of this node.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final
from unittest import mock

from tests.engine.policies.artificial_tier import FRONT, acting, add_artificial_tiers, compile_tier_policy, tier_policy

from benchmarks.dataplane import Object, pod, put
from benchmarks.measuring import Figure, without_collection
from ringfence.dataplane.compile import Compiler
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import Program
from ringfence.engine.state import State
from ringfence.netlink.socket import NetlinkSocket

LONGEST: Final = 50
"""Milliseconds that one transaction may take."""

Rules = list[Object]


def cidr(number: int, length: int = 32) -> str:
    """A block of 10.0.0.0/8."""
    return f"{'.'.join(map(str, (10 << 24 | number << (32 - length)).to_bytes(4, 'big')))}/{length}"


def blocks(*cidrs: str) -> Rules:
    """Peers that are blocks."""
    return [{"ipBlock": {"cidr": one}} for one in cidrs]


def ports(*numbers: int, width: int = 0) -> Rules:
    """Ports, or ranges of them."""
    return [{"port": one, **({"endPort": one + width} if width else {})} for one in numbers]


def rule(peers: Rules, numbers: Rules) -> Object:
    """One rule."""
    return {"from": peers, "ports": numbers}


def selecting(number: int) -> Rules:
    """The peer that is the pod with this number."""
    return [{"podSelector": {"matchLabels": {"number": f"{number}"}}}]


def peers(count: int) -> list[Object]:
    """Pods of other nodes that policies can distinguish."""
    found = [pod("n", f"peer-{i}", "peer", 1 << 20 | i, node=1) for i in range(count)]
    for number, one in enumerate(found):
        one["metadata"]["labels"]["number"] = f"{number}"
    return found


def policy(number: int, rules: Rules) -> Object:
    """One of the policies that select the pod."""
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": f"p{number}", "namespace": "n"},
        "spec": {"podSelector": {"matchLabels": {"app": "a"}}, "policyTypes": ["Ingress"], "ingress": rules},
    }


def policies(*some: Rules) -> list[Object]:
    """Policies that select the pod, with these rules each."""
    return [policy(number, rules) for number, rules in enumerate(some)]


def tiers() -> list[Object]:
    """100 policies of the artificial tier in front, with 25 rules each that allow, deny or pass networks and ports."""
    actions = ("allow", "deny", "pass")
    return [
        tier_policy(
            FRONT,
            f"f{i:03}",
            i,
            ingress=[
                acting(
                    actions[(i + j) % 3],
                    *blocks(*(cidr((25 * i + j) * 3 + k, 24) for k in range(3))),
                    ports=ports((25 * i + j) % 900 + 1, 1000 + j),
                )
                for j in range(25)
            ],
        )
        for i in range(100)
    ]


SHAPES: Final[dict[str, Callable[[], list[Object]]]] = {
    "16,000 blocks": lambda: policies([rule(blocks(*(cidr(2 * i) for i in range(16_000))), ports(80))]),
    "16,000 blocks, each with a port of its own": lambda: policies(
        [rule(blocks(cidr(i)), ports(i + 1)) for i in range(16_000)]
    ),
    "2,000 blocks with 100 ranges of ports": lambda: policies(
        [rule(blocks(*(cidr(2 * i, 24) for i in range(2_000))), ports(*range(1, 20_000, 200), width=99))]
    ),
    "500 blocks with 500 ranges of ports": lambda: policies(
        [rule(blocks(*(cidr(2 * i, 24) for i in range(500))), ports(*range(1, 50_000, 100), width=49))]
    ),
    "1,000 blocks with 1,000 ports": lambda: policies(
        [rule(blocks(*(cidr(2 * i, 24) for i in range(1_000))), ports(*range(1, 2_000, 2)))]
    ),
    "3,000 rules, each with an exception and a port of its own": lambda: policies(
        [rule([{"ipBlock": {"cidr": "10.0.0.0/8", "except": [cidr(9 * i)]}}], ports(2 * i + 1)) for i in range(3_000)]
    ),
    "1,000 rules with 40 blocks and 40 ports": lambda: policies(
        [
            rule(
                blocks(*(cidr(40 * i + j * 7, 28) for j in range(40))),
                ports(*((40 * i * 3 + j * 101) % 60_000 + 1 for j in range(40))),
            )
            for i in range(1_000)
        ]
    ),
    "2,000 policies of 5 blocks and a port": lambda: policies(
        *([rule(blocks(*(cidr(50 * i + 7 * j, 28) for j in range(5))), ports(i + 1))] for i in range(2_000))
    ),
    "3,000 rules with blocks inside each other and ranges of ports": lambda: policies(
        [
            rule(blocks(cidr(i * 7919 % (1 << (8 + i % 17)), 16 + i % 17)), ports(1 + i * 13 % 50_000, width=i % 5_000))
            for i in range(3_000)
        ]
    ),
    "3,000 rules, each with a pod and a range of ports of its own": lambda: [
        *peers(3_000),
        *policies([rule(selecting(i), ports(1, width=3_000 + i)) for i in range(3_000)]),
    ],
    "100 policies of a tier with 25 rules that allow, deny or pass": lambda: [
        *tiers(),
        *policies([rule(blocks(cidr(1)), ports(80))]),
    ],
}


def measure() -> Iterator[Figure]:
    """Every shape, in a kernel of its own."""
    for name, shape in SHAPES.items():
        yield from _measured(name, shape())


def _measured(name: str, objects: list[Object]) -> Iterator[Figure]:
    state = State(live=True)
    artificial = add_artificial_tiers(state)
    put(state, pod("n", "server", "a", 1 << 22))
    for one in objects:
        if one["kind"] in artificial:
            artificial[one["kind"]].upsert(compile_tier_policy(one))
        else:
            put(state, one)
    compiler, kernel = Compiler(state, lambda member: member.node == "node-0"), Kernel()
    with without_collection(), Transactions() as transactions:
        start = time.process_time()
        program = compiler.program()
        yield Figure(f"{name}: compiled", time.process_time() - start, "s")
        assert not compiler.refusals()
        yield Figure("  elements of its sets and maps", sum(one.size for one in program.collections.values()), "")
        yield from _applied("  loaded", kernel, program, transactions)
        put(state, policy(9_999, [rule(blocks("192.0.2.0/24"), ports(443))]))
        yield from _applied("  with one more policy, loaded", kernel, compiler.program(), transactions)
        state.remove("Pod", "n", "server")
        yield from _applied("  deleted", kernel, compiler.program(), transactions)
    kernel.remove()


def _applied(what: str, kernel: Kernel, program: Program, transactions: "Transactions") -> Iterator[Figure]:
    start = time.perf_counter()
    kernel.apply(program)
    yield Figure(what, time.perf_counter() - start, "s")
    yield Figure("    longest transaction", transactions.longest() * 1e3, "ms", LONGEST)


class Transactions:
    """How long the kernel takes for each of the messages that it is sent meanwhile."""

    def __init__(self) -> None:
        self._took: list[float] = []
        self._patch = mock.patch.object(NetlinkSocket, "send", self._timed(NetlinkSocket.send))

    def __enter__(self) -> "Transactions":
        self._patch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.stop()

    def longest(self) -> float:
        """The seconds of the longest since this was last asked."""
        longest = max(self._took, default=0.0)
        self._took.clear()
        return longest

    def _timed(self, send: Callable[[NetlinkSocket, bytes], None]) -> Any:
        def timed(netlink: NetlinkSocket, messages: bytes) -> None:
            # The kernel does the work in this process's system call, so other load of the machine does not count.
            start = time.process_time()
            send(netlink, messages)
            self._took.append(time.process_time() - start)

        return timed
