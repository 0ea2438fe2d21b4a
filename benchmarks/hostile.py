"""The effect of a hostile tenant on others: the time of their changes during his worst load.

    python -m benchmarks hostile          (`make bench-agent`)

The tenant may create policies in his namespace, and has one pod on the agent's node. He writes through the real API
server as fast as it accepts. Meanwhile another tenant changes a policy, and a packet shows when it is in force, as in
`benchmarks.agent`.
"""

import statistics
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

import msgspec
from tests.e2e import bulk
from tests.e2e.agents import Agent, agents
from tests.e2e.world import World, path_of
from tests.semantics.objects import admits, block, labelled, namespace, pod, policy, port

from benchmarks.agent import CLIENT, NODE, PLACE, SERVER, change_guard, settled, sounding
from benchmarks.clusters import Object, Plan
from benchmarks.measuring import Figure

PLAN: Final = Plan(1_000, 100, 20)
TENANT: Final = "tenant"
NAMESPACES: Final = (TENANT, *(f"{TENANT}-{number}" for number in range(1, 20)))
"""The tenant's namespaces: his policies are in the first one, or before a restart in all of them."""

LONGEST: Final = 250.0
"""Milliseconds that another tenant's change may take at the 99th percentile."""

START: Final = 5.0
"""Seconds that a restart may take with a hundred of the tenant's largest policies."""

MEMORY: Final = 600.0
"""The memory that the agent may use, in megabytes: the chart's limit."""

_CHANGES: Final = 100
_OWN: Final = labelled(role="own")
_NOBODYS: Final = labelled(role="nobodys")


class Deed(msgspec.Struct, frozen=True):
    """The tenant's load: his policies, and versions of some of them that he writes in turn, without pause."""

    name: str
    present: Sequence[Object] = ()
    versions: Sequence[Object] = ()


def measure() -> Iterator[Figure]:
    """All figures. The process must be allowed to make network namespaces."""
    with settled(PLAN) as (world, folder):
        settle_tenant(world)
        with agents(world, folder, [PLACE], "--node", NODE) as [agent]:
            for deed in deeds():
                yield from _while_done(world, agent, deed)
            yield from _restarts(world, agent)


def settle_tenant(world: World) -> None:
    """Make the tenant's namespaces, and a pod in each of them on the agent's node."""
    for number, name in enumerate(NAMESPACES):
        world.put(namespace(name))
        own = pod(f"{name}/own", {"role": "own"})
        world.schedule(own, NODE)
        world.connect(own, PLACE, f"10.42.0.{200 + number}")
        world.report(f"{name}/own")


def deeds() -> Iterator[Deed]:
    """The worst known loads."""
    yield Deed("nothing")
    yield Deed("a small policy of his pod is rewritten", versions=[_small(0, 1), _small(0, 2)])
    yield Deed(
        "a small policy of nobody's pods is rewritten", versions=[_small(0, 1, _NOBODYS), _small(0, 2, _NOBODYS)]
    )
    for subject, whose in ((_NOBODYS, "nobody's pods"), (_OWN, "his pod")):
        six = [policy_of_blocks(number, 16_000, subject, shift) for shift in (0, 1) for number in range(6)]
        yield Deed(f"six policies of 16,000 blocks for {whose} are rewritten", versions=six)
    product = [_with_ports(policy_of_blocks(0, 2_000, _OWN, shift), 100) for shift in (0, 1)]
    yield Deed("a policy of 2,000 blocks and 100 port ranges is rewritten", versions=product)
    yield Deed(
        "a policy of 500 blocks and 500 port ranges is rewritten",
        versions=[_with_ports(policy_of_blocks(0, 500, _OWN, shift), 500) for shift in (0, 1)],
    )
    yield Deed(
        "a policy of 3,000 rules with except and port is rewritten", versions=[_rules(3_000, 0), _rules(3_000, 1)]
    )
    yield Deed(
        "one of 2,000 small policies of his pod is rewritten",
        present=[_small(number, 1) for number in range(2_000)],
        versions=[_small(0, 1), _small(0, 2)],
    )


# --- the tenant -------------------------------------------------------------------------------------------------------


def policy_of_blocks(number: int, count: int, subject: Object, shift: int = 0, namespace: str = TENANT) -> Object:
    """A policy of so many blocks, no two of which can be united; with another `shift` they are others."""
    base = (number << 18) + shift
    blocks = [block(_address(base + 4 * i)) for i in range(count)]
    return policy(f"{namespace}/blocks-{number}", subject, ingress=[admits(*blocks)])


def _address(number: int) -> str:
    return f"11.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}/32"


def _with_ports(written: Object, ranges: int) -> Object:
    """The same, for so many ranges of ports."""
    step = 60_000 // ranges
    ports = [port(1 + step * i) | {"endPort": 1 + step * i + step // 2} for i in range(ranges)]
    rules = [rule | {"ports": ports} for rule in written["spec"]["ingress"]]
    return written | {"spec": written["spec"] | {"ingress": rules}}


def _rules(count: int, shift: int) -> Object:
    """A policy of so many rules, each with a block, a hole in it, and a port of its own."""
    rules = []
    for i in range(count):
        cidr, hole = f"12.{i >> 8}.{i & 255}.0/24", f"12.{i >> 8}.{i & 255}.{16 + shift}/32"
        rules.append(admits({"ipBlock": {"cidr": cidr, "except": [hole]}}, ports=[port(1 + i)]))
    return policy(f"{TENANT}/rules", _OWN, ingress=rules)


def _small(number: int, version: int, subject: Object = _OWN) -> Object:
    blocks = [block(_address(100 * number + 2 * i + version)) for i in range(5)]
    return policy(f"{TENANT}/small-{number}", subject, ingress=[admits(*blocks, ports=[port(1 + number)])])


@contextmanager
def _writing(world: World, versions: Sequence[Object]) -> Iterator[list[int]]:
    """Meanwhile the tenant writes these versions in turn; yields how often he has, as a list of one number."""
    bodies = [(path_of(one), msgspec.json.encode(one).decode()) for one in versions]
    ended, written = threading.Event(), [0]

    def go_on() -> None:
        while bodies and not ended.is_set():
            path, body = bodies[written[0] % len(bodies)]
            answer = world.control_plane.request("PUT", path, body)
            assert answer.status < HTTPStatus.MULTIPLE_CHOICES, answer.body
            written[0] += 1

    world.put(*{path_of(one): one for one in versions}.values())
    with world.inside("control-plane"):
        thread = threading.Thread(target=go_on, daemon=True)
        thread.start()
    try:
        yield written
    finally:
        ended.set()
        thread.join()


# --- the others -------------------------------------------------------------------------------------------------------


def _while_done(world: World, agent: Agent, deed: Deed) -> Iterator[Figure]:
    bulk.write(world, deed.present)
    closings = agent.metric("ringfence_closings_total")
    with sounding(world, CLIENT, SERVER) as one, _writing(world, deed.versions) as written:
        began = time.monotonic()
        times = [change_guard(world, one, opens=number % 2 > 0) for number in range(_CHANGES)]
        rate = written[0] / (time.monotonic() - began)
        assert agent.ask("/healthz")[0] == HTTPStatus.OK
        change_guard(world, one, opens=True)
    yield Figure(f"{deed.name}: another tenant's change, median", statistics.median(times), "ms")
    percentile = statistics.quantiles(times, n=100, method="inclusive")[98]
    yield Figure(f"{deed.name}: another tenant's change, 99th percentile", percentile, "ms", LONGEST)
    if deed.versions:
        yield Figure("  versions that he writes in a second", rate, "")
        yield Figure("  times that his pods were closed", agent.metric("ringfence_closings_total") - closings, "")
        yield Figure("  resident memory", agent.memory(), "MB")
    world.delete_all("NetworkPolicy", TENANT)


def _restarts(world: World, agent: Agent) -> Iterator[Figure]:
    """With a hundred large policies of one namespace, and of all."""
    for subject, whose in ((_NOBODYS, "nobody's pods"), (_OWN, "his pods")):
        for names in ((TENANT,), NAMESPACES):
            large = [
                policy_of_blocks(number, 16_000, subject, namespace=names[number % len(names)]) for number in range(100)
            ]
            bulk.write(world, large)
            agent.kill()
            began = time.perf_counter()
            agent.start()
            taken = time.perf_counter() - began
            what = f"restart with 100 policies of 16,000 blocks in {len(names)} namespaces for {whose}"
            yield Figure(f"{what}, until ready", taken, "s", START)
            yield Figure("  until all is in force or closed", _settled(agent, began), "s")
            yield Figure("  resident memory", agent.memory(), "MB", MEMORY)
            for name in names:
                world.delete_all("NetworkPolicy", name)


def _settled(agent: Agent, began: float) -> float:
    """The time until the agent has no more work waiting."""
    while agent.metric("ringfence_waiting_changes") or agent.metric("ringfence_closed_pods", reason="share"):
        time.sleep(0.1)
    return time.perf_counter() - began
