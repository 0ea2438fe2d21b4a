"""The comments of a YAML document, by the fields at which they stand."""

from pathlib import Path

import pytest

from ringfence import Cluster
from ringfence.model.cluster_policies import PolicyTier
from ringfence.model.origin import Origin
from ringfence.model.yaml_text import Comment, Comments
from ringfence.sources.manifests import comments_of

POLICY = """\
# Of the network team.

kind: AdminNetworkPolicy # the older kind
apiVersion: policy.networking.k8s.io/v1alpha1
metadata:
  name: guard
  annotations:
    text: |
      # no comment
    plain: "a # b" # a comment
spec: # all of it
  # before a field
  priority: 5   # at its end
  subject: {namespaces: {}} # of a flow mapping
  ingress:
  # before an item
  # of a list
  - action: Deny # in an item
    from: [{namespaces: {}}]  # of a flow list
  # at the end
"""


def found(tmp_path: Path, text: str) -> Comments:
    file = tmp_path / "policies.yaml"
    file.write_text(text)
    (policy,) = Cluster.load(file).state.policies.cluster_policies(PolicyTier.ADMIN)
    assert policy.origin
    return comments_of(policy.origin)


def test_comments_stand_at_fields(tmp_path: Path) -> None:
    assert found(tmp_path, POLICY) == {
        "kind": Comment((), "# the older kind"),
        "apiVersion": Comment(("# Of the network team.",)),
        "metadata.annotations.plain": Comment((), "# a comment"),
        "spec": Comment((), "# all of it"),
        "spec.priority": Comment(("# before a field",), "# at its end"),
        "spec.subject": Comment((), "# of a flow mapping"),
        "spec.ingress[0]": Comment(("# before an item", "# of a list"), "# in an item"),
        "spec.ingress[0].from": Comment((), "# of a flow list"),
        "": Comment(("# at the end",)),
    }


@pytest.mark.parametrize("before", ["# of another\nkind: Pod\nmetadata: {name: a}\n# its end\n---\n", "\ufeff"])
def test_other_documents_have_comments_of_their_own(tmp_path: Path, before: str) -> None:
    assert found(tmp_path, before + POLICY + "---\n# of the next\n") == found(tmp_path, POLICY)


def test_an_item_of_a_list_has_its_own(tmp_path: Path) -> None:
    indented = "".join(f"  {line}\n" for line in POLICY.splitlines()[2:])
    text = "apiVersion: v1\nkind: List\nitems:\n# the first\n-" + indented[1:]
    comments = dict(found(tmp_path, text))
    assert comments["spec.priority"] == Comment(("# before a field",), "# at its end")


def test_json_has_none(tmp_path: Path) -> None:
    policy = """{"apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "AdminNetworkPolicy",
      "metadata": {"name": "guard"}, "spec": {"priority": 1, "subject": {"namespaces": {"matchLabels": {"a": "b"}}}}}"""
    assert {path: one for path, one in found(tmp_path, policy).items() if one != Comment()} == {}


@pytest.mark.parametrize("file", ["STDIN", "https://api.example.com:6443", "a\0b"])
def test_what_is_no_file_has_none(file: str) -> None:
    assert comments_of(Origin(file, 1)) == {}
