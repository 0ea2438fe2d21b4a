"""The grammar of endpoints: the meaning of a text, and the message for each text that is invalid."""

import pytest

from ringfence.analysis.endpoints.endpoint_text import (
    FORMS,
    AddressBlock,
    AnyPossiblePod,
    Internet,
    LabelledPods,
    NamedObject,
    PossiblePod,
    parse_endpoint,
    similar,
)
from ringfence.errors import EndpointError

LABELS = "app.kubernetes.io/name=db,tier=x"


@pytest.mark.parametrize(
    ("text", "namespace", "kind", "name"),
    [
        ("web", "default", "", "web"),
        ("prod/web", "prod", "", "web"),
        ("deploy/web", "default", "Deployment", "web"),
        ("prod/sts/web", "prod", "StatefulSet", "web"),
        ("deployment.apps/web", "default", "Deployment", "web"),
        ("prod/Service/web.v1", "prod", "Service", "web.v1"),
    ],
)
def test_names(text: str, namespace: str, kind: str, name: str) -> None:
    found = parse_endpoint(text, "default")
    assert isinstance(found, NamedObject)
    assert (found.namespace, found.kind, found.name) == (namespace, kind, name)


@pytest.mark.parametrize(
    ("text", "namespace", "written"),
    [
        ("app=web", "default", "app=web"),
        ("prod/app=web,tier!=x", "prod", "app=web,tier!=x"),
        ("prod/env in (ci, dev)", "prod", "env in (ci, dev)"),
        ("prod/{app=web,tier!=x}", "prod", "app=web,tier!=x"),
        ("{app=web}", "default", "app=web"),
        ("prod/!canary", "prod", "!canary"),
        ("!canary", "default", "!canary"),
        ("prod/app,tier", "prod", "app,tier"),
        ("*/app=web", None, "app=web"),
        ("prod/*", "prod", "*"),
        ("*", None, "*"),
        ("*/*", None, "*"),
        ("example.com/app=web", "default", "example.com/app=web"),
        ("prod/example.com/app=web", "prod", "example.com/app=web"),
        ("env in (a),example.com/app=web", "default", "env in (a),example.com/app=web"),
    ],
)
def test_selectors(text: str, namespace: str | None, written: str) -> None:
    found = parse_endpoint(text, "default")
    assert isinstance(found, LabelledPods)
    assert (found.namespace, found.written) == (namespace, written)


@pytest.mark.parametrize(
    ("text", "namespace", "labels"),
    [
        ("pod:prod/app=web", "prod", {"app": "web"}),
        ("pod:app=web,tier=", "default", {"app": "web", "tier": ""}),
        (f"pod:{LABELS}", "default", {"app.kubernetes.io/name": "db", "tier": "x"}),
        (f"pod:prod/{LABELS}", "prod", {"app.kubernetes.io/name": "db", "tier": "x"}),
        ("pod:prod/", "prod", {}),
        ("pod:prod/app=web,app=web", "prod", {"app": "web"}),
    ],
)
def test_pods_that_do_not_exist_yet(text: str, namespace: str, labels: dict[str, str]) -> None:
    assert parse_endpoint(text, "default") == PossiblePod(namespace, labels)


@pytest.mark.parametrize(
    ("text", "namespace", "namespaces", "pods"),
    [
        ("any-pod:prod/app=web", "prod", "", "app=web"),
        ("any-pod:prod/app=web,tier!=x", "prod", "", "app=web,tier notin (x)"),
        ("any-pod:prod/*", "prod", "", ""),
        ("any-pod:prod/", "prod", "", ""),
        ("any-pod:app=web", "default", "", "app=web"),
        ("any-pod:*", None, "", ""),
        ("any-pod:*/*", None, "", ""),
        ("any-pod:*/app=web", None, "", "app=web"),
        ("any-pod:team=shop/app=web", None, "team=shop", "app=web"),
        ("any-pod:team=shop/*", None, "team=shop", ""),
        ("any-pod:!team/app=web", None, "!team", "app=web"),
        ("any-pod:team in (a,b.c),!x.y/z/*", None, "team in (a,b.c),!x.y/z", ""),
        ("any-pod:a=b.c/q=1", None, "a=b.c", "q=1"),
        ("any-pod:example.com/app=web", "default", "", "example.com/app=web"),
        ("any-pod:prod/example.com/app=web", "prod", "", "example.com/app=web"),
        (
            "any-pod:kubernetes.io/metadata.name!=dev/app=web",
            None,
            "kubernetes.io/metadata.name notin (dev)",
            "app=web",
        ),
    ],
)
def test_all_pods_that_could_exist(text: str, namespace: str | None, namespaces: str, pods: str) -> None:
    found = parse_endpoint(text, "default")
    assert isinstance(found, AnyPossiblePod)
    assert (found.namespace, str(found.namespaces), str(found.pods)) == (namespace, namespaces, pods)


def test_addresses() -> None:
    assert isinstance(parse_endpoint("10.0.0.0/8", "default"), AddressBlock)
    assert isinstance(parse_endpoint("2001:db8::1", "default"), AddressBlock)
    assert isinstance(parse_endpoint("internet", "default"), Internet)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"'' is not a valid endpoint, perhaps because of an unset variable: use {FORMS}"),
        (" ", f"' ' is not a valid endpoint, perhaps because of an unset variable: use {FORMS}"),
        (" prod/web", "' prod/web' has spaces around it: use 'prod/web'"),
        ("/", f"'/' is not a valid endpoint: use {FORMS}"),
        ("/web", f"'/web' is not a valid endpoint: use {FORMS}"),
        ("prod/", "'prod/' is not a valid endpoint: use prod/* for all pods of the namespace"),
        ("prod/deploy/", f"'prod/deploy/' is not a valid endpoint: use {FORMS}"),
        ("prod/deploy/web/more", f"'prod/deploy/web/more' is not a valid endpoint: use {FORMS}"),
        ("any:prod/app=web", f"'any:prod/app=web' is not a valid endpoint: use {FORMS}"),
        (
            "prod/deplyo/web",
            "prod/deplyo/web: 'deplyo' is not a known kind: use NAMESPACE/KIND/NAME with a kind such as deploy or svc; "
            "did you mean deploy?",
        ),
        ("ns/prod", "ns/prod: a namespace is not an endpoint: use prod/* for its pods"),
        ("*/web", "*/web: a name belongs to one namespace: use NAMESPACE/web, or */* for all pods"),
        ("prod/web-*", "prod/web-*: names have no wildcards: use prod/* or a label selector"),
        ("prod/deploy/*", "prod/deploy/*: names have no wildcards: use prod/* or a label selector"),
        ("Prod/web", "Prod/web: 'Prod' is not a valid namespace, because of its capital letters: use prod/web"),
        (
            "pod:Prod/app=web",
            "pod:Prod/app=web: 'Prod' is not a valid namespace, because of its capital letters: use pod:prod/app=web",
        ),
        (
            "pro_d/web",
            "pro_d/web: 'pro_d' is not a valid namespace: use at most 63 small letters, digits and \"-\" between them",
        ),
        ("prod/web:3306", "prod/web:3306: a port is not part of an endpoint: use prod/web with -p 3306"),
        (
            "prod/svc/web:53/UDP",
            "prod/svc/web:53/UDP: a port is not part of an endpoint: use prod/svc/web with -p 53/UDP",
        ),
        ("web:http", "web:http: a port is not part of an endpoint: use web with -p http"),
        ("1.2.3.4:80", "1.2.3.4:80: a port is not part of an endpoint: use 1.2.3.4 with -p 80"),
        ("10.0.0.0/8:80", "10.0.0.0/8:80: a port is not part of an endpoint: use 10.0.0.0/8 with -p 80"),
        ("[2001:db8::1]", "[2001:db8::1]: addresses are written without brackets: use 2001:db8::1"),
        ("[2001:db8::1]:80", "[2001:db8::1]:80: a port is not part of an endpoint: use 2001:db8::1 with -p 80"),
        ("fe80::1%eth0", "fe80::1%eth0: policies cannot match address zones: use fe80::1"),
        ("2001:db8::zz", "2001:db8::zz is not a valid IP address"),
        (
            "300.1.1.1/24",
            "300.1.1.1/24: 300.1.1.1 is not a valid IP address: "
            "IPv4 addresses are four numbers from 0 to 255 without leading zeros",
        ),
        ("10.0.0.1/8", "10.0.0.1/8: the address has bits set beyond the prefix: use 10.0.0.0/8"),
        ("10.0.0.0/33", "10.0.0.0/33 is not a valid CIDR: the prefix length must be 0 to 32, for IPv6 0 to 128"),
        (
            "example.com/path",
            "example.com/path: example.com looks like a host name, which policies cannot match: "
            "use an address that it resolves to",
        ),
        (
            "https://example.com/",
            "https://example.com/ is a URL: policies match addresses, not host names: "
            "use an address that it resolves to, or a pod or Service",
        ),
        ("https://10.0.0.1/", "https://10.0.0.1/ is a URL: use 10.0.0.1 with -p 443"),
        ("http://[fd00::1]:8080", "http://[fd00::1]:8080 is a URL: use fd00::1 with -p 8080"),
        ("ftp://10.0.0.1", "ftp://10.0.0.1 is a URL: use 10.0.0.1"),
        (
            "prod/app=web,(x",
            "prod/app=web,(x: 'app=web,(x' is not a valid label selector: found '(', expected: identifier after ','",
        ),
        (
            "any-pod:prod",
            "any-pod:prod: use any-pod:NAMESPACE/KEY=VALUE,... with labels that the pods have, "
            "any-pod:NAMESPACE/* for every pod of a namespace, or any-pod:* for every pod",
        ),
        (
            "any-pod:Prod/app=web",
            "any-pod:Prod/app=web: 'Prod' is not a valid namespace, because of its capital letters: "
            "use any-pod:prod/app=web",
        ),
        (
            "any-pod:prod/size>3",
            "any-pod:prod/size>3: 'size>3' is not a valid label selector: size>3 compares integers, "
            "which selectors of policies cannot do",
        ),
        ("any-pod:/app=web", f"'any-pod:/app=web' is not a valid endpoint: use {FORMS}"),
        ("pod:prod", "pod:prod: use pod:NAMESPACE/KEY=VALUE,... with all labels of the pod, none for pod:NAMESPACE/"),
        (
            "pod:prod/app!=web",
            "pod:prod/app!=web: 'app!=web' is not a label: use KEY=VALUE, because a pod has labels, not a selector",
        ),
        (
            "pod:prod/web",
            "pod:prod/web: 'web' is not a label: use KEY=VALUE, or NAMESPACE/NAME without pod: for an existing pod",
        ),
        ("pod:prod/app=a,app=b", "pod:prod/app=a,app=b: the label app has two values, a and b: use one"),
    ],
)
def test_what_is_no_endpoint_is_an_error_with_a_remedy(text: str, message: str) -> None:
    with pytest.raises(EndpointError) as raised:
        parse_endpoint(text, "default")
    assert str(raised.value) == message


def test_a_label_that_no_pod_can_have_is_an_error() -> None:
    with pytest.raises(EndpointError, match="'_=x' is not a valid label: name part must consist of"):
        parse_endpoint("pod:prod/_=x", "default")


@pytest.mark.parametrize(
    ("name", "doubt"),
    [
        ("web", ""),
        ("web.v1", ""),
        (
            "300.1.1.1",
            "300.1.1.1 is not a valid IP address: IPv4 addresses are four numbers from 0 to 255 without leading zeros",
        ),
        (
            "example.com",
            "example.com looks like a host name, which policies cannot match: use an address that it resolves to",
        ),
        ("db.prod.svc", "db.prod.svc is the DNS name of a Service: use prod/svc/db"),
        ("db.prod.svc.cluster.local", "db.prod.svc.cluster.local is the DNS name of a Service: use prod/svc/db"),
    ],
)
def test_a_valid_name_that_looks_like_something_else_has_a_doubt(name: str, doubt: str) -> None:
    assert parse_endpoint(name, "default") == NamedObject("default", "", name, doubt)


def test_the_most_similar_name_is_proposed_in_any_case() -> None:
    assert similar("wbe", ["web", "db"]) == "; did you mean web?"
    assert similar("WEB", ["web", "db"]) == "; did you mean web?"
    assert similar("zzz", ["web", "db"]) == ""
    assert similar("wbe", ["web"], "app={}") == "; did you mean app=web?"
