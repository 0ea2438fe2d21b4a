"""Rules that select hostNetwork pods, in questions about the address of their node."""

import pytest
from tests.engine.answers.test_own_nodes import end_in
from tests.engine.members import state_of
from tests.semantics.objects import Object, admits, block, labelled, namespaces, node, pod, pods, policy, port, sends

from ringfence.engine.answers.explanations import explain
from ringfence.sets.traffic import Traffic

NODE = node("one", "192.168.0.1")
HOST = pod("x/exporter", {"app": "exporter"}, hostNetwork=True, nodeName="one")
CLIENT = pod("x/client", {"app": "client"}, nodeName="two")
TO_EXPORTER = policy("x/p", labelled(app="client"), egress=[sends(pods(labelled(app="exporter")), ports=[port(9100)])])
FROM_EXPORTER = policy("x/p", labelled(app="client"), ingress=[admits(pods(labelled(app="exporter")))])
BY_LABELS = "x/exporter uses its node's network: network plugins may, but most do not, match it by its labels"


def assumptions(source: str, destination: str, number: int, *objects: Object) -> tuple[str, ...]:
    state = state_of([NODE, HOST, CLIENT, *objects])
    asked = Traffic.of("TCP", [(number, number)])
    return explain(state, end_in(state, source), end_in(state, destination), asked).assumptions


def test_plugins_may_match_the_pod_behind_the_address() -> None:
    assert assumptions("x/client", "192.168.0.1", 9100, TO_EXPORTER) == (BY_LABELS,)
    assert assumptions("192.168.0.1", "x/client", 9100, FROM_EXPORTER) == (BY_LABELS,)


def test_of_pods_with_the_same_labels_one_is_named() -> None:
    other = pod("x/exporter-2", {"app": "exporter"}, hostNetwork=True, nodeName="one")
    assert assumptions("x/client", "192.168.0.1", 9100, TO_EXPORTER, other) == (BY_LABELS,)


@pytest.mark.parametrize(
    ("destination", "number", "written"),
    [
        pytest.param("192.168.0.2", 9100, TO_EXPORTER, id="another address"),
        pytest.param("192.168.0.1", 80, TO_EXPORTER, id="another port"),
        pytest.param("192.168.0.1", 9100, policy("x/p", egress=[sends(pods(labelled(app="db")))]), id="other pods"),
        pytest.param("192.168.0.1", 9100, policy("x/p", egress=[]), id="no rule"),
        pytest.param(
            "192.168.0.1",
            9100,
            policy("x/p", egress=[sends(block("192.168.0.0/24"), namespaces({}))]),
            id="what a block allows anyway",
        ),
    ],
)
def test_nothing_is_assumed_where_it_makes_no_difference(destination: str, number: int, written: Object) -> None:
    assert assumptions("x/client", destination, number, written) == ()
