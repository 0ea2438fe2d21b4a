"""A live cluster that cannot be read says why, where, and what to do."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from ringfence.errors import LiveClusterError
from ringfence.model.kinds import KINDS
from ringfence.sources.cluster.listing import RESOURCES, current_namespace, read
from ringfence.sources.loaded_objects import LoadedObjects

from . import fake_api_server
from .fake_api_server import Answer, list_of, pod, refuse, say

SERVER = "https://127.0.0.1:1"


def kubeconfig(folder: Path, cluster: dict[str, Any], user: dict[str, Any] | None = None) -> str:
    """A kubeconfig whose context `here` is in the namespace `shop`."""
    config = {
        "current-context": "here",
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "clusters": [{"name": "c", "cluster": cluster}],
        "users": [{"name": "u", "user": user or {}}],
    }
    file = folder / "kubeconfig"
    file.write_text(json.dumps(config))
    return str(file)


def closed_port() -> int:
    """A port without a listener."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """A web server of the files in a folder; gives its URL."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_server_that_does_not_answer(tmp_path: Path, scheme: str) -> None:
    server = f"{scheme}://127.0.0.1:{closed_port()}"
    with pytest.raises(LiveClusterError) as error:
        read(kubeconfig=kubeconfig(tmp_path, {"server": server}))
    assert str(error.value) == (
        f"{server}: cannot be reached: [Errno 111] Connection refused: "
        "is the cluster running, and is the context right?"
    )


@pytest.mark.parametrize(
    ("cluster", "user", "message"),
    [
        ({"server": 5}, {}, 'context "here" cannot be used: Expected `str`, got `int`'),
        ({"server": "127.0.0.1"}, {}, "cannot be reached: "),
        ({"server": "https://[::"}, {}, 'context "here" cannot be used: '),
        ({"server": SERVER, "certificate-authority-data": "eA=="}, {}, 'context "here" cannot be used: '),
        ({"server": SERVER, "certificate-authority-data": "x"}, {}, 'context "here" cannot be used: '),
        ({"server": SERVER}, {"auth-provider": {"name": "gcp"}}, 'auth-provider "gcp" is not supported'),
        ({"server": SERVER}, {"client-certificate-data": "eA=="}, "has a client certificate without its key"),
    ],
)
def test_a_cluster_or_a_user_that_cannot_be(
    tmp_path: Path, cluster: dict[str, Any], user: dict[str, Any], message: str
) -> None:
    with pytest.raises(LiveClusterError, match=message):
        read(kubeconfig=kubeconfig(tmp_path, cluster, user))


def test_an_unknown_context(tmp_path: Path) -> None:
    with pytest.raises(LiveClusterError, match=r'context "there" does not exist \(there are: here\)'):
        read("there", kubeconfig(tmp_path, {}))


def test_the_namespace_of_a_context(tmp_path: Path) -> None:
    assert current_namespace(kubeconfig=kubeconfig(tmp_path, {"server": SERVER})) == "shop"


def test_a_server_that_is_not_an_api_server(tmp_path: Path) -> None:
    (tmp_path / "api" / "v1").mkdir(parents=True)
    (tmp_path / "api" / "v1" / "namespaces").write_text("hello")
    with serving(tmp_path) as server:
        with pytest.raises(
            LiveClusterError, match=r"/api/v1/namespaces is not a list of objects .* is this an API server\?"
        ):
            read(kubeconfig=kubeconfig(tmp_path, {"server": server}))
        with pytest.raises(LiveClusterError, match="404 File not found"):
            read(kubeconfig=kubeconfig(tmp_path, {"server": f"{server}/elsewhere"}))


def test_an_item_of_a_list_that_is_not_an_object_is_reported(tmp_path: Path) -> None:
    for kind in KINDS:
        file = tmp_path / kind.path.removeprefix("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text('{"metadata": {}, "items": [%s]}' % ("7" if kind.name == "Pod" else ""))
    with serving(tmp_path) as server:
        found = read(kubeconfig=kubeconfig(tmp_path, {"server": server}))
    assert found.manifests == []
    assert "an object of kind Pod is expected in the list" in [problem.message for problem in found.problems]


def test_every_kind_has_its_place_on_the_server() -> None:
    assert [resource.path for resource in RESOURCES if resource.kind in ("Pod", "NetworkPolicy", "CronJob")] == [
        "/api/v1/pods",
        "/apis/networking.k8s.io/v1/networkpolicies",
        "/apis/batch/v1/cronjobs",
    ]


class TestRefusals:
    """A kind that the server does not list. Kinds are listed in the order of `RESOURCES`."""

    @staticmethod
    def read_from(folder: Path, *answers: Answer) -> LoadedObjects:
        """What is read from a server with these answers, and empty lists for the kinds that follow."""
        with fake_api_server.serving(*answers, *[list_of()] * len(RESOURCES)) as server:
            return read(kubeconfig=kubeconfig(folder, {"server": server.url}))

    def test_credentials_that_are_not_accepted(self, tmp_path: Path) -> None:
        message = r'the credentials of context "here" are not accepted: log in again \(Unauthorized\)'
        with pytest.raises(LiveClusterError, match=message):
            self.read_from(tmp_path, refuse(401, "Unauthorized"))

    def test_a_kind_without_which_no_answer_is_right(self, tmp_path: Path) -> None:
        with pytest.raises(LiveClusterError, match="no pods: the verb list on pods is needed"):
            self.read_from(tmp_path, list_of(), refuse(403, "no list"), list_of(), refuse(403, "no pods"))

    def test_a_kind_that_may_be_listed_in_one_namespace_limits_all_to_it(self, tmp_path: Path) -> None:
        answers = list_of(), refuse(403, "no pods of all"), say(b'{"metadata": {"name": "shop"}}'), list_of(pod("a"))
        with fake_api_server.serving(*answers, *[list_of()] * len(RESOURCES)) as server:
            loaded = read(kubeconfig=kubeconfig(tmp_path, {"server": server.url}))
        assert [manifest.object.metadata.name for manifest in loaded.manifests] == ["shop", "a"]
        assert loaded.only_namespace == "shop"
        assert [problem.message for problem in loaded.problems] == [
            "only namespace shop is read: no pods of all: the verb list on pods is needed"
        ]
        assert [asked.path for asked in server.asked[2:6]] == [
            "/api/v1/namespaces/shop",
            "/api/v1/namespaces/shop/pods",
            "/apis/networking.k8s.io/v1/namespaces/shop/networkpolicies",
            "/apis/apps/v1/namespaces/shop/deployments",
        ]
        assert "/api/v1/nodes" in [asked.path for asked in server.asked], "a kind without namespaces"

    def test_another_kind_is_left_out_with_a_warning(self, tmp_path: Path) -> None:
        loaded = self.read_from(tmp_path, *[list_of()] * 3, refuse(403, "no deployments"), refuse(404, "unknown"))
        assert [problem.message for problem in loaded.problems] == [
            "deployments are left out: no deployments",
            "statefulsets are left out: unknown",
        ]

    def test_but_not_if_the_server_fails(self, tmp_path: Path) -> None:
        with pytest.raises(LiveClusterError, match="no leader"):
            self.read_from(tmp_path, *[list_of()] * 3, refuse(500, "no leader"))

    def test_a_list_whose_pages_expire_is_read_at_once(self, tmp_path: Path) -> None:
        pages = list_of(pod("a"), more="there"), refuse(410, "expired"), list_of(pod("a"), pod("b"))
        loaded = self.read_from(tmp_path, list_of(), *pages)
        assert [manifest.object.metadata.name for manifest in loaded.manifests] == ["a", "b"]

    def test_a_list_that_is_refused_twice(self, tmp_path: Path) -> None:
        with pytest.raises(LiveClusterError, match="expired"):
            self.read_from(tmp_path, list_of(more="x"), refuse(410, "expired"), refuse(410, "expired"))
