"""The cost of loading programs into the real kernel and of changing them, by three interfaces.

Everything happens in network namespaces of this process, without root. Each figure of a change is the best of some,
since others use the machine, too.
"""

import ctypes
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import cache, partial
from statistics import median
from typing import Any, Final, NamedTuple

from tests.dataplane.network import Network, address, nft

from benchmarks.cluster_policies import cluster_policies
from benchmarks.clusters import CHARTS, ENVIRONMENTS, TEAMS, Plan
from benchmarks.measuring import Figure, seconds, without_collection
from ringfence.dataplane.compile import Compiler
from ringfence.dataplane.kernel import Kernel
from ringfence.dataplane.program import HashSet, Program, flow_key
from ringfence.engine.state import State
from ringfence.model.decoding import decode
from ringfence.model.objects import NetworkPolicy
from ringfence.model.policies import defaulted
from ringfence.netlink.conntrack import list_connections
from ringfence.netlink.constants import NETLINK_NETFILTER
from ringfence.netlink.socket import NetlinkSocket

Object = dict[str, Any]

ROUNDS: Final = 12
CONNECTIONS: Final = 5_000


# --- clusters ---------------------------------------------------------------------------------------------------------


def pod(namespace: str, name: str, app: str, number: int, node: int = 0) -> Object:
    """A pod with the address 10.0.0.0 + `number`."""
    address = ".".join(map(str, (10 << 24 | number).to_bytes(4, "big")))
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app, **_chart(app)}},
        "spec": {"nodeName": f"node-{node}", "containers": [{"name": "main", "image": "example.org/main:1"}]},
        "status": {"phase": "Running", "podIPs": [{"ip": address}]},
    }


def _chart(app: str) -> dict[str, str]:
    """The label that cluster policies read."""
    number = int(app[1:]) if app[1:].isdigit() else 0
    return {"app.kubernetes.io/name": CHARTS[number % len(CHARTS)].name}


def policy(namespace: str, name: str, app: str, peer: str, port: int) -> Object:
    """Allows traffic between two apps on one port, in both directions."""
    peers = [{"podSelector": {"matchLabels": {"app": peer}}}]
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "podSelector": {"matchLabels": {"app": app}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [{"from": peers, "ports": [{"port": port}]}],
            "egress": [{"to": peers, "ports": [{"port": port}]}],
        },
    }


def put(state: State, written: Object) -> None:
    """Add an object, as the API server would store it."""
    obj = decode(written)
    assert obj is not None
    state.upsert(defaulted(obj) if isinstance(obj, NetworkPolicy) else obj)


def cluster(apps: int, replicas: int, policies: int, namespaces: int, nodes: int = 1) -> State:
    """Apps of equal size, each with its own policies, which are about other apps of its namespace."""
    state = State(live=True)
    for app in range(apps):
        for replica in range(replicas):
            number = app * replicas + replica
            written = pod(f"n{app % namespaces}", f"a{app}-{replica}", f"a{app}", 256 + number, (number - 2) % nodes)
            put(state, written)
        for i in range(policies):
            peer = f"a{(app + namespaces * (i + 1)) % apps}"
            put(state, policy(f"n{app % namespaces}", f"p{app}-{i}", f"a{app}", peer, 8000 + i % 3))
    return state


def put_cluster_policies(state: State, count: int, namespaces: int) -> None:
    """Cluster policies of 25 rules in each direction, and the labels of namespaces that they read."""
    for number in range(namespaces):
        labels = {"team": TEAMS[number % len(TEAMS)], "environment": ENVIRONMENTS[number % len(ENVIRONMENTS)]}
        put(state, {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": f"n{number}", "labels": labels}})
    for written in guards(count):
        put(state, written)


def guards(count: int) -> list[Object]:
    """As many cluster policies."""
    return list(cluster_policies(Plan(0, 0, 0, cluster_policies=count)))


# --- a full program, and changes of it --------------------------------------------------------------------------------


def program(guarded_by: int = 0, policies_of_app: int = 20) -> Iterator[Figure]:
    """10,000 pods of this node and, if nothing else is said, 10,000 policies, which make 500 profiles."""
    state = cluster(apps=500, replicas=20, policies=policies_of_app, namespaces=50)
    if guarded_by:
        put_cluster_policies(state, guarded_by, 50)
    with without_collection():
        compiler, kernel = Compiler(state, lambda member: True), Kernel()
        start = time.perf_counter()
        whole = compiler.program()
        compiled = time.perf_counter()
        kernel.apply(whole)
        loaded = time.perf_counter()
        elements = sum(one.size for one in whole.collections.values())
        yield Figure("elements of its sets and maps", elements, "")
        yield Figure("the whole program, compiled and loaded", loaded - start, "s", 3)
        yield Figure("  of which loading", loaded - compiled, "s")
        yield Figure("reading it back", seconds(Kernel), "s")
        for change in changes(state, compiler, kernel):
            yield Figure(f"{change.what}, in the kernel", (change.compiling + change.loading) * 1e3, "ms", 20)
            yield Figure("  of which loading", change.loading * 1e3, "ms")


def node(guarded_by: int = 0) -> Iterator[Figure]:
    """A node with 100 pods, in a cluster of 10,000 pods and 1,000 policies, and some thousand open connections."""
    state = cluster(apps=500, replicas=20, policies=2, namespaces=50, nodes=100)
    put(state, EVERYBODY)
    if guarded_by:
        put_cluster_policies(state, guarded_by, 50)
    network = Network(2)
    with without_collection():
        compiler, kernel = Compiler(state, lambda member: member.node == "node-0"), Kernel()
        yield Figure("compiling its program", seconds(compiler.program) * 1e3, "ms")
        yield Figure(
            "elements of its sets and maps", sum(one.size for one in compiler.program().collections.values()), ""
        )
        yield Figure("loading it", seconds(lambda: kernel.apply(compiler.program())) * 1e3, "ms")
        yield Figure("tracked connections", open_connections(network), "")
        for change in changes(state, compiler, kernel):
            yield Figure(f"{change.what}, in the kernel", (change.compiling + change.loading) * 1e3, "ms", 10)
            yield Figure("  and connections reviewed", change.reviewing * 1e3, "ms")
        if guarded_by:
            others = guards(2 * guarded_by)[guarded_by:]

            def changed(i: int) -> None:
                put(state, {**others[i], "metadata": {"name": f"guard-{i:04}"}})

            made = [_made("", state, compiler, kernel, partial(changed, i)) for i in range(ROUNDS)]
            took = [(one.compiling + one.loading) * 1e3 for one in made]
            yield Figure("a cluster policy is replaced by another one, in the kernel: median", median(took), "ms")
            yield Figure("  longest", max(took), "ms")


def program_with_cluster_policies() -> Iterator[Figure]:
    """`program`, with 100 cluster policies that name nearly all pods."""
    return program(guarded_by=100)


def program_of_fewer_policies_with_cluster_policies() -> Iterator[Figure]:
    """`program` with 1,000 NetworkPolicies, and with 100 cluster policies that name nearly all pods."""
    return program(guarded_by=100, policies_of_app=2)


def node_with_cluster_policies() -> Iterator[Figure]:
    """`node`, with 100 cluster policies that name nearly all pods."""
    return node(guarded_by=100)


class Change(NamedTuple):
    """A change of one object, and how many seconds each step took until the kernel knew all about it."""

    what: str
    compiling: float
    loading: float
    reviewing: float


def changes(state: State, compiler: Compiler, kernel: Kernel) -> Iterator[Change]:
    """Every kind of change, made some times."""
    for what, change in CHANGES.items():
        made = [_made(what, state, compiler, kernel, partial(change, state, i)) for i in range(ROUNDS)]
        yield min(made, key=lambda one: one.compiling + one.loading)


def _made(what: str, state: State, compiler: Compiler, kernel: Kernel, change: Callable[[], None]) -> Change:
    change()
    assert state.population, "the engine knows"
    start = time.perf_counter()
    changed = compiler.program()
    compiled = time.perf_counter()
    kernel.apply(changed)
    loaded = time.perf_counter()
    kernel.revoke_forbidden()
    return Change(what, compiled - start, loaded - compiled, time.perf_counter() - loaded)


CHANGES: Final[dict[str, Callable[[State, int], None]]] = {
    "a pod is added": lambda state, i: put(state, pod("n0", f"x{i}", "a0", 1 << 20 | i)),
    "a pod gets other labels": lambda state, i: put(state, pod("n0", f"x{i}", "a50", 1 << 20 | i)),
    "a pod is removed": lambda state, i: state.remove("Pod", "n0", f"x{i}"),
    "a pod of another node is added": lambda state, i: put(state, pod("n0", f"y{i}", "a0", 1 << 21 | i, node=1)),
    "a pod of its own kind is added": lambda state, i: put(state, pod("n0", f"z{i}", f"a{i + 1}", 1 << 21 | i + 99)),
    "a pod in a new namespace is added": lambda state, i: put(state, pod(f"x{i}", "x", "x", 1 << 20 | i + 99)),
    "a policy is changed": lambda state, i: put(state, policy("n0", "p0-0", "a0", "a50", 9000 + i)),
    "a policy is added": lambda state, i: put(state, policy("n0", f"x{i}", "a0", "a50", 9100 + i)),
    "a policy is removed": lambda state, i: state.remove("NetworkPolicy", "n0", f"x{i}"),
}

EVERYBODY: Final[Object] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "NetworkPolicy",
    "metadata": {"name": "everybody", "namespace": "n0"},
    "spec": {
        "podSelector": {},
        "policyTypes": ["Egress"],
        "egress": [{"ports": [{"port": 80, "protocol": "UDP"}]}],
    },
}


def open_connections(network: Network) -> int:
    """Let one pod open many connections to another; returns the number that the kernel tracks."""
    for port in range(10_000, 10_000 + CONNECTIONS):
        with network.udp(1, port) as client:
            client.sendto(b"x", (address(0), 80))
    return len(list(list_connections(NetlinkSocket(NETLINK_NETFILTER))))


# --- transports -------------------------------------------------------------------------------------------------------


def transports() -> Iterator[Figure]:
    """One element more in a program of 10,000 pods, and a program of 400 pods as a whole, in three ways.

    By netlink, as the agent does it; by libnftables, kept open in this process; by the nft program. Without privileges,
    the latter two take no program that is much larger.
    """
    large, small = (Compiler(cluster(apps, 20, 1, 10), lambda member: True).program() for apps in (500, 20))
    name = next(name for name in large.collections if name.startswith("flows4"))
    kernel = Kernel()
    kernel.apply(small)
    script = nft("list", "table", "inet", "ringfence")
    kernel.remove()
    loads = {"netlink": seconds(partial(kernel.apply, small))}
    for way, run in WAYS.items():
        kernel.remove()
        loads[way] = seconds(partial(run, script))
    kernel = Kernel()
    kernel.apply(large)
    one_more = {"netlink": _best(lambda i: kernel.apply(with_another(kernel.present, name, i)))}
    for byte, (way, run) in enumerate(WAYS.items()):
        prefix = f"add element inet ringfence {name} {{ 12.0.{byte}"
        one_more[way] = _best(lambda i, run=run, prefix=prefix: run(f"{prefix}.{i} . tcp . 80 }}"))  # type: ignore[misc]
    for way, took in loads.items():
        yield Figure(f"a program of 400 pods, by {way}", took * 1e3, "ms")
        yield Figure(f"  one element more in one of 10,000 pods, by {way}", one_more[way] * 1e3, "ms")


def with_another(program: Program, name: str, i: int) -> Program:
    """The program with one more element in a set."""
    collection = program.collections[name]
    assert isinstance(collection, HashSet)
    return program.changed(
        {name: HashSet(collection.key, collection.elements | {flow_key(bytes([11, 0, 1, i]), 6, 80)})}
    )


def by_library(script: str) -> None:
    """Give a script to libnftables."""
    nftables, context = _library()
    assert nftables.nft_run_cmd_from_buffer(context, script.encode()) == 0


@cache
def _library() -> tuple[ctypes.CDLL, ctypes.c_void_p]:
    nftables = ctypes.CDLL("libnftables.so.1")
    nftables.nft_ctx_new.restype = ctypes.c_void_p
    nftables.nft_run_cmd_from_buffer.argtypes = (ctypes.c_void_p, ctypes.c_char_p)
    return nftables, nftables.nft_ctx_new(0)


def by_program(script: str) -> None:
    """Give a script to the nft program."""
    subprocess.run(["nft", "-f", "-"], input=script, text=True, check=True)


WAYS: Final = {"libnftables": by_library, "nft": by_program}


def _best(run: Callable[[int], object]) -> float:
    return min(seconds(partial(run, i)) for i in range(ROUNDS))
