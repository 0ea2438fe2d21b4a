"""`ringfence ui` of a live cluster, on a real API server: what kubectl changes is in the page."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from tests.semantics.objects import labelled, pod, policy

from .control_plane import ControlPlane
from .test_watching import create


@contextmanager
def local_page(control_plane: ControlPlane) -> Iterator[tuple[str, str]]:
    """The address and the cookie of the page of a cluster."""
    options = ["--kubeconfig", str(control_plane.kubeconfig), "--no-browser"]
    process = subprocess.Popen([sys.executable, "-m", "ringfence", "ui", *options], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = urlsplit(process.stdout.readline().strip())
        yield address.netloc, f"ringfence={address.query.removeprefix('token=')}"
    finally:
        process.terminate()
        process.wait(30)


def test_a_policy_that_kubectl_creates_closes_a_cell_of_the_page(api_server: ControlPlane, namespace: str) -> None:
    create(api_server, pod(f"{namespace}/web", {"app": "web"}), pod(f"{namespace}/db", {"app": "db"}))
    with local_page(api_server) as (host, cookie):

        def ask(path: str) -> http.client.HTTPResponse:
            connection = http.client.HTTPConnection(host, timeout=60)
            connection.request("GET", path, headers={"Cookie": cookie})
            return connection.getresponse()

        def cell() -> str:
            question = f"/explain?source={namespace}/web&destination={namespace}/db"
            return str(json.load(ask(question))["result"])

        events = ask("/events")
        assert events.readline() == b": connected\n"
        assert cell() == "all"
        create(api_server, policy(f"{namespace}/closed", labelled(app="db"), ingress=[]))
        while cell() == "all":  # the first events may be about others, which share the API server
            while not (line := events.readline()).startswith(b"event: changed"):
                assert line, "the stream has ended"
        assert cell() == "none"
        assert json.load(ask("/report.json"))["problems"] == []
