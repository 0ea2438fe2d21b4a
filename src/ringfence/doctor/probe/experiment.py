"""The experiment: whether a policy that denies a connection is obeyed, and what it does beyond that.

Each answer needs its controls. A connection counts as denied only if it was open before the policy, if another one that
the policy allows stays open, and if it opens again when the policy is gone. Everything else is inconclusive.
"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from ringfence.doctor.answers import IsEnforced
from ringfence.doctor.probe.cases import CASES, CLIENTS, CONTROL, DENY_INGRESS, SUBJECT, Case, Spec
from ringfence.doctor.probe.ground import Ground, ProbePod, Refused
from ringfence.doctor.probe.manifests import SERVER, Client, Manifest, client, policy, server
from ringfence.render.doctor_report import ProofReport

NOT_SUPPORTED: Final = "not supported"
START_SECONDS: Final = 120.0
"""How long a pod may take until it runs: its image has to be pulled."""
CONNECT_SECONDS: Final = 30.0
"""How long a connection may take until it opens, before any policy and after the last one."""
_STEADY_SECONDS: Final = 3.0
"""How long an answer must stay the same to count. Readiness follows a connection within two seconds."""


class Measured(msgspec.Struct, frozen=True):
    """The value of a trait in this cluster. An empty one is inconclusive or not supported; `reason` says why."""

    topic: str
    value: str
    reason: str = ""
    outcome: str = IsEnforced.UNKNOWN


class Inconclusive(Exception):
    """A control failed, so that the experiment shows nothing; the message says which."""


class ProbeSite:
    """The pods of the experiment on one node; `patience` is how many seconds a policy may take until it is in force."""

    def __init__(self, on: Ground, number: int, node: str, image: str, patience: float) -> None:
        self.patience = patience
        self._ground = on
        self._name = f"p{number}"
        self.node = node
        self._image = image
        self._addresses: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """The first address of the server."""
        return self._addresses[0]

    def start(self, *, full: bool) -> None:
        """Start the server and the clients of the basic or the full experiment, and wait until they run.

        Raises Inconclusive.
        """
        names = [f"{self._name}-{SERVER}"]
        self._create(server(self._name, self.node, self._ground.run, self._image, full=full))
        self._addresses = self._await_running(names)[0].addresses
        for one in clients(full=full):
            if address := self._address_for(one):
                names.append(f"{self._name}-{one.name}")
                self._create(client(one, self._name, self.node, self._ground.run, self._image, address))
        self._await_running(names)

    def runs(self, one: Client) -> bool:
        """Whether there is a pod of this client: not over IPv6 where pods have no such address."""
        return bool(self._address_for(one))

    def _address_for(self, one: Client) -> str:
        """The address of the server that a client asks; empty if the server has none of its family."""
        return next((text for text in self._addresses if ":" in text), "") if one.over_ipv6 else self.address

    def connects(self, one: Client) -> bool:
        """Whether a client can open its connection now."""
        found = self._ground.pods().get(f"{self._name}-{one.name}")
        return found is not None and found.is_ready

    def apply(self, name: str, role: str, spec: Spec) -> Manifest:
        """Apply a policy to the pods of this site that have a role. Raises Inconclusive."""
        manifest = policy(name, self._name, role, self._ground.run, spec)
        self._create(manifest)
        return manifest

    def withdraw(self, manifest: Manifest) -> None:
        """Delete a policy."""
        self._ground.delete(manifest)

    def steady(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Whether something comes to hold within some seconds, and then holds for `_STEADY_SECONDS`."""
        deadline = time.monotonic() + seconds
        since: float | None = None
        while True:
            now = time.monotonic()
            if not holds():
                since = None
                if now > deadline:
                    return False
            elif since is None:
                since = now
            elif now - since >= _STEADY_SECONDS:
                return True
            self._ground.wait()

    def _create(self, manifest: Manifest) -> None:
        try:
            self._ground.create(manifest)
        except Refused as error:
            raise Inconclusive(str(error)) from None

    def _await_running(self, names: list[str]) -> list[ProbePod]:
        deadline = time.monotonic() + START_SECONDS
        while True:
            pods = self._ground.pods()
            found = [pods[name] for name in names if name in pods]
            if len(found) == len(names) and all(pod.is_running for pod in found):
                return found
            if time.monotonic() > deadline:
                raise Inconclusive(_not_running(names, pods))
            self._ground.wait()


def _not_running(names: Iterable[str], pods: Mapping[str, ProbePod]) -> str:
    for name in names:
        pod = pods.get(name)
        if pod is None:
            return f"no pod of {name} was created within {START_SECONDS:.0f} s: a quota may be exhausted"
        if not pod.is_running:
            return f"the pod of {name} does not run after {START_SECONDS:.0f} s: {pod.trouble or pod.status.phase}"
    return ""


def prove(site: ProbeSite) -> ProofReport:
    """Whether a policy is obeyed on the node of a site, whose first two clients run."""
    try:
        _await_open(site, (CONTROL, SUBJECT), "before any policy")
        denied_after = _deny(site)
        if denied_after is None:
            reason = f"a connection that a policy forbids was open for {site.patience:.0f} s"
            return ProofReport(site.node, IsEnforced.NO, reason)
        started = time.monotonic()
        _await_open(site, (CONTROL, SUBJECT), "after the policy was deleted")
    except Inconclusive as error:
        return ProofReport(site.node, IsEnforced.UNKNOWN, str(error))
    allowed_after = time.monotonic() - started - _STEADY_SECONDS
    reason = "a policy denied a connection, and let another pass"
    return ProofReport(site.node, IsEnforced.YES, reason, denied_after, max(0.0, allowed_after))


def _deny(site: ProbeSite) -> float | None:
    """The seconds until a policy denied the subject and not the control; None if it never did. The policy is gone."""
    started = time.monotonic()
    manifest = site.apply("deny", SERVER, DENY_INGRESS)
    try:
        denied = site.steady(lambda: not site.connects(SUBJECT), site.patience)
        took = time.monotonic() - started - _STEADY_SECONDS
        if denied and not site.connects(CONTROL):
            raise Inconclusive("a connection that the policy allows was denied, too: the network may be interrupted")
        return took if denied else None
    finally:
        site.withdraw(manifest)


def _await_open(site: ProbeSite, clients: Sequence[Client], when: str) -> None:
    """Wait until these clients connect, steadily. Raises Inconclusive."""
    if not site.steady(lambda: all(map(site.connects, clients)), CONNECT_SECONDS):
        closed = next((one for one in clients if not site.connects(one)), clients[0])
        raise Inconclusive(
            f"a connection over {closed.protocol} is not open {when}: policies of administrators, a quota or the "
            "network may be the reason"
        )


def measure(site: ProbeSite) -> Iterator[Measured]:
    """The traits that the cases show on a node on which policies are obeyed, and all clients run."""
    found: dict[str, str] = {}
    for case in CASES:
        unmet = [topic for topic, value in case.needs.items() if found.get(topic) != value]
        try:
            measured = Measured(case.topic, "", f"it needs {unmet[0]}") if unmet else _measured(site, case)
        except Inconclusive as error:
            measured = Measured(case.topic, "", str(error))
        found[case.topic] = measured.value
        yield measured


def _measured(site: ProbeSite, case: Case) -> Measured:
    if not site.runs(case.subject):
        raise Inconclusive("the pods have no IPv6 address")
    _await_open(site, (case.witness,), "without a policy")
    if not site.steady(lambda: site.connects(case.subject), CONNECT_SECONDS):
        return Measured(
            case.topic, "", f"{case.subject.protocol} does not work here without a policy either", NOT_SUPPORTED
        )
    manifest = site.apply(case.topic.lower(), case.selected, case.spec(site.address))
    try:
        if not site.steady(lambda: not site.connects(case.witness), site.patience):
            raise Inconclusive("the policy of this case did not come into force")
        return Measured(case.topic, case.if_open if site.connects(case.subject) else case.if_denied)
    finally:
        site.withdraw(manifest)


def clients(*, full: bool) -> tuple[Client, ...]:
    """The clients of the basic or the full experiment."""
    return CLIENTS if full else (CONTROL, SUBJECT)
