"""The scene of most tests of the agent: a guarded pod, pods that may reach it, and pods that may not.

    friend ──────┐  n1                  n2 ┌──── distant friend
    captive ──── guarded ════════════════════ stranger

The policy `guard` allows friends to reach the guarded pod. The policy `captivity` denies the captive all egress. No
policy isolates the other pods.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from tests.semantics.objects import Object, admits, labelled, pod, pods, policy

from .server import wait_until
from .streams import Datagrams, Streams, is_closed, streams
from .world import PORTS, Connection, World

FRIENDS: Final = admits(pods(labelled(role="friend")))
_PROBED: Final = PORTS[:2]


class Scene:
    """The pods of a namespace, and continuous traffic between them."""

    def __init__(self, world: World, namespace: str, traffic: Streams) -> None:
        self.world = world
        self.namespace = namespace
        self.traffic = traffic
        self.guard = policy(f"{namespace}/guard", labelled(role="guarded"), ingress=[FRIENDS])
        self.captivity = policy(f"{namespace}/captivity", labelled(role="captive"), egress=[])
        self.guarded = self.add("guarded", "n1")
        self.friend = self.add("friend", "n1")
        self.captive = self.add("captive", "n1")
        self.distant_friend = self.add("distant-friend", "n2", role="friend")
        self.stranger = self.add("stranger", "n2")
        world.put(self.guard, self.captivity)
        self.arriving: list[Datagrams] = [
            traffic.datagrams(self.friend, self.guarded),
            traffic.datagrams(self.distant_friend, self.guarded, family=6),
            traffic.datagrams(self.guarded, self.stranger, answered=True),
        ]
        self.refused: list[Datagrams] = [
            traffic.datagrams(self.stranger, self.guarded),
            traffic.datagrams(self.stranger, self.guarded, family=6),
            traffic.datagrams(self.captive, self.stranger),
        ]

    def pod(self, name: str, role: str = "") -> Object:
        """A pod of the scene's namespace that does not exist yet. Its role is its name unless another one is given."""
        return pod(f"{self.namespace}/{name}", {"role": role or name})

    def add(self, name: str, node: str, *addresses: str, role: str = "") -> str:
        """Run a pod of the scene."""
        return self.world.run(self.pod(name, role), node, *addresses)

    def relabel(self, path: str, role: str) -> None:
        """Change the role of a pod with kubectl."""
        owner, name = path.split("/")
        self.world.kubectl("label", "pod", name, f"--namespace={owner}", "--overwrite", f"role={role}")

    def admit(self, role: str) -> None:
        """Let the pods of a role reach the guarded pod as well."""
        rule = admits(pods(labelled(role=role)))
        self.world.put(policy(f"{self.namespace}/admit-{role}", labelled(role="guarded"), ingress=[rule]))

    def await_guard(self) -> None:
        """Wait until the traffic that the policies deny is refused."""
        for stream in self.refused:
            wait_until(is_closed(stream), f"{stream.name} is refused")

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """While the context is open, no allowed packet is lost and no refused packet passes."""
        with self.traffic.watched(arriving=self.arriving, refused=self.refused):
            yield

    def await_reach(self, source: str, destination: str, *, open: bool) -> None:
        """Wait until a new connection can be opened over both families, or over neither of them."""
        asked = [Connection(source, destination, port, family) for port in _PROBED for family in (4, 6)]
        wait_until(
            lambda: self.world.open(*asked) == [open] * len(asked),
            f"{source} {'reaches' if open else 'does not reach'} {destination}",
        )


@contextmanager
def staged(world: World, namespace: str) -> Iterator[Scene]:
    """A scene, while the context is open."""
    with streams(world) as traffic:
        yield Scene(world, namespace, traffic)
