"""A small world whose policies have places, and explanations of answers about it."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st
from tests import strategies
from tests.engine.members import state_of
from tests.engine.policies.test_matching import end_of
from tests.engine.policies.test_network_policies import compiled
from tests.model.places import on_line
from tests.semantics.objects import Object, container_port, labelled, namespace, pod

from ringfence.engine.answers.explanations import explain
from ringfence.engine.answers.reasons import PairReason
from ringfence.engine.state import State
from ringfence.model.origin import Origin
from ringfence.sets.traffic import Traffic

DB = labelled(app="db")
WORLD = [
    namespace("prod"),
    pod("prod/web", {"app": "web"}),
    pod("prod/db", {"app": "db"}, ports=[container_port("mysql", 3306)]),
    pod("staging/web", {"app": "web"}),
]
MYSQL = Traffic.of("TCP", [(3306, 3306)])
ORIGIN = "policies.yaml"


def paths(tree: Any, path: str = "") -> Iterator[str]:
    """The path of every field, in the order in which they are written."""
    children = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, child in children:
        inner = f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else key
        yield inner
        yield from paths(child, inner)


def world(*policies: Object, more: list[Object] = WORLD) -> State:
    """The world with policies of which every field is on a line of its own."""
    state = state_of(more)
    for one in policies:
        origin = Origin(ORIGIN, 1, fields={path: on_line(line) for line, path in enumerate(paths(one), start=2)})
        state.upsert(compiled(one).policy, origin)
    return state


def line_of(written: Object, path: str) -> int:
    return list(paths(written)).index(path) + 2


def why(state: State, source: str, destination: str, asked: Traffic | None = MYSQL) -> PairReason:
    return explain(state, end_of(state, source), end_of(state, destination), asked)


questions = st.none() | st.builds(
    lambda protocol, number: Traffic.of(protocol, [(number, number)]),
    st.sampled_from(strategies.PROTOCOLS),
    st.sampled_from(strategies.PORT_NUMBERS),
)
"""A question about a pair: about one port, or about all traffic."""
