"""The ends of a connection that could exist, in words."""

import pytest

from ringfence.engine.possible import ExactAddress, ExactEnd, ExactPod, PossibleConnection
from ringfence.render.comparisons import possible_connection_lines
from ringfence.sets.addresses import parse_address

NAME = "kubernetes.io/metadata.name"
WEB = ExactPod({NAME: "prod"}, {"app": "web"}, parse_address("10.0.0.1"))
NODE, OTHER, LAST = map(parse_address, ("192.168.0.1", "192.168.0.2", "192.168.0.3"))


@pytest.mark.parametrize(
    ("end", "words"),
    [
        (WEB, "a pod with app=web in namespace prod, at 10.0.0.1"),
        (ExactAddress(NODE), "an address outside the cluster"),
        (ExactAddress(NODE, {}), "the address of a node"),
        (ExactAddress(NODE, {"zone": "a"}), "the address of a node with zone=a"),
        (ExactAddress(NODE, {}, (), (OTHER,)), "the address of a node, which has 192.168.0.2, too"),
        (
            ExactAddress(NODE, {}, (), (OTHER, LAST)),
            "the address of a node, which has 192.168.0.2 and 192.168.0.3, too",
        ),
    ],
)
def test_an_end_is_said_in_words(end: ExactEnd, words: str) -> None:
    first, *_ = possible_connection_lines(PossibleConnection(end, WEB, "TCP", 80))
    assert first.split(": ", 1)[1] == words
