"""Custom resources as kubectl describes them: each field on a line, with a label made of its name.

The end-to-end tests compare whole descriptions with the real kubectl.
"""

import pytest

from ringfence.render.custom_resources import custom_description, field_label


@pytest.mark.parametrize(
    ("field", "label"),
    [
        ("matchLabels", "Match Labels"),
        ("uid", "UID"),
        ("serverAPI", "Server API"),
        ("a-b", "A - B"),
        ("ABc", "A Bc"),
        ("FOOBar", "FOOBar"),
        ("XMLHttpRequest", "XMLHttp Request"),
        ("fooBARBaz", "Foo BARBaz"),
        ("aBCd", "A B Cd"),
        ("app1", "app1"),
        ("kubernetes.io/metadata.name", "kubernetes.io/metadata.name"),
        ("some_thing", "some_thing"),
        ("éÀb", "É Àb"),
        ("ÀBc", "ÀBc"),
    ],
)
def test_a_label_is_made_of_the_words_of_a_field(field: str, label: str) -> None:
    assert field_label(field) == label


def test_a_description() -> None:
    document = {
        "apiVersion": "example.com/v1",
        "kind": "Thing",
        "metadata": {"name": "x", "labels": {"b": "1", "a": ""}, "generation": 2, "managedFields": [{}]},
        "spec": {"list": ["a", {"on": True}], "empty": [], "none": {}},
    }
    text = (
        "Name:         x\nNamespace:    \nLabels:       a=\n              b=1\nAnnotations:  <none>\n"
        "API Version:  example.com/v1\nKind:         Thing\nMetadata:\n  Generation:  2\nSpec:\n  Empty:\n"
        "  List:\n    a\n    On:  true\n  None:\n"
    )
    assert custom_description([document], events=False) == text
    assert custom_description([document, document]) == f"{text}Events:  <none>\n\n\n{text}Events:  <none>\n"
