"""The objects of the experiment, and the names of their connections in reports."""

import pytest

from ringfence.doctor.probe.manifests import Client, Conduct, ProbeTarget


@pytest.mark.parametrize(
    ("client", "name"),
    [
        (Client("c", "client"), "a connection over TCP"),
        (Client("c", "client", 8081, "UDP"), "a connection over UDP"),
        (Client("c", "client", conduct=Conduct.KEEPS), "a connection that is kept over TCP"),
        (Client("c", "client", 80, target=ProbeTarget.SERVICE), "a connection to a Service"),
        (
            Client("c", "client", 10250, target=ProbeTarget.NODE),
            "a connection to the port 10250 of the kubelet",
        ),
    ],
)
def test_a_report_names_a_connection_by_what_it_opens(client: Client, name: str) -> None:
    assert client.connection == name
