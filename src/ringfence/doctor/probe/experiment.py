"""Proves whether a policy that denies a connection is enforced, and measures the traits of the plugin.

Each answer needs controls. A connection counts as denied only if it was open before the policy was created, if another
connection that the policy allows stays open, and if the denied connection opens again after the policy was deleted. If
one of these controls fails, the experiment is inconclusive.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Final

import msgspec

from ringfence.doctor.answers import IsEnforced
from ringfence.doctor.probe.cases import (
    CASES,
    CLIENTS,
    CLOSED_NEWCOMERS,
    CONTROL,
    DENY_INGRESS,
    FREE_NEWCOMER,
    FROM_NODE,
    NEWCOMERS,
    OLD,
    POD_START,
    SUBJECT,
    Case,
    Spec,
)
from ringfence.doctor.probe.ground import Ground, ProbePod, Refused
from ringfence.doctor.probe.manifests import (
    SERVER,
    Client,
    Manifest,
    ProbeTarget,
    Site,
    client,
    policy,
    server,
    service,
)
from ringfence.render.doctor_report import ProofReport

NOT_SUPPORTED: Final = "not supported"
START_SECONDS: Final = 120.0
"""The time within which a pod must run. It includes the time to pull the image."""
CONNECT_SECONDS: Final = 30.0
"""The time within which a connection must open if no policy denies it."""
TRYING_SECONDS: Final = 10.0
"""How long new pods try to connect: 40 attempts of up to 0.2 s, and the kubelet runs the probe every second."""
_STEADY_SECONDS: Final = 3.0
"""How long an answer must stay the same before it counts. The readiness of a pod lags by up to two seconds."""


class Measured(msgspec.Struct, frozen=True):
    """The value of a trait in this cluster. If it is empty, `outcome` is inconclusive or not supported.

    `reason` explains an empty value, or says what was counted to determine the value.
    """

    topic: str
    value: str
    reason: str = ""
    outcome: str = IsEnforced.UNKNOWN


class Inconclusive(Exception):
    """A control failed, so the experiment has no result. The message names the control."""


class ProbeSite:
    """The pods of the experiment on one node.

    `patience` is the time in seconds within which a policy must come into force.
    """

    def __init__(self, on: Ground, number: int, node: str, image: str, patience: float) -> None:
        self.patience = patience
        self._ground = on
        self.node = node
        self._site = Site(f"p{number}", node, on.run, image)
        self._addresses: tuple[str, ...] = ()
        self._service_address = ""
        self._host_address = ""
        self._started: set[Client] = {FROM_NODE}

    @property
    def address(self) -> str:
        """The first address of the server."""
        return self._addresses[0]

    def start(self, *, full: bool) -> None:
        """Start the server and the clients of the basic or the full experiment, and wait until they run.

        Raises Inconclusive.
        """
        self._create(server(self._site, full=full))
        [running] = self._await_running([f"{self._site.place}-{SERVER}"])
        self._addresses, self._host_address = running.addresses, running.status.host_ip
        self.start_clients(*(one for one in clients(full=full) if self._address_for(one)))

    def start_clients(self, *wanted: Client) -> None:
        """Start the clients that have not been started yet, and wait until they run. Raises Inconclusive."""
        coming = [one for one in wanted if one not in self._started]
        for one in coming:
            address = self._address_for(one)
            if not address:
                raise Inconclusive(_NO_ADDRESS[one.target])
            self._create(client(one, self._site, address))
            self._started.add(one)
        self._await_running([f"{self._site.place}-{one.name}" for one in coming])

    def _address_for(self, one: Client) -> str:
        """The address to which a client connects; empty if the target has no address."""
        match one.target:
            case ProbeTarget.SERVER:
                return self.address
            case ProbeTarget.SERVER_OVER_IPV6:
                return next((text for text in self._addresses if ":" in text), "")
            case ProbeTarget.NODE:
                return self._host_address
            case ProbeTarget.SERVICE:
                return self._address_of_service()

    def _address_of_service(self) -> str:
        if not self._service_address:
            manifest = service(self._site)
            self._create(manifest)
            with _inconclusive_if_refused():
                self._service_address = self._ground.cluster_ip(manifest)
        return self._service_address

    def now(self) -> float:
        """The current time in seconds, from an arbitrary start."""
        return self._ground.now()

    def connects(self, one: Client) -> bool:
        """Whether a client can currently open its connection. Raises Inconclusive."""
        found = self._pods().get(f"{self._site.place}-{one.name}")
        return found is not None and found.is_ready

    def apply(self, name: str, role: str, spec: Spec) -> Manifest:
        """Create a policy for the pods of this site with this role; an empty role is all pods. Raises Inconclusive."""
        manifest = policy(name, self._site, role, spec)
        self._create(manifest)
        return manifest

    def withdraw(self, manifest: Manifest) -> None:
        """Delete a policy. Raises Inconclusive."""
        with _inconclusive_if_refused():
            self._ground.delete(manifest)

    def steady(self, holds: Callable[[], bool], seconds: float) -> bool:
        """Wait until `holds` has been true for `_STEADY_SECONDS` without interruption.

        Returns False if `holds` is false after `seconds`.
        """
        deadline = self._ground.now() + seconds
        since: float | None = None
        while True:
            now = self._ground.now()
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
        with _inconclusive_if_refused():
            self._ground.create(manifest)

    def _pods(self) -> Mapping[str, ProbePod]:
        with _inconclusive_if_refused():
            return self._ground.pods()

    def _await_running(self, names: list[str]) -> list[ProbePod]:
        deadline = self._ground.now() + START_SECONDS
        while True:
            pods = self._pods()
            found = [pods[name] for name in names if name in pods]
            if len(found) == len(names) and all(pod.is_running for pod in found):
                return found
            if self._ground.now() > deadline:
                raise Inconclusive(_not_running(names, pods))
            self._ground.wait()


@contextmanager
def _inconclusive_if_refused() -> Iterator[None]:
    try:
        yield
    except Refused as error:
        raise Inconclusive(str(error)) from None


_NO_ADDRESS: Final = {
    ProbeTarget.SERVER: "the server has no address",
    ProbeTarget.SERVER_OVER_IPV6: "the pods have no IPv6 address",
    ProbeTarget.SERVICE: "the Service has no address",
    ProbeTarget.NODE: "the address of the node is not known",
}


def _not_running(names: Iterable[str], pods: Mapping[str, ProbePod]) -> str:
    for name in names:
        pod = pods.get(name)
        if pod is None:
            return f"no pod of {name} was created within {START_SECONDS:.0f} s: a quota may be exhausted"
        if not pod.is_running:
            return (
                f"the pod of {name} does not run after {START_SECONDS:.0f} s: {pod.waiting_reason or pod.status.phase}"
            )
    return ""


def prove(site: ProbeSite) -> ProofReport:
    """Prove whether a policy is enforced on the node of a site. The control and the subject must be running."""
    try:
        _await_open(site, (CONTROL, SUBJECT), "before any policy")
        denied_after = _deny(site)
        if denied_after is None:
            reason = f"a connection that a policy forbids was open for {site.patience:.0f} s"
            return ProofReport(site.node, IsEnforced.NO, reason)
        started = site.now()
        _await_open(site, (CONTROL, SUBJECT), "after the policy was deleted")
    except Inconclusive as error:
        return ProofReport(site.node, IsEnforced.UNKNOWN, str(error))
    # `steady` returns so much later than the connection opened.
    allowed_after = site.now() - started - _STEADY_SECONDS
    reason = "a policy denied a connection, and let another pass"
    return ProofReport(site.node, IsEnforced.YES, reason, denied_after, max(0.0, allowed_after))


def _deny(site: ProbeSite) -> float | None:
    """Create a policy, and return the seconds until it denied the subject; None if it did not.

    The policy is deleted afterwards. Raises Inconclusive if the control was denied too.
    """
    started = site.now()
    manifest = site.apply("deny", SERVER, DENY_INGRESS)
    try:
        denied = site.steady(lambda: not site.connects(SUBJECT), site.patience)
        # `steady` returns `_STEADY_SECONDS` after the connection was denied.
        took = site.now() - started - _STEADY_SECONDS
        if denied and not site.connects(CONTROL):
            raise Inconclusive("a connection that the policy allows was denied, too: the network may be interrupted")
        return took if denied else None
    finally:
        site.withdraw(manifest)


def _await_open(site: ProbeSite, clients: Sequence[Client], when: str) -> None:
    """Wait until these clients can connect and stay connected. Raises Inconclusive if they cannot."""
    if not site.steady(lambda: all(map(site.connects, clients)), CONNECT_SECONDS):
        closed = next((one for one in clients if not site.connects(one)), clients[0])
        raise Inconclusive(
            f"{closed.connection} is not open {when}: policies of administrators, a quota or the "
            "network may be the reason"
        )


def measure(site: ProbeSite) -> Iterator[Measured]:
    """Measure the traits on a node that enforces policies. The clients of the full experiment must be running."""
    found: dict[str, str] = {}
    for case in CASES:
        unmet = [topic for topic, value in case.needs.items() if found.get(topic) != value]
        try:
            measured = Measured(case.topic, "", f"it needs {unmet[0]}") if unmet else _measured(site, case)
        except Inconclusive as error:
            measured = Measured(case.topic, "", str(error))
        found[case.topic] = measured.value
        yield measured
    try:
        yield _measured_of_new_pods(site)
    except Inconclusive as error:
        yield Measured(POD_START, "", str(error))


def _measured(site: ProbeSite, case: Case) -> Measured:
    site.start_clients(case.witness, case.subject)
    if not site.steady(lambda: site.connects(case.witness) and site.connects(case.subject), CONNECT_SECONDS):
        # If the witness cannot connect either, the reason is not the trait, and this raises Inconclusive.
        _await_open(site, (case.witness,), "without a policy")
        reason = f"{case.subject.connection} does not work here without a policy either"
        return Measured(case.topic, "", reason, NOT_SUPPORTED)
    manifest = site.apply(case.topic.lower(), case.selected, case.spec(site.address))
    try:
        if not site.steady(lambda: not site.connects(case.witness), site.patience):
            raise Inconclusive("the policy of this case did not come into force")
        if case.settling:
            # This only waits: if the subject is still open afterwards, that is the answer.
            site.steady(lambda: not site.connects(case.subject), case.settling)
        return Measured(case.topic, case.if_open if site.connects(case.subject) else case.if_denied)
    finally:
        # Also after an exception: a policy that stays would change the results of the cases that follow.
        site.withdraw(manifest)


def _measured_of_new_pods(site: ProbeSite) -> Measured:
    """Measure whether new pods can open connections that a policy in force denies. Raises Inconclusive."""
    site.start_clients(OLD)
    _await_open(site, (OLD,), "without a policy")
    manifest = site.apply(POD_START, OLD.role, CLOSED_NEWCOMERS)
    try:
        if not site.steady(lambda: not site.connects(OLD), site.patience):
            raise Inconclusive("the policy of this case did not come into force")
        site.start_clients(*NEWCOMERS, FREE_NEWCOMER)
        if not site.steady(lambda: site.connects(FREE_NEWCOMER), CONNECT_SECONDS):
            raise Inconclusive("a new pod that no policy selects opened no connection either")
        # This only waits until the attempts have ended, or all have succeeded. They are counted below.
        site.steady(lambda: all(map(site.connects, NEWCOMERS)), TRYING_SECONDS)
        opened = sum(map(site.connects, NEWCOMERS))
    finally:
        site.withdraw(manifest)
    counted = f"{opened} of {len(NEWCOMERS)} new pods opened a connection that their policy forbids"
    return Measured(POD_START, "open" if opened else "closed", counted)


def clients(*, full: bool) -> tuple[Client, ...]:
    """The clients of the basic or the full experiment."""
    return CLIENTS if full else (CONTROL, SUBJECT)
