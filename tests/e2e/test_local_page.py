"""`ringfence ui` for a live cluster, on a real API server: the page shows the changes that kubectl makes."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from tests.semantics.objects import labelled, pod, policy

from .control_plane import ControlPlane
from .test_one_namespace import READABLE
from .test_watching import create


class OpenedPage:
    """The page of a cluster, as a browser opens it."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        self._host = parts.netloc
        self._cookie = f"ringfence={parts.query.removeprefix('token=')}"
        self._stream = self._connection()
        self._stream.request("GET", "/events", headers={"Cookie": self._cookie})
        self._events = self._stream.getresponse()
        assert self._events.readline() == b": connected\n"

    def _connection(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self._host, timeout=60)

    def ask(self, path: str) -> Any:
        """The answer to a question."""
        with closing(self._connection()) as connection:
            connection.request("GET", path, headers={"Cookie": self._cookie})
            return json.load(connection.getresponse())

    def await_change(self) -> None:
        """Wait until the page receives the event that the cluster has changed."""
        for line in self._events:
            if line.startswith(b"event: changed"):
                return
        raise AssertionError("the stream of events has ended")

    def close(self) -> None:
        """Close the stream of events."""
        self._events.close()
        self._stream.close()


@contextmanager
def local_page(kubeconfig: Path, *options: str) -> Iterator[OpenedPage]:
    """The page of a cluster. It is still open when the program ends, and the program then prints nothing."""
    command = [sys.executable, "-m", "ringfence", "ui", "--kubeconfig", str(kubeconfig), "--no-browser", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            with closing(OpenedPage(process.stdout.readline().strip())) as page:
                yield page
                process.terminate()
                _, errors = process.communicate(timeout=30)
                assert "Traceback" not in errors
        finally:
            process.kill()


def give_address(control_plane: ControlPlane, namespace: str, name: str, address: str) -> None:
    """Set the address of a pod, as the kubelet does when the pod starts."""
    status = {"status": {"phase": "Running", "podIP": address, "podIPs": [{"ip": address}]}}
    path = f"/api/v1/namespaces/{namespace}/pods/{name}/status"
    assert control_plane.request("PATCH", path, status, "application/merge-patch+json").status == 200


def test_a_policy_that_kubectl_creates_closes_a_cell_of_the_page(api_server: ControlPlane, namespace: str) -> None:
    for number, name in enumerate(("web", "db"), 1):
        create(api_server, pod(f"{namespace}/{name}", {"app": name}))
        give_address(api_server, namespace, name, f"10.240.77.{number}")
    with local_page(api_server.kubeconfig) as page:

        def cell() -> str:
            return str(page.ask(f"/explain?source={namespace}/web&destination={namespace}/db")["result"])

        assert cell() == "all"
        create(api_server, policy(f"{namespace}/closed", labelled(app="db"), ingress=[]))
        while cell() == "all":  # The first events may be about other objects.
            page.await_change()
        assert cell() == "none"
        assert page.ask("/report.json")["problems"] == []


def test_after_many_changes_the_page_is_that_of_a_new_reading(
    api_server: ControlPlane, namespace: str, tmp_path: Path
) -> None:
    for number, name in enumerate(("web", "db"), 1):
        create(api_server, pod(f"{namespace}/{name}", {"app": name}))
        give_address(api_server, namespace, name, f"10.240.78.{number}")
    policies = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    with local_page(api_server.kubeconfig) as page:

        def until(result: str) -> None:
            while page.ask(f"/explain?source={namespace}/web&destination={namespace}/db")["result"] != result:
                page.await_change()

        for _ in range(2):
            create(api_server, policy(f"{namespace}/closed", labelled(app="db"), ingress=[]))
            until("none")
            assert api_server.request("DELETE", f"{policies}/closed").status == 200
            until("all")
        create(api_server, pod(f"{namespace}/late", {"app": "late"}))
        give_address(api_server, namespace, "late", "10.240.78.3")
        create(api_server, policy(f"{namespace}/closed", labelled(app="db"), ingress=[]))
        until("none")

        def read_anew() -> Any:
            file = tmp_path / "report.json"
            command = [sys.executable, "-m", "ringfence", "report", "--kubeconfig", str(api_server.kubeconfig)]
            subprocess.run([*command, "-o", str(file)], check=True, capture_output=True)
            data = json.loads(file.read_text())
            return {key: data[key] for key in data if key != "apiVersion"}

        def shown() -> Any:
            data = page.ask("/report.json")
            return {key: data[key] for key in data if key not in ("apiVersion", "simulation")}

        deadline = monotonic() + 30  # Other objects of the server may change in the meantime.
        while shown() != (expected := read_anew()) and monotonic() < deadline:
            pass
        assert shown() == expected


def test_kinds_that_the_user_may_not_watch_are_a_problem_in_the_page(api_server: ControlPlane, namespace: str) -> None:
    kubeconfig = api_server.service_account(f"reader-{namespace}", READABLE, verbs=["get", "list"], namespace=namespace)
    with local_page(kubeconfig, "-n", namespace) as page:
        found: list[str] = []
        while not any("networkpolicies" in one for one in found):
            page.await_change()
            found = [one["message"] for one in page.ask("/report.json")["problems"] if one["code"] == "not-followed"]
    (message,) = [one for one in found if "networkpolicies" in one]
    assert message.startswith("changes of NetworkPolicy are not shown: ")
    assert message.endswith(": the verbs list and watch on networkpolicies are needed")
