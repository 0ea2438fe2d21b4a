"""What nearly every test of the agent looks at: a guarded pod, those who may reach it, and those who may not.

    friend ──────┐  n1                  n2 ┌──── distant friend
    captive ──── guarded ════════════════════ stranger

The policy `guard` lets friends in; the policy `captivity` lets the captive out to nobody. Everybody else is free.
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
    """The pods of a namespace, and traffic between them without pause."""

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
        """A pod of the scene's namespace, not yet there; its role is its name unless it has another one."""
        return pod(f"{self.namespace}/{name}", {"role": role or name})

    def add(self, name: str, node: str, *addresses: str, role: str = "") -> str:
        """Have a pod run."""
        return self.world.run(self.pod(name, role), node, *addresses)

    def relabel(self, path: str, role: str) -> None:
        """Give a pod another role, with kubectl."""
        owner, name = path.split("/")
        self.world.kubectl("label", "pod", name, f"--namespace={owner}", "--overwrite", f"role={role}")

    def admit(self, role: str) -> None:
        """Let those of a role reach the guarded pod, too."""
        rule = admits(pods(labelled(role=role)))
        self.world.put(policy(f"{self.namespace}/admit-{role}", labelled(role="guarded"), ingress=[rule]))

    def await_guard(self) -> None:
        """Wait until what the policies deny is refused."""
        for stream in self.refused:
            wait_until(is_closed(stream), f"{stream.name} is refused")

    @contextmanager
    def unharmed(self) -> Iterator[None]:
        """Meanwhile nothing that is allowed is lost, and nothing that is refused leaks."""
        with self.traffic.watched(arriving=self.arriving, refused=self.refused):
            yield

    def await_reach(self, source: str, destination: str, *, open: bool) -> None:
        """Wait until a new connection can be opened over both families, or over neither."""
        asked = [Connection(source, destination, port, family) for port in _PROBED for family in (4, 6)]
        wait_until(
            lambda: self.world.open(*asked) == [open] * len(asked),
            f"{source} {'reaches' if open else 'does not reach'} {destination}",
        )


@contextmanager
def staged(world: World, namespace: str) -> Iterator[Scene]:
    """A scene for a while."""
    with streams(world) as traffic:
        yield Scene(world, namespace, traffic)
