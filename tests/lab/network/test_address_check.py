"""Addresses that cannot be built are errors that name their owners and the remedy."""

import pytest
from tests.lab.network.test_placement import placed
from tests.semantics.objects import Object, node, pod

from ringfence.errors import LaboratoryError


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        pytest.param(
            [pod("x/a", addresses=["10.0.0.1"]), pod("x/b", addresses=["10.0.0.1"])],
            "pod x/a and pod x/b both have the address 10.0.0.1: remove one of them",
            id="two pods with one address",
        ),
        pytest.param(
            [node("n", "10.0.0.1"), pod("x/a", addresses=["10.0.0.1"])],
            "node n and pod x/a both have the address 10.0.0.1: remove one of them",
            id="a pod with a node's address",
        ),
        pytest.param(
            [pod("x/a", addresses=["127.0.0.1"])],
            "pod x/a has the address 127.0.0.1, which a host cannot have: correct its status",
            id="an address of no host",
        ),
        pytest.param(
            [node("n", "10.0.0.1"), pod("x/a", hostNetwork=True, nodeName="n", addresses=["10.0.0.2"])],
            "pod x/a is on the host network and reports the address 10.0.0.2, which node n does not have: "
            "correct the status of one of them",
            id="a pod and its node that contradict each other",
        ),
    ],
)
def test_what_cannot_be_built(objects: list[Object], message: str) -> None:
    with pytest.raises(LaboratoryError) as caught:
        placed(*objects)
    assert str(caught.value) == message


def test_pods_on_the_host_network_share_their_nodes_address() -> None:
    agents = [pod(f"x/{name}", hostNetwork=True, nodeName="n", addresses=["10.0.0.1"]) for name in "ab"]
    placed(node("n", "10.0.0.1"), *agents)
