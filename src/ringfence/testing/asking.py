"""The questions that tests ask: answered as `can` answers them, and fast if an endpoint is many pods."""

from collections.abc import Iterator

from ringfence.analysis.endpoints import AskedPorts, Endpoint, agreed, alternatives, represented, resolve
from ringfence.analysis.questions import Answer
from ringfence.engine.answers import Certainty, end_text
from ringfence.engine.policies import End
from ringfence.engine.population import Member
from ringfence.engine.state import State
from ringfence.errors import InputError
from ringfence.sets.addresses import ALL_ADDRESSES, Addresses
from ringfence.sets.traffic import ALL_TRAFFIC, NO_TRAFFIC, Traffic
from ringfence.testing.few_pods import few_of_both
from ringfence.testing.other_pods import OtherPods, other_pods, version_of
from ringfence.testing.outcomes import Question


class Asking:
    """Asks a state. The endpoints that texts name are cached until an object changes."""

    def __init__(self, state: State, namespace: str) -> None:
        self.state = state
        self.namespace = namespace
        self._revision = state.revision
        self._alternatives: dict[tuple[str, str], tuple[Endpoint, ...]] = {}
        self.certainty = Certainty(state)
        self._others: OtherPods | None = None
        self._outside: tuple[int, Addresses] | None = None

    @property
    def outside(self) -> Addresses:
        """All addresses that belong to no pod with a network of its own."""
        # The addresses of all pods take a pass over the cluster, and many tests ask about the outside.
        if self._outside is None or self._outside[0] != self.state.revision:
            pods = (pod for pod in self.state.members() if not pod.host_network)
            taken = ((family, (number, number)) for pod in pods for family, number in pod.addresses)
            self._outside = self.state.revision, ALL_ADDRESSES - Addresses.of_ranges(taken)
        return self._outside[1]

    @property
    def others(self) -> OtherPods:
        """All pods, grouped by what policies can tell apart."""
        if self._others is None or self._others.version != version_of(self.state):
            self._others = other_pods(self.state, self.certainty)
        return self._others

    def alternatives(self, text: str, namespace: str | None) -> tuple[Endpoint, ...]:
        """All endpoints that a text may name. Raises EndpointError if it matches nothing."""
        if self._revision != self.state.revision:
            self._alternatives.clear()
            self._revision = self.state.revision
        key = (text, namespace or self.namespace)
        found = self._alternatives.get(key)
        if found is None:
            found = self._alternatives[key] = alternatives(self.state, *key)
        return found

    def endpoint(self, text: str, namespace: str | None) -> Endpoint:
        """The endpoint that a text names. Raises EndpointError if it matches nothing or is ambiguous."""
        found = self.alternatives(text, namespace)
        # `resolve` raises the error that lists the unambiguous spellings.
        return found[0] if len(found) == 1 else resolve(self.state, text, namespace or self.namespace)

    def answer(self, source: str, destination: str, ports: AskedPorts, namespace: str | None) -> Answer:
        """The answer about two texts, as that of `can`."""
        choices = self.alternatives(source, namespace), self.alternatives(destination, namespace)
        return agreed(
            choices, lambda one, other: self.answer_of(one, other, ports), lambda found: (found.result, found.traffic)
        )

    def answer_of(self, source: Endpoint, destination: Endpoint, ports: AskedPorts) -> Answer:
        """The answer about two endpoints. If these are many pods, its pairs are of pods that represent all."""
        if source.possible is None and destination.possible is None:
            # Tests are often about whole namespaces, in which most pods are alike.
            source, destination = few_of_both(self.state, source, destination, ports)
            return Answer(self.state, source, destination, ports)
        return Answer(self.state, *represented(self.state, source, destination), ports)

    def assumptions(self, answer: Answer) -> tuple[str, ...]:
        """The assumptions of an answer."""
        # Reasons, from which assumptions are found, are expensive: skip them if all pairs are certain without them.
        certain = self.certainty.assumes_nothing
        if all(
            pair.via is None and certain(pair.source, pair.destination, pair.asked_traffic) for pair in answer.pairs
        ):
            return ()
        return answer.assumptions


def narrowed(answer: Answer, *, passing: bool) -> Question | None:
    """The first part of an answer in which traffic passes (or, if not `passing`, is refused), as a question."""
    for part in answer.parts:
        traffic = part.passing if passing else part.refused
        if traffic:
            return _question(answer, part.source, part.destination, traffic)
    return None


def _question(answer: Answer, source: End, destination: End, traffic: Traffic) -> Question:
    # A part of possible pods is no endpoint that can be asked about alone, so the question stays as it was.
    if answer.parts_of_possible_pods:
        return Question(answer.source, answer.destination, answer.ports)
    if answer.destination.service is not None:
        # The Service stays the destination: its port numbers mean nothing at the pod behind it.
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
        # One pod without declared ports may serve any, so nothing can be said then.
        if asked == ALL_TRAFFIC or not pods or not all(pod.container_ports for pod in pods):
            continue
        declared = [_declared(pod) for pod in pods]
        # One pod that serves some of the ports is enough: the test is about the others for a reason.
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
    # Nothing is known about what addresses outside the cluster serve.
    if any(isinstance(end, Addresses) for end in ends):
        return
    if answer.destination.service is None:
        pods = [end for end in dict.fromkeys(ends) if isinstance(end, Member) and not end.is_possible]
        yield from ((entry, pods) for entry in ports.entries if isinstance(entry, Traffic))
        return
    # Pods behind one Service port may have different target ports, if the port is a name. Each is checked with its own.
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
