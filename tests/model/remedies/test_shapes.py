"""How mistakes in the fields of an object and in the types of their values are mended."""

import pytest
from tests.model.remedies.mistaken import POLICY, problems, remedies

WRONG_TYPES = [
    ("app: web", "app: 12", 'put the value in quotes ("12"): without them YAML reads a number'),
    ("app: web", "app: 1.10", "put the value in quotes: without them YAML reads a number"),
    ("app: web", "app: yes", "put the value in quotes: without them YAML reads true or false"),
    ("      app: web", "      app:web", "write a space after the colon: `app: web`"),
    ("      app: web", "      app:web\n      tier:db", "write a space after the colon: `app: web`"),
    ("      app: web", "    - app: web", "`matchLabels` is not a list: remove the dash below it"),
    (
        "    - protocol: TCP\n",
        "      protocol: TCP\n",
        "`ports` is a list: begin each of its entries with a dash and a space (`- `)",
    ),
    ("- ipBlock", "- - ipBlock", "there is a dash too many: remove one"),
    ("[Ingress]", "Ingress", "`policyTypes` is a list: [Ingress]"),
    ("values: [api]", "values: api", "`values` is a list: [api]"),
    (
        "  - from:\n    - podSelector:\n        matchExpressions:\n        - {key: app, operator: In, values: [api]}\n"
        "    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}\n",
        "  - from: all\n",
        "`from` is a list: write its entries below it, each after a dash and a space (`- `)",
    ),
    (
        "    - protocol: TCP\n      port: 80",
        "    - 80",
        "write `port: 80`",
    ),
    ("10.0.0.0/8", "[10.0.0.0/8]", "`cidr` takes one text, not a list: write one entry for each"),
    ("80", "80.5", "write a whole number"),
    ("port: 80", "port: [80, 443]", "`port` takes one number, not a list: write one entry for each"),
    (
        "  podSelector:\n    matchLabels:\n      app: web",
        "  podSelector: web",
        "write `key: value` lines here, indented further than the field around them",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), WRONG_TYPES)
def test_of_a_value_of_a_wrong_type(right: str, wrong: str, remedy: str) -> None:
    assert remedies(right, wrong) == {remedy}


FIELDS = [
    ("matchLabels:", "matchlabels:", "write `matchLabels`"),
    ("policyTypes:", "policyType:", "write `policyTypes`"),
    ("policyTypes: [Ingress]", "policyType: Ingress", "write `policyTypes`"),
    ("    matchLabels:\n      app: web", "    app: web", "put the labels below `matchLabels:`"),
    ("- from:", "- to:", "rules of `ingress` have `from`; `to` belongs in a rule of `egress`"),
    ("    ports:", "      ports:", "indent `ports` less: it is a field of `spec.ingress[0]`"),
    ("- from:", "- podSelector: {}\n    from:", "put `podSelector` below `from`, indented further"),
    (
        "    - podSelector:\n        matchExpressions:",
        "    - matchExpressions:",
        "put `matchExpressions` below `podSelector` or `namespaceSelector`, indented further",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), FIELDS)
def test_of_an_unknown_field(right: str, wrong: str, remedy: str) -> None:
    assert remedy in remedies(right, wrong)


ODD_CHARACTERS = [
    ("app: web", "app: “web”", 'U+201C left double quotation mark in column 12: use "'),
    ("app: web", 'app: "web\u200b"', "U+200B zero width space in column 16: remove it"),
    ("app: web", "app\u00a0: web", "U+00A0 no-break space in column 10: use a space"),
    ("app: web", "app：web", "U+FF1A fullwidth colon in column 10: use :"),
    ("  policyTypes:", "  policyTypes\ufeff:", "U+FEFF byte order mark in column 14: remove it"),
    ("name: a", "name: “a”", 'U+201C left double quotation mark in column 18: use "'),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), ODD_CHARACTERS)
def test_of_a_character_that_is_not_what_it_seems(right: str, wrong: str, remedy: str) -> None:
    assert remedy in remedies(right, wrong)


def test_the_message_shows_an_invisible_character_as_the_api_server_does() -> None:
    (problem,) = problems(POLICY.replace("policyTypes", "policyTypes\u00a0"))
    assert problem.message == 'strict decoding error: unknown field "spec.policyTypes\\u00a0"'


OBJECTS = [
    ("kind:", "Kind:", "write `kind` instead of `Kind`"),
    ("apiVersion:", "apiversion:", "write `apiVersion` instead of `apiversion`"),
    ("kind:", "“kind”:", 'U+201C left double quotation mark: use "'),
    ("apiVersion: networking.k8s.io/v1\n", "", "add `apiVersion: networking.k8s.io/v1`"),
    ("kind: NetworkPolicy\n", "", "add `kind`"),
    (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\n",
        "",
        "every object has `apiVersion` and `kind`; leave the file out if it is not one",
    ),
    (POLICY, "- kind: Pod", "remove the dashes, and put a line `---` between two objects"),
    (POLICY, "apiVersion:v1\nkind:Pod", "write a space after the colon: `apiVersion: v1`"),
    ("spec:", "spec: {}\nspec:", "put a line `---` between two objects"),
    ("      app: web", "      app: x\n      app: web", "write `app` once, with all that belongs in it"),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), OBJECTS)
def test_of_an_object(right: str, wrong: str, remedy: str) -> None:
    assert remedies(right, wrong) == {remedy}


HELM = (
    "this looks like a template that was not rendered: read what `helm template` prints "
    "(helm template CHART | ringfence COMMAND -f -)"
)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("name: a", 'name: "{{ .Release.Name }}-web"'),
        ("namespace: x", 'namespace: "{{ .Release.Namespace }}"'),
        ("app: web", 'app: "{{ .Values.app }}"'),
        ("80", '"{{ .Values.port }}"'),
        ("10.0.0.0/8", '"{{ .Values.cidr }}"'),
        ("[Ingress]", '"{{ .Values.types }}"'),
    ],
)
def test_of_a_template_that_was_not_rendered(right: str, wrong: str) -> None:
    assert remedies(right, wrong) == {HELM}


@pytest.mark.parametrize("variable", ["${APP}", "${APP:-web}", "$(APP)"])
def test_of_a_variable_that_was_not_replaced(variable: str) -> None:
    (remedy,) = remedies("app: web", f"app: {variable}")
    assert remedy.startswith("this looks like a variable that was not replaced: ")
