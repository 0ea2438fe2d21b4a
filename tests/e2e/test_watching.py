"""Watches of a real API server, and its faults.

`tests/sources/cluster/test_watching.py` tests the faults that a real server cannot have.
"""

import json
import shutil
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from ringfence.agent.view import name_of
from ringfence.model.objects import Node
from ringfence.sources.cluster import responses, watching
from ringfence.sources.cluster.api_server import ApiServer
from ringfence.sources.cluster.events import Alive, Event, Listed, Page, Removed, Upserted, WatchInterrupted
from ringfence.sources.cluster.undecoded import Undecoded
from ringfence.sources.cluster.watch_events import WatchEvent, event_of
from tests.semantics.objects import Object, labelled, node, pod, policy
from tests.sources.cluster.following import Followed, following

from .control_plane import LOOPBACK, ControlPlane
from .server import free_port

KINDS = ("Namespace", "Node", "Pod", "NetworkPolicy")


def connections_of(kubeconfig: Path) -> ApiServer:
    return ApiServer(kubeconfig=str(kubeconfig))


def named(*path: str) -> Callable[[Event], bool]:
    """Whether an event is about the object `NAMESPACE, NAME`, or `NAME`."""
    wanted = ("", *path)[-2:]

    def is_about(event: Event) -> bool:
        match event:
            case Upserted(object=obj):
                return name_of(obj)[1:] == wanted
            case Removed(namespace=owner, name=name):
                return (owner, name) == wanted
        return False

    return is_about


def create(control_plane: ControlPlane, *objects: Object) -> None:
    control_plane.kubectl("create", "-f", "-", stdin=json.dumps({"apiVersion": "v1", "kind": "List", "items": objects}))


def closed(name: str) -> Object:
    """A policy of the namespace `default` that allows nothing."""
    return policy(f"default/{name}", labelled(), ingress=[])


def test_changes_that_kubectl_makes_are_delivered(api_server: ControlPlane, namespace: str) -> None:
    objects = [
        node(f"{namespace}-n", "192.0.2.1") | {"spec": {"podCIDR": "10.1.2.0/24"}},
        pod(f"{namespace}/p", {"app": "a"}),
        policy(f"{namespace}/np", labelled(app="a"), ingress=[]),
    ]
    paths = {"Node": (f"{namespace}-n",), "Pod": (namespace, "p"), "NetworkPolicy": (namespace, "np")}
    with ExitStack() as stack:
        connections = connections_of(api_server.kubeconfig)
        told = {kind: stack.enter_context(following(kind, connections)) for kind in paths}
        for followed in told.values():
            followed.until(Alive)
        create(api_server, *objects)
        created = {kind: told[kind].until(Upserted, about=named(*path)).object for kind, path in paths.items()}
        assert {kind: name_of(obj)[0] for kind, obj in created.items()} == {kind: kind for kind in paths}
        for kind, path in paths.items():
            where = ["-n", namespace] if len(path) == 2 else []
            api_server.kubectl("label", *where, kind, path[-1], "team=red")
            labelled_ = told[kind].until(Upserted, about=named(*path)).object
            if isinstance(labelled_, Undecoded):
                labelled_ = labelled_.decode()
            assert (labelled_.metadata.labels or {})["team"] == "red"
            api_server.kubectl("delete", "--force", *where, kind, path[-1])
            assert told[kind].until(Removed, about=named(*path)) == Removed(kind, ("", *path)[-2], path[-1])
    assert isinstance(created["Node"], Node)
    assert created["Node"].spec.pod_cidrs == ("10.1.2.0/24",), "also where only the older field was written"


def test_a_list_of_several_pages_is_read_whole(
    api_server: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (watching, responses):
        monkeypatch.setattr(module, "PAGE", 2)
    create(api_server, *(pod(f"{namespace}/p{number}") for number in range(5)))
    with following("Pod", connections_of(api_server.kubeconfig)) as followed:
        [*_, listed] = [followed.until(Listed)]
    pages = followed.of(Page)
    assert {(namespace, f"p{number}") for number in range(5)} <= listed.names
    assert [len(page.objects) for page in pages[:2]] == [2, 2]
    assert sum(len(page.objects) for page in pages) == len(listed.names)


def test_a_watch_that_the_server_ends_is_opened_again(
    api_server: ControlPlane, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the server ends a watch, it sends a bookmark with the version from which the next watch continues."""
    types: list[str] = []
    read = event_of

    def noting(line: bytes) -> WatchEvent:
        event = read(line)
        types.append(event.type)
        return event

    monkeypatch.setattr(watching, "event_of", noting)
    monkeypatch.setattr(watching, "_WATCH_DURATION", (6, 6))
    with following("Namespace", connections_of(api_server.kubeconfig)) as followed:
        followed.until(Alive)
        api_server.kubectl("create", "namespace", f"{namespace}-more")
        followed.until(Alive, 2)
    assert "BOOKMARK" in types
    assert followed.of(WatchInterrupted) == []
    assert len(followed.of(Listed)) == 1


# --- the server's faults ----------------------------------------------------------------------------------------------


def test_a_watch_continues_after_the_server_was_killed_and_started_again(own_api_server: ControlPlane) -> None:
    create(own_api_server, closed("kept"))
    with following("NetworkPolicy", connections_of(own_api_server.kubeconfig)) as followed:
        followed.until(Alive)
        own_api_server.apiserver.kill()
        # A connection that breaks with the server may have other reasons.
        followed.until(WatchInterrupted, about=lambda told: "Connection refused" in told.reason)
        own_api_server.start()
        create(own_api_server, closed("new"))
        assert ("default", "new") in known(followed, until="new")


def known(followed: Followed, until: str) -> set[tuple[str, str]]:
    """The objects that a follower knows, once it knows one with the given name."""
    names: set[tuple[str, str]] = set()
    taken = 0
    while ("default", until) not in names:
        for event in followed.events[taken:]:
            taken += 1
            match event:
                case Listed():
                    names = set(event.names)
                case Upserted(object=obj):
                    names.add(name_of(obj)[1:])
                case Removed():
                    names.discard((event.namespace, event.name))
        if ("default", until) not in names:
            followed.until(Event)  # type: ignore[arg-type]
    return names


def test_a_kind_is_listed_again_after_its_version_was_compacted(own_api_server: ControlPlane) -> None:
    """An object is created and another one deleted while the server is unreachable, and nobody remembers either."""
    create(own_api_server, closed("deleted"), closed("kept"))
    kubeconfig = own_api_server.kubeconfig
    reachable = kubeconfig.read_text()
    with following("NetworkPolicy", connections_of(kubeconfig)) as followed:
        followed.until(Alive)
        kubeconfig.write_text(reachable.replace(own_api_server.url, f"https://{LOOPBACK}:{free_port(LOOPBACK)}"))
        own_api_server.apiserver.kill()
        followed.until(WatchInterrupted, 2)
        own_api_server.start()
        elsewhere = own_api_server.folder / "reachable"
        elsewhere.write_text(reachable)
        for command in (["delete", "netpol", "deleted"], ["create", "-f", "-"]):
            own_api_server.kubectl(*command, stdin=json.dumps(closed("created")), kubeconfig=elsewhere)
        own_api_server.compact()
        own_api_server.apiserver.kill()
        own_api_server.start()
        kubeconfig.write_text(reachable)
        listed = followed.until(Listed)
    assert listed.names == {("default", "kept"), ("default", "created")}
    assert any("too old resource version" in told.reason for told in followed.of(WatchInterrupted))


def test_a_kind_is_listed_again_after_the_server_was_restored_from_a_backup(own_api_server: ControlPlane) -> None:
    """The server does not refuse a watch that is ahead of it, but delivers nothing until it has caught up."""
    create(own_api_server, closed("old"))
    data, backup = own_api_server.folder / "etcd", own_api_server.folder / "backup"
    own_api_server.stop()
    shutil.copytree(data, backup)
    own_api_server.start()
    create(own_api_server, *(closed(f"lost-{number}") for number in range(300)))
    with following("NetworkPolicy", connections_of(own_api_server.kubeconfig), patience=3) as followed:
        followed.until(Alive)
        own_api_server.apiserver.kill()
        own_api_server.etcd.kill()
        shutil.rmtree(data)
        backup.rename(data)
        own_api_server.start()
        assert followed.until(Listed).names == {("default", "old")}


# --- rights and credentials -------------------------------------------------------------------------------------------


def test_a_right_that_is_missing_is_named_and_waited_for(api_server: ControlPlane) -> None:
    kubeconfig = api_server.service_account("half", ["pods"], verbs=["list"])
    with following("Pod", connections_of(kubeconfig)) as followed:
        followed.until(Listed)
        reason = followed.until(WatchInterrupted).reason
        assert 'User "system:serviceaccount:default:half" cannot watch resource "pods"' in reason
        assert "the verbs list and watch on pods are needed" in reason
        api_server.kubectl("create", "clusterrole", "other-half", "--verb=watch", "--resource=pods")
        api_server.kubectl(
            "create", "clusterrolebinding", "other-half", "--clusterrole=other-half", "--serviceaccount=default:half"
        )
        followed.until(Alive)
    assert len(followed.of(Listed)) == 1


def test_a_replaced_token_is_read_again(api_server: ControlPlane) -> None:
    kubeconfig = api_server.service_account("rotated", ["pods"])
    token = api_server.folder / "rotated.token"
    good = token.read_text()
    token.write_text("outdated")
    with following("Pod", connections_of(kubeconfig)) as followed:
        assert "the credentials are not accepted" in followed.until(WatchInterrupted).reason
        token.write_text(good)
        followed.until(Alive)


def test_a_renewed_certificate_is_read_again(api_server: ControlPlane) -> None:
    kubeconfig = api_server.user("renewed")
    with following("Pod", connections_of(kubeconfig)) as followed:
        assert 'User "renewed" cannot list resource "pods"' in followed.until(WatchInterrupted).reason
        api_server.user("renewed", group="system:masters")
        followed.until(Alive)
