"""Tests of netassert as tests of ringfence: its list of checks (version 2), and its maps of deployments (version 1).

A check that policies cannot answer becomes a test that is skipped, with the reason: no check is left out silently.

Source: github.com/controlplaneio/netassert, README of version 2 and of version 1.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from ringfence.errors import ManifestError

WrittenTest = dict[str, Any]
"""A test as it stands in a document of the kind ReachabilityTest."""

_KINDS: Final = {
    "deployment": "deploy",
    "statefulset": "sts",
    "daemonset": "ds",
    "pod": "pod",
}
_PORT: Final = re.compile(r"(?P<closed>-?)(?:(?P<protocol>TCP|UDP|SCTP):)?(?P<dash>-?)(?P<port>\d{1,5})", re.IGNORECASE)


def read_netassert(documents: list[object], file: str) -> list[WrittenTest]:
    """The tests of a file of netassert, given its parsed documents. Raises ManifestError for any other file.

    A check that expects the exit code 0 is `allow`, any other `deny`.
    """
    tests: list[WrittenTest] = []
    for document in documents:
        if isinstance(document, list):
            tests += [_check(one, f"{file}: [{number}]") for number, one in enumerate(document)]
        elif isinstance(document, Mapping) and {"k8s", "host"} & document.keys():
            tests += _maps(document, file)
        elif document is not None:
            raise ManifestError(f"{file}: not a file of netassert: it is neither a list of checks nor a map with k8s")
    if not tests:
        raise ManifestError(f"{file}: the file has no netassert checks")
    return tests


# --- version 2 --------------------------------------------------------------------------------------------------------


def _check(written: object, place: str) -> WrittenTest:
    check = _map(written, place)
    name = str(check.get("name") or place)
    source = _resource(_map(check.get("src"), f"{place}.src").get("k8sResource"), f"{place}.src.k8sResource")
    port = check.get("targetPort")
    if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
        raise ManifestError(f"{place}.targetPort: must be a port from 1 to 65535, not {port!r}")
    protocol = str(check.get("protocol", "tcp")).upper()
    if protocol not in ("TCP", "UDP"):
        raise ManifestError(f"{place}.protocol: must be tcp or udp, not {check.get('protocol')!r}")
    expect = "allow" if check.get("exitCode", 0) == 0 else "deny"
    destination = _map(check.get("dst"), f"{place}.dst")
    if "host" in destination:
        host = str(_map(destination["host"], f"{place}.dst.host").get("name", ""))
        return _test(name, source, _host(host), f"{port}/{protocol}", expect)
    target = _resource(destination.get("k8sResource"), f"{place}.dst.k8sResource")
    return _test(name, source, _Connected(target), f"{port}/{protocol}", expect)


def _resource(written: object, place: str) -> str:
    resource = _map(written, place)
    kind = _KINDS.get(str(resource.get("kind", "")).lower())
    if kind is None:
        raise ManifestError(f"{place}.kind: must be one of {', '.join(_KINDS)}, not {resource.get('kind')!r}")
    if not resource.get("name"):
        raise ManifestError(f"{place}.name: is missing")
    return f"{resource.get('namespace') or 'default'}/{kind}/{resource['name']}"


# --- version 1 --------------------------------------------------------------------------------------------------------


def _maps(document: Mapping[str, Any], file: str) -> Iterator[WrittenTest]:
    for host, targets in _map(document.get("host") or {}, f"{file}: host").items():
        for target, port, expect in _targets(targets, f"{file}: host.{host}"):
            why = "netassert opens it from the host on which it runs, and policies do not apply to that"
            yield _test(f"{host} -> {target}", "internet", _Connected(_service(target), why), port, expect)
    for kind, workloads in _map(document.get("k8s") or {}, f"{file}: k8s").items():
        short = _KINDS.get(str(kind).lower())
        if short is None:
            raise ManifestError(f"{file}: k8s.{kind}: must be one of {', '.join(_KINDS)}")
        for workload, targets in _map(workloads, f"{file}: k8s.{kind}").items():
            namespace, _, name = str(workload).rpartition(":")
            source = f"{namespace or 'default'}/{short}/{name}"
            for target, port, expect in _targets(targets, f"{file}: k8s.{kind}.{workload}"):
                end = _host(target) if _is_outside(target) else _Connected(_service(target, namespace))
                yield _test(f"{workload} -> {target}", source, end, port, expect)


def _targets(written: object, place: str) -> Iterator[tuple[str, str, str]]:
    """Each target with a port, such as `80/TCP`, and the expected result."""
    entries: list[tuple[str, object]] = []
    if isinstance(written, Mapping):
        entries = [(str(target), ports) for target, ports in written.items()]
    elif isinstance(written, list):
        for one in written:
            # The dash of version 1 may be before the whole entry. It is moved to the port, where the expression expects
            # it.
            target, _, port = str(one).lstrip("-").rpartition(":")
            entries.append((target, f"-{port}" if str(one).startswith("-") else port))
    else:
        raise ManifestError(f"{place}: must be a map of targets to ports, or a list of HOST:PORT")
    for target, ports in entries:
        for one_port in ports if isinstance(ports, list) else [ports]:
            found = _PORT.fullmatch(str(one_port))
            if not found or not 1 <= int(found["port"]) <= 65535:
                raise ManifestError(f"{place}.{target}: {one_port!r} is not a port such as 80, -80 or UDP:53")
            closed = found["closed"] or found["dash"]
            protocol = (found["protocol"] or "TCP").upper()
            yield target, f"{int(found['port'])}/{protocol}", "deny" if closed else "allow"


def _service(target: str, namespace: str = "") -> str:
    """The Service that a target of version 1 names by DNS: `web`, `web.prod`, `web.prod.svc.cluster.local`."""
    name, _, rest = target.partition(".")
    return f"{rest.split('.')[0] or namespace or 'default'}/svc/{name}"


def _is_outside(target: str) -> bool:
    """Whether a target is an address, or a DNS name outside the cluster."""
    if _is_address(target):
        return True
    parts = target.split(".")
    return target.endswith(".") or (len(parts) > 2 and parts[2] != "svc")


# --- both -------------------------------------------------------------------------------------------------------------


class _Connected(NamedTuple):
    """The endpoint to which a test connects, and why the test has to be skipped; empty if it can be asked."""

    endpoint: str
    skip: str = ""


def _host(name: str) -> _Connected:
    if _is_address(name):
        return _Connected(name)
    return _Connected("internet", f"policies know addresses, not host names: replace internet by an address of {name}")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _test(name: str, source: str, target: _Connected, port: str, expect: str) -> WrittenTest:
    skip = {"skip": target.skip} if target.skip else {}
    return {"name": name, "from": source, "to": target.endpoint, "port": port, "expect": expect, **skip}


def _map(written: object, place: str) -> Mapping[str, Any]:
    if not isinstance(written, Mapping):
        raise ManifestError(f"{place}: must be a map, not {'missing' if written is None else repr(written)}")
    return written
