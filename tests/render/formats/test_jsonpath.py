"""JSONPath templates: what they print of a policy. The end-to-end tests compare the same with the real kubectl."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ringfence.render.formats import JSONPathError, parse_template

POLICY: dict[str, Any] = {
    "kind": "NetworkPolicy",
    "metadata": {"name": "p", "labels": {"app.kubernetes.io/name": "w", "b": "<c>&"}},
    "spec": {
        "podSelector": {},
        "ingress": [
            {"ports": [{"protocol": "TCP", "port": 80}, {"protocol": "UDP", "port": 53, "endPort": 60}]},
            {"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16", "10.2.0.0/16"]}}]},
        ],
        "policyTypes": ["Ingress", "Egress"],
    },
}

PRINTED = [
    ("name: {.metadata.name}!", "name: p!"),
    ("{ .metadata.name }", "p"),
    ("{@.kind} {$.kind}", "NetworkPolicy NetworkPolicy"),
    (".metadata.name", ".metadata.name"),
    (r"{.metadata.labels.app\.kubernetes\.io/name}", "w"),
    (r"{.metadata.labels['app\.kubernetes\.io/name']}", "w"),
    ("{.metadata.labels['app.kubernetes.io/name']}", ""),
    ("{.metadata['name','labels']['b']}", "<c>&"),
    ("{.metadata.labels}", '{"app.kubernetes.io/name":"w","b":"\\u003cc\\u003e\\u0026"}'),
    ("{.spec.podSelector}", "{}"),
    ("{.spec.policyTypes}", '["Ingress","Egress"]'),
    ("{.spec.policyTypes[*]}", "Ingress Egress"),
    ("{.spec.policyTypes[0]}", "Ingress"),
    ("{.spec.policyTypes[-1]}", "Egress"),
    ("{.spec.policyTypes[1,0]}", "Egress Ingress"),
    ("{.spec.policyTypes[0:1]}", "Ingress"),
    ("{.spec.policyTypes[1:]}", "Egress"),
    ("{.spec.policyTypes[::2]}", "Ingress"),
    ("{.spec.policyTypes[-1:]}", "Egress"),
    ('{.spec.policyTypes[?(@=="Egress")]}', "Egress"),
    ("{.spec.ingress[*].ports[*].port}", "80 53"),
    ('{.spec.ingress[*].ports[?(@.protocol=="UDP")].port}', "53"),
    ("{.spec.ingress[*].ports[?(@.protocol!='UDP')].port}", "80"),
    ("{.spec.ingress[*].ports[?(@.port>60)].port}", "80"),
    ("{.spec.ingress[*].ports[?(@.endPort<=60)].port}", "53"),
    ("{.spec.ingress[*].ports[?(@.endPort)].port}", "53"),
    ("{.spec.ingress[?(@.ports[0].port==80)].ports[1].port}", "53"),
    ("{..cidr}", "10.0.0.0/8"),
    ("{.spec..port}", "80 53"),
    ("{.missing}{.missing.deeper}{.metadata.name.x}", ""),
    ('{range .spec.ingress[*].ports[*]}{.protocol}/{.port}{"\\n"}{end}', "TCP/80\nUDP/53\n"),
    ("{range .spec.ingress[*]}{range .ports[*]}{.port},{end};{end}", "80,53,;;"),
    ("{range .spec.policyTypes[*]}{@}{' '}{end}", "Ingress Egress "),
    ('{"a"}{"\\t"}{"\\"q\\""}', 'a\t"q"'),
]
"""Templates, and what they print of the policy."""


@pytest.mark.parametrize(("template", "printed"), PRINTED)
def test_a_template_prints(template: str, printed: str) -> None:
    assert parse_template(template).render(POLICY) == printed


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{.metadata.name", "unclosed action in '{.metadata.name': a path stands in braces, such as {.metadata.name}"),
        ("{metadata}", "{metadata} is not a path at 'metadata': use one such as {.metadata.name}"),
        ("{.spec[x]}", "{.spec[x]} is not a path at '[x]': use one such as {.metadata.name}"),
        ("{end}", "{end} without {range ...} before it"),
        ("{range .spec.ingress[*]}{.ports}", "{range ...} without {end} after it"),
        ("{.spec.policyTypes[5]}", "array index out of bounds: index 5, length 2"),
        ("{.spec.policyTypes[0:5]}", "array index out of bounds: index 4, length 2"),
        ("{.kind[0]}", "a string is not a list, and has no index"),
        ("{.metadata[?(@.name)]}", "an object is not a list, and cannot be filtered"),
    ],
)
def test_a_mistake_is_named(template: str, message: str) -> None:
    with pytest.raises(JSONPathError) as raised:
        parse_template(template).render(POLICY)
    assert str(raised.value) == message


@given(st.text("{}[]().*?@$'\"\\:,=<>!-0 1rangeend.metadata.name", max_size=30))
def test_any_text_is_a_template_or_a_mistake(text: str) -> None:
    with suppress(JSONPathError):
        assert isinstance(parse_template(text).render(POLICY), str)
