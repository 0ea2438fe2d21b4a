"""Endpoints as text: the grammar of endpoints. `analysis.endpoints` resolves them in a cluster.

    [NAMESPACE/][KIND/]NAME          a pod, a workload or a Service
    [NAMESPACE/]SELECTOR             the pods that a label selector matches: app=web,tier!=db,env in (ci,dev); it may
                                     stand in braces: {app=web}
    NAMESPACE/*                      all pods of a namespace
    */SELECTOR, */*, *               the same in all namespaces
    192.168.5.10, 10.0.0.0/8         addresses
    internet                         the addresses that belong to no pod, node, Service or private range
    pod:[NAMESPACE/]KEY=VALUE,...    a pod that does not exist yet, with exactly these labels
    any-pod:[NAMESPACES/]SELECTOR    every pod that could exist with labels that a selector matches; NAMESPACES is the
                                     name of a namespace, a selector of namespaces, or * for all

Names contain none of the characters of selectors (`=`, `!`, `,`, parentheses, spaces), and namespaces contain no dots.
So the grammar is unambiguous, whatever is in the cluster.
"""

import re
from collections.abc import Iterable
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

import msgspec

from ringfence.errors import EndpointError
from ringfence.model.cidrs import parse_cidr
from ringfence.model.metadata import Labels
from ringfence.model.names import dns_label_errors, label_key_errors, label_value_errors
from ringfence.model.selector_text import ListSelector, parse_list_selector, parse_selector
from ringfence.model.selectors import EVERYTHING, Selector
from ringfence.sets.addresses import Network

KINDS: Final = {
    alias: kind
    for kind, aliases in {
        "Pod": ("po", "pod", "pods"),
        "Service": ("svc", "service", "services"),
        "Deployment": ("deploy", "deployment", "deployments", "deployment.apps"),
        "StatefulSet": ("sts", "statefulset", "statefulsets", "statefulset.apps"),
        "DaemonSet": ("ds", "daemonset", "daemonsets", "daemonset.apps"),
        "ReplicaSet": ("rs", "replicaset", "replicasets", "replicaset.apps"),
        "ReplicationController": ("rc", "replicationcontroller", "replicationcontrollers"),
        "Job": ("job", "jobs", "job.batch"),
        "CronJob": ("cj", "cronjob", "cronjobs", "cronjob.batch"),
        "Rollout": ("ro", "rollout", "rollouts", "rollout.argoproj.io"),
        "DeploymentConfig": ("dc", "deploymentconfig", "deploymentconfigs", "deploymentconfig.apps.openshift.io"),
    }.items()
    for alias in aliases
}
"""The kinds, with the names and short names that kubectl accepts, and those that `kubectl get -o name` prints."""

FORMS: Final = (
    "[NAMESPACE/][KIND/]NAME, NAMESPACE/KEY=VALUE, NAMESPACE/*, an IP address, a CIDR, internet, "
    "pod:NAMESPACE/KEY=VALUE for a pod that does not exist yet, or any-pod:NAMESPACE/KEY=VALUE for all that could exist"
)
"""The forms of an endpoint, for messages."""

_POSSIBLE: Final = "pod:"
_ANY_POSSIBLE: Final = "any-pod:"
_PREFIX_OF_KEY: Final = re.compile(r"(?:.*[,!])? *[^/=!<>(), ]*\.[^/=!<>(), ]*", re.DOTALL)
"""A text that ends with the DNS prefix of a label key, which contains a dot: a slash after it belongs to the key."""
_MAY_BE_ADDRESS: Final = re.compile(r"[0-9.]+(/.*)?|[^/]*:.*")
"""A quick test before `ip_network`, which is slow to fail. It accepts some names that are not addresses."""
_IN_SELECTORS_ONLY: Final = re.compile(r"[=!<>,() ]")
_WITH_PORT: Final = re.compile(r"\[?(?P<end>[^\[\]]+?)\]?:(?P<port>[0-9]+(/[A-Za-z]+)?|[a-z][-a-z0-9]*)")
_SERVICE_DNS: Final = re.compile(r"(?P<name>[^./]+)\.(?P<namespace>[^./]+)\.svc(\.[^/]*)?")
_HOST_NAME: Final = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")
_PORTS_OF_SCHEMES: Final = {"http": 80, "https": 443}


class NamedObject(msgspec.Struct, frozen=True):
    """`[NAMESPACE/][KIND/]NAME`: `kind` is empty if none is written.

    `doubt` says what else was probably meant, for the case that nothing has this name: a host name is a valid name,
    too.
    """

    namespace: str
    kind: str
    name: str
    doubt: str = ""


class LabelledPods(msgspec.Struct, frozen=True):
    """`NAMESPACE/SELECTOR`: the pods that `selector` (as text `written`) matches; without a namespace, in all."""

    namespace: str | None
    written: str
    selector: ListSelector


class PossiblePod(msgspec.Struct, frozen=True):
    """`pod:NAMESPACE/KEY=VALUE,...`: a pod that does not exist yet, with exactly these labels."""

    namespace: str
    labels: Labels


class AnyPossiblePod(msgspec.Struct, frozen=True):
    """`any-pod:NAMESPACES/SELECTOR`: every pod that could exist whose labels `pods` matches.

    In the namespace `namespace`, or in every namespace that exists or could exist whose labels `namespaces` matches.
    """

    namespace: str | None
    namespaces: Selector
    pods: Selector


class AddressBlock(msgspec.Struct, frozen=True):
    """An address or a CIDR."""

    network: Network


class Internet(msgspec.Struct, frozen=True):
    """`internet`."""


EndpointText = NamedObject | LabelledPods | PossiblePod | AnyPossiblePod | AddressBlock | Internet
"""A parsed endpoint."""


def parse_endpoint(text: str, namespace: str) -> EndpointText:
    """Parse `text`; `namespace` is the default for names without one. Raises EndpointError for an invalid endpoint."""
    # An unset variable of a shell script gives an empty text. It must not mean "everything".
    if not text.strip():
        raise EndpointError(f"{text!r} is not a valid endpoint, perhaps because of an unset variable: use {FORMS}")
    if text != text.strip():
        raise EndpointError(f"{text!r} has spaces around it: use {text.strip()!r}")
    if text == "internet":
        return Internet()
    if text in ("*", "*/*"):
        return LabelledPods(None, "*", ListSelector())
    if text.startswith(_POSSIBLE):
        return _possible_pod(text, namespace)
    if text.startswith(_ANY_POSSIBLE):
        return _any_possible_pod(text, namespace)
    if "://" in text:
        raise EndpointError(f"{text} is a URL: {_instead_of_url(text)}")
    if network := _network(text):
        return AddressBlock(network)
    return _named_or_labelled(text, namespace)


def similar(name: str, known: Iterable[str], written: str = "{}") -> str:
    """The end of a message that proposes the most similar known name in the format `written`; may be empty."""
    # Sorted, so that of names that differ in capital letters only, always the same is proposed.
    small = {one.lower(): one for one in sorted(known)}
    close = get_close_matches(name.lower(), small, n=1)
    return f"; did you mean {written.format(small[close[0]])}?" if close else ""


# --- names and selectors ------------------------------------------------------------------------------------------


def _named_or_labelled(text: str, namespace: str) -> NamedObject | LabelledPods:
    space, slash, rest = text.partition("/")
    if _IN_SELECTORS_ONLY.search(text):
        # A label key may contain a slash itself, behind a DNS name. A namespace has neither dots nor operators.
        if not slash or "." in space or _IN_SELECTORS_ONLY.search(space):
            return _labelled(text, namespace, text)
        return _labelled(text, None if space == "*" else _namespace(text, space), rest)
    if with_port := _WITH_PORT.fullmatch(text):
        raise EndpointError(f"{text}: {_without_port(with_port['end'], with_port['port'])}")
    if not slash:
        return _named(text, namespace, "", text)
    first, slash, name = rest.partition("/")
    if slash:
        return _named(text, _namespace(text, space), _kind(text, first, name), name)
    # `deploy/web` is how kubectl writes names. A namespace with such a name needs the form with the kind.
    if space.lower() in KINDS:
        return _named(text, namespace, KINDS[space.lower()], rest)
    if space.lower() in ("ns", "namespace", "namespaces") and rest:
        raise EndpointError(f"{text}: a namespace is not an endpoint: use {rest}/* for its pods")
    if space == "*":
        raise EndpointError(f"{text}: a name belongs to one namespace: use NAMESPACE/{rest}, or */* for all pods")
    if not space or not rest:
        raise _invalid(text, f"{space}/* for all pods of the namespace" if space else FORMS)
    if rest == "*":
        return LabelledPods(_namespace(text, space), "*", ListSelector())
    return _named(text, _namespace(text, space), "", rest)


def _labelled(text: str, namespace: str | None, written: str) -> LabelledPods:
    if written.startswith("{") and written.endswith("}"):
        written = written[1:-1]
    try:
        return LabelledPods(namespace, written, parse_list_selector(written))
    except ValueError as error:
        raise EndpointError(f"{text}: {written!r} is not a valid label selector: {error}") from None


def _named(text: str, namespace: str, kind: str, name: str) -> NamedObject:
    if not name:
        raise _invalid(text)
    if "*" in name:
        raise EndpointError(f"{text}: names have no wildcards: use {namespace}/* or a label selector")
    if "/" in name:
        raise _invalid(text)
    return NamedObject(namespace, kind, name, "" if kind else _doubt(name))


def _invalid(text: str, instead: str = FORMS) -> EndpointError:
    return EndpointError(f"{text!r} is not a valid endpoint: use {instead}")


def _namespace(text: str, name: str) -> str:
    if not name:
        raise _invalid(text)
    if name != name.lower() and not dns_label_errors(name.lower()):
        instead = text.replace(name, name.lower(), 1)
        raise EndpointError(f"{text}: {name!r} is not a valid namespace, because of its capital letters: use {instead}")
    # Neither an address nor a namespace: to call it a namespace with a wrong letter would mislead.
    if ":" in name:
        raise _invalid(text)
    if dns_label_errors(name):
        if doubt := _doubt(name):
            raise EndpointError(f"{text}: {doubt}")
        raise EndpointError(
            f'{text}: {name!r} is not a valid namespace: use at most 63 small letters, digits and "-" between them'
        )
    return name


def _kind(text: str, kind: str, name: str) -> str:
    if kind.lower() not in KINDS:
        hint = similar(kind, list(KINDS))
        raise EndpointError(
            f"{text}: {kind!r} is not a known kind: use NAMESPACE/KIND/NAME with a kind such as deploy or svc{hint}"
        )
    if "/" in name:
        raise _invalid(text)
    return KINDS[kind.lower()]


def _doubt(name: str) -> str:
    """What was probably meant by a name that no object has."""
    if re.fullmatch(r"[0-9.]*\.[0-9.]*", name):
        return f"{name} is not a valid IP address: IPv4 addresses are four numbers from 0 to 255 without leading zeros"
    if found := _SERVICE_DNS.fullmatch(name):
        return f"{name} is the DNS name of a Service: use {found['namespace']}/svc/{found['name']}"
    if _HOST_NAME.fullmatch(name):
        return f"{name} looks like a host name, which policies cannot match: use an address that it resolves to"
    return ""


# --- pods that do not exist yet -----------------------------------------------------------------------------------


def _possible_pod(text: str, namespace: str) -> PossiblePod:
    written = text.removeprefix(_POSSIBLE)
    space, slash, rest = written.partition("/")
    # A namespace has neither. So with one of them the slash belongs to the key of the first label.
    if slash and not re.search("[=.]", space):
        namespace, written = _namespace(text, space), rest
    elif "=" not in written:
        raise EndpointError(
            f"{text}: use pod:NAMESPACE/KEY=VALUE,... with all labels of the pod, none for pod:NAMESPACE/"
        )
    labels: dict[str, str] = {}
    for label in filter(None, written.split(",")):
        key, equals, value = label.partition("=")
        if _IN_SELECTORS_ONLY.search(key + value):
            raise EndpointError(
                f"{text}: {label!r} is not a label: use KEY=VALUE, because a pod has labels, not a selector"
            )
        if not equals:
            raise EndpointError(
                f"{text}: {label!r} is not a label: use KEY=VALUE, or NAMESPACE/NAME without pod: for an existing pod"
            )
        for error in (*label_key_errors(key), *label_value_errors(value)):
            raise EndpointError(f"{text}: {label!r} is not a valid label: {error}")
        # A label written twice with the same value is harmless, and scripts that join labels produce it.
        if labels.setdefault(key, value) != value:
            raise EndpointError(f"{text}: the label {key} has two values, {labels[key]} and {value}: use one")
    return PossiblePod(namespace, labels)


def _any_possible_pod(text: str, namespace: str) -> AnyPossiblePod:
    written = text.removeprefix(_ANY_POSSIBLE)
    space, slash, rest = _split_after_namespaces(written)
    if not slash:
        if not written or (written != "*" and not _IN_SELECTORS_ONLY.search(written)):
            raise EndpointError(
                f"{text}: use any-pod:NAMESPACE/KEY=VALUE,... with labels that the pods have, "
                "any-pod:NAMESPACE/* for every pod of a namespace, or any-pod:* for every pod"
            )
        return AnyPossiblePod(None if written == "*" else namespace, EVERYTHING, _possible_labels(text, written))
    pods = _possible_labels(text, rest)
    if space == "*":
        return AnyPossiblePod(None, EVERYTHING, pods)
    if _IN_SELECTORS_ONLY.search(space):
        return AnyPossiblePod(None, _possible_labels(text, space), pods)
    return AnyPossiblePod(_namespace(text, space), EVERYTHING, pods)


def _split_after_namespaces(written: str) -> tuple[str, str, str]:
    """The text before and after the slash that ends the namespaces: the first slash that is not part of a label key."""
    position = -1
    while (position := written.find("/", position + 1)) >= 0:
        if not _PREFIX_OF_KEY.fullmatch(written[:position]):
            return written[:position], "/", written[position + 1 :]
    return "", "", written


def _possible_labels(text: str, written: str) -> Selector:
    if written == "*":
        return EVERYTHING
    try:
        return parse_selector(written)
    except ValueError as error:
        raise EndpointError(f"{text}: {written!r} is not a valid label selector: {error}") from None


# --- addresses ----------------------------------------------------------------------------------------------------


def _network(text: str) -> Network | None:
    """Parse an address or a CIDR; None for any other text. Raises EndpointError for a malformed address or CIDR."""
    if text.startswith("["):
        raise EndpointError(f"{text}: {_instead_of_brackets(text)}")
    if not _MAY_BE_ADDRESS.fullmatch(text):
        return None
    if "%" in text and _is_network(text.partition("%")[0]):
        raise EndpointError(f"{text}: policies cannot match address zones: use {text.partition('%')[0]}")
    try:
        return parse_cidr(str(ip_network(text)))  # it maps an IPv4-mapped IPv6 address to IPv4
    except ValueError as error:
        address, slash, _ = text.partition("/")
        if "host bits" in str(error):
            # The corrected CIDR is only proposed: `10.0.0.5/8` may be a slip in the address or in the prefix.
            network = ip_network(text, strict=False)
            raise EndpointError(f"{text}: the address has bits set beyond the prefix: use {network}") from None
    if (with_port := _WITH_PORT.fullmatch(text)) and _is_network(with_port["end"]):
        raise EndpointError(f"{text}: {_without_port(with_port['end'], with_port['port'])}")
    if slash and _is_network(address):
        raise EndpointError(f"{text} is not a valid CIDR: the prefix length must be 0 to 32, for IPv6 0 to 128")
    if text.count(":") > 1:
        raise EndpointError(f"{text} is not a valid IP address")
    if slash and (doubt := _doubt(address)):
        raise EndpointError(f"{text}: {doubt}")
    return None


def _is_network(text: str) -> bool:
    try:
        ip_network(text, strict=False)
    except ValueError:
        return False
    return True


def _without_port(end: str, port: str) -> str:
    return f"a port is not part of an endpoint: use {end} with -p {port}"


def _instead_of_brackets(text: str) -> str:
    if with_port := _WITH_PORT.fullmatch(text):
        return _without_port(with_port["end"], with_port["port"])
    return f"addresses are written without brackets: use {text.strip('[]')}"


def _instead_of_url(text: str) -> str:
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port or _PORTS_OF_SCHEMES.get(url.scheme)
        ip_address(host)
    except ValueError:
        return "policies match addresses, not host names: use an address that it resolves to, or a pod or Service"
    return f"use {host}" + (f" with -p {port}" if port else "")
