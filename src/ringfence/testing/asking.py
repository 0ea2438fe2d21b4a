"""The questions that tests ask: answered as `can` answers them, and quickly where an endpoint is many pods.

Pods of one workload that no policy can tell apart get the same answer. Of these, two stand for all: two, because a
question whose both sides are the same pods is about two different ones.
"""

from collections import Counter
from collections.abc import Iterator

from msgspec.structs import replace

from ringfence.analysis.endpoints import AskedPorts, Endpoint, agreed, alternatives, represented, resolve
from ringfence.analysis.questions import Answer
from ringfence.engine.answers import end_text
from ringfence.engine.policies import End
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import InputError
from ringfence.sets.addresses import Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic
from ringfence.testing.outcomes import Question

_FEW = 8
"""Ends of an endpoint for which no others stand."""


class Asking:
    """Asks a state, and keeps what it has found for the texts of endpoints, as long as no object changes."""

    def __init__(self, state: State, namespace: str) -> None:
        self.state = state
        self.namespace = namespace
        self._revision = state.revision
        self._alternatives: dict[tuple[str, str], tuple[Endpoint, ...]] = {}

    def alternatives(self, text: str, namespace: str | None) -> tuple[Endpoint, ...]:
        """All that a text may name. Raises EndpointError if it matches nothing."""
        if self._revision != self.state.revision:
            self._alternatives.clear()
            self._revision = self.state.revision
        key = (text, namespace or self.namespace)
        found = self._alternatives.get(key)
        if found is None:
            found = self._alternatives[key] = alternatives(self.state, *key)
        return found

    def endpoint(self, text: str, namespace: str | None) -> Endpoint:
        """What a text names. Raises EndpointError if it matches nothing or is ambiguous."""
        found = self.alternatives(text, namespace)
        return found[0] if len(found) == 1 else resolve(self.state, text, namespace or self.namespace)

    def answer(self, source: str, destination: str, ports: AskedPorts, namespace: str | None) -> Answer:
        """The answer about two texts, as that of `can`."""
        choices = self.alternatives(source, namespace), self.alternatives(destination, namespace)
        return agreed(
            choices, lambda one, other: self.answer_of(one, other, ports), lambda found: (found.result, found.traffic)
        )

    def answer_of(self, source: Endpoint, destination: Endpoint, ports: AskedPorts) -> Answer:
        """The answer about two endpoints; of many pods, those that stand for all are its pairs."""
        if source.possible is None and destination.possible is None:
            if len(source.ends) > _FEW or len(destination.ends) > _FEW:
                source, destination = self._few(source, destination, ports), self._few(destination, source, ports)
            return Answer(self.state, source, destination, ports)
        return Answer(self.state, *represented(self.state, source, destination), ports)

    def _few(self, endpoint: Endpoint, other: Endpoint, ports: AskedPorts) -> Endpoint:
        """An endpoint of those pods that stand for all of its pods."""
        if len(endpoint.ends) <= _FEW or endpoint.service is not None or endpoint.addresses is not None:
            return endpoint
        by_node = any(not isinstance(end, Member) or end.host_network for end in other.ends)
        taken: Counter[object] = Counter()
        kept: list[End] = []
        for end in endpoint.ends:
            if isinstance(end, Member):
                alike = self._alike(end, by_node=by_node, by_ports=bool(ports.names))
                taken[alike] += 1
                if taken[alike] > 2:
                    continue
            kept.append(end)
        return replace(endpoint, ends=tuple(kept))

    def _alike(self, pod: Member, *, by_node: bool, by_ports: bool) -> object:
        """What two pods must have in common to get the same answer, with the same assumptions."""
        if pod.host_network or pod.is_possible:
            return pod
        node = pod.node if by_node else ""
        ports = pod.named_ports if by_ports else None
        return self.state.identity(pod).bit, self.state.workload(pod), node, ports, bool(pod.addresses)


def narrowed(answer: Answer, *, passing: bool) -> Question | None:
    """The first part of an answer in which something passes, or is refused, as a question of its own."""
    for part in answer.parts:
        traffic = part.passing if passing else part.refused
        if traffic:
            return _question(answer, part.source, part.destination, traffic)
    return None


def _question(answer: Answer, source: End, destination: End, traffic: Traffic) -> Question:
    if answer.parts_of_possible_pods:
        return Question(answer.source, answer.destination, answer.ports)
    if answer.destination.service is not None:
        return Question(_alone(source), answer.destination, AskedPorts((traffic,)))
    ports = AskedPorts() if traffic == ALL_TRAFFIC else AskedPorts((traffic,))
    return Question(_alone(source), _alone(destination), ports)


def _alone(end: End) -> Endpoint:
    """An endpoint that is one pod, or addresses."""
    if isinstance(end, Member):
        return Endpoint(end_text(end), (end,), end.reference)
    return Endpoint(end_text(end), (end,))


# --- ports that nobody serves -----------------------------------------------------------------------------------------


def check_served(answer: Answer, ports: AskedPorts) -> None:
    """Raise InputError for a port that no container of the destination declares.

    Kubernetes does not demand that ports are declared: a pod that declares none at all may serve any.
    """
    for asked, pods in _asked_of_pods(answer, ports):
        if asked == ALL_TRAFFIC or not pods or not all(pod.container_ports for pod in pods):
            continue
        declared = [_declared(pod) for pod in pods]
        if not any(asked & one for one in declared):
            known = NO_TRAFFIC
            for one in declared:
                known |= one
            raise InputError(
                f"no container of {answer.destination.text} declares {asked}, only {known}: correct the port, "
                "or add accept: unserved-ports to the test"
            )


def _asked_of_pods(answer: Answer, ports: AskedPorts) -> Iterator[tuple[Traffic, list[Member]]]:
    """Each entry of the asked ports with the pods that it is about; behind a Service, each target port."""
    if ports.is_everything:
        return
    ends = [pair.destination for pair in answer.pairs]
    if any(isinstance(end, Addresses) for end in ends):
        return
    if answer.destination.service is None:
        pods = [end for end in dict.fromkeys(ends) if isinstance(end, Member) and not end.is_possible]
        yield from ((entry, pods) for entry in ports.entries if isinstance(entry, Traffic))
        return
    targets: dict[tuple[int | None, str | None], list[tuple[Traffic, Member]]] = {}
    for pair in answer.pairs:
        if isinstance(pair.destination, Member) and pair.asked is not None:
            targets.setdefault((pair.service_port, pair.protocol), []).append((pair.asked, pair.destination))
    for found in targets.values():
        for asked in {one for one, _ in found}:
            yield asked, [pod for one, pod in found if one == asked]


def _declared(pod: Member) -> Traffic:
    """The ports that the containers of a pod declare."""
    found = NO_TRAFFIC
    for one in pod.container_ports:
        found |= Traffic.of(one.protocol, ((one.port, one.port),))
    return found
