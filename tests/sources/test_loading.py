"""What every source makes of an object: a manifest, a problem, or something that has no meaning here."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from tests.model.artificial_kind import ClusterPolicy, registered
from tests.sources.manifests.texts import names, problems, read

from ringfence import Cluster
from ringfence.model.kinds import KINDS
from ringfence.model.objects import Manifest, NetworkPolicy, Pod
from ringfence.model.operated_kinds import OperatedObject
from ringfence.model.origin import FieldRanges, Origin, Place, Range
from ringfence.model.problems import Problem, ProblemCode, Severity
from ringfence.sources.loaded_objects import Skipped, UnreadManifest, Unrelated, collect
from ringfence.sources.loading import inherit, is_list, item_kind, read_object
from ringfence.sources.object_problems import name_of

OTHER_KINDS_OF_KUBERNETES = {
    "v1": "Binding ComponentStatus ConfigMap Event LimitRange List PersistentVolume PersistentVolumeClaim "
    "PodTemplate ResourceQuota Secret ServiceAccount",
    "apps/v1": "ControllerRevision",
    "batch/v1": "JobTemplate",
    "networking.k8s.io/v1": "IngressClass IPAddress ServiceCIDR",
    "node.k8s.io/v1": "RuntimeClass",
    "policy/v1": "PodDisruptionBudget",
    "rbac.authorization.k8s.io/v1": "ClusterRole ClusterRoleBinding Role RoleBinding",
    "scheduling.k8s.io/v1": "PriorityClass",
    "storage.k8s.io/v1": "CSIDriver CSINode StorageClass VolumeAttachment",
}
ORIGIN = Origin("f.yaml", 3)
FIELDS = {
    "": FieldRanges(Range(3, 1, 9, 1)),
    "apiVersion": FieldRanges(Range(3, 13, 3, 20), Range(3, 1, 3, 11)),
    "spec": FieldRanges(Range(7, 3, 9, 1), Range(6, 1, 6, 5)),
}


def found(tree: object) -> list[Any]:
    return list(read_object(tree, ORIGIN, lambda: FIELDS))


def never() -> dict[str, FieldRanges]:
    raise AssertionError("these places are not needed")


def policy(**spec: object) -> dict[str, Any]:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "a"}, "spec": spec}


class TestAnObject:
    def test_a_policy_has_the_places_of_its_fields(self) -> None:
        (manifest,) = found(policy())
        assert isinstance(manifest.object, NetworkPolicy)
        assert manifest.origin == Origin("f.yaml", 3, fields=FIELDS)

    def test_another_object_has_none_and_they_are_not_looked_for(self) -> None:
        (manifest,) = read_object({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}}, ORIGIN, never)
        assert isinstance(manifest, Manifest)
        assert isinstance(manifest.object, Pod)
        assert manifest.origin == ORIGIN

    def test_a_wrong_value_is_a_problem_in_its_place(self) -> None:
        (problem,) = found({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": 5})
        assert (problem.place, problem.code) == (Place("f.yaml", 6, 1, 9, 1), ProblemCode.WRONG_TYPE)
        (problem,) = found({**policy(), "spec": 5})
        assert (problem.place, problem.code) == (Place("f.yaml", 6, 1, 9, 1), ProblemCode.WRONG_TYPE)

    def test_a_policy_with_an_unknown_field_does_not_count(self) -> None:
        assert found(policy(form=1)) == [
            Problem(
                Place("f.yaml", 6, 1, 9, 1),
                ProblemCode.UNKNOWN_FIELD,
                'strict decoding error: unknown field "spec.form"',
                object="NetworkPolicy a",
            )
        ]

    def test_a_kind_without_a_meaning_is_skipped(self) -> None:
        assert found({"apiVersion": "v1", "kind": "ConfigMap"}) == [Skipped("ConfigMap")]
        assert found({"apiVersion": "crd.example.com/v1", "kind": "Thing"}) == [Skipped("Thing.crd.example.com")]

    def test_a_policy_that_is_not_read_is_found_with_its_place(self) -> None:
        (unread,) = found({"apiVersion": "cilium.io/v2", "kind": "CiliumNetworkPolicy", "metadata": {"name": "a"}})
        assert isinstance(unread, UnreadManifest)
        assert (unread.kind, unread.place) == ("CiliumNetworkPolicy.cilium.io", Place("f.yaml", 3))
        loaded = collect([unread])
        assert (loaded.unread, loaded.skipped) == ([unread], {"CiliumNetworkPolicy.cilium.io": 1})

    @pytest.mark.parametrize(
        ("tree", "code", "message"),
        [
            ([{"kind": "Pod"}], "not-an-object", "an object is expected here, not a list"),
            ("kind:Pod apiVersion:v1", "not-an-object", "an object is expected here, not a text"),
            ({"metadata": {}}, "missing-type", "error validating data: apiVersion not set, kind not set"),
            ({"Kind": "Pod"}, "missing-type", "error validating data: apiVersion not set, kind not set"),
            ({"kind": "Pod", "apiVersion": ""}, "missing-type", "error validating data: apiVersion not set"),
            ({"kind": 5, "apiVersion": "v1"}, "wrong-type", "error validating data: apiVersion and kind must be strings"),  # noqa: E501
            (
                {"kind": "NetworkPolicy", "apiVersion": "v1"},
                "unknown-version",
                'no matches for kind "NetworkPolicy" in version "v1" (it is in networking.k8s.io/v1)',
            ),
            (
                {"kind": "Deployment", "apiVersion": "apps/v3"},
                "unknown-version",
                'no matches for kind "Deployment" in version "apps/v3" (it is in apps/v1)',
            ),
        ],
    )  # fmt: skip
    def test_what_cannot_be_used(self, tree: object, code: str, message: str) -> None:
        (problem,) = found(tree)
        assert (problem.code, problem.message, problem.severity) == (code, message, Severity.ERROR)

    @pytest.mark.parametrize(
        "tree",
        [
            pytest.param([], id="an empty list"),
            pytest.param([{"op": "add", "path": "/spec", "value": 1}], id="a JSON patch"),
            pytest.param("Apply this kind of policy.", id="a text"),
            pytest.param(5, id="a number"),
            pytest.param({}, id="nothing"),
            pytest.param({"image": {"tag": "1"}, "ingress": {"enabled": True}}, id="the values of a chart"),
            pytest.param({"on": "push", "jobs": {}}, id="a workflow"),
            pytest.param({"apiVersion": "v2", "name": "shop", "version": "0.1.0"}, id="a chart"),
        ],
    )
    def test_what_does_not_look_like_an_object_is_counted(self, tree: object) -> None:
        assert found(tree) == [Unrelated("f.yaml", 0)]

    @pytest.mark.parametrize("item", [None, 5, "x", []])
    def test_in_a_list_of_objects_everything_has_to_be_one(self, item: object) -> None:
        (problem,) = read_object(item, ORIGIN, lambda: FIELDS, in_list=True)
        assert isinstance(problem, Problem)
        assert problem.code == ProblemCode.NOT_AN_OBJECT

    @pytest.mark.parametrize(
        ("api_version", "kind", "meant", "concern"),
        [
            ("networking.k8s.io/v1", "Networkpolicy", "NetworkPolicy", True),
            ("networking.k8s.io/v1", "networkpolicies", "NetworkPolicy", True),
            ("networking.k8s.io/v1", "NetworkPolicies", "NetworkPolicy", True),
            ("networking.k8s.io/v1", "NetworkPolcy", "NetworkPolicy", True),
            ("networking.k8s.io/v2", "networkPolicy", "NetworkPolicy", True),
            ("extensions/v1beta1", "NetworkPolicys", "NetworkPolicy", True),
            ("networking.k8s.oi/v1", "NetworkPolicy", "networking.k8s.io/v1", True),
            ("networking.K8S.IO/v1", "NetworkPolicy", "networking.k8s.io/v1", True),
            ("apps/v1", "deployment", "Deployment", False),
            ("v1", "namespace", "Namespace", True),
        ],
    )
    def test_a_misspelt_kind_or_group_is_an_error(self, api_version: str, kind: str, meant: str, concern: bool) -> None:
        (problem,) = found({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}})
        assert (problem.code, problem.severity) == (ProblemCode.UNKNOWN_KIND, Severity.ERROR)
        message = f'no matches for kind "{kind}" in version "{api_version}": did you mean {meant}?'
        assert (problem.message, problem.may_concern_policies) == (message, concern)

    @pytest.mark.parametrize(
        ("api_version", "kind"),
        [
            ("crd.antrea.io/v1beta1", "ClusterNetworkPolicy"),
            ("crd.projectcalico.org/v1", "NetworkPolicy"),
            ("projectcalico.org/v3", "GlobalNetworkPolicy"),
            ("cilium.io/v2", "CiliumNetworkPolicy"),
            ("k8s.cni.cncf.io/v1beta1", "MultiNetworkPolicy"),
            ("networking.gke.io/v1", "FQDNNetworkPolicy"),
            ("batch.volcano.sh/v1alpha1", "Job"),
            ("serving.knative.dev/v1", "Service"),
            ("networking.k8s.io/v1", "NetworkPolicyList"),
            ("networking.istio.io/v1", "ServiceEntry"),
            *((version, kind) for version, kinds in OTHER_KINDS_OF_KUBERNETES.items() for kind in kinds.split()),
        ],
    )
    def test_a_kind_of_another_system_is_not_misspelt(self, api_version: str, kind: str) -> None:
        (one,) = found({"apiVersion": api_version, "kind": kind, "metadata": {"name": "a"}})
        assert isinstance(one, Skipped | UnreadManifest | OperatedObject)

    def test_an_old_version_is_read_and_kept(self) -> None:
        (manifest,) = found({**policy(), "apiVersion": "extensions/v1beta1"})
        assert isinstance(manifest.object, NetworkPolicy)
        assert manifest.api_version == "extensions/v1beta1"
        assert manifest.origin.at("apiVersion") == Place("f.yaml", 3, 1, 3, 20)

    def test_a_policy_of_an_unknown_group_is_skipped_with_a_warning(self) -> None:
        warning, skipped = found({"apiVersion": "crd.example.com/v1", "kind": "NetworkPolicy"})
        assert (warning.code, warning.severity) == (ProblemCode.UNKNOWN_KIND, Severity.WARNING)
        assert warning.message == (
            "NetworkPolicy of crd.example.com/v1 is not read; that of Kubernetes is in networking.k8s.io/v1"
        )
        assert skipped == Skipped("NetworkPolicy.crd.example.com")


class TestNames:
    @pytest.mark.parametrize(
        ("tree", "name"),
        [
            ({"kind": "Pod", "metadata": {"name": "a", "namespace": "x"}}, "Pod x/a"),
            ({"kind": "Pod", "metadata": {"generateName": "a-"}}, "Pod a-"),
            ({"kind": "Pod", "metadata": 5}, "Pod"),
            ({"metadata": {"name": "a"}}, "a"),
            ({"kind": None}, ""),
            ({"kind": "Pod", "metadata": {"name": 5, "namespace": ["x"]}}, 'Pod ["x"]/5'),
            ({"kind": "Pod", "metadata": {"name": "a", "namespace": True}}, "Pod true/a"),
        ],
    )
    def test_an_object_is_called_what_it_says(self, tree: dict[str, object], name: str) -> None:
        assert name_of(tree) == name


class TestLists:
    def test_a_kind_that_is_read_is_not_a_list_even_with_items(self) -> None:
        assert is_list("List")
        assert is_list("PodList")
        assert is_list(None)
        assert not is_list("Pod")
        assert not is_list("NetworkPolicy")

    def test_items_that_do_not_say_it_are_of_the_kind_of_their_list(self) -> None:
        assert item_kind("PodList") == "Pod"
        assert item_kind("List") == ""
        assert item_kind(5) == ""
        item: dict[str, object] = {"metadata": {}}
        inherit(item, "v1", "Pod")
        assert item == {"metadata": {}, "apiVersion": "v1", "kind": "Pod"}

    @pytest.mark.parametrize("item", [{"kind": "Service"}, {"apiVersion": "v2"}, 5, None])
    def test_items_that_say_it_keep_their_kind(self, item: object) -> None:
        before = dict(item) if isinstance(item, dict) else item
        inherit(item, "v1", "Pod")
        assert item == before


def test_findings_are_sorted_by_what_they_are() -> None:
    problem = Problem(Place("f"), ProblemCode.NOT_UTF8, "wrong")
    (manifest,) = found(policy())
    loaded = collect([Skipped("A"), problem, manifest, Skipped("B"), Skipped("A")])
    assert (loaded.manifests, loaded.problems, loaded.skipped) == ([manifest], [problem], {"A": 2, "B": 1})


def test_documents_without_an_object_are_counted_once() -> None:
    assert collect([Unrelated("a", 0), Unrelated("a", 0), Unrelated("a", 1), Unrelated("b", 0)]).unrelated == 3


ROBOT = """\
apiVersion: policy.example.com/v1
kind: NetworkPolicy
metadata: {name: a}
spec:
  priority: 7
"""


class TestAnotherKindOfPolicy:
    """A row in the table is all that reading needs, although another group has a kind of the same name."""

    @pytest.fixture(autouse=True)
    def kind(self) -> Iterator[None]:
        with registered():
            yield

    @pytest.fixture(params=["yaml", "json", "json list", "yaml list"])
    def form(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    def written(self, text: str, form: str) -> str:
        """The YAML text in another form."""
        import yaml

        if form == "yaml":
            return text
        tree = yaml.safe_load(text)
        if form == "json":
            return json.dumps(tree, indent=1)
        listed = {"apiVersion": "v1", "kind": "List", "items": [tree]}
        return json.dumps(listed, indent=1) if form == "json list" else yaml.safe_dump(listed, sort_keys=False)

    def test_it_is_read_with_the_places_of_its_fields(self, form: str) -> None:
        text = self.written(ROBOT, form)
        (manifest,) = read(text).manifests
        assert isinstance(manifest.object, ClusterPolicy)
        assert manifest.object.spec.priority == 7
        assert "priority" in text.splitlines()[manifest.origin.at("spec.priority").line - 1]

    def test_its_unknown_fields_are_problems(self, form: str) -> None:
        text = self.written(ROBOT.replace("priority", "priorty"), form)
        loaded = read(text)
        (problem,) = loaded.problems
        assert loaded.manifests == []
        assert problem.message == 'strict decoding error: unknown field "spec.priorty"'
        assert "priorty" in text.splitlines()[problem.place.line - 1]

    def test_a_value_of_the_wrong_type_is_a_problem(self, form: str) -> None:
        (problem,) = read(self.written(ROBOT.replace("7", "high"), form)).problems
        assert problem.code == ProblemCode.WRONG_TYPE
        assert "ClusterPolicySpec.spec.priority of type int32" in problem.message

    def test_second_keys_are_warned_of(self) -> None:
        text = (
            '{"apiVersion": "policy.example.com/v1", "kind": "NetworkPolicy", "metadata": {"name": "a", "name": "b"}}'
        )
        assert names(read(text)) == ["b"]
        assert [problem.code for problem in read(text).problems] == [ProblemCode.DUPLICATE_KEY]

    def test_an_old_version_is_read(self, form: str) -> None:
        loaded = read(self.written(ROBOT.replace("/v1", "/v1alpha1"), form))
        assert names(loaded) == ["a"]
        assert loaded.problems == []
        assert [one.api_version for one in loaded.manifests] == ["policy.example.com/v1alpha1"]

    def test_a_version_that_its_group_does_not_have_is_a_problem(self, form: str) -> None:
        assert problems(read(self.written(ROBOT.replace("/v1", "/v9"), form)))[0].endswith(
            'no matches for kind "NetworkPolicy" in version "policy.example.com/v9" (it is in policy.example.com/v1)'
        )

    def test_the_kind_of_another_group_is_read_as_its_own(self, form: str) -> None:
        other = ROBOT.replace("policy.example.com", "networking.k8s.io").replace("priority: 7", "podSelector: {}")
        (manifest,) = read(self.written(other, form)).manifests
        assert isinstance(manifest.object, NetworkPolicy)

    def test_a_cluster_defaults_and_validates_it(self, tmp_path: Any) -> None:
        texts = (
            ROBOT,
            ROBOT.replace("priority: 7", "{}").replace("name: a", "name: b"),
            ROBOT.replace("7", "2000").replace("name: a", "name: c"),
            ROBOT.replace("7", "1000").replace("name: a", "name: d"),
            ROBOT.replace("policy.example.com", "networking.k8s.io").replace("priority: 7", "podSelector: {}"),
            ROBOT.replace("7", "8"),
        )
        (tmp_path / "f.yaml").write_text("---\n".join(texts))
        taken: list[Any] = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("ringfence.engine.state.State.upsert", lambda state, obj, origin=None: taken.append(obj))
            cluster = Cluster.load(tmp_path)
        assert [(obj.metadata.name, getattr(obj.spec, "priority", None)) for obj in taken] == [
            ("a", 7),
            ("b", 500),
            ("d", 1000),
            ("a", None),
            ("a", 8),
        ]
        file, kind = f"{tmp_path}/f.yaml", "NetworkPolicy.policy.example.com"
        assert [str(problem) for problem in cluster.problems] == [
            f"{file}:17: error: {kind} c: spec.priority: Invalid value: 2000: must be at most 1000",
            f"{file}:23: warning: {kind} d: spec.priority: is the highest",
            f"{file}:31: warning: {kind} a: defined before at {file}:1; this one counts",
        ]
        assert {KINDS.of(obj).group for obj in taken} == {"policy.example.com", "networking.k8s.io"}
        assert msgspec.to_builtins(taken[0])["metadata"]["name"] == "a"
