"""Files of netassert as tests: every check is one, and what policies cannot answer is skipped with the reason."""

from textwrap import dedent

import pytest

from ringfence.errors import ManifestError
from ringfence.sources.manifests import parse_yaml
from ringfence.testing.netassert import WrittenTest, read_netassert

CHECK = """\
- name: web to db
  type: k8s
  protocol: tcp
  targetPort: 5432
  timeoutSeconds: 10
  attempts: 3
  exitCode: 0
  src: {k8sResource: {kind: deployment, name: web, namespace: prod}}
  dst: {k8sResource: {kind: statefulset, name: db, namespace: data}}
"""
MAPS = """\
k8s:
  deployment:
    prod:web:
      db: -5432
      db.data: [80, UDP:53, -TCP:22]
      192.0.2.1: 443
      example.com.: 443
    api: ["db.data.svc.cluster.local:5432", "-cache:6379"]
"""


def imported(text: str) -> list[WrittenTest]:
    return read_netassert(parse_yaml(dedent(text)), "n.yaml")


def test_a_check_is_a_test_and_its_exit_code_what_is_expected() -> None:
    expected = {"name": "web to db", "from": "prod/deploy/web", "to": "data/sts/db", "port": "5432/TCP"}
    assert imported(CHECK) == [{**expected, "expect": "allow"}]
    assert imported(CHECK.replace("exitCode: 0", "exitCode: 1")) == [{**expected, "expect": "deny"}]
    udp = imported(CHECK.replace("protocol: tcp", "protocol: udp"))
    assert [one["port"] for one in udp] == ["5432/UDP"]


@pytest.mark.parametrize(("port", "is_valid"), [(0, False), (1, True), (65535, True), (65536, False)])
def test_the_port_of_a_check_is_one_of_tcp(port: int, is_valid: bool) -> None:
    text = CHECK.replace("targetPort: 5432", f"targetPort: {port}")
    if is_valid:
        assert [one["port"] for one in imported(text)] == [f"{port}/TCP"]
    else:
        with pytest.raises(ManifestError, match=f"must be a port from 1 to 65535, not {port}"):
            imported(text)


def test_a_host_with_an_address_is_asked_and_one_with_a_name_is_skipped() -> None:
    resource = "{k8sResource: {kind: statefulset, name: db, namespace: data}}"
    (address,) = imported(CHECK.replace(resource, "{host: {name: 192.0.2.1}}"))
    assert (address["to"], "skip" in address) == ("192.0.2.1", False)
    (name,) = imported(CHECK.replace(resource, "{host: {name: example.com}}"))
    assert name["to"] == "internet"
    assert "by an address of example.com" in name["skip"]


def test_the_maps_of_version_1_have_services_as_targets() -> None:
    found = [(one["from"], one["to"], one["port"], one["expect"], "skip" in one) for one in imported(MAPS)]
    assert found == [
        ("prod/deploy/web", "prod/svc/db", "5432/TCP", "deny", False),
        ("prod/deploy/web", "data/svc/db", "80/TCP", "allow", False),
        ("prod/deploy/web", "data/svc/db", "53/UDP", "allow", False),
        ("prod/deploy/web", "data/svc/db", "22/TCP", "deny", False),
        ("prod/deploy/web", "192.0.2.1", "443/TCP", "allow", False),
        ("prod/deploy/web", "internet", "443/TCP", "allow", True),
        ("default/deploy/api", "data/svc/db", "5432/TCP", "allow", False),
        ("default/deploy/api", "default/svc/cache", "6379/TCP", "deny", False),
    ]


def test_what_is_opened_from_the_host_itself_is_skipped() -> None:
    (one,) = imported("host: {localhost: {web.prod: 80}}")
    assert (one["to"], one["expect"]) == ("prod/svc/web", "allow")
    assert "the host on which it runs" in one["skip"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "n.yaml: the file has no netassert checks"),
        ("apiVersion: v1", "n.yaml: not a file of netassert"),
        ("just words", "n.yaml: not a file of netassert"),
        ("- 1", "n.yaml: \\[0\\]: must be a map"),
        (CHECK.replace("5432", "70000"), "n.yaml: \\[0\\].targetPort: must be a port"),
        (CHECK.replace("targetPort: 5432", "targetPort: yes"), "n.yaml: \\[0\\].targetPort: must be a port"),
        (CHECK.replace("protocol: tcp", "protocol: icmp"), "n.yaml: \\[0\\].protocol: must be tcp or udp"),
        (CHECK.replace("kind: deployment", "kind: job"), "n.yaml: \\[0\\].src.k8sResource.kind: must be one of"),
        (CHECK.replace("name: web,", ""), "n.yaml: \\[0\\].src.k8sResource.name: is missing"),
        (CHECK.replace("  dst:", "  dest:"), "n.yaml: \\[0\\].dst: must be a map, not missing"),
        ("k8s: {job: {a: {b: 80}}}", "n.yaml: k8s.job: must be one of"),
        ("k8s: {deployment: {a: 80}}", "n.yaml: k8s.deployment.a: must be a map of targets to ports"),
        ("k8s: {deployment: {a: {b: http}}}", "'http' is not a port"),
        ("k8s: {deployment: {a: {b: 0}}}", "is not a port"),
    ],
)
def test_what_is_no_check_is_an_error_with_its_field(text: str, said: str) -> None:
    with pytest.raises(ManifestError, match=said):
        imported(text)
