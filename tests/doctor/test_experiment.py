"""The experiment in a scripted cluster: which controls an answer needs, and which failures make it inconclusive.

`tests/e2e/test_doctor_probe.py` and `test_doctor_probe_full.py` test it with real connections and a real agent.
"""

from collections.abc import Callable
from typing import cast

import msgspec
import pytest

from ringfence.doctor.probe.cases import (
    CASES,
    CLIENTS,
    CONTROL,
    FREE_NEWCOMER,
    KEEPING,
    NEWCOMERS,
    OLD,
    OVER_SERVICE,
    SUBJECT,
)
from ringfence.doctor.probe.experiment import Inconclusive, Measured, ProbeSite, measure, prove
from ringfence.doctor.probe.ground import Ground, ProbePod, Refused
from ringfence.doctor.probe.manifests import Manifest

Connects = Callable[[str, dict[str, float]], bool]
"""Whether the client of this name connects, while policies of these names have been there for so many seconds."""


class ScriptedGround:
    """A namespace in which time passes only while the experiment waits.

    Objects that `broken` names cannot be created, and requests with the verb `forbidden` are refused.
    """

    run = "run"

    def __init__(self, connects: Connects) -> None:
        self._now = 0.0
        self._connects = connects
        self.broken = ""
        self.forbidden = ""
        self._policies: dict[str, float] = {}
        self._clients: list[str] = []

    def now(self) -> float:
        return self._now

    def wait(self, seconds: float = 0.5) -> None:
        self._now += seconds

    def create(self, manifest: Manifest) -> None:
        name = manifest["metadata"]["name"].removeprefix("p0-")
        if name == self.broken:
            raise Refused(f"{manifest['kind']} {name}: exceeded quota")
        if manifest["kind"] == "NetworkPolicy":
            self._policies[name] = self._now
        elif manifest["kind"] != "Service":
            self._clients.append(name)

    def cluster_ip(self, service: Manifest) -> str:
        self._check("get")
        return "10.96.0.10"

    def delete(self, manifest: Manifest) -> None:
        self._check("delete")
        del self._policies[manifest["metadata"]["name"].removeprefix("p0-")]

    def pods(self) -> dict[str, ProbePod]:
        self._check("list")
        since = {name: self._now - created for name, created in self._policies.items()}
        return {f"p0-{name}": self._pod(name, ready=self._connects(name, since)) for name in self._clients}

    def _check(self, verb: str) -> None:
        if verb == self.forbidden:
            raise Refused(f"{verb}: forbidden")

    def _pod(self, name: str, *, ready: bool) -> ProbePod:
        container = {"name": "server" if name == "server" else "client", "ready": ready}
        status = {"phase": "Running", "hostIP": "172.18.0.11", "podIPs": [{"ip": "10.0.0.1"}, {"ip": "fd00::1"}]}
        return msgspec.convert({"status": {**status, "containerStatuses": [container]}}, ProbePod)


def _site(connects: Connects, *, full: bool = False) -> ProbeSite:
    site = ProbeSite(cast(Ground, ScriptedGround(connects)), 0, "n1", "image", patience=30.0)
    site.start(full=full)
    return site


@pytest.mark.parametrize(
    ("connects", "answer", "words"),
    [
        pytest.param(
            lambda name, policies: name == "control" or not policies, "enforced", "let another pass", id="obeyed"
        ),
        pytest.param(lambda name, policies: True, "not enforced", "open for 30 s", id="ignored"),
        pytest.param(lambda name, policies: not policies, "inconclusive", "denied, too", id="the control is denied"),
        pytest.param(lambda name, policies: False, "inconclusive", "not open before any policy", id="denied before"),
        pytest.param(
            lambda name, policies: name == "control" or policies.get("deny", 0) < 20,
            "enforced",
            "",
            id="after 20 seconds",
        ),
        pytest.param(
            lambda name, policies: name == "control" or policies.get("deny", 0) % 2 < 1,
            "not enforced",
            "open for 30 s",
            id="denied now and then",
        ),
    ],
)
def test_an_answer_needs_its_controls(connects: Connects, answer: str, words: str) -> None:
    found = prove(_site(connects))
    assert found.answer == answer
    assert words in found.reason


def test_a_connection_that_stays_denied_makes_the_answer_inconclusive() -> None:
    was_denied: list[str] = []

    def connects(name: str, policies: dict[str, float]) -> bool:
        was_denied.extend(policies)
        return name == "control" or not was_denied

    found = prove(_site(connects))
    assert (found.answer, found.denied_after) == ("inconclusive", None)
    assert "not open after the policy was deleted" in found.reason


@pytest.mark.parametrize("verb", ["list", "delete"])
def test_a_request_that_the_api_server_refuses_makes_the_answer_inconclusive(verb: str) -> None:
    ground = ScriptedGround(lambda name, policies: name == "control" or not policies)
    site = ProbeSite(cast(Ground, ground), 0, "n1", "image", patience=30.0)
    site.start(full=False)
    ground.forbidden = verb
    found = prove(site)
    assert (found.answer, found.reason) == ("inconclusive", f"{verb}: forbidden")


def test_pods_that_may_not_be_listed_make_the_start_inconclusive() -> None:
    ground = ScriptedGround(lambda name, policies: True)
    ground.forbidden = "list"
    with pytest.raises(Inconclusive, match=r"^list: forbidden$"):
        ProbeSite(cast(Ground, ground), 0, "n1", "image", patience=30.0).start(full=False)


def test_a_service_that_may_not_be_read_makes_its_trait_inconclusive() -> None:
    ground = ScriptedGround(lambda name, policies: True)
    ground.forbidden = "get"
    site = ProbeSite(cast(Ground, ground), 0, "n1", "image", patience=30.0)
    site.start(full=True)
    with pytest.raises(Inconclusive, match=r"^get: forbidden$"):
        site.start_clients(OVER_SERVICE)


def test_the_times_until_a_policy_is_in_force_and_gone_are_measured() -> None:
    found = prove(_site(lambda name, policies: name == "control" or policies.get("deny", 0) < 4))
    assert found.denied_after == pytest.approx(4, abs=1)
    assert found.allowed_after == pytest.approx(0, abs=1)


def _cluster_with(values: dict[str, str]) -> Connects:
    """A cluster with these values of topics.

    Each policy denies its witness, and the value decides about its subject.
    """
    cases = {case.topic.lower(): case for case in CASES}
    newcomers = {one.name for one in NEWCOMERS}

    def connects(name: str, policies: dict[str, float]) -> bool:
        for topic in policies:
            if topic == "pod-start":
                return name != OLD.name and (name not in newcomers or values["pod-start"] == "open")
            case = cases[topic]
            if name == case.subject.name:
                return values[case.topic] == case.if_open
            return name != case.witness.name
        return True

    return connects


@pytest.mark.parametrize("is_open", [True, False])
def test_each_trait_is_measured(is_open: bool) -> None:
    values = {case.topic: case.if_open if is_open else case.if_denied for case in CASES}
    values |= {"ipBlock-pods": "yes", "pod-start": "open" if is_open else "closed"}
    found = list(measure(_site(_cluster_with(values), full=True)))
    assert {one.topic: one.value for one in found} == values
    assert found[-1].reason.startswith(f"{5 if is_open else 0} of 5 new pods")


AS_UPSTREAM = {case.topic: case.if_open for case in CASES} | {"pod-start": "closed"}


@pytest.mark.parametrize(
    ("broken", "topics"),
    [(KEEPING.name, {"established"}), (FREE_NEWCOMER.name, {"pod-start"}), ("server", {"service-port"})],
)
def test_what_cannot_be_created_spoils_no_other_trait(broken: str, topics: set[str]) -> None:
    """The server has the same name as its Service, which is created later."""
    scripted = ScriptedGround(_cluster_with(AS_UPSTREAM))
    site = ProbeSite(cast(Ground, scripted), 0, "n1", "image", patience=30.0)
    site.start(full=True)
    scripted.broken = broken
    found = {one.topic: one for one in measure(site)}
    assert {topic for topic, one in found.items() if not one.value} == topics
    assert all("exceeded quota" in found[topic].reason for topic in topics)


def test_a_witness_that_is_not_denied_makes_a_trait_inconclusive() -> None:
    found = list(measure(_site(lambda name, policies: True, full=True)))
    assert {one.value for one in found} == {""}
    assert "the policy of this case did not come into force" in {one.reason for one in found}


def test_what_does_not_work_without_a_policy_is_not_supported() -> None:
    def connects(name: str, policies: dict[str, float]) -> bool:
        return name not in ("sctp", "node") and _cluster_with(AS_UPSTREAM)(name, policies)

    found = {one.topic: one for one in measure(_site(connects, full=True))}
    for topic, words in (("sctp", "over SCTP"), ("pod-to-own-node", "to the port 10250 of the kubelet")):
        assert found[topic] == Measured(
            topic, "", f"a connection {words} does not work here without a policy either", "not supported"
        )


def test_new_pods_count_only_if_one_without_a_policy_connects() -> None:
    def connects(name: str, policies: dict[str, float]) -> bool:
        return name != FREE_NEWCOMER.name and _cluster_with(AS_UPSTREAM)(name, policies)

    found = {one.topic: one for one in measure(_site(connects, full=True))}
    assert (found["pod-start"].value, found["pod-start"].reason) == (
        "",
        "a new pod that no policy selects opened no connection either",
    )


def test_the_basic_experiment_has_two_clients() -> None:
    assert CLIENTS[:2] == (CONTROL, SUBJECT)
