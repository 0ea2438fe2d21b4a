"""How mistakes in Services, pods and workloads are mended, as the API server reports them."""

import pytest

from ringfence.model.problems import ProblemCode
from ringfence.model.remedies import Mistake, remedy_of

PORT_NAME = "at most 15 lower-case letters, digits and dashes, with a letter among them"
NO_LABEL = "a valid label must be an empty string or consist of alphanumeric characters"


@pytest.mark.parametrize(
    ("path", "value", "detail", "remedy"),
    [
        ("spec.ports[0].port", 0, "must be between 1 and 65535, inclusive", "use a port from 1 to 65535"),
        ("spec.ports[0].targetPort", 70000, "must be between 1 and 65535, inclusive", "use a port from 1 to 65535"),
        (
            "spec.ports[0].targetPort",
            "HTTP",
            "must contain only alpha-numeric characters",
            f"use a port number, or the name of a container port: {PORT_NAME}",
        ),
        ("spec.containers[0].ports[0].name", "8080", "must contain at least one letter", f"use {PORT_NAME}"),
        ("spec.ports[0].protocol", "tcp", "", "write TCP"),
        ("spec.ports[0].protocol", "ICMP", "", "write one of TCP, UDP, SCTP"),
        ("spec.selector", "web ", NO_LABEL, 'remove the blanks around "web"'),
        (
            "spec.template.labels",
            "a b",
            NO_LABEL,
            "use letters, digits, dashes, underscores and dots, with a letter or a digit at both ends",
        ),
        ("metadata.name", "Web_1", "a lowercase RFC 1123 label", "use lower-case letters, digits and dashes: web-1"),
        ("metadata.name", "a.B", "a lowercase RFC 1123 subdomain", "use lower-case letters, digits and dashes: a.b"),
        ("metadata.name", "a.b", "must not contain dots", "use lower-case letters, digits and dashes: a-b"),
        (
            "spec.template.metadata.labels",
            None,
            "`selector` does not match template `labels`",
            "write the labels of `selector.matchLabels` into `template.metadata.labels`, too",
        ),
        (
            "spec.selector",
            None,
            "empty selector is invalid for deployment",
            "write labels into `selector.matchLabels`, and the same ones into `template.metadata.labels`",
        ),
    ],
)
def test_a_value_that_is_refused(path: str, value: object, detail: str, remedy: str) -> None:
    assert remedy_of(Mistake(ProblemCode.INVALID_VALUE, path, value, detail)) == remedy


def test_a_number_in_quotes() -> None:
    mistake = Mistake(ProblemCode.INVALID_VALUE, "spec.ports[0].targetPort", "8080", meant=8080)
    assert remedy_of(mistake) == 'remove the quotes: 8080 is a port number, "8080" is the name of a port'


@pytest.mark.parametrize(
    ("path", "remedy"),
    [
        ("spec.ports", "add `ports`, or `clusterIP: None` for a Service without an address of its own"),
        ("spec.ports[1].name", "give each of several ports a `name`"),
        ("spec.selector", "add `selector.matchLabels` with labels of the template"),
        ("metadata.name", "add `name` to `metadata`"),
        ("spec.externalName", "add `externalName`"),
    ],
)
def test_a_value_that_is_missing(path: str, remedy: str) -> None:
    assert remedy_of(Mistake(ProblemCode.REQUIRED_VALUE, path)) == remedy


def test_a_template_inside_a_mapping() -> None:
    printed = '{"matchLabels":{"app":"{{ .Values.app }}"}}'
    mistake = Mistake(ProblemCode.INVALID_VALUE, "spec.selector", detail="invalid label selector", printed=printed)
    assert remedy_of(mistake).startswith("this looks like a template that was not rendered: ")
