"""What `sources` and `destinations` refuse, so that a mistake does not look like "nobody"."""

import pytest
from tests.semantics.judges import cluster_of
from tests.semantics.objects import pod

from ringfence.errors import InputError


@pytest.mark.parametrize("question", ["sources", "destinations"])
@pytest.mark.parametrize(
    ("port", "protocol", "message"),
    [
        (0, "TCP", "0 is no port: ports are from 1 to 65535"),
        (65536, "TCP", "65536 is no port: ports are from 1 to 65535"),
        (80, "tcp", "'tcp' is no protocol of a NetworkPolicy: write TCP, UDP or SCTP"),
    ],
)
def test_a_port_that_does_not_exist_is_refused(question: str, port: int, protocol: str, message: str) -> None:
    cluster = cluster_of([pod("x/a"), pod("x/b")])
    with pytest.raises(InputError) as refusal:
        getattr(cluster, question)("x/a", port, protocol)
    assert str(refusal.value) == message
