"""Policies of other projects in a live cluster: only what the server has is listed, and what cannot be is in doubt."""

import json
from collections.abc import Sequence
from pathlib import Path

from ringfence.model.unread_kinds import UNREAD_KINDS
from ringfence.sources.cluster.discovery import Discovery
from ringfence.sources.cluster.unread_policies import unread_policies
from ringfence.sources.loaded_objects import LoadedObjects, collect

from .fake_api_server import Answer, connections_to, list_of, refuse, say, serving

POLICY = {"metadata": {"namespace": "shop", "name": "p"}, "spec": {}}


def groups(*names: str) -> Answer:
    """Groups with one version, or several: `GROUP/v1,v2`."""
    found = []
    for group, _, versions in (name.partition("/") for name in names):
        served = [{"groupVersion": f"{group}/{version}"} for version in versions.split(",")]
        found.append({"name": group, "versions": served})
    return say(json.dumps({"groups": found}).encode())


def resources(*plurals: str) -> Answer:
    return say(json.dumps({"resources": [{"name": plural} for plural in plurals]}).encode())


def read_from(folder: Path, *answers: Answer) -> tuple[LoadedObjects, Sequence[str]]:
    """What is read from a server with these answers, and the paths that it was asked for."""
    with serving(*answers) as server, connections_to(server.url, folder).client() as client:
        loaded = collect(unread_policies(client, Discovery(client), server.url))
    return loaded, [asked.path for asked in server.asked]


def test_a_server_without_other_projects_is_asked_for_its_groups_only(tmp_path: Path) -> None:
    loaded, asked = read_from(tmp_path, groups("apps/v1", "batch/v1"))
    assert asked == ["/apis"]
    assert (loaded.unread, loaded.problems, loaded.unlisted) == ([], [], [])


def test_a_kind_is_listed_in_the_version_that_has_it(tmp_path: Path) -> None:
    loaded, asked = read_from(
        tmp_path,
        groups("k8s.ovn.org/v1alpha1,v1"),
        resources("somethingelse"),
        resources("egressfirewalls", "egressfirewalls/status"),
        list_of(POLICY),
    )
    assert asked[1:] == ["/apis/k8s.ovn.org/v1alpha1", "/apis/k8s.ovn.org/v1", "/apis/k8s.ovn.org/v1/egressfirewalls"]
    (unread,) = loaded.unread
    assert unread.written == {"apiVersion": "k8s.ovn.org/v1", "kind": "EgressFirewall", **POLICY}


def test_a_group_without_the_kind_has_no_policies_of_it(tmp_path: Path) -> None:
    loaded, _ = read_from(tmp_path, groups("k8s.ovn.org/v1"), resources("egressips"))
    assert (loaded.unread, loaded.problems, loaded.unlisted) == ([], [], [])


def test_a_kind_that_cannot_be_listed_is_in_doubt(tmp_path: Path) -> None:
    answers = groups("k8s.ovn.org/v1"), resources("egressfirewalls"), refuse(403, "you may not")
    loaded, _ = read_from(tmp_path, *answers)
    assert [one.message for one in loaded.problems] == [
        "policies of kind EgressFirewall.k8s.ovn.org are left out: you may not"
    ]
    (unlisted,) = loaded.unlisted
    assert (unlisted.kind, unlisted.name, unlisted.only_outside) == ("EgressFirewall.k8s.ovn.org", "", True)


def test_a_group_whose_server_is_down_is_in_doubt(tmp_path: Path) -> None:
    loaded, _ = read_from(tmp_path, groups("k8s.ovn.org/v1"), refuse(503, "no endpoints available"))
    assert [one.kind for one in loaded.unlisted] == ["EgressFirewall.k8s.ovn.org"]


def test_without_discovery_every_kind_is_in_doubt_that_changes_something(tmp_path: Path) -> None:
    loaded, _ = read_from(tmp_path, refuse(403, "you may not"))
    assert [one.message for one in loaded.problems] == ["policies of other projects are left out: you may not"]
    assert {one.kind for one in loaded.unlisted} == {
        kind.key for kind in UNREAD_KINDS if not kind.name.startswith("Staged")
    }


def test_a_server_that_has_no_groups_at_all(tmp_path: Path) -> None:
    loaded, _ = read_from(tmp_path, refuse(404, "unknown"))
    assert (loaded.problems, loaded.unlisted) == ([], [])
