"""How mistakes in a policy are mended: the remedy that stands below the API server's own message."""

from pathlib import Path

import pytest
from tests.sources.manifests.texts import FILE

from ringfence import Cluster
from ringfence.model.problems import Problem

POLICY = """\
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: a, namespace: x}
spec:
  podSelector:
    matchLabels:
      app: web
  policyTypes: [Ingress]
  ingress:
  - from:
    - podSelector:
        matchExpressions:
        - {key: app, operator: In, values: [api]}
    - ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}
    ports:
    - protocol: TCP
      port: 80
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def problems(text: str) -> list[Problem]:
    Path(FILE).write_text(text)
    return Cluster.load(FILE).problems


def remedies(right: str, wrong: str) -> set[str]:
    assert right in POLICY
    return {problem.remedy for problem in problems(POLICY.replace(right, wrong, 1))}


def test_the_policy_is_right() -> None:
    assert problems(POLICY) == []


PORTS = [
    ("80", '"3306"', 'remove the quotes: 3306 is a port number, "3306" is the name of a port'),
    ("80", "80-90", "write a range as two fields: port: 80 and endPort: 90"),
    ("80", "'80:90'", "write a range as two fields: port: 80 and endPort: 90"),
    ("80", "53/udp", "write two fields: port: 53 and protocol: UDP"),
    ("80", "tcp/http", "write two fields: port: http and protocol: TCP"),
    ("80", "80,443", "write one entry of `ports` for each port"),
    ("80", "'*'", "to allow all ports, leave out `port`; to allow all traffic, leave out `ports`"),
    ("80", "0", "to allow all ports, leave out `port`; to allow all traffic, leave out `ports`"),
    ("80", "70000", "use a port from 1 to 65535"),
    (
        "80",
        "HTTP",
        "use a port number, or the name of a container port: at most 15 lower-case letters, digits and dashes",
    ),
    ("80", "80\n      endPort: 70", "write the lower port in `port` and the higher one in `endPort`"),
    ("80", "http\n      endPort: 90", "write a number in `port`, without quotes: a range has no names"),
    ("port: 80", "endPort: 90", "add `port` with the first port of the range"),
    ("80", '80\n      endPort: "90"', "remove the quotes: 90"),
    ("TCP", "tcp", "write TCP"),
    ("TCP", "TPC", "write TCP"),
    ("TCP", "ALL", "to allow all protocols, leave out `ports`, or write one entry for each of TCP, UDP and SCTP"),
    ("TCP", "ICMP", "remove it: NetworkPolicies have no rules for ICMP"),
    ("TCP", "HTTP", "write one of TCP, UDP, SCTP"),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), PORTS)
def test_of_a_port(right: str, wrong: str, remedy: str) -> None:
    assert remedies(right, wrong) == {remedy}


TYPES_AND_SELECTORS = [
    ("[Ingress]", "[ingress]", "write Ingress"),
    ("[Ingress]", "[Inbound]", "write Ingress or Egress"),
    ("[Ingress]", "[Both]", "write both: [Ingress, Egress]"),
    ("[Ingress]", "[Ingress, Egress, Ingress]", "write each of Ingress and Egress at most once"),
    ("In,", "in,", "write In"),
    ("In,", "Equals,", "write In, with the value in `values`"),
    ("In,", "'!=',", "write NotIn, with the value in `values`"),
    ("In,", "Exist,", "write Exists"),
    ("In,", "Matches,", "write one of In, NotIn, Exists, DoesNotExist"),
    ("In,", "Exists,", "remove `values`, or use the operator In or NotIn"),
    ("[api]", "[]", "add at least one value, or use the operator Exists or DoesNotExist"),
    ("app: web", "app: 'web '", 'remove the blanks around "web"'),
    ("app: web", "app: a=b", "write each label on a line of its own, as `key: value`"),
    (
        "app: web",
        "app: web!",
        "use letters, digits, dashes, underscores and dots, with a letter or a digit at both ends",
    ),
    ("app: web", f"app: {'w' * 64}", "use a shorter text; long texts belong in annotations"),
    ("name: a", "name: My_Policy", "use lower-case letters, digits and dashes: my-policy"),
    ("name: a, ", "", "add `name` to `metadata`"),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), TYPES_AND_SELECTORS)
def test_of_a_type_a_selector_or_a_name(right: str, wrong: str, remedy: str) -> None:
    assert remedies(right, wrong) == {remedy}


ADDRESSES = [
    ("10.0.0.0/8", "10.0.0.5/8", "write 10.0.0.0/8 for the whole network, or 10.0.0.5/32 for the one address"),
    ("10.0.0.0/8", "010.0.0.0/8", "write 10.0.0.0/8"),
    ("10.0.0.0/8", "10.0.0.5", "add the prefix length: 10.0.0.5/32 for this one address"),
    ("10.0.0.0/8", "10.0.0.0/40", "the prefix length of such an address is a number from 0 to 32"),
    ("10.0.0.0/8", "'10.0.0.0/8,11.0.0.0/8'", "write one peer with an `ipBlock` for each"),
    (
        "10.0.0.0/8",
        "db.example.com",
        "`ipBlock` takes addresses, not names: find out the addresses of the name, or select pods by labels",
    ),
    (
        "cidr: 10.0.0.0/8, except: [10.1.0.0/16]",
        "",
        "add `cidr`, for example 10.9.8.0/24; 0.0.0.0/0 are all IPv4 addresses",
    ),
    (
        "10.1.0.0/16",
        "192.168.0.0/16",
        "`except` takes a part out of its own `cidr`: remove it, or name a part that is smaller than `cidr`",
    ),
    (
        "- ipBlock:",
        "  ipBlock:",
        "make two peers of it, each with a dash of its own: `- ipBlock:` and `- podSelector:`",
    ),
    (
        "- ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}",
        "- {}",
        "for all pods write `- namespaceSelector: {}`; for everything leave out `from`; else remove this peer",
    ),
]


@pytest.mark.parametrize(("right", "wrong", "remedy"), ADDRESSES)
def test_of_an_address_or_a_peer(right: str, wrong: str, remedy: str) -> None:
    assert remedies(right, wrong) == {remedy}


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
    (
        "    - protocol: TCP\n      port: 80",
        "    - 80",
        "write `key: value` lines here, indented further than the field around them",
    ),
    ("10.0.0.0/8", "[10.0.0.0/8]", "`cidr` takes one text, not a list: write one entry for each"),
    ("80", "80.5", "write a whole number"),
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


def test_a_right_value_needs_no_remedy_of_its_own() -> None:
    """A warning about a CIDR that is accepted names the standard spelling."""
    assert remedies("- podSelector", "- ipBlock: {cidr: '2001:DB8::/32'}\n    - podSelector") == {"write 2001:db8::/32"}
