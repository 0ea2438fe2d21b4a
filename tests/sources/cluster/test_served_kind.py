"""Kinds of custom resources, whose definitions come and go: what watches and checks make of a server's refusals."""

import json
from pathlib import Path

import pytest
from tests.waiting import eventually

from ringfence.model.kinds import KINDS, Kind
from ringfence.sources.cluster.definition_checks import DefinitionChecks
from ringfence.sources.cluster.delivered import ALL
from ringfence.sources.cluster.events import Alive, Listed, Served, Unchecked, WatchInterrupted
from ringfence.sources.cluster.listing import RESOURCES
from ringfence.sources.cluster.responses import ApiStatusError
from ringfence.sources.cluster.served_kind import NotServed, ServedKind
from ringfence.sources.cluster.watch_events import ObjectKey
from ringfence.sources.cluster.watching import Watch

from .fake_api_server import Answer, FakeApiServer, Then, connections_to, list_of, refuse, say, serving, told_by
from .fake_api_server import watch as a_watch
from .following import PATIENCE, Followed
from .test_freshness import checking
from .test_unread_policies import resources

GROUP = "policy.networking.k8s.io"
KIND = f"ClusterNetworkPolicy.{GROUP}"
PLURAL = "clusternetworkpolicies"
PATH = f"/apis/{GROUP}/v1alpha2/{PLURAL}"

NOT_FOUND = refuse(404, "the server could not find the requested resource")
FORBIDDEN = refuse(403, f"{PLURAL}.{GROUP} is forbidden")


def group(*versions: str) -> Answer:
    """The versions that the group has."""
    named = [{"groupVersion": f"{GROUP}/{version}"} for version in versions]
    return say(json.dumps({"name": GROUP, "versions": named}).encode())


def a_policy(name: str, version: str = "5") -> dict[str, object]:
    return {"metadata": {"name": name, "resourceVersion": version}}


def row() -> Kind:
    found = KINDS.keyed(KIND)
    assert found
    return found


def paths(server: FakeApiServer) -> list[str]:
    return [asked.path for asked in server.asked]


@pytest.mark.parametrize("refusal", [NOT_FOUND, FORBIDDEN], ids=["not found", "forbidden"])
@pytest.mark.parametrize(
    "discovered",
    [
        pytest.param((refuse(404, "no such group"),), id="no such group"),
        pytest.param((group("v1alpha1"), resources("adminnetworkpolicies")), id="a group without the kind"),
    ],
)
def test_a_kind_that_is_nowhere(tmp_path: Path, refusal: Answer, discovered: tuple[Answer, ...]) -> None:
    """A user who may not list a kind is refused before the server finds that it has no such kind."""
    with told_by(tmp_path, refusal, *discovered, kind=KIND) as (server, followed):
        followed.until(Alive)
        assert followed.events == [Served(KIND, ""), Listed(KIND, frozenset()), Alive(KIND)]
        assert followed.watch.is_absent
        assert paths(server)[0] == PATH


@pytest.mark.parametrize("refusal", [NOT_FOUND, FORBIDDEN], ids=["not found", "forbidden"])
def test_a_refusal_of_a_kind_that_is_there_is_an_interruption(tmp_path: Path, refusal: Answer) -> None:
    answers = refusal, group("v1alpha2"), resources(PLURAL), list_of(a_policy("a"))
    with told_by(tmp_path, *answers, kind=KIND) as (_, followed):
        interrupted = followed.until(WatchInterrupted)
        assert followed.events == [interrupted], "nothing is known of its objects"
        assert followed.until(Listed).names == {("", "a")}


def test_who_may_not_list_it_learns_which_right_is_missing(tmp_path: Path) -> None:
    with told_by(tmp_path, FORBIDDEN, group("v1alpha2"), resources(PLURAL), kind=KIND) as (server, followed):
        assert followed.until(WatchInterrupted).reason == (
            f"{server.url}: {PLURAL}.{GROUP} is forbidden: the verbs list and watch on {PLURAL}.{GROUP} are needed"
        )


def test_discovery_that_fails_is_no_absence(tmp_path: Path) -> None:
    with told_by(tmp_path, NOT_FOUND, refuse(503, "starting"), list_of(), kind=KIND) as (_, followed):
        assert "starting" in followed.until(WatchInterrupted).reason
        assert followed.until(Served) == Served(KIND, f"{GROUP}/v1alpha2")


def test_a_kind_that_is_there_under_a_later_version_only_is_read_from_there(tmp_path: Path) -> None:
    answers = NOT_FOUND, group("v1beta1"), resources(PLURAL), list_of(a_policy("a"))
    with told_by(tmp_path, *answers, kind=KIND) as (server, followed):
        assert followed.until(Served).api_version == f"{GROUP}/v1beta1"
        followed.until(Alive)
        assert paths(server)[-2:] == [PATH.replace("v1alpha2", "v1beta1")] * 2, "the list, and the watch"


def test_a_version_that_is_known_is_preferred(tmp_path: Path) -> None:
    served = ServedKind(row())
    served.api_version = f"{GROUP}/v1beta1"
    answers = group("v1beta1", "v1alpha2"), resources(PLURAL), resources(PLURAL)
    with serving(*answers) as server, connections_to(server.url, tmp_path).client() as client:
        with pytest.raises(NotServed), served.asking(client):
            raise ApiStatusError(404, "not found")
        assert served.path() == PATH


def test_kinds_that_every_server_has_are_never_absent(tmp_path: Path) -> None:
    with told_by(tmp_path, NOT_FOUND, list_of()) as (_, followed):
        followed.until(WatchInterrupted)
        followed.until(Listed)
        assert not followed.of(Served)


def test_a_watch_that_is_refused_because_the_definition_is_gone(tmp_path: Path) -> None:
    answers = list_of(a_policy("a")), a_watch(then=Then.END), NOT_FOUND, refuse(404, "no such group")
    with told_by(tmp_path, *answers, kind=KIND) as (_, followed):
        followed.until(Listed)
        assert followed.until(Listed).names == frozenset()
        assert [one.api_version for one in followed.of(Served)] == [f"{GROUP}/v1alpha2", ""]


def test_a_definition_that_was_made_again_is_listed_anew(tmp_path: Path) -> None:
    """Between the refusal and the question where the kind is, somebody has created it again."""
    answers = list_of(a_policy("a")), NOT_FOUND, group("v1alpha2"), resources(PLURAL), list_of(a_policy("b"))
    with told_by(tmp_path, *answers, kind=KIND) as (_, followed):
        followed.until(Listed)
        followed.until(WatchInterrupted)
        assert followed.until(Listed).names == {("", "b")}


class TestAWatchThatWaits:
    ABSENT = NOT_FOUND, refuse(404, "no such group")

    def test_lists_when_it_is_to_look_again(self, tmp_path: Path) -> None:
        with told_by(tmp_path, *self.ABSENT, list_of(a_policy("a")), kind=KIND) as (_, followed):
            followed.until(Alive)
            followed.watch.look_again()
            assert followed.until(Listed).names == {("", "a")}
            assert not followed.watch.is_absent

    @pytest.mark.parametrize("wanted", ["relist", "reopen"])
    def test_answers_a_second_look_and_a_check_that_finds_it_behind(self, tmp_path: Path, wanted: str) -> None:
        with told_by(tmp_path, *self.ABSENT, *self.ABSENT, kind=KIND) as (_, followed):
            followed.until(Alive)
            if wanted == "relist":
                followed.watch.relist()
            else:
                assert not followed.watch.reopen(must_list=True)
            assert followed.until(Listed).names == frozenset()

    def test_is_woken_by_a_check_that_finds_the_definition(self, tmp_path: Path) -> None:
        found = group("v1alpha2"), resources(PLURAL)
        with told_by(tmp_path, *self.ABSENT, refuse(404, "none"), *found, list_of(), kind=KIND) as (server, followed):
            followed.until(Alive)
            checks = DefinitionChecks([followed.watch], connections_to(server.url, tmp_path))
            checks.check()
            assert not followed.rest(), "there is still none"
            checks.check()
            assert followed.until(Served).api_version == f"{GROUP}/v1alpha2"

    def test_reports_what_keeps_a_check_from_an_answer(self, tmp_path: Path) -> None:
        with told_by(tmp_path, *self.ABSENT, refuse(500, "ill"), refuse(500, "ill"), kind=KIND) as (server, followed):
            followed.until(Alive)
            DefinitionChecks([followed.watch], connections_to(server.url, tmp_path)).check()
            assert "ill" in followed.until(WatchInterrupted).reason

    def test_costs_one_question_for_each_group(self, tmp_path: Path) -> None:
        followed, kinds = Followed(), [one for one in RESOURCES if one.row.is_custom]
        with serving(refuse(404, "none"), refuse(404, "none")) as server:
            api_server = connections_to(server.url, tmp_path)
            watches = [Watch(one, api_server, followed.deliver) for one in kinds]
            for one in watches:
                one.is_absent = True
            DefinitionChecks(watches, api_server).check()
            assert paths(server) == [f"/apis/{GROUP}", "/apis/networking.k8s.aws"]


class TestFreshness:
    """A new pod is released only when all policies are known, those of a kind that has just come included."""

    NOWHERE = NOT_FOUND, refuse(404, "no such group")

    def test_of_a_kind_that_is_nowhere_everything_is_known(self, tmp_path: Path) -> None:
        with checking(tmp_path, *self.NOWHERE, kinds=(KIND,)) as checked:
            checked.checks.request("shop")
            assert checked.caught_up() == {(KIND, ALL)}

    def test_policies_that_the_watch_has_not_delivered_are_awaited(self, tmp_path: Path) -> None:
        """The definition exists, but the watch has not looked again yet: the check makes it look."""
        with checking(tmp_path, list_of(a_policy("a")), kinds=(KIND,)) as checked:
            checked.watches[KIND].is_absent = True
            checked.checks.request("shop")
            assert eventually(checked.watches[KIND]._look_again.is_set, PATIENCE)
            assert not checked.followed.rest()
            checked.delivered(KIND).record(ObjectKey("", "a", "5"), exists=True)
            assert checked.caught_up() == {(KIND, ALL)}

    def test_policies_whose_definition_is_gone_are_known_to_be_gone_when_the_watch_knows(self, tmp_path: Path) -> None:
        with checking(tmp_path, *self.NOWHERE, kinds=(KIND,)) as checked:
            checked.delivered(KIND).record(ObjectKey("", "a", "5"), exists=True)
            checked.checks.request("shop")
            assert eventually(lambda: checked.delivered(KIND).expected_since is not None, PATIENCE)
            assert not checked.followed.rest()
            checked.delivered(KIND).record_list("", (), 0.0)
            assert checked.caught_up() == {(KIND, ALL)}

    def test_a_kind_that_may_not_be_listed_is_not_known(self, tmp_path: Path) -> None:
        with checking(tmp_path, FORBIDDEN, group("v1alpha2"), resources(PLURAL), kinds=(KIND,)) as checked:
            checked.checks.request("shop")
            assert "is forbidden" in checked.followed.until(Unchecked).reason

    def test_a_later_version_is_asked_for_where_it_is(self, tmp_path: Path) -> None:
        answers = NOT_FOUND, group("v1beta1"), resources(PLURAL), list_of()
        with checking(tmp_path, *answers, kinds=(KIND,)) as checked:
            checked.checks.request("shop")
            assert checked.caught_up() == {(KIND, ALL)}
            assert paths(checked.server)[-1] == PATH.replace("v1alpha2", "v1beta1")
