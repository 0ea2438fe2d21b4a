"""`get` and `describe` print the policies of a real API server as the real kubectl does."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ringfence.model.documents import stored_list
from ringfence.model.objects import NetworkPolicy
from ringfence.render.descriptions import TableOptions
from ringfence.render.formats import json_text, yaml_text
from ringfence.render.policies import description, names_text, policy_table
from tests.strategies import policies

from .control_plane import ControlPlane

names = st.sampled_from(["a", "a.b", "a-b", "db-policy", "z" * 253])
label_keys = st.sampled_from(["app", "tier", "example.com/team", "kubernetes.io/managed-by", "Z"])
label_values = st.sampled_from(["", "web", "1.10", "v" * 63])
# No long lines with non-ASCII characters: kubectl cuts such lines inside a character.
annotations = st.text(max_size=40) | st.text(st.sampled_from("a b:\n\t"), max_size=400)


@st.composite
def decorated(draw: st.DrawFn) -> dict[str, Any]:
    """A policy with the metadata that `get` and `describe` show."""
    metadata = {
        "name": draw(names),
        "labels": draw(st.dictionaries(label_keys, label_values, max_size=3)),
        "annotations": draw(st.dictionaries(label_keys, annotations, max_size=2)),
    }
    return draw(policies) | {"metadata": metadata}


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(wanted=st.lists(decorated(), min_size=1, max_size=5, unique_by=lambda policy: policy["metadata"]["name"]))
def test_any_policies_are_printed_as_kubectl_prints_them(
    api_server: ControlPlane, namespace: str, wanted: list[dict[str, Any]]
) -> None:
    stored = replace_all(api_server, namespace, wanted)

    def kubectl(*arguments: str) -> str:
        return api_server.kubectl(*arguments, "--namespace", namespace).stdout

    assert kubectl("describe", "networkpolicies") == description(stored, zone=UTC)
    assert kubectl("get", "networkpolicies", "-o", "name") == names_text(stored)
    assert_printed_at_some_time(
        lambda: kubectl("get", "networkpolicies", "--show-labels", "-L", "example.com/team"),
        lambda now: policy_table(
            stored, now=now, options=TableOptions(labels=True, label_columns=("example.com/team",))
        ),
    )


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(spec=policies)
def test_the_document_of_any_policy_is_that_of_kubectl(
    api_server: ControlPlane, namespace: str, spec: dict[str, Any]
) -> None:
    """Annotations are left out: kubectl fails to write control characters as YAML."""
    stored = replace_all(api_server, namespace, [spec | {"metadata": {"name": "p", "labels": {"b": "1", "a": ""}}}])
    for output, write in (("yaml", yaml_text), ("json", json_text)):
        printed = api_server.kubectl("get", "networkpolicies", "-o", output, "--namespace", namespace).stdout
        assert in_order(printed) == in_order(write(stored_list(stored)))


def in_order(text: str) -> str:
    """A list of policies with its keys in their order, without the metadata that do not affect the meaning."""
    tree = yaml.safe_load(text)
    for item in tree["items"]:
        for key in ("generation", "resourceVersion", "uid"):
            item["metadata"].pop(key, None)
    return json.dumps(tree, default=str)


def replace_all(api_server: ControlPlane, namespace: str, wanted: list[dict[str, Any]]) -> list[NetworkPolicy]:
    """Replace the policies of the namespace by the wanted ones; return them as the server stores and lists them."""
    path = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
    api_server.request("DELETE", path)
    for policy in wanted:
        assert api_server.request("POST", path, policy).status == 201
    return [msgspec.convert(item, NetworkPolicy) for item in api_server.request("GET", path).body["items"]]


def assert_printed_at_some_time(theirs: Callable[[], str], ours: Callable[[datetime], str]) -> None:
    """kubectl's output equals ours for one of the seconds in which kubectl ran: ages grow in the meantime."""
    before = datetime.now(UTC)
    text = theirs()
    seconds = int((datetime.now(UTC) - before).total_seconds()) + 1
    assert text in [ours(before + timedelta(seconds=second)) for second in range(seconds + 1)]
