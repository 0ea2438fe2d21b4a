"""Random questions to random clusters."""

from hypothesis import assume
from hypothesis import strategies as st
from tests import strategies

from ringfence import Cluster

questions = st.tuples(st.none() | st.sampled_from(strategies.PORT_NUMBERS), st.sampled_from(strategies.PROTOCOLS))
OUTSIDE = ("192.0.2.1", "fd00::9:9", "10.0.0.0/24", "0.0.0.0/0")


def ends(cluster: Cluster) -> st.SearchStrategy[tuple[str, str]]:
    """Two ends to ask about, of which one at least is in the cluster: pods, groups of pods, addresses."""
    inside = [f"{one.namespace}/{one.reference.kind.lower()}/{one.name}" for one in cluster.state.members()]
    assume(inside)
    inside += sorted({f"{one.namespace}/*" for one in cluster.state.members()})
    pods, all_ends = st.sampled_from(inside), st.sampled_from([*inside, *OUTSIDE])
    return st.tuples(pods, all_ends) | st.tuples(all_ends, pods)
