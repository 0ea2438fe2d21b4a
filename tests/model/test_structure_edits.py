"""Edits that add or remove a field or an item, in block style and in flow style: nothing else of the text changes."""

from collections.abc import Callable

import pytest
import yaml

from ringfence.model.origin import Origin
from ringfence.model.structure_edits import add_field, add_item, remove_field, remove_item
from ringfence.model.text_edits import TextEdit, apply_edits
from ringfence.sources.manifests import read_content

Edit = Callable[[Origin], TextEdit | None]

HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: web}\n"


def edited(text: str, edit: Edit) -> str:
    (manifest,) = [one for one in read_content(text.encode(), "p.yaml") if hasattr(one, "origin")]
    change = edit(manifest.origin)
    return apply_edits(text, [change]) if change else ""


def add_types(origin: Origin) -> TextEdit | None:
    return add_field(origin, "spec", "policyTypes", "[Egress]", ("podSelector", "egress"))


def add_port(origin: Origin) -> TextEdit | None:
    return add_item(origin, "spec.egress[0].ports", "{port: 53}")


def remove_port(index: int) -> Edit:
    return lambda origin: remove_item(origin, f"spec.egress[0].ports[{index}]")


def remove_end(origin: Origin) -> TextEdit | None:
    return remove_field(origin, "spec.egress[0].ports[0].endPort", ("protocol", "port", "endPort"))


@pytest.mark.parametrize(
    ("before", "edit", "after"),
    [
        pytest.param(
            "spec:\n  # all\n  podSelector: {}\n",
            add_types,
            "spec:\n  # all\n  policyTypes: [Egress]\n  podSelector: {}\n",
            id="a field in block style",
        ),
        pytest.param(
            "spec: {podSelector: {}}\n",
            add_types,
            "spec: {policyTypes: [Egress], podSelector: {}}\n",
            id="a field in flow style",
        ),
        pytest.param("spec: {}\n", add_types, "spec: {policyTypes: [Egress]}\n", id="a field in an empty mapping"),
        pytest.param(
            "spec: {egress: [{ports: [{port: 80}]}]}\n",
            add_port,
            "spec: {egress: [{ports: [{port: 80}, {port: 53}]}]}\n",
            id="an item in flow style",
        ),
        pytest.param(
            "spec:\n  egress:\n  - ports:\n    - port: 80  # web\n",
            add_port,
            "spec:\n  egress:\n  - ports:\n    - port: 80\n    - {port: 53}  # web\n",
            id="an item in block style",
        ),
        pytest.param(
            "spec: {egress: [{ports: [{port: 80}, {port: 81}]}]}\n",
            remove_port(1),
            "spec: {egress: [{ports: [{port: 80}]}]}\n",
            id="the last item in flow style",
        ),
        pytest.param(
            "spec: {egress: [{ports: [{port: 80}, {port: 81}]}]}\n",
            remove_port(0),
            "spec: {egress: [{ports: [{port: 81}]}]}\n",
            id="the first item in flow style",
        ),
        pytest.param(
            "spec:\n  egress:\n  - ports:\n    - port: 80\n    - port: 81\n    - port: 82\n",
            remove_port(1),
            "spec:\n  egress:\n  - ports:\n    - port: 80\n    - port: 82\n",
            id="an item in block style goes",
        ),
        pytest.param(
            "spec: {egress: [{ports: [{port: 80}]}]}\n",
            remove_port(0),
            "",
            id="without the only item the list would mean all",
        ),
        pytest.param(
            "spec:\n  egress:\n  - ports:\n    - port: 80\n      endPort: 80\n",
            remove_end,
            "spec:\n  egress:\n  - ports:\n    - port: 80\n",
            id="a field in block style goes",
        ),
        pytest.param(
            "spec: {egress: [{ports: [{port: 80, endPort: 80}]}]}\n",
            remove_end,
            "spec: {egress: [{ports: [{port: 80}]}]}\n",
            id="a field in flow style goes",
        ),
        pytest.param(
            "spec: {egress: [{ports: [{endPort: 80, port: 80}]}]}\n", remove_end, "", id="the first field stays"
        ),
        pytest.param('spec: {"podSelector": {}}\n', add_types, "", id="keys in quotes may be JSON"),
    ],
)
def test_edit(before: str, edit: Edit, after: str) -> None:
    found = edited(HEAD + before, edit)
    assert found == (HEAD + after if after else "")
    if found:
        yaml.safe_load(found)
