"""The owner of an address that several pods claim: a table of cases, and agreement with the naive evaluator."""

from collections.abc import Iterable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.engine.members import decoded_pod, state_of
from tests.semantics import naive_world
from tests.semantics.objects import Object, node, pod

from ringfence.engine.population.claims import claim_of, is_over
from ringfence.sets.addresses import parse_address

ADDRESS = "10.0.0.1"
NODES = [node("m", "192.168.0.1"), node("n", "192.168.0.2")]
EARLY, LATE = "2026-01-01T10:00:00Z", "2026-01-01T10:00:01Z"
WAITS: Object = {"waiting": {"reason": "ContainerCreating"}}


def runs(since: str = EARLY) -> Object:
    return {"running": {"startedAt": since}}


def ended(at: str = EARLY) -> Object:
    return {"terminated": {"exitCode": 0, "startedAt": EARLY, "finishedAt": at}}


def network(status: str, since: str = EARLY, type_: str = "PodReadyToStartContainers") -> Object:
    return {"type": type_, "status": status, "lastTransitionTime": since}


def claimant(
    name: str = "a",
    *states: Object,
    on: str = "m",
    deleted: bool = False,
    condition: Object | None = None,
    phase: str = "Running",
    **more: Iterable[Object],
) -> Object:
    """A pod that claims the address, with one container in each state; `more` are states of other containers."""
    written = pod(f"x/{name}", addresses=[ADDRESS], phase=phase, nodeName=on)
    written["spec"]["containers"] = [{"name": f"c{number}"} for number, _ in enumerate(states or [0])]
    for field, some in {"containerStatuses": states, **more}.items():
        written["status"][field] = [{"name": f"c{number}", "state": state} for number, state in enumerate(some)]
    if condition:
        written["status"]["conditions"] = [{"type": "Ready", "status": "False"}, condition]
    if deleted:
        written["metadata"] |= {"deletionTimestamp": LATE, "finalizers": ["example.org/keep"]}
    return written


def owners(*claimants: Object, nodes: Iterable[Object] = NODES) -> list[str]:
    """The pods that may have the address."""
    return [member.name for member in state_of([*claimants, *nodes]).members_at(*parse_address(ADDRESS))]


class TestAPodThatIsOver:
    @pytest.mark.parametrize(
        ("written", "over"),
        [
            pytest.param(claimant("a", ended(), deleted=True), True, id="deleted, its container has ended"),
            pytest.param(claimant("a", ended()), False, id="its container will be started again"),
            pytest.param(claimant("a", runs(), deleted=True), False, id="deleted, and runs until it has shut down"),
            pytest.param(claimant("a", ended(), runs(), deleted=True), False, id="one of two containers has ended"),
            pytest.param(claimant("a", ended(), WAITS, deleted=True), False, id="one may have just been started"),
            pytest.param(claimant("a", deleted=True), False, id="nothing is reported about its containers"),
            pytest.param(
                claimant("a", ended(), deleted=True, initContainerStatuses=[runs()]), False, id="a sidecar runs"
            ),
            pytest.param(
                claimant("a", ended(), deleted=True, ephemeralContainerStatuses=[runs()]), False, id="a debugger runs"
            ),
            pytest.param(
                claimant("a", ended(), deleted=True, initContainerStatuses=[ended()]), True, id="so have all others"
            ),
        ],
    )
    def test_has_no_address_whoever_else_claims_it(self, written: Object, over: bool) -> None:
        assert is_over(decoded_pod(written)) is over
        assert naive_world.has_ended(written) is over
        assert owners(written) == ([] if over else ["a"])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(claimant("a"), claimant("b"), "ab", id="nothing speaks against either"),
        pytest.param(claimant("a", on="gone"), claimant("b"), "b", id="the Node of one is gone"),
        pytest.param(claimant("a", on="gone"), claimant("b", on="gone"), "ab", id="both Nodes are gone"),
        pytest.param(claimant("a", condition=network("False")), claimant("b"), "b", id="one has no network"),
        pytest.param(
            claimant("a", condition=network("False", type_="PodHasNetwork")), claimant("b"), "b", id="by its old name"
        ),
        pytest.param(
            claimant("a", condition=network("False")), claimant("b", condition=network("False")), "ab", id="neither has"
        ),
        pytest.param(
            claimant("a", condition=network("False")), claimant("b", deleted=True), "b", id="the network comes first"
        ),
        pytest.param(claimant("a", WAITS, deleted=True), claimant("b", WAITS), "b", id="one will never run"),
        pytest.param(claimant("a", runs(), deleted=True), claimant("b", WAITS), "ab", id="one shuts down"),
        pytest.param(claimant("a", runs(EARLY)), claimant("b", runs(LATE)), "b", id="one was started later"),
        pytest.param(claimant("a", runs(LATE)), claimant("b", runs(EARLY)), "a", id="whatever their order"),
        pytest.param(
            claimant("a", runs(EARLY), condition=network("True", LATE)),
            claimant("b", runs(EARLY)),
            "a",
            id="by network",
        ),
        pytest.param(
            claimant("a", ended(LATE)), claimant("b", runs(EARLY)), "a", id="one crashed, after the other was started"
        ),
        pytest.param(claimant("a", runs(EARLY)), claimant("b", runs(EARLY)), "ab", id="both in the same second"),
        pytest.param(
            claimant("a", runs(EARLY)), claimant("b", runs(LATE), on="n"), "ab", id="clocks of two nodes differ"
        ),
        pytest.param(claimant("a", runs(LATE)), claimant("b", WAITS), "ab", id="the start of one is not reported yet"),
        pytest.param(
            claimant("a", runs("2026-01-01T10:00:01.5Z")), claimant("b", runs(EARLY)), "ab", id="a time in another form"
        ),
    ],
)
class TestOfTwoPods:
    def test_only_those_that_may_have_the_address_are_at_it(self, first: Object, second: Object, expected: str) -> None:
        assert "".join(owners(first, second)) == expected

    def test_the_order_in_which_they_came_does_not_matter(self, first: Object, second: Object, expected: str) -> None:
        assert "".join(sorted(owners(second, first))) == expected

    def test_the_naive_evaluator_agrees(self, first: Object, second: Object, expected: str) -> None:
        if "PodHasNetwork" not in str(first) and ".5Z" not in str(first):
            assert naive_owners([first, second, *NODES]) == list(expected)


def naive_owners(world: list[Object]) -> list[str]:
    return [one["metadata"]["name"] for one in naive_world.owners_of([*world], ip_address(ADDRESS))]


times = st.sampled_from([EARLY, LATE, "2026-01-02T00:00:00Z"])
states = st.one_of(st.just(WAITS), times.map(runs), times.map(ended))
conditions = st.one_of(st.none(), st.builds(network, st.sampled_from(["True", "False", "Unknown"]), times))


@st.composite
def worlds(draw: st.DrawFn) -> list[Object]:
    """Pods that claim the address, and some Nodes."""
    claimants = [
        claimant(
            name,
            *draw(st.lists(states, max_size=2)),
            on=draw(st.sampled_from("mn")),
            deleted=draw(st.booleans()),
            condition=draw(conditions),
            phase=draw(st.sampled_from(["Running", "Running", "Pending", "Succeeded"])),
            initContainerStatuses=draw(st.lists(states, max_size=1)),
        )
        for name in "abcd"[: draw(st.integers(1, 4))]
    ]
    return [*claimants, *draw(st.lists(st.sampled_from(NODES), unique_by=str))]


@given(worlds())
def test_random_claims_are_decided_as_the_naive_evaluator_does(world: list[Object]) -> None:
    assert owners(*world, nodes=()) == naive_owners(world)


@given(st.permutations([*NODES, claimant("a", runs(EARLY)), claimant("b", runs(LATE)), claimant("c", on="gone")]))
def test_no_order_of_arrival_matters(world: list[Object]) -> None:
    assert owners(*world, nodes=()) == ["b"]


def test_a_pod_without_a_status_claims_nothing_against_others() -> None:
    assert claim_of(decoded_pod(pod("x/a"))).last_seen == ""
