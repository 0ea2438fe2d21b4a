"""Edits of policies that change nothing but what the page shows."""

from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from tests import strategies
from tests.semantics.judges import cluster_of
from tests.semantics.objects import Object

from ringfence.cluster import Cluster
from ringfence.engine.population import Reference
from ringfence.errors import InputError
from ringfence.model.documents import stored_document
from ringfence.render.formats import yaml_text
from ringfence.sets.traffic import NO_TRAFFIC, Traffic
from ringfence.web.saving import save
from ringfence.web.simulation import PolicyKey, Simulation

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-tier"
DB_POLICY = PolicyKey("NetworkPolicy", "prod", "db-policy")
Listed = dict[tuple[object, object], Traffic]


def listed(cluster: Cluster) -> Listed:
    return {(one.source, one.destination): one.traffic for one in cluster.connections()}


def text_of(simulation: Simulation, key: PolicyKey) -> str:
    (found,) = [one for one in simulation.report["policies"] if one["name"] == key.name]
    return str(found["yaml"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the example that may be written."""
    for file in EXAMPLE.glob("*.yaml"):
        (tmp_path / file.name).write_bytes(file.read_bytes())
    return tmp_path


@pytest.fixture
def simulation(folder: Path) -> Simulation:
    return Simulation(lambda: Cluster.load(folder), "example")


@given(strategies.clusters(), strategies.policies, st.booleans())
def test_an_edit_opens_and_closes_what_the_cluster_with_it_allows_more_and_less(
    objects: list[Object], other: Object, removes: bool
) -> None:
    policies = [one for one in objects if one["kind"] == "NetworkPolicy"]
    assume(policies)
    old = policies[0]
    names = old["metadata"]
    new = {**other, "metadata": {**other["metadata"], "namespace": names["namespace"], "name": names["name"]}}
    simulation = Simulation(lambda: cluster_of(objects), "random")
    before = listed(simulation.cluster)
    text = "" if removes else yaml_text(new)
    edited = simulation.edit(PolicyKey("NetworkPolicy", names["namespace"], names["name"]), text)
    assert edited.is_applied
    after = listed(cluster_of([one for one in objects if one is not old] + ([] if removes else [new])))
    found = simulation.changes()
    for pair in found.pairs:
        ends = pair.source, pair.destination
        if ends in before or ends in after:
            was, now = before.get(ends, NO_TRAFFIC), after.get(ends, NO_TRAFFIC)
            assert (pair.opens, pair.closes, pair.now) == (now - was, was - now, now)
    pairs: set[tuple[object, object]] = {(pair.source, pair.destination) for pair in found.pairs}
    for both in before.keys() & after.keys():
        if all(isinstance(end, Reference) for end in both) and both not in pairs:
            assert before[both] == after[both]
    assert listed(simulation.cluster) == before, "the cluster itself has not changed"


def test_a_text_with_errors_does_not_count_and_has_its_places_in_the_file(simulation: Simulation) -> None:
    text = text_of(simulation, DB_POLICY).replace("name: api-pod", "nme: {}")
    edited = simulation.edit(DB_POLICY, text)
    assert not edited.is_applied
    (problem,) = edited.read.problems
    assert problem.place.line == 3 + text[: text.index("nme")].count("\n")
    assert simulation.changes().pairs == ()


def test_an_object_that_is_not_a_policy_cannot_be_edited_here(simulation: Simulation) -> None:
    edited = simulation.edit(DB_POLICY, "apiVersion: v1\nkind: Namespace\nmetadata: {name: new}\n")
    assert [problem.message for problem in edited.read.problems] == ["only policies can be edited here"]


def test_the_text_as_it_was_ends_the_edit(simulation: Simulation) -> None:
    text = text_of(simulation, DB_POLICY)
    simulation.edit(DB_POLICY, text.replace("3306", "3307"))
    assert simulation.edits
    simulation.edit(DB_POLICY, text)
    assert not simulation.edits


def test_empty_lines_at_the_end_are_no_edit_and_do_not_outlast_a_save(simulation: Simulation) -> None:
    text = text_of(simulation, DB_POLICY)
    simulation.edit(DB_POLICY, f"{text}\n\n")
    assert simulation.edits == {}
    new = text.replace("3306", "3307") + "\n"
    simulation.edit(DB_POLICY, new)
    save(simulation, DB_POLICY, new)
    simulation.read_again()
    assert simulation.edits == {}


def test_a_renamed_policy_takes_the_place_of_the_old_one(simulation: Simulation) -> None:
    simulation.edit(DB_POLICY, text_of(simulation, DB_POLICY).replace("name: db-policy", "name: renamed"))
    assert simulation.changes().pairs == ()
    with simulation.asked("prod/web", "prod/db") as verdict:
        assert verdict.none
        assert "prod/renamed" in verdict.explain()


def test_the_proposed_edit_reverses_the_answer_and_keeps_the_comments_of_the_text(simulation: Simulation) -> None:
    with simulation.asked("prod/web", "prod/db") as verdict:
        assert verdict.none
        ((key, text),) = map(simulation.text_after, verdict.proposal.edits)
    assert key == DB_POLICY
    assert "# Both directions are listed" in text
    assert "# The database accepts connections" not in text, "that comment stands above the text, in the file"
    simulation.edit(key, text)
    with simulation.asked("prod/web", "prod/db") as verdict:
        assert verdict.any
        ((_, again),) = map(simulation.text_after, verdict.proposal.edits)
    assert "# Both directions are listed" in again


def test_an_edit_that_adds_a_policy_has_its_whole_text(simulation: Simulation) -> None:
    with simulation.asked("prod/web", "prod/api") as verdict:
        ((key, text),) = map(simulation.text_after, verdict.proposal.edits)
    assert key == PolicyKey("NetworkPolicy", "prod", "deny-egress-web")
    assert text.startswith("apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n")
    assert text.count("policyTypes:\n  - Egress\n") == 1


def test_saving_changes_the_lines_of_the_policy_only(simulation: Simulation, folder: Path) -> None:
    file = folder / "db-policy.yaml"
    old = file.read_text()
    text = text_of(simulation, DB_POLICY).replace("3306", "3307")
    simulation.edit(DB_POLICY, text)
    assert save(simulation, DB_POLICY, text) == f"{file}:3"
    assert file.read_text() == old.replace("3306", "3307")
    simulation.read_again()
    assert not simulation.edits
    with simulation.asked("prod/api", "prod/db") as verdict:
        assert str(verdict.traffic) == "TCP 3307"


def test_saving_keeps_the_line_ends_and_the_rights_of_a_file(folder: Path) -> None:
    file = folder / "db-policy.yaml"
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    file.chmod(0o640)
    simulation = Simulation(lambda: Cluster.load(folder), "example")
    old = file.read_bytes()
    text = text_of(simulation, DB_POLICY).replace("3306", "3307")
    simulation.edit(DB_POLICY, text)
    save(simulation, DB_POLICY, text)
    assert file.read_bytes() == old.replace(b"3306", b"3307")
    assert file.stat().st_mode & 0o777 == 0o640


def test_a_file_that_cannot_be_written_is_an_error_with_its_name(simulation: Simulation, folder: Path) -> None:
    text = text_of(simulation, DB_POLICY).replace("3306", "3307")
    simulation.edit(DB_POLICY, text)
    file = folder / "db-policy.yaml"
    file.unlink()
    with pytest.raises(InputError, match=f"{file} cannot be written: No such file or directory; nothing was saved"):
        save(simulation, DB_POLICY, text)
    file.write_bytes(b"\xff")
    with pytest.raises(InputError, match="has changed since it was read: nothing was saved"):
        save(simulation, DB_POLICY, text)


def test_a_file_that_has_changed_is_not_overwritten(simulation: Simulation, folder: Path) -> None:
    text = text_of(simulation, DB_POLICY).replace("3306", "3307")
    simulation.edit(DB_POLICY, text)
    file = folder / "db-policy.yaml"
    file.write_text("# first\n" + file.read_text())
    with pytest.raises(InputError, match="has changed since it was read: nothing was saved"):
        save(simulation, DB_POLICY, text)


def test_a_text_with_errors_is_not_saved(simulation: Simulation, folder: Path) -> None:
    old = (folder / "db-policy.yaml").read_text()
    simulation.edit(DB_POLICY, "kind: [")
    with pytest.raises(InputError, match="nothing was saved"):
        save(simulation, DB_POLICY, "kind: [")
    assert (folder / "db-policy.yaml").read_text() == old


def test_a_policy_that_is_in_no_file_cannot_be_saved() -> None:
    cluster = Cluster.load(EXAMPLE)
    (policy,) = cluster.policies()
    live = Cluster()
    live.upsert(stored_document(policy))
    simulation = Simulation(lambda: live, "live")
    text = text_of(simulation, DB_POLICY).replace("3306", "3307")
    simulation.edit(DB_POLICY, text)
    with pytest.raises(InputError, match="is not in a file that can be written"):
        save(simulation, DB_POLICY, text)


def test_a_policy_that_is_not_there_cannot_be_edited(simulation: Simulation) -> None:
    with pytest.raises(InputError, match="there is no such policy"):
        simulation.edit(PolicyKey("NetworkPolicy", "prod", "gone"), "")


def test_edits_stay_when_other_files_change_and_end_when_theirs_says_the_same(
    simulation: Simulation, folder: Path
) -> None:
    text = text_of(simulation, DB_POLICY).replace("3306", "3307")
    simulation.edit(DB_POLICY, text)
    (folder / "more.yaml").write_text("{apiVersion: v1, kind: Namespace, metadata: {name: more}}\n")
    simulation.read_again()
    assert list(simulation.edits) == [DB_POLICY]
    file = folder / "db-policy.yaml"
    file.write_text(file.read_text().replace("3306", "3307"))
    simulation.read_again()
    assert not simulation.edits
